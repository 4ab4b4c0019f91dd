/** The losses of policy and critic over the tokens of answers: symbolic, for compiled updates. */
import {
  add,
  cast,
  clip,
  div,
  exp,
  greater,
  logSoftmax,
  maximum,
  minimum,
  mul,
  neg,
  reshape,
  square,
  sub,
  sum,
  type Tensor,
  takeAlongAxis,
} from '../../tensor/index.js'

/** Mean over the tokens that the mask (f32, 1 or 0) has: a scalar; 0 where it has none. */
export function maskedMean(x: Tensor, mask: Tensor): Tensor {
  return div(sum(mul(x, mask)), maximum(sum(mask), 1))
}

/** ln p of each target under softmax(logits / temperature), and the entropy there: logits [..., V], targets i32 [...]. */
export function tokenLogProbs(
  logits: Tensor,
  targets: Tensor,
  temperature = 1,
): { logProbs: Tensor; entropy: Tensor } {
  const all = logSoftmax(temperature === 1 ? logits : mul(logits, 1 / temperature))
  const column = reshape(targets, [...targets.shape, 1])
  return {
    logProbs: reshape(takeAlongAxis(all, column), targets.shape),
    entropy: neg(sum(mul(exp(all), all), -1)),
  }
}

export interface PolicyLossInput {
  /** ln p of the tokens now, when they were drawn, and what they were worth: one shape. */
  readonly logProbs: Tensor
  readonly oldLogProbs: Tensor
  readonly advantages: Tensor
  /** f32: 1 for tokens, 0 for what fills up. */
  readonly mask: Tensor
  /** The ratio is clipped to [1 - clipLow, 1 + clipHigh]. */
  readonly clipLow: number
  readonly clipHigh: number
}

/** PPO's clipped objective per token, max(-A r, -A clip(r)), and what is watched of it (Schulman et al. 2017). */
export function clippedPolicyTerms({
  logProbs,
  oldLogProbs,
  advantages,
  mask,
  clipLow,
  clipHigh,
}: PolicyLossInput) {
  // Padding would otherwise bring the difference of two numbers that mean nothing, perhaps an infinite ratio.
  const change = mul(sub(logProbs, oldLogProbs), mask)
  const ratio = exp(change)
  const free = mul(neg(advantages), ratio)
  const held = mul(neg(advantages), clip(ratio, 1 - clipLow, 1 + clipHigh))
  return {
    terms: maximum(free, held),
    clipFraction: maskedMean(cast(greater(held, free), 'f32'), mask),
    /** Half the mean squared change of ln p: the k2 estimate of how far the update has gone. */
    approxKl: mul(maskedMean(square(change), mask), 0.5),
    ratio: maskedMean(ratio, mask),
  }
}

/** The mean of `clippedPolicyTerms` over all tokens of the minibatch. */
export function policyLoss(input: PolicyLossInput) {
  const { terms, ...watched } = clippedPolicyTerms(input)
  return { loss: maskedMean(terms, input.mask), ...watched }
}

export interface ValueLossInput {
  readonly values: Tensor
  readonly oldValues: Tensor
  readonly returns: Tensor
  readonly mask: Tensor
  /** How far a value may move from the old one before its gradient ends. */
  readonly clipRange: number
}

/** 1/2 mean max((V - R)^2, (clip(V, V_old +- range) - R)^2). */
export function valueLoss({ values, oldValues, returns, mask, clipRange }: ValueLossInput) {
  const near = minimum(maximum(values, sub(oldValues, clipRange)), add(oldValues, clipRange))
  const free = square(sub(values, returns))
  const held = square(sub(near, returns))
  return {
    loss: mul(maskedMean(maximum(free, held), mask), 0.5),
    clipFraction: maskedMean(cast(greater(held, free), 'f32'), mask),
  }
}
