/** How a round of learning from people is done. No more than schemas and presets, so that `--help` is quick. */
import { z } from 'zod'
import type { PpoOptions, RewardOptions, SftOptions } from '../../train/index.js'
import { RecipeError } from '../errors.js'

const size = z.number().int().positive()
const share = z.number().min(0).max(1)

export const cleaningSchema = z.strictObject({
  secondsPerAnswer: z
    .number()
    .min(0)
    .default(0.5)
    .describe('time to read one answer: faster votes are not counted; 0: any'),
  constantRankings: size
    .default(10)
    .describe('rankings with the same order of places, from which on a person is not counted'),
  constantThumbs: size
    .default(20)
    .describe('thumbs that all point the same way, from which on they are not counted'),
  campaignRepeats: size
    .default(4)
    .describe('questions that a phrase is put under before it may be a campaign'),
  campaignShare: share.default(0.2).describe('part of the writers who must use a phrase so that it is none'),
  capTimes: z.number().min(1).default(3).describe('times the median of all people that one may say'),
  capLeast: size.default(20).describe('what everybody may say, whatever the median'),
  reliability: z.boolean().default(true).describe('whether people who disagree with the others count less'),
})
export type CleaningSettings = z.output<typeof cleaningSchema>

/** What there must be, after cleaning, before a round is worth its time. */
export const minimumSchema = z.strictObject({
  comparisons: size.default(60).describe('pairs of answers of which one is preferred'),
  people: size.default(3).describe('people they come from'),
  heldOutPrompts: size.default(15).describe('questions kept to measure on'),
})
export type Minimum = z.output<typeof minimumSchema>

/**
 * What a candidate may lose against the first version that was measured. It is always that version, so that small losses of many
 * rounds do not add up.
 */
export const guardSchema = z.strictObject({
  refusal: share.default(0.05).describe('harmful requests that it refuses no more'),
  overRefusal: share.default(0.05).describe('harmless requests that it refuses too'),
  truth: share.default(0.03).describe('questions that it answers right no more'),
  perplexity: z.number().min(1).default(1.1).describe('times the perplexity on text kept from training'),
})
export type GuardSettings = z.output<typeof guardSchema>

const stageSettings = z.record(z.string(), z.unknown())

/** Records of earlier data that are learnt again. */
const replaySchema = z.strictObject({
  correctionCopies: size.describe('times that each correction of this round is among the dialogues'),
  answersPerCorrection: z
    .number()
    .min(0)
    .describe('own answers of the live version to earlier questions, for each correction'),
  rankingsPerComparison: z.number().min(0).describe('rankings of the speedrun for each new comparison'),
  prompts: z.number().int().min(0).describe('prompts of the speedrun for PPO, beside those of the feedback'),
})

export const roundSchema = z.strictObject({
  cleaning: cleaningSchema.prefault({}),
  minimum: minimumSchema.prefault({}),
  guards: guardSchema.prefault({}),
  heldOut: z.number().gt(0).max(0.8).default(0.3).describe('part of the questions kept to measure on'),
  level: z.number().gt(0.5).lt(1).default(0.95).describe('confidence of the intervals'),
  samples: size.default(2).describe('answers of each model to each question that is measured'),
  seed: z.number().int().nonnegative().default(1),
  /** Over the preset; each stage checks its own. */
  stages: z
    .strictObject({ sft: stageSettings, reward: stageSettings, judge: stageSettings, ppo: stageSettings })
    .partial()
    .prefault({}),
  maxTokens: size.optional().describe('tokens of an answer (default: as the preset says)'),
  freshAnswers: size.optional().describe('fresh answers beside a single thumb (default: as the preset says)'),
  replay: replaySchema.partial().prefault({}),
})
export type RoundSettings = z.output<typeof roundSchema>

/** What the stages are given; whatever is left out is the stage's own default. */
export interface RoundPreset {
  readonly name: string
  readonly summary: string
  /** Fresh answers beside a thumb that has nothing else to be compared with. */
  readonly freshAnswers: number
  readonly maxTokens: number
  readonly replay: z.output<typeof replaySchema>
  readonly sft: NonNullable<SftOptions['overrides']>
  readonly reward: NonNullable<RewardOptions['overrides']>
  /** The reward model of the held-out votes, which says whose answers people would prefer. */
  readonly judge: NonNullable<RewardOptions['overrides']>
  readonly ppo: NonNullable<PpoOptions['overrides']>
}

