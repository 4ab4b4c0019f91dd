/**
 * What preferences teach: the loss of a reward model (Stiennon et al. 2020; Ouyang et al. 2022) and those of DPO (Rafailov et
 * al. 2023), IPO (Azar et al. 2023) and conservative DPO (Mitchell 2023). Symbolic; n comparisons, one number each.
 */
import {
  add,
  cast,
  div,
  greater,
  log,
  logSigmoid,
  mul,
  neg,
  relu,
  sigmoid,
  square,
  sub,
  sum,
  type Tensor,
} from '../tensor/index.js'

export interface ComparisonLossOptions {
  /**
   * Part of the labels thought to be flipped: P(label) = (1 - f) sigmoid(d) + f sigmoid(-d). Unlike label smoothing it lets
   * the model be as sure as it likes where the data are clear. Default 0.
   */
  readonly flip?: number
}

/**
 * Bradley-Terry loss of each comparison [n]: -t log P(d) - (1 - t) log P(-d), with d = better - worse - margin. The target t
 * [n] is 1 for a plain preference, 1 - e with label smoothing e, 0.5 for a tie (whose margin is 0).
 */
export function comparisonLosses(
  better: Tensor,
  worse: Tensor,
  margin: Tensor,
  target: Tensor,
  { flip = 0 }: ComparisonLossOptions = {},
): Tensor {
  const d = sub(sub(better, worse), margin)
  const logP = (x: Tensor) => (flip === 0 ? logSigmoid(x) : log(add(mul(sigmoid(x), 1 - 2 * flip), flip)))
  return neg(add(mul(target, logP(d)), mul(sub(1, target), logP(neg(d)))))
}

/** sum(w x) / sum(w): rows of weight 0 are padding. */
export function weightedMean(values: Tensor, weights: Tensor): Tensor {
  return div(sum(mul(values, weights)), sum(weights))
}

export type DpoLossType = 'sigmoid' | 'ipo' | 'hinge'

export interface DpoLossOptions {
  readonly type: DpoLossType
  /** How dear it is to leave the reference (tau in IPO). */
  readonly beta: number
  /** Part of the labels thought to be flipped (sigmoid only): conservative DPO. */
  readonly labelSmoothing?: number
}

/** Sums of log-probabilities over the answer's tokens, each [n]; for IPO, which compares means, also their counts. */
export interface AnswerLogProbs {
  readonly chosen: Tensor
  readonly rejected: Tensor
}

/**
 * DPO's loss of each pair [n]. `policy` and `reference` hold sums of log p over the answers' tokens. With r = log p - log p_ref
 * and h = r(chosen) - r(rejected): -(1 - e) log sigmoid(beta h) - e log sigmoid(-beta h); hinge: max(0, 1 - beta h); IPO:
 * (h - 1/(2 beta))^2, where r is the mean over the answer's tokens (as its authors' code has it), with `counts` [n] each.
 */
export function dpoLosses(
  policy: AnswerLogProbs,
  reference: AnswerLogProbs,
  counts: AnswerLogProbs,
  { type, beta, labelSmoothing = 0 }: DpoLossOptions,
): Tensor {
  const chosen = sub(policy.chosen, reference.chosen)
  const rejected = sub(policy.rejected, reference.rejected)
  if (type === 'ipo') {
    const h = sub(div(chosen, counts.chosen), div(rejected, counts.rejected))
    return square(sub(h, 1 / (2 * beta)))
  }
  const h = mul(sub(chosen, rejected), beta)
  if (type === 'hinge') return relu(sub(1, h))
  const plain = mul(logSigmoid(h), labelSmoothing - 1)
  return labelSmoothing === 0 ? plain : sub(plain, mul(logSigmoid(neg(h)), labelSmoothing))
}

/** What DPO's implicit reward beta (log p - log p_ref) says of the pairs, averaged: the names are TRL's. */
export function dpoMetrics(
  policy: AnswerLogProbs,
  reference: AnswerLogProbs,
  beta: number,
  weights: Tensor,
): Record<string, Tensor> {
  const average = (x: Tensor) => weightedMean(x, weights)
  const chosen = mul(sub(policy.chosen, reference.chosen), beta)
  const rejected = mul(sub(policy.rejected, reference.rejected), beta)
  return {
    'rewards/chosen': average(chosen),
    'rewards/rejected': average(rejected),
    'rewards/margins': average(sub(chosen, rejected)),
    'rewards/accuracies': average(cast(greater(chosen, rejected), 'f32')),
    'logps/chosen': average(policy.chosen),
    'logps/rejected': average(policy.rejected),
  }
}
