/**
 * JSON numbers within bounds, exactly: an answer is begun only in ways that can still end within them. Numbers have at most 15
 * digits, so all arithmetic here is exact and every reader reads the number that is written; none has an exponent.
 */
import type { LeafState } from './nodes.js'
import type { Vocabulary } from './types.js'

export interface NumberBounds {
  readonly integer: boolean
  readonly minimum?: number | undefined
  readonly maximum?: number | undefined
  /** Whether the bounds themselves are outside. */
  readonly exclusiveMinimum?: boolean
  readonly exclusiveMaximum?: boolean
  /** A positive integer; the number is then one. */
  readonly multipleOf?: number | undefined
}

const DIGITS = 15
const MINUS = 0x2d
const POINT = 0x2e

/** The state before a number. Where no number is within the bounds, nothing follows it. */
export function numberLeaf(bounds: NumberBounds): LeafState {
  return new NumberLanguage(bounds).start()
}

/** Digits typed so far: `typed` as an integer, `whole` of them before the point, `fraction` after it (-1: no point yet). */
interface Typed {
  readonly negative: boolean
  readonly whole: number
  readonly fraction: number
  readonly typed: number
}

class NumberLanguage {
  readonly integer: boolean
  readonly #multipleOf: number
  readonly #isFree: boolean
  /** By sign (0 positive) and fraction digits: the least and greatest absolute value, in units of the last digit. */
  readonly #least: readonly Float64Array[]
  readonly #greatest: readonly Float64Array[]
  readonly #states = new Map<string, NumberState>()

  constructor(bounds: NumberBounds) {
    const { minimum, maximum, exclusiveMinimum = false, exclusiveMaximum = false, multipleOf } = bounds
    this.integer = bounds.integer || multipleOf !== undefined
    this.#multipleOf = multipleOf ?? 1
    this.#isFree = minimum === undefined && maximum === undefined && multipleOf === undefined
    const low = (sign: 1 | -1) => {
      const [bound, open] = sign > 0 ? [minimum, exclusiveMinimum] : [negated(maximum), exclusiveMaximum]
      return Float64Array.from({ length: DIGITS + 1 }, (_, fraction) =>
        // There is no -0.
        Math.max(sign > 0 ? 0 : 1, bound === undefined ? 0 : unitsAbove(bound, fraction, open)),
      )
    }
    const high = (sign: 1 | -1) => {
      const [bound, open] = sign > 0 ? [maximum, exclusiveMaximum] : [negated(minimum), exclusiveMinimum]
      return Float64Array.from({ length: DIGITS + 1 }, (_, fraction) =>
        bound === undefined ? 10 ** DIGITS : -unitsAbove(-bound, fraction, open),
      )
    }
    this.#least = [low(1), low(-1)]
    this.#greatest = [high(1), high(-1)]
  }

  start(): LeafState {
    return new NumberStart(this)
  }

  /** The state of what is typed, if a number within the bounds begins so. */
  state(typed: Typed): NumberState | undefined {
    // Without bounds only the number of digits matters.
    const key = this.#isFree
      ? `${typed.negative},${typed.whole},${typed.fraction},${typed.typed === 0}`
      : `${typed.negative},${typed.whole},${typed.fraction},${typed.typed}`
    const known = this.#states.get(key)
    if (known) return known
    if (this.toEnd(typed, 1) === Number.POSITIVE_INFINITY) return undefined
    const state = new NumberState(this, typed)
    this.#states.set(key, state)
    return state
  }

  complete({ negative, whole, fraction, typed }: Typed): boolean {
    return whole > 0 && fraction !== 0 && this.#any(negative, Math.max(0, fraction), typed, typed)
  }

