/**
 * The repetition rules of Gopher (Rae et al. 2021, table A1): repeated lines and paragraphs, the most frequent 2- to 4-gram, and
 * how much of the text stands in 5- to 10-grams that were there before.
 */
import type { Analysis } from './analysis.js'
import type { CleaningConfig } from './config.js'
import { percent, type Refusal, refuse } from './verdict.js'

type RepetitionOptions = CleaningConfig['repetition']

/** What is looked at besides the words. */
export interface RepetitionScope {
  /** Units of an n-gram for each word of the rule: 2 where units are characters. */
  readonly unitsPerWord: 1 | 2
  /** Lines that count. */
  readonly counts?: (line: string) => boolean
}

/** Reuses its tables from one document to the next. */
export class RepetitionRules {
  readonly #options: RepetitionOptions
  readonly #table = new GramTable()
  #grams = new Int32Array(1 << 12)

  constructor(options: RepetitionOptions) {
    this.#options = options
  }

  check(analysis: Analysis, scope: RepetitionScope): Refusal | undefined {
    return this.#checkLines(analysis.text, scope.counts) ?? this.#checkGrams(analysis, scope.unitsPerWord)
  }

  #checkLines(text: string, counts: RepetitionScope['counts']): Refusal | undefined {
    const o = this.#options
    if (!text.includes('\n')) return undefined
    const lines = repeated(text, '\n', counts)
    if (lines.count > o.maxDuplicateLines)
      return refuse('duplicate-lines', `${percent(lines.count)} of lines were there before`)
    if (lines.characters > o.maxDuplicateLineCharacters)
      return refuse('duplicate-line-characters', `${percent(lines.characters)} of it are repeated lines`)
    if (!text.includes('\n\n')) return undefined
    const paragraphs = repeated(text, '\n\n', counts)
    if (paragraphs.count > o.maxDuplicateParagraphs)
      return refuse('duplicate-paragraphs', `${percent(paragraphs.count)} of paragraphs were there before`)
    if (paragraphs.characters > o.maxDuplicateParagraphCharacters)
      return refuse(
        'duplicate-paragraph-characters',
        `${percent(paragraphs.characters)} of it are repeated paragraphs`,
      )
    return undefined
  }

  #checkGrams(analysis: Analysis, unitsPerWord: number): Refusal | undefined {
    const { maxTopGrams, maxDuplicateGrams } = this.#options
    const total = analysis.unitCharacters
    if (total === 0) return undefined
    // The limits are made for 50 words and more. A short poem may repeat itself.
    const leniency = unitsPerWord > 1 && analysis.units < 100 ? 2 : 1
    for (const [index, published] of maxTopGrams.entries()) {
      const limit = leniency * published
      const n = index + 2
      const top = this.#topGram(analysis, n * unitsPerWord) / total
      if (top > limit) return refuse(`top-${n}-gram`, `the commonest ${n}-gram makes up ${percent(top)}`)
    }
    const lowest = Math.min(...maxDuplicateGrams)
    // Whatever stands in a repeated longer n-gram stands in repeated 5-grams too: mostly one look is enough.
    if (this.#covered(analysis, 5 * unitsPerWord) / total <= lowest) return undefined
    for (const [index, published] of maxDuplicateGrams.entries()) {
      const limit = leniency * published
      const n = index + 5
      const part = this.#duplicated(analysis, n * unitsPerWord) / total
      if (part > limit)
        return refuse(`duplicate-${n}-grams`, `${percent(part)} stands in repeated ${n}-grams`)
    }
    return undefined
  }

  /** Characters in the occurrences of the most frequent n-gram (among equals the longest); 0 when none repeats. */
  #topGram(analysis: Analysis, n: number): number {
    const { offsets, units } = analysis
    const count = units - n + 1
    if (count < 2) return 0
    const grams = this.#ngrams(analysis, n)
    const table = this.#table.open(count)
    let most = 1
    let characters = 0
    for (let i = 0; i < count; i++) {
      const times = table.add(grams[i]!)
      if (times < most || times === 1) continue
      const here = times * (offsets[i + n]! - offsets[i]!)
      if (times > most || here > characters) characters = here
      most = times
    }
    return characters
  }

  /** Characters in n-grams that were there before; what is counted is passed over, so nothing counts twice. */
  #duplicated(analysis: Analysis, n: number): number {
    const { offsets, units } = analysis
    const count = units - n + 1
    if (count < 2) return 0
    const grams = this.#ngrams(analysis, n)
    const table = this.#table.open(count)
    let characters = 0
    for (let i = 0; i < count; ) {
      if (table.add(grams[i]!) === 1) i++
      else {
        characters += offsets[i + n]! - offsets[i]!
        i += n
      }
    }
    return characters
  }

  /** Characters that any repeated n-gram covers. */
  #covered(analysis: Analysis, n: number): number {
    const { offsets, units } = analysis
    const count = units - n + 1
    if (count < 2) return 0
    const grams = this.#ngrams(analysis, n)
    const table = this.#table.open(count)
    let characters = 0
    let until = 0
    for (let i = 0; i < count; i++) {
      if (table.add(grams[i]!) === 1) continue
      characters += offsets[i + n]! - offsets[Math.max(i, until)]!
      until = i + n
    }
    return characters
  }

  #ngrams(analysis: Analysis, n: number): Int32Array {
    this.#grams = analysis.ngrams(n, 1, this.#grams)
    return this.#grams
  }
}

/** The parts of a text that stood in it before: of their number, and of their characters. */
function repeated(
  text: string,
  separator: string,
  counts: RepetitionScope['counts'],
): { count: number; characters: number } {
  const seen = new Set<string>()
  let parts = 0
  let characters = 0
  let again = 0
  let againCharacters = 0
  for (const piece of text.split(separator)) {
    const part = piece.trim()
    if (part === '' || (counts !== undefined && !counts(part))) continue
    parts++
    characters += part.length
    if (seen.has(part)) {
      again++
      againCharacters += part.length
    } else seen.add(part)
  }
  return parts === 0
    ? { count: 0, characters: 0 }
    : { count: again / parts, characters: againCharacters / characters }
}

/** Counts 32-bit hashes: open addressing, emptied by moving on to another generation. */
class GramTable {
  #keys = new Int32Array(1 << 10)
  #counts = new Int32Array(1 << 10)
  #generations = new Uint32Array(1 << 10)
  #generation = 0
  #mask = 0

  /** Empties the table and makes room for `entries`. */
  open(entries: number): this {
    let size = 1 << 10
    while (size < 2 * entries) size *= 2
    if (size > this.#keys.length) {
      this.#keys = new Int32Array(size)
      this.#counts = new Int32Array(size)
      this.#generations = new Uint32Array(size)
      this.#generation = 0
    }
    if (this.#generation === 0xffffffff) {
      this.#generations.fill(0)
      this.#generation = 0
    }
    this.#generation++
    this.#mask = size - 1
    return this
  }

  /** Counts a key and returns how often it has been there. */
  add(key: number): number {
    const mask = this.#mask
    const generation = this.#generation
    const generations = this.#generations
    for (let slot = key & mask; ; slot = (slot + 1) & mask) {
      if (generations[slot] !== generation) {
        generations[slot] = generation
        this.#keys[slot] = key
        this.#counts[slot] = 1
        return 1
      }
      if (this.#keys[slot] === key) return ++this.#counts[slot]!
    }
  }
}
