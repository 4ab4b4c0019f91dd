/** Training steps as `pretrain` runs them: batch drawn, copied in, forward, backward, clip, AdamW, loss read. */
import { createBatches, tokensFromArray } from '../data/index.js'
import { writeSafetensors } from '../hub/index.js'
import { initGpt } from '../models/index.js'
import { Rng } from '../rng.js'
import { type Device, NDArray } from '../tensor/index.js'
import { createTrainStep, modelConfig, parseRecipe, recipeOptimizer } from '../train/index.js'
import { type Case, learning, multiplyingParameters, PARITY_STEPS, recipeOf, stepFlops } from './cases.js'

/** The same model and the same tokens in every process that asks. */
function prepare(chosen: Case) {
  const recipe = parseRecipe(recipeOf(chosen))
  const config = modelConfig(recipe, chosen.vocabSize)
  const params = initGpt(config, Rng.seed(1))
  const rng = Rng.seed(2)
  const tokens = Int32Array.from({ length: 1 << 16 }, () => rng.integer(chosen.vocabSize))
  const { batchSize, contextLength } = chosen
  const batches = createBatches({
    tokens: tokensFromArray(tokens),
    batchSize,
    contextLength,
    seed: 3,
    order: 'random',
  })
  return { recipe, config, params, tokens, batches }
}

export async function trainingWork(chosen: Case, device: Device) {
  const { recipe, config, params, batches } = prepare(chosen)
  const { batchSize: B, contextLength: T } = chosen
  const optimizer = recipeOptimizer(recipe)
  let state = { params, optimizer: optimizer.init(params) }
  const parameters = multiplyingParameters(params)
  const start = performance.now()
  const update = createTrainStep(config, recipe, optimizer, device)
  const batchOf = (index: number) => {
    const { inputs, targets } = batches.batches(index)
    return { ids: new NDArray('i32', [B, T], inputs), targets: new NDArray('i32', [B, T], targets) }
  }
  await update.prepare(state, batchOf(0))
  const compileSeconds = (performance.now() - start) / 1000
  let done = 0
  return {
    ready: { compileSeconds, parameters, tokens: B * T, flops: stepFlops(parameters, config, B * T) },
    work: async () => {
      const batch = batchOf(done)
      const result = await update(state, batch, { lr: learning.pretrain.learningRate, step: ++done })
      state = { ...result.state, params: result.state.params as typeof params }
      return result.loss
    },
  }
}

/** Writes what PyTorch needs to take the same steps: the first weights, the tokens, where the first batches begin. */
export async function exportTraining(chosen: Case, path: string): Promise<void> {
  const { params, tokens, batches } = prepare(chosen)
  const steps = Array.from({ length: PARITY_STEPS }, (_, step) => batches.offsets(step))
  const offsets = BigInt64Array.from(steps.flatMap((starts) => [...starts].map(BigInt)))
  const weights = Object.entries(params).map(
    ([name, { shape, data }]) => [name, { dtype: 'f32', shape, data: data as Float32Array }] as const,
  )
  await writeSafetensors(path, {
    ...Object.fromEntries(weights),
    'bench.tokens': { dtype: 'i32', shape: [tokens.length], data: tokens },
    'bench.offsets': { dtype: 'i64', shape: [PARITY_STEPS, chosen.batchSize], data: offsets },
  })
}
