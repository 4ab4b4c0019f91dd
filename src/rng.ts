import { AthanorError } from './errors.js'

/** A random generator was asked for something that has no answer (a negative seed, an integer below zero...). */
export class RngError extends AthanorError {
  constructor(message: string) {
    super('rng-invalid', message)
  }
}

/** Everything there is to know of a generator, as plain JSON. */
export interface RngState {
  /** 64-bit Philox key, low word first. */
  key: [number, number]
  /** How many 32-bit words were drawn so far. */
  position: number
}

const ROUNDS = 10
const MULTIPLIER_0 = 0xd2511f53
const MULTIPLIER_1 = 0xcd9e8d57
const WEYL_0 = 0x9e3779b9
const WEYL_1 = 0xbb67ae85

/** The last counter word keeps the stream of a key apart from the keys derived from it. */
const STREAM = 0
const FORK_NUMBER = 1
const FORK_TEXT = 2

/** High 32 bits of the 64-bit product of two unsigned words. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff
  const aHigh = a >>> 16
  const bLow = b & 0xffff
  const bHigh = b >>> 16
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16)
  const carry = (middle & 0xffff) + aLow * bHigh
  return (aHigh * bHigh + Math.floor(middle / 0x10000) + (carry >>> 16)) >>> 0
}

/**
 * Philox4x32-10, the counter-based generator of Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (SC 2011).
 * Four random words as a pure function of a 128-bit counter and a 64-bit key, written into `out`.
 */
export function philox4x32(
  out: Uint32Array,
  c0: number,
  c1: number,
  c2: number,
  c3: number,
  k0: number,
  k1: number,
): Uint32Array {
  for (let round = 0; round < ROUNDS; round++) {
    const high0 = multiplyHigh(MULTIPLIER_0, c0)
    const low0 = Math.imul(MULTIPLIER_0, c0)
    const high1 = multiplyHigh(MULTIPLIER_1, c2)
    const low1 = Math.imul(MULTIPLIER_1, c2)
    c0 = (high1 ^ c1 ^ k0) >>> 0
    c1 = low1 >>> 0
    c2 = (high0 ^ c3 ^ k1) >>> 0
    c3 = low0 >>> 0
    k0 = (k0 + WEYL_0) >>> 0
    k1 = (k1 + WEYL_1) >>> 0
  }
  out[0] = c0
  out[1] = c1
  out[2] = c2
  out[3] = c3
  return out
}

const TWO_32 = 2 ** 32

function words(value: number): [number, number] {
  return [value >>> 0, Math.floor(value / TWO_32) >>> 0]
}

/**
 * A small seeded generator. Its whole state is a key and a position, so it is cheap to save, to resume and to place
 * anywhere; `fork` gives an independent stream per purpose, so that one more draw in one place changes nothing elsewhere.
 *
 * @example
 * const root = Rng.seed(1337)
 * const dropout = root.fork('dropout').fork(step)   // the same for the same seed and step, in any order of calls
 */
export class Rng {
  readonly #k0: number
  readonly #k1: number
  #position: number
  readonly #block = new Uint32Array(4)
  #blockIndex = -1

  constructor(state: RngState) {
    const [k0, k1] = state.key
    if (!isWord(k0) || !isWord(k1) || !Number.isSafeInteger(state.position) || state.position < 0) {
      throw new RngError(`not the state of a generator: ${JSON.stringify(state)}; save it with rng.state()`)
    }
    this.#k0 = k0
    this.#k1 = k1
    this.#position = state.position
  }

  /** A generator at position 0. `seed` is an integer from 0 to 2^53 - 1. */
  static seed(seed: number): Rng {
    if (!Number.isSafeInteger(seed) || seed < 0) {
      throw new RngError(`a seed is an integer from 0 to 2^53 - 1, not ${seed}`)
    }
    return new Rng({ key: words(seed), position: 0 })
  }

