/**
 * One pass over a text that finds everything the rules ask about. *Words* are what stands between white space, as C4 and Gopher
 * count them. *Units* are what n-grams are made of: runs of letters and digits in lower case without punctuation, and single
 * characters in scripts without spaces (Han, kana).
 */
import {
  APOSTROPHE,
  CLASS,
  DIGIT,
  IDEOGRAPH,
  KANA,
  LETTER,
  LOW_SURROGATE,
  LOWER,
  NEWLINE,
  SPACE,
} from './characters.js'

const SEED_1 = 0x811c9dc5 | 0
const SEED_2 = 0x9747b28c | 0
const PRIME_1 = 0x01000193
const PRIME_2 = 0x85ebca6b | 0

/** Scrambles 32 bits so that all of them depend on all (the end of MurmurHash3). */
export function mix32(value: number): number {
  let h = value ^ (value >>> 16)
  h = Math.imul(h, 0x85ebca6b)
  h ^= h >>> 13
  h = Math.imul(h, 0xc2b2ae35)
  return h ^ (h >>> 16)
}

/** A buffer that a cleaner uses for one document after the other, so that nothing is allocated per document. */
export class Analysis {
  text = ''
  /** The text as UTF-16 units: reading them out of a string, which may be a rope or a slice, is several times slower. */
  #codes = new Uint16Array(1 << 12)
  #bytes = Buffer.from(this.#codes.buffer)
  /** Number of units. */
  units = 0
  /** Two independent 32-bit hashes of each unit. */
  hash1 = new Int32Array(1 << 12)
  hash2 = new Int32Array(1 << 12)
  /** `offsets[i]` characters stand in the units before unit i. */
  offsets = new Int32Array((1 << 12) + 1)
  words = 0
  /** Characters in words. */
  wordCharacters = 0
  /** Words with at least one letter. */
  wordsWithLetter = 0
  ideographs = 0
  kana = 0
  letters = 0
  sentences = 0
  hashes = 0
  ellipses = 0

  /** Reads a text. Whatever an earlier call found is gone. */
  scan(text: string): this {
    this.text = text
    this.#reserve(text.length)
    this.#bytes.write(text, 'utf16le')
    const codes = this.#codes
    const length = text.length
    codes[length] = 0x0a
    const { hash1, hash2, offsets } = this
    let units = 0
    let characters = 0 // in units
    let words = 0
    let wordCharacters = 0
    let wordsWithLetter = 0
    let ideographs = 0
    let kana = 0
    let letters = 0
    let sentences = 0
    let hashes = 0
    let ellipses = 0
    let inWord = false
    let hasLetter = false
    let inUnit = false
    let ended = true // the sentence before has ended and nothing has begun
    let a = 0
    let b = 0
    offsets[0] = 0
    for (let i = 0; i < length; i++) {
      const code = codes[i]!
      const kind = CLASS[code]!
      if (kind === SPACE || kind === NEWLINE) {
        if (inUnit) {
          hash1[units] = a
          hash2[units++] = b
          offsets[units] = characters
          inUnit = false
        }
        if (inWord) {
          if (hasLetter) wordsWithLetter++
          inWord = false
        }
        continue
      }
      if (kind === LOW_SURROGATE) {
        // Of an astral ideograph: both halves make the unit.
        if (i > 0 && units > 0 && CLASS[codes[i - 1]!] === IDEOGRAPH) {
          hash1[units - 1] = Math.imul(hash1[units - 1]! ^ code, PRIME_1)
          hash2[units - 1] = Math.imul(hash2[units - 1]! + code, PRIME_2)
        }
        continue
      }
      if (!inWord) {
        inWord = true
        hasLetter = false
        words++
      }
      wordCharacters++
      if (kind === LETTER || kind === DIGIT) {
        if (!inUnit) {
          inUnit = true
          a = SEED_1
          b = SEED_2
        }
        const lower = LOWER[code]!
        a = Math.imul(a ^ lower, PRIME_1)
        b = Math.imul(b + lower, PRIME_2) ^ (b >>> 15)
        characters++
        if (kind === LETTER) {
          letters++
          hasLetter = true
        }
        ended = false
        continue
      }
      if (kind === APOSTROPHE && inUnit) continue
      if (inUnit) {
        hash1[units] = a
        hash2[units++] = b
        offsets[units] = characters
        inUnit = false
      }
      if (kind === IDEOGRAPH || kind === KANA) {
        if (kind === IDEOGRAPH) ideographs++
        else kana++
        hash1[units] = Math.imul(SEED_1 ^ code, PRIME_1)
        hash2[units++] = Math.imul(SEED_2 + code, PRIME_2)
        offsets[units] = ++characters
        hasLetter = true
        ended = false
        continue
      }
      if (code === 0x23) hashes++
      else if (code === 0x2026) ellipses++
      else if (code === 0x2e && codes[i + 1] === 0x2e && i + 2 < length && codes[i + 2] === 0x2e) {
        ellipses++
        i += 2
      }
      if (!ended && isSentenceEnd(code, codes[i + 1]!)) {
        sentences++
        ended = true
      }
    }
    if (inUnit) {
      hash1[units] = a
      hash2[units++] = b
      offsets[units] = characters
    }
    if (inWord && hasLetter) wordsWithLetter++
    this.units = units
    this.words = words
    this.wordCharacters = wordCharacters
    this.wordsWithLetter = wordsWithLetter
    this.ideographs = ideographs
    this.kana = kana
    this.letters = letters
    this.sentences = sentences
    this.hashes = hashes
    this.ellipses = ellipses
    return this
  }

  /** Characters in all units. */
  get unitCharacters(): number {
    return this.offsets[this.units]!
  }

  /**
   * Hashes of all n-grams of units, into `out` (grown and returned). Lane 1 and 2 are independent.
   * @param lane which of the two hashes of a unit to build on
   */
  ngrams(n: number, lane: 1 | 2, out: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
    const from = lane === 1 ? this.hash1 : this.hash2
    const count = Math.max(0, this.units - n + 1)
    const target = out.length >= count ? out : new Int32Array(2 * count)
    const base = lane === 1 ? 0x9e3779b1 | 0 : 0x27d4eb2f
    let top = 1
    for (let i = 1; i < n; i++) top = Math.imul(top, base)
    let h = 0
    for (let i = 0; i < this.units; i++) {
      if (i >= n) h = (h - Math.imul(from[i - n]!, top)) | 0
      h = (Math.imul(h, base) + from[i]!) | 0
      if (i >= n - 1) target[i - n + 1] = mix32(h)
    }
    return target
  }

  #reserve(units: number): void {
    if (units < this.hash1.length) return
    const size = Math.max(units + 1, 2 * this.hash1.length)
    this.#codes = new Uint16Array(size)
    this.#bytes = Buffer.from(this.#codes.buffer)
    this.hash1 = new Int32Array(size)
    this.hash2 = new Int32Array(size)
    this.offsets = new Int32Array(size + 1)
  }
}

/** Both hashes of a word that is one unit. */
export function unitHash(word: string): readonly [number, number] {
  const analysis = new Analysis().scan(word)
  return [analysis.hash1[0]!, analysis.hash2[0]!]
}

/** A full stop, exclamation or question mark that is not inside a number or a name such as `node.js`; or a Chinese one. */
function isSentenceEnd(code: number, next: number): boolean {
  if (code === 0x3002 || code === 0xff01 || code === 0xff1f || code === 0x2026) return true
  if (code !== 0x2e && code !== 0x21 && code !== 0x3f) return false
  const kind = CLASS[next]!
  return kind !== LETTER && kind !== DIGIT
}
