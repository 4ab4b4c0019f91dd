/** From scores to advantages: plain arithmetic on the host, one row of tokens per answer. */

/**
 * Numbers of the tokens of N answers: row-major [N, width]. Row i has `lengths[i]` valid tokens in front; what stands behind
 * them is padding, which nothing here reads and which comes out as 0.
 */
export interface AnswerShape {
  readonly lengths: ArrayLike<number>
  readonly width: number
}

/** Estimators of KL(policy | reference) from samples of the policy (Schulman, "Approximating KL divergence", 2020). */
export type KlEstimator = keyof typeof klEstimators

/** One token's estimate from d = ln policy - ln reference. */
export const klEstimators = {
  /** d: unbiased, of either sign. */
  k1: (d: number) => d,
  /** d^2 / 2: biased, of low variance, never negative. */
  k2: (d: number) => (d * d) / 2,
  /** exp(-d) - 1 + d: unbiased, of low variance, never negative. */
  k3: (d: number) => Math.exp(-d) - 1 + d,
} as const

/** The KL estimates of all tokens. */
export function tokenKl(
  logProbs: Float32Array,
  referenceLogProbs: Float32Array,
  shape: AnswerShape,
  estimator: KlEstimator = 'k1',
): Float32Array {
  const estimate = klEstimators[estimator]
  return mapTokens(shape, (at) => estimate(logProbs[at]! - referenceLogProbs[at]!))
}

/**
 * The reward of each token: -beta KL everywhere, and the answer's score at its last valid token only (Ziegler et al. 2019).
 * An answer without tokens has none.
 */
export function tokenRewards(
  scores: ArrayLike<number>,
  kl: Float32Array,
  beta: number,
  shape: AnswerShape,
): Float32Array {
  const { lengths, width } = shape
  return mapTokens(shape, (at, row) => {
    const last = at === row * width + lengths[row]! - 1
    return -beta * kl[at]! + (last ? scores[row]! : 0)
  })
}

export interface GaeOptions {
  readonly gamma?: number
  readonly lambda?: number
}

/**
 * Generalised advantage estimation (Schulman et al. 2016): A_t = sum_k (gamma lambda)^k delta_{t+k} with
 * delta_t = r_t + gamma V_{t+1} - V_t, where the value after an answer's end is 0. `values[t]` is the value before token t is
 * chosen. Returns are advantages + values, of the advantages as they are: whiten afterwards.
 */
export function gae(
  rewards: Float32Array,
  values: Float32Array,
  shape: AnswerShape,
  { gamma = 1, lambda = 0.95 }: GaeOptions = {},
): { advantages: Float32Array; returns: Float32Array } {
  const { lengths, width } = shape
  const advantages = new Float32Array(rewards.length)
  const returns = new Float32Array(rewards.length)
  for (let row = 0; row < lengths.length; row++) {
    let [following, nextValue] = [0, 0]
    for (let t = lengths[row]! - 1; t >= 0; t--) {
      const at = row * width + t
      const delta = rewards[at]! + gamma * nextValue - values[at]!
      following = delta + gamma * lambda * following
      nextValue = values[at]!
      advantages[at] = following
      returns[at] = following + values[at]!
    }
  }
  return { advantages, returns }
}

/** Mean and variance (with Bessel's correction; 0 for a single token) of the valid tokens. */
export function tokenMoments(
  x: Float32Array,
  shape: AnswerShape,
): { count: number; mean: number; variance: number } {
  let [count, total] = [0, 0]
  eachToken(shape, (at) => {
    count++
    total += x[at]!
  })
  const mean = count === 0 ? 0 : total / count
  let squares = 0
  eachToken(shape, (at) => {
    squares += (x[at]! - mean) ** 2
  })
  return { count, mean, variance: count < 2 ? 0 : squares / (count - 1) }
}

/**
 * The valid tokens scaled to variance 1, their mean removed or kept: advantages lose theirs, rewards keep it (else a batch of
 * good answers would be worth as much as a batch of bad ones). The variance is the unbiased one, as in TRL (OpenAI's 2019 code
 * divides by n; over a batch of answers the difference is below a thousandth), with 1e-8 added.
 */
export function whiten(
  x: Float32Array,
  shape: AnswerShape,
  { keepMean = false }: { keepMean?: boolean } = {},
): Float32Array {
  const { mean, variance } = tokenMoments(x, shape)
  const scale = 1 / Math.sqrt(variance + 1e-8)
  return mapTokens(shape, (at) => (x[at]! - mean) * scale + (keepMean ? mean : 0))
}

/** Sums over each answer's tokens: [N]. */
export function answerSums(x: Float32Array, shape: AnswerShape): Float64Array {
  const sums = new Float64Array(shape.lengths.length)
  eachToken(shape, (at, row) => {
    sums[row]! += x[at]!
  })
  return sums
}

/** Mean and standard deviation (n - 1) of plain numbers. */
export function moments(values: ArrayLike<number>): { mean: number; std: number } {
  const { mean, variance } = tokenMoments(Float32Array.from(values), {
    lengths: [values.length],
    width: values.length,
  })
  return { mean, std: Math.sqrt(variance) }
}

function eachToken({ lengths, width }: AnswerShape, visit: (at: number, row: number) => void): void {
  for (let row = 0; row < lengths.length; row++) {
    for (let t = 0; t < lengths[row]!; t++) visit(row * width + t, row)
  }
}

function mapTokens(shape: AnswerShape, map: (at: number, row: number) => number): Float32Array {
  const out = new Float32Array(shape.lengths.length * shape.width)
  eachToken(shape, (at, row) => {
    out[at] = map(at, row)
  })
  return out
}
