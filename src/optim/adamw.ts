/** Adam with decoupled weight decay. */
import { z } from 'zod'
import {
  add,
  cast,
  div,
  leavesWithPaths,
  mul,
  NDArray,
  scalar,
  sqrt,
  sub,
  type Tensor,
  type TensorType,
  tanh,
} from '../tensor/index.js'
import { parseOptions } from './config.js'
import {
  carryOver,
  decayed,
  type Groups,
  groupOf,
  type Optimizer,
  readScale,
  scaled,
  stepScalars,
  updateLeaves,
  zerosLike,
} from './optimizer.js'

const beta = z.number().min(0).lt(1)

export const adamwConfig = z.strictObject({
  /** Decay of the running mean of gradients. */
  beta1: beta.default(0.9),
  /** Decay of the running mean of their squares. */
  beta2: beta.default(0.95),
  eps: z.number().positive().default(1e-8),
  /** Multiplied by the learning rate; see Group for what it is applied to. */
  weightDecay: z.number().min(0).default(0.1),
})

export type AdamWOptions = z.input<typeof adamwConfig> & { readonly groups?: Groups }

/**
 * AdamW (Loshchilov & Hutter, "Decoupled Weight Decay Regularization", 2019), with the results of torch.optim.AdamW:
 *
 *     m <- b1 m + (1 - b1) g        v <- b2 v + (1 - b2) g^2
 *     p <- p (1 - lr wd) - lr m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + eps)
 *
 * An update is bound by memory, so what counts is the number of passes over the parameters. The state holds m and v divided
 * by the constants 1 - b1 and 1 - b2 (and by the gradients' scale, see `carryOver`), and every factor moves into two
 * scalars: 11 passes with weight decay, clipping included, 10 without. State: `m` and `v` by path; `scale`.
 * @throws OptimError when an option is out of range
 */
export function adamw(options: AdamWOptions = {}): Optimizer {
  const { groups, ...numbers } = options
  const { beta1, beta2, eps, weightDecay } = parseOptions('adamw', adamwConfig, numbers)
  return {
    init(params) {
      for (const [path, type] of leavesWithPaths<TensorType>(params)) groupOf(groups, weightDecay, path, type)
      return { m: zerosLike(params), v: zerosLike(params), scale: NDArray.scalar(1) }
    },

    update(params, grads, state, context) {
      const { lr, step, gradScale } = stepScalars(context)
      const ratio = carryOver(1, readScale(state), gradScale)
      const keep1 = mul(ratio, beta1)
      const keep2 = mul(mul(ratio, ratio), beta2)
      // With m = (1 - b1) s M and v = (1 - b2) s^2 V:  m^ / (sqrt(v^) + eps) = rate M / (sqrt(V) + floor).
      const spread = sqrt(div(1 - beta2, oneMinusPower(beta2, step)))
      const floor = div(eps, mul(spread, gradScale))
      const rate = div(1 - beta1, mul(oneMinusPower(beta1, step), spread))

      const next = updateLeaves(params, grads, { m: state.m, v: state.v }, (path, p, g, old) => {
        const group = groupOf(groups, weightDecay, path, p)
        const rateHere = mul(lr, group.lr)
        const m = add(scaled(old.m, keep1), g)
        const v = add(scaled(old.v, keep2), mul(g, g))
        const direction = div(m, add(sqrt(v), cast(floor, p.dtype)))
        const kept = decayed(p, rateHere, group.weightDecay)
        return [sub(kept, scaled(direction, mul(rateHere, rate))), { m, v }]
      })
      return { params: next.params, state: { ...next.state, scale: gradScale } }
    },
  }
}

/**
 * 1 - beta^step without cancellation: with T = tanh(-step ln(beta) / 2) it is 2 T / (1 + T). (At step 1 and beta 0.999 the
 * plain formula loses four digits in f32.)
 */
export function oneMinusPower(beta: number, step: Tensor): Tensor {
  if (beta === 0) return scalar(1)
  const t = tanh(mul(step, -Math.log(beta) / 2))
  return div(mul(t, 2), add(t, 1))
}
