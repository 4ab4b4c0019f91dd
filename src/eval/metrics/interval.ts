/** How sure a measured number is: Wilson's interval for rates, the bootstrap for everything else. */
import { Rng } from '../../rng.js'
import { EvaluationError } from '../errors.js'

/** A measured number with its confidence interval; `low` and `high` equal `value` where there is nothing to resample. */
export interface Estimate {
  readonly value: number
  readonly low: number
  readonly high: number
  /** Examples that it was measured on. */
  readonly n: number
  /** Confidence, such as 0.95. */
  readonly level: number
  readonly method: 'wilson' | 'bootstrap' | 'none'
}

export interface IntervalOptions {
  /** Confidence. Default 0.95. */
  readonly level?: number
  /** Bootstrap samples. Default 1000. */
  readonly resamples?: number
  readonly seed: number
}

/**
 * A rate of `successes` in `n` with Wilson's score interval (Wilson 1927), which stays within [0, 1] and is honest for few
 * examples and for rates of 0 and 1.
 */
export function wilson(successes: number, n: number, level = 0.95): Estimate {
  checkLevel(level)
  if (!(n >= 1) || successes < 0 || successes > n) {
    throw new EvaluationError(
      'eval/options',
      `a rate needs 0 <= successes <= n and n >= 1, not ${successes} of ${n}`,
    )
  }
  const z = normalQuantile(0.5 + level / 2)
  const rate = successes / n
  const shrink = 1 + z ** 2 / n
  const centre = (rate + z ** 2 / (2 * n)) / shrink
  const half = (z / shrink) * Math.sqrt((rate * (1 - rate)) / n + z ** 2 / (4 * n ** 2))
  return {
    value: rate,
    low: successes === 0 ? 0 : Math.max(0, centre - half),
    high: successes === n ? 1 : Math.min(1, centre + half),
    n,
    level,
    method: 'wilson',
  }
}

/**
 * A statistic of `n` examples with the percentile interval of the bootstrap (Efron 1979): the examples are drawn again with
 * replacement, and the statistic is computed from their indices each time. Resamples where it is undefined (NaN) are left out.
 */
export function bootstrap(
  n: number,
  statistic: (indices: Int32Array) => number,
  { level = 0.95, resamples = 1000, seed }: IntervalOptions,
): Estimate {
  checkLevel(level)
  if (!Number.isInteger(resamples) || resamples < 1)
    throw new EvaluationError('eval/options', `resamples must be a positive integer, not ${resamples}`)
  if (!(n >= 1)) throw new EvaluationError('eval/options', 'there is nothing to resample')
  const value = statistic(Int32Array.from({ length: n }, (_, i) => i))
  if (n === 1) return { value, low: value, high: value, n, level, method: 'none' }
  const rng = Rng.seed(seed).fork('bootstrap')
  const indices = new Int32Array(n)
  const found: number[] = []
  for (let draw = 0; draw < resamples; draw++) {
    for (let i = 0; i < n; i++) indices[i] = rng.integer(n)
    const resampled = statistic(indices)
    if (!Number.isNaN(resampled)) found.push(resampled)
  }
  const sorted = Float64Array.from(found).sort()
  const tail = (1 - level) / 2
  return {
    value,
    low: sorted.length > 0 ? quantile(sorted, tail) : value,
    high: sorted.length > 0 ? quantile(sorted, 1 - tail) : value,
    n,
    level,
    method: 'bootstrap',
  }
}

/** The mean with its interval: Wilson's where every value is 0 or 1, otherwise the bootstrap's. */
export function meanEstimate(values: ArrayLike<number>, options: IntervalOptions): Estimate {
  const list = Float64Array.from(values)
  if (list.every((value) => value === 0 || value === 1))
    return wilson(list.reduce(sum, 0), list.length, options.level)
  return bootstrap(list.length, meanOf(list), options)
}

/**
 * The mean difference a - b of two systems measured on the same examples, resampled in pairs, so that what makes an example
 * hard for both cancels out.
 */
export function pairedDifference(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  options: IntervalOptions,
): Estimate {
  if (a.length !== b.length) {
    throw new EvaluationError(
      'eval/options',
      `a paired difference needs the same examples on both sides, not ${a.length} and ${b.length}`,
    )
  }
  return bootstrap(a.length, meanOf(Float64Array.from(a, (value, i) => value - b[i]!)), options)
}

function meanOf(values: Float64Array): (indices: Int32Array) => number {
  return (indices) => {
    let total = 0
    for (const index of indices) total += values[index]!
    return total / indices.length
  }
}

const sum = (total: number, value: number) => total + value

/** The q-quantile of sorted values, linear between neighbours (numpy's default). */
export function quantile(sorted: ArrayLike<number>, q: number): number {
  const at = q * (sorted.length - 1)
  const below = Math.floor(at)
  const low = sorted[below]!
  const high = sorted[Math.min(below + 1, sorted.length - 1)]!
  return low + (high - low) * (at - below)
}

/** The value that a standard normal variable stays below with probability `p` in (0, 1). */
export function normalQuantile(p: number): number {
  if (p < 0.5) return -normalQuantile(1 - p)
  let [low, high] = [0, 40]
  for (let i = 0; i < 100; i++) {
    const middle = (low + high) / 2
    if (normalCdf(middle) < p) low = middle
    else high = middle
  }
  return (low + high) / 2
}

/** P(Z < x) for x >= 0, from erf's series of positive terms (Abramowitz and Stegun 7.1.6). */
function normalCdf(x: number): number {
  if (x > 9) return 1
  let [term, total] = [x, x]
  for (let k = 3; term > total * 1e-17; k += 2) {
    term *= x ** 2 / k
    total += term
  }
  return 0.5 + (total * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI)
}

function checkLevel(level: number): void {
  if (!(level > 0 && level < 1))
    throw new EvaluationError('eval/options', `the confidence level must lie between 0 and 1, not ${level}`)
}
