/** Muon: momentum, orthogonalised. */
import { z } from 'zod'
import {
  add,
  formatType,
  leavesWithPaths,
  mapTree,
  mul,
  NDArray,
  sub,
  type Tensor,
  type TensorType,
} from '../tensor/index.js'
import { type AdamWOptions, adamw } from './adamw.js'
import { parseOptions } from './config.js'
import { OptimError } from './errors.js'
import { orthogonalizeAll } from './newton-schulz.js'
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
import { partition } from './partition.js'

export const muonConfig = z.strictObject({
  momentum: z.number().min(0).lt(1).default(0.95),
  nesterov: z.boolean().default(true),
  /** Newton-Schulz iterations. */
  steps: z.int().min(1).max(20).default(5),
  /** Decoupled, multiplied by the learning rate. */
  weightDecay: z.number().min(0).default(0),
  /**
   * The size of an update, from the shape of the matrix. `aspect`: sqrt(max(1, outputs / inputs)), as Jordan.
   * `rms`: 0.2 sqrt(max(outputs, inputs)), the root mean square of an AdamW update, so that AdamW's learning rate fits
   * (Liu et al., "Muon is Scalable for LLM Training", 2025).
   */
  scale: z.enum(['aspect', 'rms']).default('aspect'),
  /** Which axis of a weight counts its outputs: 0 for [out, in] (PyTorch's Linear), 1 for [in, out]. */
  outputAxis: z.union([z.literal(0), z.literal(1)]).default(0),
})

export type MuonOptions = z.input<typeof muonConfig> & { readonly groups?: Groups }

/**
 * Muon (Jordan et al. 2024) for the weight matrices of hidden layers:
 *
 *     b <- momentum b + g        u = nesterov ? g + momentum b : b
 *     p <- p (1 - lr wd) - lr scale orthogonalize(u)
 *
 * (The published form averages instead of adding; the direction, and with it the update, is the same.)
 * State: `momentum` by path, divided by the gradients' `scale` (see `carryOver`).
 * @throws OptimError when an option is out of range, or a parameter is not a matrix
 */
export function muon(options: MuonOptions = {}): Optimizer {
  const { groups, ...numbers } = options
  const config = parseOptions('muon', muonConfig, numbers)
  const { momentum, nesterov, steps, weightDecay } = config
  return {
    init(params) {
      for (const [path, type] of leavesWithPaths<TensorType>(params)) {
        groupOf(groups, weightDecay, path, type)
        updateSize(path, type, config)
      }
      return { momentum: zerosLike(params), scale: NDArray.scalar(1) }
    },

    update(params, grads, state, context) {
      const { lr, gradScale } = stepScalars(context)
      const keep = carryOver(momentum, readScale(state), gradScale)
      const inputs = new Map<string, Tensor>()
      const next = updateLeaves(params, grads, { momentum: state.momentum }, (path, p, g, old) => {
        const buffer = add(scaled(old.momentum, keep), g)
        inputs.set(path, nesterov ? add(g, mul(buffer, momentum)) : buffer)
        return [p, { momentum: buffer }]
      })
      const directions = orthogonalizeAll(inputs, { steps })
      const updated = mapTree(params, (p: Tensor, path) => {
        const group = groupOf(groups, weightDecay, path, p)
        const rate = mul(lr, group.lr)
        const kept = decayed(p, rate, group.weightDecay)
        return sub(kept, scaled(directions.get(path)!, mul(rate, updateSize(path, p, config))))
      })
      return { params: updated as typeof params, state: { ...next.state, scale: gradScale } }
    },
  }
}

function updateSize(
  path: string,
  type: TensorType,
  { scale, outputAxis }: z.output<typeof muonConfig>,
): number {
  const [outputs, inputs] = [type.shape[outputAxis], type.shape[1 - outputAxis]]
  if (type.shape.length !== 2 || typeof outputs !== 'number' || typeof inputs !== 'number') {
    throw new OptimError(
      'params',
      `muon: parameter '${path}' is ${formatType(type)}, not a matrix; train it with AdamW (see muonWithAdamW)`,
    )
  }
  return scale === 'rms'
    ? 0.2 * Math.sqrt(Math.max(outputs, inputs))
    : Math.sqrt(Math.max(1, outputs / inputs))
}

/** Parts of the names that embeddings, position tables and output heads have in Hugging Face checkpoints. */
const notHidden = /(^|[._])(wte|wpe|embed\w*|embeddings?|lm_head|head|score|classifier|\w*_embedding)([._]|$)/

/** Whether a parameter is a matrix inside the network: not an embedding, not the output head. */
export function isHiddenMatrix(path: string, type: TensorType): boolean {
  return type.shape.length === 2 && !notHidden.test(path)
}

export interface MuonWithAdamWOptions {
  readonly muon?: MuonOptions
  readonly adamw?: AdamWOptions
  /** Which parameters Muon trains. Default: `isHiddenMatrix`. */
  readonly choose?: (path: string, type: TensorType) => boolean
}

/**
 * Muon for hidden matrices and AdamW for embeddings, head, gains and biases. Both get the learning rate of the step; give one
 * of them `groups: () => ({ lr: factor })` where theirs should differ. State: `muon` and `adamw`.
 */
export function muonWithAdamW(options: MuonWithAdamWOptions = {}): Optimizer {
  const { choose = isHiddenMatrix } = options
  return partition({ muon: muon(options.muon), adamw: adamw(options.adamw) }, (path, type) =>
    choose(path, type) ? 'muon' : 'adamw',
  )
}
