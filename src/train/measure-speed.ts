/** How long a training step takes on this machine. */
import { initGpt } from '../models/index.js'
import { Rng } from '../rng.js'
import { type Device, NDArray } from '../tensor/index.js'
import { modelConfig, type Recipe, recipeOptimizer } from './recipe.js'
import { createTrainStep, type TrainState } from './training-step.js'

/** Median seconds of a step, over a few steps on random tokens after a warm-up. Nothing is kept. */
export async function measureStep(
  recipe: Recipe,
  vocabSize: number,
  device: Device,
  { warmup = 3, steps = 5 } = {},
): Promise<number> {
  const config = modelConfig(recipe, vocabSize)
  const optimizer = recipeOptimizer(recipe)
  const params = initGpt(config, Rng.seed(0))
  let state: TrainState = { params, optimizer: optimizer.init(params) }
  const update = createTrainStep(config, recipe, optimizer, device)
  const { batchSize, contextLength, accumulation } = recipe
  const shape = accumulation > 1 ? [accumulation, batchSize, contextLength] : [batchSize, contextLength]
  const rng = Rng.seed(1)
  const times: number[] = []
  for (let step = 1; step <= warmup + steps; step++) {
    const ids = Int32Array.from({ length: batchSize * contextLength * accumulation }, () =>
      rng.integer(vocabSize),
    )
    const tokens = new NDArray('i32', shape, ids)
    const began = performance.now()
    state = (await update(state, { ids: tokens, targets: tokens }, { lr: 0, step })).state
    if (step > warmup) times.push((performance.now() - began) / 1000)
  }
  await update.dispose()
  return times.sort((a, b) => a - b)[Math.floor(times.length / 2)]!
}
