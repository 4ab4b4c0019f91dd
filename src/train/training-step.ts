/** One optimizer step and one measurement as compiled functions. */
import { type GptConfig, gptLoss, type Params } from '../models/index.js'
import {
  accumulateGradients,
  clipFactor,
  globalNorm,
  type Optimizer,
  type OptimizerState,
} from '../optim/index.js'
import {
  compile,
  type Device,
  type NDArray,
  type Tensor,
  type TensorType,
  valueAndGrad,
} from '../tensor/index.js'
import type { Recipe } from './recipe.js'

export interface TrainState {
  readonly params: Readonly<Record<string, NDArray>>
  readonly optimizer: OptimizerState<NDArray>
}

const scalarOf = (dtype: 'f32' | 'i64'): TensorType => ({ shape: [], dtype })

/**
 * Compiles forward, backward, clipping and update into one call: (params, optimizer state, ids, targets, lr, step, key) ->
 * { params, optimizer, loss, norm }. The state is donated: it is updated in place.
 */
export async function compileTrainStep(
  config: GptConfig,
  recipe: Recipe,
  optimizer: Optimizer,
  state: TrainState,
  device: Device,
) {
  const { batchSize: B, contextLength: T, accumulation: n } = recipe
  const tokens: TensorType = { shape: n > 1 ? [n, B, T] : [B, T], dtype: 'i32' }
  const dropout = config.dropout > 0
  return compile(
    (
      params: Record<string, Tensor>,
      old: OptimizerState<Tensor>,
      ids: Tensor,
      targets: Tensor,
      lr: Tensor,
      step: Tensor,
      key: Tensor,
    ) => {
      const options = dropout ? { dropoutKey: key } : {}
      const lossOf = (p: Params, batch: { ids: Tensor; targets: Tensor }) =>
        gptLoss(config, p, batch.ids, batch.targets, options)
      const { loss, grads } =
        n > 1
          ? accumulateGradients(
              (p: Record<string, Tensor>, batch: { ids: Tensor; targets: Tensor }) => ({
                loss: lossOf(p, batch),
              }),
              params,
              { ids, targets },
            )
          : first(valueAndGrad(lossOf)(params, { ids, targets }))
      const norm = globalNorm(grads)
      const gradScale = clipFactor(norm, recipe.gradClip > 0 ? recipe.gradClip : Number.POSITIVE_INFINITY)
      const next = optimizer.update(params, grads, old, { lr, step, gradScale })
      return { params: next.params, optimizer: next.state, loss, norm }
    },
    [
      state.params as Record<string, TensorType>,
      state.optimizer as OptimizerState<TensorType>,
      tokens,
      tokens,
      scalarOf('f32'),
      scalarOf('f32'),
      scalarOf('i64'),
    ],
    { device, donate: [0, 1], keepOnDevice: true },
  )
}

function first([loss, grads]: [Tensor, Params]) {
  return { loss, grads: grads as Record<string, Tensor> }
}

/** Compiles the mean loss of a batch, without dropout: (params, ids, targets) -> loss. */
export async function compileEvalStep(
  config: GptConfig,
  batchSize: number,
  contextLength: number,
  params: TrainState['params'],
  device: Device,
) {
  const tokens: TensorType = { shape: [batchSize, contextLength], dtype: 'i32' }
  return compile(
    (p: Record<string, Tensor>, ids: Tensor, targets: Tensor) => gptLoss(config, p, ids, targets),
    [params as Record<string, TensorType>, tokens, tokens],
    { device },
  )
}
