/** Everything that decides a pretraining run: the model's shape, the data, the optimizer. Saved with the run. */
import { z } from 'zod'
import { athanorConfig, type GptConfig, gpt2Config, llamaConfig } from '../models/index.js'
import { adamw, createSchedule, muonWithAdamW, type Optimizer, type Schedule } from '../optim/index.js'
import { TrainError } from './errors.js'
import { type Optimization, optimization } from './optimization.js'

const size = z.number().int().positive()
const count = z.number().int().nonnegative()

export const recipeSchema = z.strictObject({
  architecture: z
    .enum(['gpt2', 'llama', 'athanor'])
    .default('athanor')
    .describe(
      'gpt2: learned positions, LayerNorm, GELU; llama: rotary positions, RMSNorm, a gated MLP; athanor: rotary positions, RMSNorm, normalised queries and keys, squared ReLU',
    ),
  nLayer: size.describe('transformer blocks'),
  nHead: size.describe('attention heads'),
  nKvHead: size.optional().describe('heads of keys and values (default: those of attention)'),
  width: size.describe('size of the residual stream'),
  contextLength: size.describe('tokens the model sees at once'),
  bias: z.boolean().default(false).describe('biases in linear layers and norms'),
  tied: z.boolean().default(true).describe('one matrix for embedding and output'),
  dropout: z.number().min(0).max(0.9).default(0).describe('part of the activations dropped'),
  tokenizer: z
    .string()
    .min(1)
    .default('bpe:4096')
    .describe('char, bpe:N (a vocabulary of N), or a folder with tokenizer.json'),
  batchSize: size.describe('sequences of one forward and backward pass'),
  accumulation: size.default(1).describe('passes whose gradients are averaged for one step'),
  steps: size.describe('optimizer steps'),
  ...optimization,
  heldOut: z
    .enum(['auto', 'documents', 'tail'])
    .default('auto')
    .describe(
      'what is kept to measure on: whole documents, or the end of the text; auto: documents if there are ten',
    ),
  heldOutFraction: z.number().gt(0).max(0.5).default(0.1).describe('part kept to measure on'),
  order: z
    .enum(['random', 'shuffle'])
    .default('shuffle')
    .describe('random windows as in nanoGPT, or each window once an epoch: shuffle'),
  evalEvery: count.default(250).describe('steps between measurements on held-out data; 0: at the end'),
  evalTokens: size
    .default(65_536)
    .describe('held-out tokens of a measurement in between; the last one uses all'),
  checkpointEvery: size.default(500).describe('steps between checkpoints'),
  logEvery: size.default(10).describe('steps between lines of metrics.jsonl'),
  sampleEvery: count.default(0).describe('steps between samples; 0: none in between'),
  seed: z.number().int().nonnegative().default(1337).describe('decides everything random'),
})

export type Recipe = z.output<typeof recipeSchema>
export type RecipeInput = z.input<typeof recipeSchema>

/** Checks a recipe and fills in the defaults. @throws TrainError naming each wrong field */
export function parseRecipe(input: unknown): Recipe {
  const parsed = recipeSchema.safeParse(input)
  if (!parsed.success) {
    const problems = parsed.error.issues.map(({ path, message }) => `${path.join('.') || 'it'}: ${message}`)
    throw new TrainError('recipe', `the settings are wrong: ${problems.join('; ')}`)
  }
  const recipe = parsed.data
  if (recipe.width % recipe.nHead !== 0) {
    throw new TrainError('recipe', `width ${recipe.width} is not a multiple of ${recipe.nHead} heads`)
  }
  if (recipe.warmup >= recipe.steps) return { ...recipe, warmup: Math.floor(recipe.steps / 10) }
  return recipe
}

/** The model that a recipe trains, for a vocabulary. */
export function modelConfig(recipe: Recipe, vocabSize: number): GptConfig {
  const { nLayer, nHead, nKvHead, width, contextLength, bias, tied, dropout } = recipe
  const shape = { vocabSize, contextLength, nLayer, nHead, width }
  if (recipe.architecture === 'gpt2')
    return { ...gpt2Config({ ...shape, bias, dropout }), activation: 'gelu' }
  const config = recipe.architecture === 'llama' ? llamaConfig : athanorConfig
  return { ...config({ ...shape, tied, ...(nKvHead === undefined ? {} : { nKvHead }) }), dropout }
}

/** The optimizer of a recipe. The step's rate is AdamW's; Muon's is a multiple of it. */
export function recipeOptimizer(recipe: Optimization): Optimizer {
  const { beta1, beta2, epsilon, weightDecay, muonLearningRate, learningRate } = recipe
  const settings = { beta1, beta2, eps: epsilon, weightDecay }
  if (recipe.optimizer === 'adamw') return adamw(settings)
  const ratio = muonLearningRate / learningRate
  return muonWithAdamW({ adamw: settings, muon: { groups: () => ({ lr: ratio }) } })
}

export function recipeSchedule(recipe: Optimization & { readonly steps: number }): Schedule {
  const { schedule: kind, steps, warmup, lrFloor: floor } = recipe
  if (kind === 'constant') return createSchedule({ kind, warmup }, steps)
  if (kind !== 'wsd') return createSchedule({ kind, warmup, floor }, steps)
  return createSchedule(
    { kind, warmup, floor, decay: Math.floor((steps - warmup) * recipe.decayFraction) },
    steps,
  )
}
