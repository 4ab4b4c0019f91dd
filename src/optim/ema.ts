/** An exponential moving average of the parameters, which often evaluates better than the parameters themselves. */
import { z } from 'zod'
import {
  add,
  cast,
  div,
  mapTree,
  minimum,
  NDArray,
  scalar,
  sub,
  type Tensor,
  type Tree,
} from '../tensor/index.js'
import { parseOptions } from './config.js'
import { scaled, updateLeaves } from './optimizer.js'

export const emaConfig = z.strictObject({
  /** How much of the average a step keeps. */
  decay: z.number().min(0).lt(1).default(0.999),
  /** Start with a short memory: the decay of step t is at most (1 + t) / (10 + t). */
  warmup: z.boolean().default(true),
})

export type EmaOptions = z.input<typeof emaConfig>

export interface Ema {
  /** The average before the first step: a copy of the parameters (which may be donated, and then change in place). */
  init<P extends Tree<NDArray>>(params: P): P
  /**
   * average <- average + (1 - decay) (params - average), for the parameters after the update; `step` counts updates from 1
   * (f32 or i32 scalar). Last op element-wise, so the average can be donated.
   */
  update<P extends Tree<Tensor>>(average: P, params: P, step: Tensor): P
}

/** @throws OptimError when an option is out of range */
export function ema(options: EmaOptions = {}): Ema {
  const { decay, warmup } = parseOptions('ema', emaConfig, options)
  return {
    init(params) {
      const copy = (array: NDArray) => new NDArray(array.dtype, array.shape, array.data.slice())
      return mapTree(params, copy) as typeof params
    },

    update(average, params, step) {
      const t = cast(step, 'f32')
      const share = warmup ? sub(1, minimum(div(add(t, 1), add(t, 10)), decay)) : scalar(1 - decay)
      return updateLeaves(average, params, {}, (_path, mean, param) => [
        add(mean, scaled(sub(param, mean), share)),
        {},
      ]).params
    },
  }
}
