/** Everything that decides a pretraining run: the model's shape, the data, the optimizer. Saved with the run. */
import { z } from 'zod'
import { athanorConfig, type GptConfig, gpt2Config } from '../models/index.js'
import { adamw, createSchedule, muonWithAdamW, type Optimizer, type Schedule } from '../optim/index.js'
import { TrainError } from './errors.js'
import { type Optimization, optimization } from './optimization.js'

const size = z.number().int().positive()
const count = z.number().int().nonnegative()

export const recipeSchema = z.strictObject({
  /** 'gpt2': learned positions, LayerNorm, GELU. 'athanor': rotary positions, RMSNorm, normalised queries and keys, squared ReLU. */
  architecture: z.enum(['gpt2', 'athanor']).default('athanor'),
  nLayer: size,
  nHead: size,
  /** Heads of keys and values; default nHead. */
  nKvHead: size.optional(),
  width: size,
  contextLength: size,
  bias: z.boolean().default(false),
  tied: z.boolean().default(true),
  dropout: z.number().min(0).max(0.9).default(0),
  /** 'char', 'bpe:N', or a folder with a tokenizer.json. */
  tokenizer: z.string().min(1).default('bpe:4096'),
  /** Sequences of one forward and backward pass. */
  batchSize: size,
  /** Passes whose gradients are averaged for one step. */
  accumulation: size.default(1),
  steps: size,
  ...optimization,
  /** What is kept from training to measure on: whole documents, or the end of the text. 'auto': documents if there are ten. */
  heldOut: z.enum(['auto', 'documents', 'tail']).default('auto'),
  heldOutFraction: z.number().gt(0).max(0.5).default(0.1),
  /** 'random' windows as in nanoGPT, or each window once an epoch. */
  order: z.enum(['random', 'shuffle']).default('shuffle'),
  /** Steps between measurements on held-out data; 0 for only at the end. */
  evalEvery: count.default(250),
  /** Held-out tokens that a measurement in between uses; the last one uses all. */
  evalTokens: size.default(65_536),
  checkpointEvery: size.default(500),
  logEvery: size.default(10),
  sampleEvery: count.default(0),
  seed: z.number().int().nonnegative().default(1337),
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
  return { ...athanorConfig({ ...shape, tied, ...(nKvHead === undefined ? {} : { nKvHead }) }), dropout }
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
