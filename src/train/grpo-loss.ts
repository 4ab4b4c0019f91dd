/** The arithmetic of GRPO: advantages within groups, and the loss with its KL term. */
import { add, exp, mul, neg, square, sub, sum, type Tensor } from '../tensor/index.js'
import type { GrpoRecipe } from './grpo-recipe.js'
import { clippedPolicyTerms, maskedMean } from './ppo/losses.js'

/**
 * Each score less the mean of its group, over the group's standard deviation (n - 1) + 1e-4 where they are 'scaled' (Shao et al.
 * 2024); 'centred' leaves that out, as it favours prompts whose answers hardly differ (Liu et al. 2025). Groups stand together in
 * `scores`. A group of equal scores has nothing to teach: all 0.
 */
export function groupAdvantages(
  scores: Float32Array,
  groupSize: number,
  kind: GrpoRecipe['advantages'],
): Float32Array {
  const out = new Float32Array(scores.length)
  for (let start = 0; start < scores.length; start += groupSize) {
    const group = scores.subarray(start, start + groupSize)
    const mean = group.reduce((total, score) => total + score, 0) / group.length
    const squares = group.reduce((total, score) => total + (score - mean) ** 2, 0)
    const std = Math.sqrt(squares / Math.max(1, group.length - 1))
    group.forEach((score, i) => {
      out[start + i] = kind === 'scaled' ? (score - mean) / (std + 1e-4) : score - mean
    })
  }
  return out
}

/**
 * What each of a minibatch's tokens weighs in the loss, one answer after the other, [K] with zeros at the end: 'sequence' gives
 * each answer the same weight (GRPO), 'token' each token (DAPO, Yu et al. 2025), 'constant' each token 1 / maxTokens of its answer
 * (Dr. GRPO, Liu et al. 2025).
 */
export function tokenWeights(
  lengths: readonly number[],
  K: number,
  kind: GrpoRecipe['lossMean'],
  maxTokens: number,
): Float32Array {
  const answers = lengths.filter((n) => n > 0).length
  const tokens = lengths.reduce((total, n) => total + n, 0)
  const weights = new Float32Array(K)
  let at = 0
  for (const n of lengths) {
    const weight = {
      sequence: 1 / (n * answers),
      token: 1 / tokens,
      constant: 1 / (lengths.length * maxTokens),
    }
    weights.fill(weight[kind], at, at + n)
    at += n
  }
  return weights
}

export interface GrpoLossInput {
  /** [K] each: ln p now, when the tokens were drawn, and under the reference. */
  readonly logProbs: Tensor
  readonly oldLogProbs: Tensor
  readonly referenceLogProbs: Tensor
  /** [K]: the advantage of the whole answer at each of its tokens. */
  readonly advantages: Tensor
  /** f32 [K]: 1 for tokens, 0 for what fills up; and what they weigh. */
  readonly mask: Tensor
  readonly weights: Tensor
  readonly clipLow: number
  readonly clipHigh: number
  readonly beta: number
  readonly klEstimator: GrpoRecipe['klEstimator']
}

/** The sum over tokens of weight (clipped policy term + beta KL). */
export function grpoLoss(input: GrpoLossInput) {
  const { logProbs, referenceLogProbs, mask, weights, beta, klEstimator } = input
  const { terms, ...watched } = clippedPolicyTerms(input)
  const d = mul(sub(logProbs, referenceLogProbs), mask)
  const kl = klEstimator === 'k2' ? mul(square(d), 0.5) : add(sub(exp(neg(d)), 1), d)
  const whole = beta > 0 ? add(terms, mul(kl, beta)) : terms
  // Not only a product with the weights: padding could hold what a zero does not undo.
  return { loss: sum(mul(mul(whole, mask), weights)), kl: maskedMean(kl, mask), ...watched }
}
