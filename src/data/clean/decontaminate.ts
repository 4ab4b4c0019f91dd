/**
 * Training text must not hold what the model is measured on: documents that share an n-gram with an evaluation set are dropped
 * (13 words, as Brown et al. 2020, appendix C).
 */
import { Analysis } from './analysis.js'
import type { CleaningConfig } from './config.js'
import { type Refusal, refuse } from './verdict.js'

/** A hash set of n-grams of one length, in memory that worker threads share. Entries: two words of hash, the set's number + 1. */
interface GramSet {
  readonly n: number
  readonly table: Int32Array
}

/** The n-grams of all evaluation sets; plain data that can be sent to workers without copying the tables. */
export interface EvaluationIndex {
  readonly names: readonly string[]
  readonly entries: number
  /** For text with spaces between words. */
  readonly words: readonly GramSet[]
  /** For text without. */
  readonly characters: readonly GramSet[]
}

type Options = CleaningConfig['decontamination']

export function buildEvaluationIndex(
  sets: readonly { readonly name: string; readonly entries: readonly string[] }[],
  options: Options,
): EvaluationIndex {
  const scan = new Analysis()
  const grams = { words: new Map<number, number[]>(), characters: new Map<number, number[]>() }
  let entries = 0
  for (const [set, { entries: texts }] of sets.entries()) {
    for (const text of texts) {
      const unspaced = isUnspaced(scan.scan(text))
      const whole = unspaced ? options.chineseCharacters : options.words
      const least = unspaced ? Math.round((options.minWords * whole) / options.words) : options.minWords
      if (scan.units < Math.min(least, whole)) continue
      entries++
      const n = Math.min(whole, scan.units)
      const into = unspaced ? grams.characters : grams.words
      const list = into.get(n) ?? []
      into.set(n, list)
      const low = scan.ngrams(n, 1, new Int32Array(0))
      const high = scan.ngrams(n, 2, new Int32Array(0))
      for (let i = 0; i + n <= scan.units; i++) list.push(low[i]!, high[i]!, set + 1)
    }
  }
  const pack = (from: Map<number, number[]>) =>
    [...from].sort(([a], [b]) => a - b).map(([n, list]) => ({ n, table: packTable(list) }))
  return {
    names: sets.map(({ name }) => name),
    entries,
    words: pack(grams.words),
    characters: pack(grams.characters),
  }
}

function packTable(list: readonly number[]): Int32Array {
  let slots = 16
  while (slots < (list.length / 3) * 2) slots *= 2
  const table = new Int32Array(new SharedArrayBuffer(3 * 4 * slots))
  for (let i = 0; i < list.length; i += 3) {
    let slot = list[i]! & (slots - 1)
    while (table[3 * slot + 2] !== 0 && !(table[3 * slot] === list[i] && table[3 * slot + 1] === list[i + 1]))
      slot = (slot + 1) & (slots - 1)
    if (table[3 * slot + 2] !== 0) continue
    table.set([list[i]!, list[i + 1]!, list[i + 2]!], 3 * slot)
  }
  return table
}

export class Decontamination {
  readonly #index: EvaluationIndex
  #low = new Int32Array(1 << 12)
  #high = new Int32Array(1 << 12)

  constructor(index: EvaluationIndex) {
    this.#index = index
  }

  check(analysis: Analysis): Refusal | undefined {
    for (const { n, table } of isUnspaced(analysis) ? this.#index.characters : this.#index.words) {
      const count = analysis.units - n + 1
      if (count < 1) continue
      this.#low = analysis.ngrams(n, 1, this.#low)
      this.#high = analysis.ngrams(n, 2, this.#high)
      const mask = table.length / 3 - 1
      for (let i = 0; i < count; i++) {
        const low = this.#low[i]!
        for (let slot = low & mask; table[3 * slot + 2] !== 0; slot = (slot + 1) & mask) {
          if (table[3 * slot] !== low || table[3 * slot + 1] !== this.#high[i]) continue
          const name = this.#index.names[table[3 * slot + 2]! - 1]
          return refuse('in-evaluation-set', `shares ${n} units in a row with ${name}`)
        }
      }
    }
    return undefined
  }
}

function isUnspaced({ ideographs, kana, units }: Analysis): boolean {
  return 2 * (ideographs + kana) > units
}
