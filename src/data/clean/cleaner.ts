/**
 * One document through all stages that need no other document. A cleaner keeps buffers between documents, so it is for one thread;
 * what it returns depends on the document and the settings only.
 */
import { wellFormed } from '../../text/unicode.js'
import { Analysis } from './analysis.js'
import { checkC4, cleanLines } from './c4.js'
import { sizeOf } from './characters.js'
import { checkChinese, isChineseSentence } from './chinese.js'
import type { CleaningConfig, CleaningStage } from './config.js'
import {
  addVolume,
  type CountsByStage,
  countReason,
  emptyStage,
  type Sample,
  type StageCounts,
} from './counts.js'
import { Decontamination, type EvaluationIndex } from './decontaminate.js'
import { fingerprint } from './fingerprint.js'
import { checkGopher, checkLines } from './gopher.js'
import { hasSpaces, identifyLanguage, UNDETERMINED } from './language.js'
import { MinHash } from './minhash.js'
import { type PiiKind, scrubPii } from './pii.js'
import { RepetitionRules } from './repetition.js'
import { splitText } from './split.js'
import { ToxicityRule } from './toxicity.js'
import { repairUnicode, undecodableFraction } from './unicode.js'
import { type Refusal, refuse } from './verdict.js'

export interface CleanInput {
  readonly id: string
  readonly text: string
  /** As the source states it. */
  readonly language?: string | undefined
}

/** A document, or a part of one, that is left. */
export interface CleanText {
  readonly id: string
  readonly text: string
  readonly language: string
  readonly bytes: number
  readonly characters: number
  /** Two words: equal for texts that say the same. Present when duplicates are looked for. */
  readonly exactKey?: readonly [number, number]
  /** Two words for each band. */
  readonly nearKeys?: Int32Array
}

export interface CleanerResources {
  /** What files of words hold, one entry each; the built-in list comes with the settings. */
  readonly toxicWords: readonly string[]
  readonly evaluation?: EvaluationIndex | undefined
}

/** Counts and samples of the documents cleaned so far; whoever reads them may put empty ones in their place. */
export interface CleaningReport {
  counts: CountsByStage
  samples: Sample[]
}

const EXCERPT = 160
const SAMPLES_EACH = 3

interface Piece {
  id: string
  text: string
  bytes: number
  characters: number
}

export class Cleaner {
  report: CleaningReport = { counts: {}, samples: [] }
  readonly #config: CleaningConfig
  readonly #source: string
  readonly #analysis = new Analysis()
  readonly #repetition: RepetitionRules
  readonly #toxicity: ToxicityRule
  readonly #decontamination: Decontamination | undefined
  readonly #minhash: MinHash
  readonly #piiKinds: ReadonlySet<PiiKind>

  /** @param source the name that samples carry */
  constructor(config: CleaningConfig, resources: CleanerResources, source = '') {
    this.#config = config
    this.#source = source
    this.#repetition = new RepetitionRules(config.repetition)
    this.#toxicity = new ToxicityRule(config.toxicity, resources.toxicWords)
    this.#decontamination = resources.evaluation && new Decontamination(resources.evaluation)
    this.#minhash = new MinHash(config.near)
    this.#piiKinds = new Set(config.pii.kinds)
  }

