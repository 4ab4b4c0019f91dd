/** Stochastic gradient descent. */
import { z } from 'zod'
import { add, div, leavesWithPaths, mul, NDArray, sub, type TensorType } from '../tensor/index.js'
import { parseOptions } from './config.js'
import {
  carryOver,
  decayed,
  type Groups,
  groupOf,
  type Optimizer,
  type OptimizerState,
  readScale,
  scaled,
  stepScalars,
  updateLeaves,
  zerosLike,
} from './optimizer.js'

export const sgdConfig = z
  .strictObject({
    momentum: z.number().min(0).lt(1).default(0),
    nesterov: z.boolean().default(false),
    /** Added to the gradient (L2 regularisation); see Group for what it is applied to. */
    weightDecay: z.number().min(0).default(0),
  })
  .refine(({ momentum, nesterov }) => !nesterov || momentum > 0, {
    path: ['nesterov'],
    error: 'Nesterov momentum needs momentum > 0',
  })

export type SgdOptions = z.input<typeof sgdConfig> & { readonly groups?: Groups }

/**
 * SGD with momentum, with the results of torch.optim.SGD (dampening 0):
 *
 *     d = g + wd p        b <- momentum b + d        p <- p - lr (nesterov ? d + momentum b : b)
 *
 * State: `momentum` by path, divided by the gradients' `scale` (see `carryOver`); nothing without momentum.
 * @throws OptimError when an option is out of range
 */
export function sgd(options: SgdOptions = {}): Optimizer {
  const { groups, ...numbers } = options
  const { momentum, nesterov, weightDecay } = parseOptions('sgd', sgdConfig, numbers)
  return {
    init(params): OptimizerState<NDArray> {
      for (const [path, type] of leavesWithPaths<TensorType>(params)) groupOf(groups, weightDecay, path, type)
      const buffers = zerosLike(params)
      return momentum === 0 ? {} : { momentum: buffers, scale: NDArray.scalar(1) }
    },

    update(params, grads, state, context) {
      const { lr, gradScale } = stepScalars(context)
      const rate = (group: { lr: number }) => mul(lr, group.lr)
      if (momentum === 0) {
        return updateLeaves(params, grads, {}, (path, p, g) => {
          const group = groupOf(groups, weightDecay, path, p)
          const kept = decayed(p, rate(group), group.weightDecay)
          return [sub(kept, scaled(g, mul(rate(group), gradScale))), {}]
        })
      }
      const keep = carryOver(momentum, readScale(state), gradScale)
      const next = updateLeaves(params, grads, { momentum: state.momentum }, (path, p, g, old) => {
        const group = groupOf(groups, weightDecay, path, p)
        const { weightDecay: wd } = group
        const d = wd === 0 ? g : add(g, scaled(p, div(wd, gradScale)))
        const buffer = add(scaled(old.momentum, keep), d)
        const direction = nesterov ? add(d, mul(buffer, momentum)) : buffer
        return [sub(p, scaled(direction, mul(rate(group), gradScale))), { momentum: buffer }]
      })
      return { params: next.params, state: { ...next.state, scale: gradScale } }
    },
  }
}
