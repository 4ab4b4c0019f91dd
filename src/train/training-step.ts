/** The language-modelling step of pretraining, and the same loss for measuring. */
import { type GptConfig, gptLoss, type Params } from '../models/index.js'
import type { Optimizer } from '../optim/index.js'
import { compile, type Device, type NDArray, type Tensor, type TensorType } from '../tensor/index.js'
import type { Recipe } from './recipe.js'
import { createUpdate, type Trainable, type Update } from './update.js'

export type Weights = Readonly<Record<string, NDArray>>
export type TrainState = Trainable<Weights>

/** ids and targets, i32 [B, T] each, or [n, B, T] with accumulation; targets of -100 do not count. */
export type TokenBatch = { readonly ids: NDArray; readonly targets: NDArray }

/** Forward, backward, clipping and update over a batch of text in one call. The state is updated in place. */
export function createTrainStep(
  config: GptConfig,
  recipe: Pick<Recipe, 'accumulation' | 'gradClip'>,
  optimizer: Optimizer,
  device: Device,
): Update<Weights, TokenBatch> {
  const { accumulation, gradClip } = recipe
  return createUpdate<Weights, TokenBatch>({
    loss: (params, { ids, targets }, key) => ({
      loss: gptLoss(config, params, ids, targets, config.dropout > 0 ? { dropoutKey: key } : {}),
    }),
    optimizer,
    gradClip,
    accumulation,
    device,
  })
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
    (p: Params, ids: Tensor, targets: Tensor) => gptLoss(config, p, ids, targets),
    [params as Record<string, TensorType>, tokens, tokens],
    { device },
  )
}