  /** What is left of a document: nothing, itself, or its parts. */
  clean(input: CleanInput): CleanText[] {
    const piece: Piece = { id: input.id, text: input.text, ...sizeOf(input.text) }
    if (!this.#repair(piece)) return []
    return this.#split(piece).flatMap((part) => this.#cleanPart(part, input.language) ?? [])
  }

  #cleanPart(piece: Piece, stated: string | undefined): CleanText | undefined {
    const { c4, gopher, chinese, repetition, pii, toxicity, exact, near } = this.#config
    const language = this.#identify(piece, stated)
    if (language === undefined) return undefined
    const spaced = hasSpaces(language)
    const isChinese = language === 'zh' || language === 'ja'
    const english = language === 'en'

    if (c4.enabled && !this.#cleanC4(piece, spaced)) return undefined
    const analysis = () => this.#scan(piece.text)
    const pass = (stage: CleaningStage, enabled: boolean, rule: () => Refusal | undefined): boolean => {
      if (!enabled) return true
      const counts = this.#enter(stage, piece)
      const refusal = rule()
      if (refusal !== undefined) return this.#drop(stage, piece, refusal)
      addVolume(counts.out, { documents: 1, ...piece })
      return true
    }
    const passes =
      pass('gopher', gopher.enabled && !isChinese, () => {
        return spaced ? checkGopher(analysis(), gopher, english) : checkLines(piece.text, gopher)
      }) &&
      pass('chinese', chinese.enabled && isChinese, () => checkChinese(analysis(), chinese)) &&
      pass('repetition', repetition.enabled, () =>
        this.#repetition.check(
          analysis(),
          spaced ? { unitsPerWord: 1 } : { unitsPerWord: 2, counts: isChineseSentence },
        ),
      )
    if (!passes) return undefined
    if (pii.enabled) this.#scrub(piece)
    if (!pass('toxicity', toxicity.enabled, () => this.#toxicity.check(analysis()))) return undefined
    const decontamination = this.#decontamination
    if (
      decontamination &&
      !pass('decontamination', this.#config.decontamination.enabled, () => decontamination.check(analysis()))
    )
      return undefined
    return {
      ...piece,
      language,
      ...(exact.enabled ? { exactKey: fingerprint(analysis()) } : {}),
      ...nearKeysOf(near.enabled ? this.#minhash.keys(analysis()) : undefined),
    }
  }

  #repair(piece: Piece): boolean {
    const { unicode } = this.#config
    if (!unicode.enabled) return piece.text.trim() !== ''
    const counts = this.#enter('unicode', piece)
    const before = piece.text
    const lost = undecodableFraction(before)
    if (lost > unicode.maxUndecodable) {
      return this.#drop('unicode', piece, refuse('undecodable', `${(100 * lost).toFixed(1)} % of it is lost`))
    }
    const text = repairUnicode(before, unicode)
    if (text.trim() === '') return this.#drop('unicode', piece, refuse('empty', 'nothing is left'))
    if (text !== before) {
      this.#change('unicode', 'repaired', 1, piece, text, before)
      counts.changed++
    }
    addVolume(counts.out, { documents: 1, ...piece })
    return true
  }

  #split(piece: Piece): Piece[] {
    const { split } = this.#config
    if (!split.enabled) return [piece]
    const counts = this.#enter('split', piece)
    if (piece.text.length <= split.maxCharacters) {
      addVolume(counts.out, { documents: 1, ...piece })
      return [piece]
    }
    const pieces = splitText(piece.text, split.maxCharacters).map((text, index) => ({
      id: index === 0 ? piece.id : `${piece.id}#${index + 1}`,
      text,
      ...sizeOf(text),
    }))
    counts.changed++
    countReason(counts.changes, 'split', pieces.length)
    this.#sample(
      'split',
      'split',
      'changed',
      piece,
      `into ${pieces.length} parts`,
      piece.text.slice(0, EXCERPT),
    )
    for (const part of pieces) addVolume(counts.out, { documents: 1, ...part })
    return pieces
  }

  /** The language, or undefined where it is not wanted. */
  #identify(piece: Piece, stated: string | undefined): string | undefined {
    const { language: options } = this.#config
    if (!options.enabled) return stated?.toLowerCase().split(/[-_]/)[0] ?? identifyLanguage(piece.text)
    const counts = this.#enter('language', piece)
    const language = identifyLanguage(piece.text, options.sampleCharacters)
    if (options.keep.length > 0 && !options.keep.includes(language)) {
      const detail = language === UNDETERMINED ? 'no language could be told' : `written in '${language}'`
      this.#drop('language', piece, refuse(`language-${language}`, detail))
      return undefined
    }
    addVolume(counts.out, { documents: 1, ...piece })
    return language
  }

