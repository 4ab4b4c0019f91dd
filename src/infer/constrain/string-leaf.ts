/**
 * JSON strings whose value is in a regular language: quotes, UTF-8, escapes. A state within a character (its UTF-8 bytes, `\u` and
 * its digits) knows the range of characters that it can still become, so it never leads where the language does not go on.
 */
import type { LeafState } from './nodes.js'
import { classOf, type Dfa } from './regex/dfa.js'
import type { Vocabulary } from './types.js'

type Phase = 'open' | 'body' | 'utf8' | 'escape' | 'hex' | 'low-slash' | 'low-u' | 'low-hex' | 'closed'

const QUOTE = 0x22
const BACKSLASH = 0x5c
const SHORT_ESCAPES = new Map<number, number>([
  [QUOTE, QUOTE],
  [BACKSLASH, BACKSLASH],
  [0x2f, 0x2f],
  [0x62, 0x08],
  [0x66, 0x0c],
  [0x6e, 0x0a],
  [0x72, 0x0d],
  [0x74, 0x09],
])
const ESCAPED = new Set(SHORT_ESCAPES.values())

/** The state before the opening quote. `min` and `max` count characters; with a language of its own they belong into the language. */
export function stringLeaf(language: Dfa, min = 0, max = Number.POSITIVE_INFINITY): LeafState {
  return new StringLanguage(language).state('open', 0, min, max, 0, 0)
}

class StringLanguage {
  readonly dfa: Dfa
  readonly #states = new Map<string, StringState>()
  readonly #ends = new WeakMap<Vocabulary, Float64Array>()

  constructor(dfa: Dfa) {
    this.dfa = dfa
  }

  /**
   * @param owed characters that are still needed @param room characters that still fit
   * @param left bytes or digits until the character is whole @param value what they have made of it so far
   */
  state(phase: Phase, at: number, owed: number, room: number, left: number, value: number): StringState {
    const key = `${phase},${at},${owed},${room},${left},${value}`
    let state = this.#states.get(key)
    if (!state) {
      state = new StringState(this, phase, at, owed, room, left, value)
      this.#states.set(key, state)
    }
    return state
  }

  target(at: number, codePoint: number): number {
    const { classes, table } = this.dfa
    return table[at * classes.length + classOf(classes, codePoint)]!
  }

  /** The states after one character from `low` to `high`. */
  *targets(at: number, low: number, high: number): Generator<number> {
    const { classes, table } = this.dfa
    for (let c = classOf(classes, low); c < classes.length && classes[c]! <= high; c++) {
      const target = table[at * classes.length + c]!
      if (target >= 0) yield target
    }
  }

  goesOn(at: number, low: number, high: number): boolean {
    return !this.targets(at, low, high).next().done
  }

  /** For every state of the language the fewest tokens to an accepting one, by Dijkstra's algorithm with buckets. */
  ends(vocabulary: Vocabulary): Float64Array {
    const known = this.#ends.get(vocabulary)
    if (known) return known
    const { classes, table, accepting } = this.dfa
    const costs = classCosts(classes, vocabulary)
    const sources: [from: number, cost: number][][] = Array.from(accepting, () => [])
    for (let at = 0; at < accepting.length; at++) {
      for (let c = 0; c < classes.length; c++) {
        const target = table[at * classes.length + c]!
        if (target >= 0 && costs[c]! < Number.POSITIVE_INFINITY) sources[target]!.push([at, costs[c]!])
      }
    }
    const ends = new Float64Array(accepting.length).fill(Number.POSITIVE_INFINITY)
    const buckets: number[][] = [[]]
    for (let at = 0; at < accepting.length; at++) {
      if (accepting[at]) {
        ends[at] = 0
        buckets[0]!.push(at)
      }
    }
    for (let distance = 0; distance < buckets.length; distance++) {
      for (const at of buckets[distance] ?? []) {
        if (ends[at]! < distance) continue
        for (const [from, cost] of sources[at]!) {
          const reached = distance + cost
          if (reached >= ends[from]!) continue
          ends[from] = reached
          while (buckets.length <= reached) buckets.push([])
          buckets[reached]!.push(from)
        }
      }
    }
    this.#ends.set(vocabulary, ends)
    return ends
  }

  /** What the cheapest character costs, for strings of any characters. */
  cheapest(vocabulary: Vocabulary): number {
    return Math.min(...classCosts(this.dfa.classes, vocabulary))
  }
}

class StringState implements LeafState {
  readonly #language: StringLanguage
  readonly #phase: Phase
  readonly #at: number
  readonly #owed: number
  readonly #room: number
  readonly #left: number
  readonly #value: number

  constructor(
    language: StringLanguage,
    phase: Phase,
    at: number,
    owed: number,
    room: number,
    left: number,
    value: number,
  ) {
    this.#language = language
    this.#phase = phase
    this.#at = at
    this.#owed = owed
    this.#room = room
    this.#left = left
    this.#value = value
  }

