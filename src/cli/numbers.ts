/** Parsers of flag values: text in, a checked value out; what is wrong is said in terms of the flag. */
import { InvalidArgumentError } from 'commander'

export interface Range {
  readonly min?: number
  readonly max?: number
  /** The value itself is not allowed, only what lies above it. */
  readonly above?: number
  readonly below?: number
}

/** A whole number. Digits may be grouped: 1_000_000. */
export function integer(range: Range = {}): (text: string) => number {
  return (text) => {
    const value = /^[+-]?\d+(_\d+)*$/.test(text) ? Number(text.replaceAll('_', '')) : Number.NaN
    if (!Number.isSafeInteger(value) || !isWithin(value, range)) throw wrong('a whole number', range)
    return value
  }
}

/** A number, also written as 3e-4. */
export function decimal(range: Range = {}): (text: string) => number {
  return (text) => {
    const value = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : Number.NaN
    if (!Number.isFinite(value) || !isWithin(value, range)) throw wrong('a number', range)
    return value
  }
}

/** Whole numbers between commas or white space: "1,2,3". */
export function integerList(range: Range = {}): (text: string) => number[] {
  const parse = integer(range)
  return (text) => {
    const items = text.split(/[\s,]+/).filter((item) => item !== '')
    if (items.length === 0)
      throw new InvalidArgumentError('It must be whole numbers with commas between them.')
    return items.map((item) => {
      try {
        return parse(item)
      } catch {
        throw new InvalidArgumentError(`${JSON.stringify(item)} is not ${describe('a whole number', range)}.`)
      }
    })
  }
}

/** One of some words. */
export function oneOf<const T extends string>(words: readonly T[]): (text: string) => T {
  return (text) => {
    const word = words.find((candidate) => candidate === text)
    if (word === undefined) throw new InvalidArgumentError(`It must be one of ${words.join(', ')}.`)
    return word
  }
}

/** A text that is not empty. */
export function text(value: string): string {
  if (value === '') throw new InvalidArgumentError('It must not be empty.')
  return value
}

/** Adds up the values of a flag that takes several: `--data a b --data c`. */
export function several(value: string, previous: readonly string[] | undefined): string[] {
  return [...(previous ?? []), text(value)]
}

export const seed = integer({ min: 0 })
export const threads = integer({ min: 1, max: 1024 })

function isWithin(
  value: number,
  { min = -Infinity, max = Infinity, above = -Infinity, below = Infinity }: Range,
) {
  return value >= min && value <= max && value > above && value < below
}

function wrong(kind: string, range: Range): InvalidArgumentError {
  return new InvalidArgumentError(`It must be ${describe(kind, range)}.`)
}

function describe(kind: string, { min, max, above, below }: Range): string {
  const low = min !== undefined ? `${min} or more` : above !== undefined ? `more than ${above}` : undefined
  const high = max !== undefined ? `at most ${max}` : below !== undefined ? `less than ${below}` : undefined
  if (min !== undefined && max !== undefined) return `${kind} from ${min} to ${max}`
  const limits = [low, high].filter((limit) => limit !== undefined).join(' and ')
  return limits === '' ? kind : `${kind}, ${limits}`
}