  #cleanC4(piece: Piece, spaced: boolean): boolean {
    const { c4 } = this.#config
    const options = spaced ? c4 : { ...c4, terminalPunctuation: false, minWordsPerLine: 0, minSentences: 0 }
    const counts = this.#enter('c4', piece)
    const { text, removed } = cleanLines(piece.text, options)
    if (text === '') return this.#drop('c4', piece, refuse('no-lines-left', 'every line broke a rule'))
    const refusal = checkC4(this.#scan(text), options)
    if (refusal !== undefined) return this.#drop('c4', piece, refusal)
    if (text !== piece.text) {
      counts.changed++
      const before = piece.text
      for (const [rule, lines] of Object.entries(removed))
        this.#change('c4', rule, lines, piece, text, before)
    }
    addVolume(counts.out, { documents: 1, ...piece })
    return true
  }

  #scrub(piece: Piece): void {
    const counts = this.#enter('pii', piece)
    const { text, found } = scrubPii(piece.text, this.#piiKinds)
    if (text !== piece.text) {
      counts.changed++
      for (const [kind, places] of Object.entries(found)) {
        countReason(counts.changes, kind, places)
        const at = text.indexOf(`[${kind.toUpperCase()}]`)
        const excerpt = text.slice(Math.max(0, at - EXCERPT / 2), at + EXCERPT / 2)
        this.#sample('pii', kind, 'changed', piece, `${places} replaced`, excerpt)
      }
      Object.assign(piece, { text, ...sizeOf(text) })
    }
    addVolume(counts.out, { documents: 1, ...piece })
  }

  #scan(text: string): Analysis {
    return this.#analysis.text === text ? this.#analysis : this.#analysis.scan(text)
  }

  #enter(stage: CleaningStage, piece: Piece): StageCounts {
    const { counts: all } = this.report
    const counts = all[stage] ?? emptyStage()
    all[stage] = counts
    addVolume(counts.in, { documents: 1, ...piece })
    return counts
  }

  #drop(stage: CleaningStage, piece: Piece, { reason, detail }: Refusal): false {
    countReason(this.report.counts[stage]!.dropped, reason, piece.bytes)
    // What the word list objects to is not repeated here.
    const excerpt = stage === 'toxicity' ? '' : piece.text.slice(0, EXCERPT)
    this.#sample(stage, reason, 'dropped', piece, detail, excerpt)
    return false
  }

  #change(
    stage: CleaningStage,
    rule: string,
    amount: number,
    piece: Piece,
    text: string,
    before: string,
  ): void {
    countReason(this.report.counts[stage]!.changes, rule, amount)
    let at = 0
    while (at < text.length && text.charCodeAt(at) === before.charCodeAt(at)) at++
    const excerpt = before.slice(Math.max(0, at - EXCERPT / 4), at + EXCERPT)
    this.#sample(stage, rule, 'changed', piece, stage === 'c4' ? `${amount} lines` : 'from here on', excerpt)
    if (piece.text !== text) Object.assign(piece, { text, ...sizeOf(text) })
  }

  #sample(
    stage: CleaningStage,
    reason: string,
    action: Sample['action'],
    { id }: Piece,
    detail: string,
    text: string,
  ): void {
    const { samples } = this.report
    const alike = samples.filter((sample) => sample.stage === stage && sample.reason === reason)
    if (alike.length >= SAMPLES_EACH) return
    const excerpt = scrubPii(wellFormed(text), this.#piiKinds).text.slice(0, 2 * EXCERPT)
    samples.push({ stage, reason, action, source: this.#source, id, detail, excerpt: wellFormed(excerpt) })
  }
}

function nearKeysOf(nearKeys: Int32Array | undefined): { nearKeys?: Int32Array } {
  return nearKeys === undefined ? {} : { nearKeys }
}