  /** Fewest further characters that complete the number, a point counted as `point`. */
  toEnd(at: Typed, point: number): number {
    if (this.complete(at)) return 0
    const { negative, whole, fraction, typed } = at
    let best = Number.POSITIVE_INFINITY
    if (fraction >= 0) {
      for (let more = 1; whole + fraction + more <= DIGITS; more++) {
        if (this.#begins(negative, fraction + more, typed, more)) return more
      }
      return best
    }
    const isZero = whole > 0 && typed === 0
    for (let more = 0; whole + more <= (isZero ? whole : DIGITS) && more < best; more++) {
      if (whole + more === 0) continue
      // Nothing typed yet (but a sign): of one digit any, of more the first is not 0.
      const first = whole === 0 && more > 1 ? 10 ** (more - 1) : typed * 10 ** more
      const last = whole === 0 ? 10 ** more - 1 : typed * 10 ** more + 10 ** more - 1
      if (this.#any(negative, 0, first, last)) best = Math.min(best, more)
      if (this.integer) continue
      for (let digits = 1; whole + more + digits <= DIGITS && more + point + digits < best; digits++) {
        const unit = 10 ** digits
        if (this.#any(negative, digits, first * unit, last * unit + unit - 1)) best = more + point + digits
      }
    }
    return best
  }

  #begins(negative: boolean, fraction: number, typed: number, more: number): boolean {
    const unit = 10 ** more
    return this.#any(negative, fraction, typed * unit, typed * unit + unit - 1)
  }

  /** Whether one of `first..last` units with so many fraction digits is within the bounds. */
  #any(negative: boolean, fraction: number, first: number, last: number): boolean {
    const sign = negative ? 1 : 0
    const low = Math.max(first, this.#least[sign]![fraction]!)
    const high = Math.min(last, this.#greatest[sign]![fraction]!)
    return low <= high && high - (high % this.#multipleOf) >= low
  }
}

class NumberStart implements LeafState {
  readonly accepting = false
  readonly #language: NumberLanguage

  constructor(language: NumberLanguage) {
    this.#language = language
  }

  next(byte: number): LeafState | undefined {
    if (byte === MINUS) return this.#language.state({ ...nothing, negative: true })
    return digitOf(byte) < 0
      ? undefined
      : this.#language.state({ ...nothing, whole: 1, typed: digitOf(byte) })
  }

  remaining(vocabulary: Vocabulary): number {
    if (!spellsDigits(vocabulary)) return Number.POSITIVE_INFINITY
    const point = vocabulary.cost(POINT)
    return Math.min(
      this.#language.toEnd(nothing, point),
      vocabulary.cost(MINUS) + this.#language.toEnd({ ...nothing, negative: true }, point),
    )
  }

  kin(): LeafState {
    return this
  }
}

class NumberState implements LeafState {
  readonly accepting: boolean
  readonly #language: NumberLanguage
  readonly #at: Typed

  constructor(language: NumberLanguage, at: Typed) {
    this.#language = language
    this.#at = at
    this.accepting = language.complete(at)
  }

  next(byte: number): LeafState | undefined {
    const { whole, fraction, typed } = this.#at
    if (byte === POINT) {
      if (this.#language.integer || whole === 0 || fraction >= 0 || whole === DIGITS) return undefined
      return this.#language.state({ ...this.#at, fraction: 0 })
    }
    const digit = digitOf(byte)
    if (digit < 0 || whole + Math.max(0, fraction) >= DIGITS) return undefined
    if (fraction >= 0)
      return this.#language.state({ ...this.#at, fraction: fraction + 1, typed: typed * 10 + digit })
    if (whole > 0 && typed === 0) return undefined
    return this.#language.state({ ...this.#at, whole: whole + 1, typed: typed * 10 + digit })
  }

  remaining(vocabulary: Vocabulary): number {
    return this.#language.toEnd(this.#at, vocabulary.cost(POINT))
  }

  kin(): LeafState {
    return this
  }
}

const nothing: Typed = { negative: false, whole: 0, fraction: -1, typed: 0 }

const digitOf = (byte: number): number => (byte >= 0x30 && byte <= 0x39 ? byte - 0x30 : -1)

function spellsDigits(vocabulary: Vocabulary): boolean {
  for (let byte = 0x30; byte <= 0x39; byte++) if (vocabulary.cost(byte) !== 1) return false
  return true
}

const negated = (bound: number | undefined) => (bound === undefined ? undefined : -bound)

/** The least integer n with n / 10^fraction >= bound (> bound where it is open), of the decimal that the bound is written as. */
function unitsAbove(bound: number, fraction: number, open: boolean): number {
  const limit = 10 ** DIGITS
  const [, sign, whole = '0', decimals = '', exponent = '0'] = /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(
    String(bound),
  )!
  const digits = BigInt(whole + decimals) * (sign === '-' ? -1n : 1n)
  const shift = fraction + Number(exponent) - decimals.length
  if (digits !== 0n && shift > 400) return digits > 0n ? limit : -limit
  if (shift < -400) return digits > 0n || (digits === 0n && open) ? 1 : 0
  const scale = 10n ** BigInt(Math.abs(shift))
  let units = shift >= 0 ? digits * scale : digits / scale
  const isExact = shift >= 0 || digits % scale === 0n
  // Division of BigInt cuts towards zero, which for negative numbers is upwards already.
  if (isExact ? open : digits > 0n) units += 1n
  const clipped = units > BigInt(limit) ? limit : units < BigInt(-limit) ? -limit : Number(units)
  return clipped === 0 ? 0 : clipped
}