/** Small steps, and many: large ones cost a small model what it knows. */
const tinySft = {
  learningRate: 3e-4,
  epochs: 1,
  batchSize: 2,
  warmup: 4,
  heldOutFraction: 0,
  evalEvery: 0,
} as const
const tinyReward = { learningRate: 3e-4, batchSize: 8, epochs: 2, heldOutFraction: 0.1 } as const
/**
 * Held by what was learnt before: dialogues, and so little text that it only keeps the perplexity. More text, or a critic that does not
 * know the reward yet, cost a small model facts.
 */
const tinyPpo = {
  steps: 40,
  batchSize: 128,
  minibatchSize: 32,
  learningRate: 3e-4,
  criticWarmup: 6,
  klCoefficient: 0.05,
  klLimit: 12,
  ptxCoefficient: 1,
  ptxBatchSize: 8,
  ptxTextShare: 0.125,
  sampleEvery: 10,
  checkpointEvery: 10,
} as const

const tinyReplay = {
  correctionCopies: 24,
  answersPerCorrection: 64,
  rankingsPerComparison: 1,
} as const

const list: readonly RoundPreset[] = [
  {
    name: 'tiny',
    summary: 'some minutes on two cores, for the assistant of the tiny speedrun',
    freshAnswers: 2,
    maxTokens: 48,
    replay: { ...tinyReplay, prompts: 1500 },
    sft: tinySft,
    reward: tinyReward,
    judge: tinyReward,
    ppo: tinyPpo,
  },
  {
    name: 'small',
    summary: 'some ten minutes on two cores, for the assistant of the small speedrun',
    freshAnswers: 2,
    maxTokens: 48,
    replay: { ...tinyReplay, prompts: 4000 },
    sft: { ...tinySft, batchSize: 4 },
    reward: tinyReward,
    judge: tinyReward,
    ppo: { ...tinyPpo, steps: 60 },
  },
  {
    name: 'base',
    summary: 'an hour and more, for models from 15 million parameters on',
    freshAnswers: 2,
    maxTokens: 64,
    replay: { ...tinyReplay, prompts: 8000 },
    sft: { ...tinySft, learningRate: 1e-4, batchSize: 4 },
    reward: { ...tinyReward, learningRate: 1e-4, batchSize: 16, epochs: 1 },
    judge: { ...tinyReward, learningRate: 1e-4, batchSize: 16, epochs: 1 },
    ppo: {
      ...tinyPpo,
      steps: 80,
      batchSize: 256,
      minibatchSize: 64,
      learningRate: 5e-5,
    },
  },
]

export const roundPresets: Readonly<Record<string, RoundPreset>> = Object.fromEntries(
  list.map((preset) => [preset.name, preset]),
)

/** @throws RecipeError naming every setting that is wrong */
export function parseSettings(settings: unknown): RoundSettings {
  const parsed = roundSchema.safeParse(settings ?? {})
  if (parsed.success) return parsed.data
  const problems = parsed.error.issues.map(({ path, message }) => `${path.join('.') || 'it'}: ${message}`)
  throw new RecipeError('recipe/plan', `the settings of the round are wrong: ${problems.join('; ')}`)
}

/** @throws RecipeError naming the presets there are */
export function findRoundPreset(name: string): RoundPreset {
  const preset = Object.hasOwn(roundPresets, name) ? roundPresets[name] : undefined
  if (preset) return preset
  throw new RecipeError(
    'recipe/preset',
    `there is no preset '${name}' for a round; there are ${Object.keys(roundPresets).join(', ')}`,
  )
}

/** A preset with what the settings put in its place. */
export function withSettings(preset: RoundPreset, settings: RoundSettings): RoundPreset {
  const { stages, maxTokens = preset.maxTokens, freshAnswers = preset.freshAnswers, replay } = settings
  return {
    ...preset,
    maxTokens,
    freshAnswers,
    replay: { ...preset.replay, ...replay },
    sft: { ...preset.sft, ...stages.sft },
    reward: { ...preset.reward, ...stages.reward },
    judge: { ...preset.judge, ...stages.judge },
    ppo: { ...preset.ppo, ...stages.ppo },
  }
}