  get accepting(): boolean {
    return this.#phase === 'closed'
  }

  next(byte: number): StringState | undefined {
    switch (this.#phase) {
      case 'open':
        return byte === QUOTE ? this.#to('body') : undefined
      case 'body':
        return this.#body(byte)
      case 'utf8':
        return this.#continuation(byte)
      case 'escape':
        return this.#escape(byte)
      case 'hex':
      case 'low-hex':
        return this.#digit(byte)
      case 'low-slash':
        return byte === BACKSLASH ? this.#to('low-u', 0, this.#value) : undefined
      case 'low-u':
        return byte === 0x75 ? this.#to('low-hex', 4, this.#value) : undefined
      case 'closed':
        return undefined
    }
  }

  remaining(vocabulary: Vocabulary): number {
    if (this.#phase === 'closed') return 0
    const quote = vocabulary.cost(QUOTE)
    if (this.#phase === 'open') return quote + this.#rest(vocabulary) + quote
    if (this.#phase === 'body') return this.#rest(vocabulary) + quote
    return this.#within(vocabulary) + quote
  }

  kin(longest: number): StringState {
    const owed = Math.min(this.#owed, longest + 1)
    const room = this.#room > longest ? Number.POSITIVE_INFINITY : this.#room
    if (owed === this.#owed && room === this.#room) return this
    return this.#language.state(this.#phase, this.#at, owed, room, this.#left, this.#value)
  }

  #to(phase: Phase, left = 0, value = 0): StringState {
    return this.#language.state(phase, this.#at, this.#owed, this.#room, left, value)
  }

  #body(byte: number): StringState | undefined {
    const language = this.#language
    if (byte === QUOTE) {
      const ends = this.#owed === 0 && language.dfa.accepting[this.#at] === 1
      return ends ? language.state('closed', 0, 0, 0, 0, 0) : undefined
    }
    if (this.#room === 0) return undefined
    if (byte === BACKSLASH) return language.goesOn(this.#at, 0, 0x10ffff) ? this.#to('escape') : undefined
    if (byte < 0x20) return undefined
    if (byte < 0x80) return this.#whole(byte)
    if (byte >= 0xc2 && byte < 0xe0) return this.#begun('utf8', 1, byte & 0x1f)
    if (byte >= 0xe0 && byte < 0xf0) return this.#begun('utf8', 2, byte & 0x0f)
    if (byte >= 0xf0 && byte < 0xf5) return this.#begun('utf8', 3, byte & 0x07)
    return undefined
  }

  #continuation(byte: number): StringState | undefined {
    if (byte < 0x80 || byte > 0xbf) return undefined
    const value = this.#value * 64 + (byte & 0x3f)
    // Overlong: after two bytes of three, or of four, this would have been a shorter form.
    if ((this.#left === 2 && value < 32) || (this.#left === 3 && value < 16)) return undefined
    return this.#left === 1 ? this.#whole(value) : this.#begun('utf8', this.#left - 1, value)
  }

  #escape(byte: number): StringState | undefined {
    if (byte === 0x75) return this.#to('hex', 4, 0)
    const char = SHORT_ESCAPES.get(byte)
    return char === undefined ? undefined : this.#whole(char)
  }

  #digit(byte: number): StringState | undefined {
    const digit = hexDigit(byte)
    if (digit < 0) return undefined
    const left = this.#left - 1
    if (this.#phase === 'hex') {
      const value = this.#value * 16 + digit
      if (left > 0) return this.#begun('hex', left, value)
      if (value < 0xd800 || value > 0xdfff) return this.#whole(value)
      // The high half of a pair: ten bits of the character.
      return value < 0xdc00 ? this.#begun('low-slash', 0, value - 0xd800) : undefined
    }
    // The low half runs from DC00 to DFFF: a D, then C to F for two bits of the character, then eight bits.
    if (left === 3) return digit === 0xd ? this.#begun('low-hex', 3, this.#value) : undefined
    if (left === 2 && digit < 0xc) return undefined
    const value = left === 2 ? this.#value * 4 + digit - 0xc : this.#value * 16 + digit
    return left > 0 ? this.#begun('low-hex', left, value) : this.#whole(0x10000 + value)
  }

  /** A state within a character, if the language has one of those that it can become. */
  #begun(phase: Phase, left: number, value: number): StringState | undefined {
    for (const [low, high] of becomes(phase, left, value)) {
      if (this.#language.goesOn(this.#at, low, high)) return this.#to(phase, left, value)
    }
    return undefined
  }

  #whole(codePoint: number): StringState | undefined {
    if (codePoint > 0x10ffff || this.#room === 0) return undefined
    const target = this.#language.target(this.#at, codePoint)
    if (target < 0) return undefined
    return this.#language.state('body', target, Math.max(0, this.#owed - 1), this.#room - 1, 0, 0)
  }

  #rest(vocabulary: Vocabulary, at = this.#at, owed = this.#owed): number {
    const { dfa } = this.#language
    if (owed > 0 && dfa.accepting.length === 1) return owed * this.#language.cheapest(vocabulary)
    return this.#language.ends(vocabulary)[at]!
  }

  /** Tokens that finish the character, and then the string but its quote. */
  #within(vocabulary: Vocabulary): number {
    const after = Math.max(0, this.#owed - 1)
    if (this.#phase === 'utf8')
      return this.#left + this.#best(vocabulary, becomes('utf8', this.#left, this.#value), after)
    const digits = spellsHex(vocabulary) ? 0 : Number.POSITIVE_INFINITY
    if (this.#phase !== 'escape') {
      const left = { 'low-slash': 6, 'low-u': 5 }[this.#phase as string] ?? this.#left
      // Four digits may turn out to be the first half of a pair.
      const pair = this.#phase === 'hex' ? 6 : 0
      return (
        digits + left + pair + this.#best(vocabulary, becomes(this.#phase, this.#left, this.#value), after)
      )
    }
    let best = digits + 11 + this.#best(vocabulary, [[0, 0x10ffff]], after)
    for (const [letter, char] of SHORT_ESCAPES) {
      const target = this.#language.target(this.#at, char)
      if (target >= 0) best = Math.min(best, vocabulary.cost(letter) + this.#rest(vocabulary, target, after))
    }
    return best
  }

  #best(vocabulary: Vocabulary, ranges: readonly (readonly [number, number])[], owed: number): number {
    let best = Number.POSITIVE_INFINITY
    for (const [low, high] of ranges) {
      for (const target of this.#language.targets(this.#at, low, high)) {
        best = Math.min(best, this.#rest(vocabulary, target, owed))
      }
    }
    return best
  }
}

/** The characters that a begun one can still become; overlong forms and surrogates are none. */
function becomes(phase: Phase, left: number, value: number): [number, number][] {
  if (phase === 'utf8') {
    const [low, high] = [value * 64 ** left, (value + 1) * 64 ** left - 1]
    const least = left === 2 && value < 16 ? 0x800 : left === 3 ? 0x10000 : 0
    return valid(Math.max(low, least), high)
  }
  if (phase === 'hex') {
    const [low, high] = [value * 16 ** left, (value + 1) * 16 ** left - 1]
    const pairs: [number, number][] =
      high >= 0xd800 && low <= 0xdbff
        ? [
            [
              0x10000 + (Math.max(low, 0xd800) - 0xd800) * 1024,
              0x10000 + (Math.min(high, 0xdbff) - 0xd800) * 1024 + 1023,
            ],
          ]
        : []
    return [...valid(low, high), ...pairs]
  }
  // The ten bits of the high half, then more as they come.
  const size = phase === 'low-hex' && left < 3 ? 16 ** left : 1024
  return [[0x10000 + value * size, 0x10000 + (value + 1) * size - 1]]
}

function valid(low: number, high: number): [number, number][] {
  const ranges: [number, number][] = [
    [low, Math.min(high, 0xd7ff)],
    [Math.max(low, 0xe000), Math.min(high, 0x10ffff)],
  ]
  return ranges.filter(([from, to]) => from <= to)
}

function spellsHex(vocabulary: Vocabulary): boolean {
  return [...'\\u0123456789abcdef'].every((char) => vocabulary.cost(char.codePointAt(0)!) === 1)
}

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const letter = byte | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1
}

/** The fewest tokens for a character of each class, as JSON writes it. */
function classCosts(classes: Int32Array, vocabulary: Vocabulary): Float64Array {
  const costs = new Float64Array(classes.length).fill(Number.POSITIVE_INFINITY)
  const offer = (c: number, cost: number) => {
    if (cost < costs[c]!) costs[c] = cost
  }
  const slash = vocabulary.cost(BACKSLASH)
  for (const [letter, char] of SHORT_ESCAPES) offer(classOf(classes, char), slash + vocabulary.cost(letter))
  if (!vocabulary.spellsBytes) {
    for (const char of vocabulary.characters) {
      if (char >= 0x20 && char !== QUOTE && char !== BACKSLASH) offer(classOf(classes, char), 1)
    }
    return costs
  }
  for (let c = 0; c < classes.length; c++) {
    const [low, high] = [classes[c]!, (classes[c + 1] ?? 0x110000) - 1]
    for (let char = low; char <= Math.min(high, 0x7f); char++) {
      if (char >= 0x20 && char !== QUOTE && char !== BACKSLASH) offer(c, 1)
      else offer(c, ESCAPED.has(char) ? 2 : 6)
    }
    if (high >= 0x80) offer(c, low < 0x800 ? 2 : low < 0x10000 ? 3 : 4)
  }
  return costs
}