  /** The state as plain JSON: `new Rng(rng.state())` continues exactly here. */
  state(): RngState {
    return { key: [this.#k0, this.#k1], position: this.#position }
  }

  /**
   * An independent generator named by `label` (text, or an integer such as a step). Depends on the key and the label
   * only, never on how much was drawn.
   */
  fork(label: string | number): Rng {
    const out = new Uint32Array(4)
    if (typeof label === 'number') {
      if (!Number.isSafeInteger(label) || label < 0) {
        throw new RngError(`a fork is named by text or an integer from 0 to 2^53 - 1, not ${label}`)
      }
      const [low, high] = words(label)
      philox4x32(out, low, high, 0, FORK_NUMBER, this.#k0, this.#k1)
      return new Rng({ key: [out[0]!, out[1]!], position: 0 })
    }
    const bytes = new TextEncoder().encode(label)
    let [k0, k1] = [this.#k0, this.#k1]
    // Eight bytes of the label per block, each block keyed by the one before; the last block holds the length.
    for (let start = 0; start <= bytes.length; start += 8) {
      const word = (at: number) =>
        ((bytes[at] ?? 0) |
          ((bytes[at + 1] ?? 0) << 8) |
          ((bytes[at + 2] ?? 0) << 16) |
          ((bytes[at + 3] ?? 0) << 24)) >>>
        0
      philox4x32(out, word(start), word(start + 4), bytes.length, FORK_TEXT, k0, k1)
      k0 = out[0]!
      k1 = out[1]!
    }
    return new Rng({ key: [k0, k1], position: 0 })
  }

  /** 32 random bits as an unsigned integer. */
  uint32(): number {
    const blockIndex = Math.floor(this.#position / 4)
    if (blockIndex !== this.#blockIndex) {
      const [low, high] = words(blockIndex)
      philox4x32(this.#block, low, high, 0, STREAM, this.#k0, this.#k1)
      this.#blockIndex = blockIndex
    }
    return this.#block[this.#position++ % 4]!
  }

  /** Uniform in [0, 1), with 53 random bits. */
  uniform(): number {
    const high = this.uint32() >>> 5
    const low = this.uint32() >>> 6
    return (high * 2 ** 26 + low) / 2 ** 53
  }

  /** Uniform integer in [0, n), exactly unbiased (by rejection), for n from 1 to 2^53 - 1. */
  integer(n: number): number {
    if (!Number.isSafeInteger(n) || n < 1) throw new RngError(`integer(n) needs an integer n >= 1, not ${n}`)
    if (n <= TWO_32) {
      const limit = TWO_32 - (TWO_32 % n)
      for (;;) {
        const word = this.uint32()
        if (word < limit) return word % n
      }
    }
    const limit = 2 ** 53 - (2 ** 53 % n)
    for (;;) {
      const value = this.uniform() * 2 ** 53
      if (value < limit) return value % n
    }
  }

  /** Standard normal (Box and Muller 1958). Every call draws four words, so positions stay predictable. */
  normal(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()))
    return radius * Math.cos(2 * Math.PI * this.uniform())
  }

  /** Fills `out` with N(mean, std^2): half the draws of `normal()`, meant for weights. Returns `out`. */
  fillNormal(out: Float32Array, mean = 0, std = 1): Float32Array {
    for (let i = 0; i < out.length; i += 2) {
      const radius = std * Math.sqrt(-2 * Math.log((this.uint32() + 1) / TWO_32))
      const angle = (2 * Math.PI * this.uint32()) / TWO_32
      out[i] = mean + radius * Math.cos(angle)
      if (i + 1 < out.length) out[i + 1] = mean + radius * Math.sin(angle)
    }
    return out
  }

  /** Fills `out` with uniform numbers in [low, high), 24 random bits each. Returns `out`. */
  fillUniform(out: Float32Array, low = 0, high = 1): Float32Array {
    for (let i = 0; i < out.length; i++) out[i] = low + (high - low) * ((this.uint32() >>> 8) / 2 ** 24)
    return out
  }

  /** Shuffles in place (Fisher and Yates) and returns the same array. */
  shuffle<T>(items: T[]): T[] {
    for (let i = items.length - 1; i > 0; i--) {
      const j = this.integer(i + 1)
      const kept = items[i]!
      items[i] = items[j]!
      items[j] = kept
    }
    return items
  }
}

function isWord(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < TWO_32
}

/** Six rounds on top of a strong round function; four already give a strong pseudo-random permutation (Luby and Rackoff). */
const FEISTEL_ROUNDS = 6

/**
 * A seeded random permutation of 0 .. size-1 computed entry by entry, without an array: a Feistel network over the next
 * power of four, walking the cycle until it falls inside (Black and Rogaway, "Ciphers with arbitrary finite domains").
 *
 * @param size 1 to 2^52
 */
export function createPermutation(size: number, rng: Rng): (index: number) => number {
  if (!Number.isSafeInteger(size) || size < 1 || size > 2 ** 52) {
    throw new RngError(`a permutation needs a size from 1 to 2^52, not ${size}`)
  }
  const [k0, k1] = rng.state().key
  let half = 1
  while (2 ** (2 * half) < size) half++
  const radix = 2 ** half
  const out = new Uint32Array(4)
  return (index) => {
    if (!Number.isSafeInteger(index) || index < 0 || index >= size) {
      throw new RngError(`index ${index} lies outside a permutation of ${size}`)
    }
    let value = index
    do {
      let left = Math.floor(value / radix)
      let right = value % radix
      for (let round = 0; round < FEISTEL_ROUNDS; round++) {
        const mixed = philox4x32(out, right, round, 0, 3, k0, k1)[0]! % radix
        const next = (left ^ mixed) >>> 0
        left = right
        right = next
      }
      value = left * radix + right
    } while (value >= size)
    return value
  }
}
