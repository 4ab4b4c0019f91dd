/**
 * A word list. It finds what says it bluntly and nothing else: no insinuation, no misspelling, no context, and it also hits those who
 * write about such words. Serious use brings a list of its own, or a classifier.
 */
import { Analysis } from './analysis.js'
import type { CleaningConfig } from './config.js'
import { toxicWords } from './toxic-words.js'
import { type Refusal, refuse } from './verdict.js'

/** The list that ships with the program. */
export const builtinToxicWords: readonly string[] = Object.values(toxicWords).flat()

/** Finds words and phrases of a list in a scanned text: whole units, in any case and punctuation. */
export class ToxicityRule {
  /** By the hashes of the first unit: phrases that begin with it, as hashes of all their units. */
  readonly #phrases = new Map<number, { readonly hashes: Int32Array; readonly name: string }[]>()
  /** Most units are told apart from the list by a few bits of their hash, without a look into the map. */
  readonly #maybe = new Uint8Array(1 << 12)
  readonly #options: CleaningConfig['toxicity']

  constructor(options: CleaningConfig['toxicity'], words: readonly string[]) {
    this.#options = options
    const scan = new Analysis()
    for (const word of words) {
      scan.scan(word)
      if (scan.units === 0) continue
      const hashes = scan.hash1.slice(0, scan.units)
      const list = this.#phrases.get(hashes[0]!) ?? []
      list.push({ hashes, name: word })
      this.#phrases.set(hashes[0]!, list)
      this.#maybe[hashes[0]! & 0xfff] = 1
    }
  }

  check({ hash1, units }: Analysis): Refusal | undefined {
    let hits = 0
    const found = new Set<string>()
    for (let i = 0; i < units; i++) {
      if (this.#maybe[hash1[i]! & 0xfff] === 0) continue
      const candidates = this.#phrases.get(hash1[i]!)
      if (candidates === undefined) continue
      for (const { hashes, name } of candidates) {
        if (i + hashes.length > units || !hashes.every((hash, k) => hash1[i + k] === hash)) continue
        hits++
        found.add(name)
        break
      }
    }
    const { minDistinct, maxFraction } = this.#options
    if (hits === 0 || (found.size < minDistinct && hits / units <= maxFraction)) return undefined
    return refuse('listed-words', `${hits} of ${units} words are on the list, ${found.size} different`)
  }
}
