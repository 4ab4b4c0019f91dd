/** How large a speedrun is. Every number that a stage needs, by name; the rest are the stages' own defaults. */
import { z } from 'zod'
import type { PpoOptions, RecipeInput, RewardOptions, SftOptions } from '../../train/index.js'
import { type AssistantDataOptions, FACT_TYPES } from '../assistant/index.js'
import { RecipeError } from '../errors.js'

export interface SpeedrunPreset {
  readonly name: string
  readonly summary: string
  readonly data: Omit<AssistantDataOptions, 'seed' | 'signal'>
  readonly pretrain: RecipeInput
  readonly sft: NonNullable<SftOptions['overrides']>
  readonly rankings: {
    /** Answers to each prompt, and the temperature they are drawn at. */
    readonly answers: number
    readonly temperature: number
  }
  readonly reward: NonNullable<RewardOptions['overrides']>
  readonly ppo: NonNullable<PpoOptions['overrides']> & { readonly maxTokens: number }
  /** A model at least five times as large, which learns from the same text and demonstrations and no further. */
  readonly larger: RecipeInput
  /** Whether PPO is run again with details changed without being asked for. */
  readonly ablations: boolean
}

/** What a speedrun was asked to be. */
export const planSchema = z.object({
  preset: z.string(),
  corpus: z.array(z.string()),
  seed: z.number().int().nonnegative(),
  /** PPO again, with its details changed. */
  ablations: z.boolean(),
  /** A larger model with demonstrations only, to compare with. */
  larger: z.boolean(),
})
export type SpeedrunPlan = z.output<typeof planSchema>

const shape = { nLayer: 4, nHead: 4, width: 128, contextLength: 256, tokenizer: 'bpe:2048' } as const

/** PPO with its details changed, and what to look at; what it shows is for the run's numbers to say. */
export interface Ablation {
  readonly name: string
  readonly lesson: string
  readonly overrides: (ppo: SpeedrunPreset['ppo']) => NonNullable<PpoOptions['overrides']>
}

export const ABLATIONS: readonly Ablation[] = [
  {
    name: 'no-kl',
    lesson:
      'without the KL penalty and its limit: nothing keeps the policy where the reward model can be trusted',
    overrides: () => ({ klCoefficient: 0, klLimit: undefined }),
  },
  {
    name: 'reward-hacking',
    lesson: 'the same at three times the rate, which gets further: compare what rises with what falls',
    overrides: ({ learningRate = 1e-4 }) => ({
      klCoefficient: 0,
      klLimit: undefined,
      learningRate: 3 * learningRate,
    }),
  },
  {
    name: 'strong-kl',
    lesson: 'a penalty ten times as strong: how much is left to win so near to SFT',
    overrides: ({ klCoefficient = 0.05 }) => ({ klCoefficient: 10 * klCoefficient }),
  },
  {
    name: 'no-ptx',
    lesson: 'without the demonstrations mixed in: what the reward model does not see is forgotten',
    overrides: () => ({ ptxCoefficient: 0 }),
  },
  {
    name: 'no-whitening',
    lesson: 'advantages keep their scale and their mean, so the size of the steps follows the rewards',
    overrides: () => ({ whitenAdvantages: false }),
  },
]

const muon = { optimizer: 'muon', learningRate: 0.01, muonLearningRate: 0.02 } as const

const tinyPretrain = {
  ...shape,
  ...muon,
  batchSize: 8,
  steps: 1200,
  schedule: 'wsd',
  warmup: 20,
  lrFloor: 0,
  heldOutFraction: 0.02,
  evalEvery: 400,
  checkpointEvery: 400,
} as const

const list: readonly SpeedrunPreset[] = [
  {
    name: 'tiny',
    summary: 'about ten minutes on two cores: 1 million parameters',
    data: { rewardPrompts: 3000 },
    pretrain: tinyPretrain,
    sft: { ...muon, epochs: 2.5, batchSize: 8, warmup: 10, evalEvery: 200, checkpointEvery: 200 },
    rankings: { answers: 4, temperature: 1 },
    reward: { learningRate: 5e-4, batchSize: 8 },
    ppo: {
      steps: 70,
      batchSize: 128,
      minibatchSize: 32,
      maxTokens: 48,
      learningRate: 3e-4,
      klCoefficient: 0.05,
      klLimit: 10,
      ptxCoefficient: 1,
    },
    larger: { ...tinyPretrain, nLayer: 6, width: 256 },
    ablations: false,
  },
  {
    name: 'small',
    summary: 'about an hour on two cores: 3 million parameters, more countries, more facts',
    data: {
      countries: 160,
      factTypes: [...FACT_TYPES],
      pretrainCharacters: 30_000_000,
      dialogues: 50_000,
      rewardPrompts: 6000,
      ppoPrompts: 8000,
      suitePrompts: 100,
    },
    pretrain: {
      ...tinyPretrain,
      nLayer: 6,
      width: 192,
      tokenizer: 'bpe:3072',
      steps: 3600,
      evalEvery: 900,
      checkpointEvery: 600,
    },
    sft: { ...muon, epochs: 3, batchSize: 8, warmup: 20, evalEvery: 400, checkpointEvery: 400 },
    rankings: { answers: 4, temperature: 1 },
    reward: { learningRate: 5e-4, batchSize: 8 },
    ppo: {
      steps: 120,
      batchSize: 128,
      minibatchSize: 32,
      maxTokens: 48,
      learningRate: 4e-4,
      klCoefficient: 0.05,
      klLimit: 10,
      ptxCoefficient: 1,
    },
    larger: { ...tinyPretrain, nLayer: 9, width: 384, tokenizer: 'bpe:3072', steps: 3600 },
    ablations: false,
  },
  {
    name: 'base',
    summary: 'a night on two cores: 15 million parameters, all countries and facts, PPO with its ablations',
    data: {
      countries: 195,
      factTypes: [...FACT_TYPES],
      pretrainCharacters: 120_000_000,
      profileCharacters: 20_000,
      dialogues: 100_000,
      rewardPrompts: 10_000,
      ppoPrompts: 12_000,
      suitePrompts: 200,
    },
    pretrain: {
      ...tinyPretrain,
      nLayer: 8,
      nHead: 6,
      width: 384,
      tokenizer: 'bpe:4096',
      batchSize: 16,
      steps: 7000,
      evalEvery: 1000,
      checkpointEvery: 500,
    },
    sft: { ...muon, epochs: 3, batchSize: 16, warmup: 20, evalEvery: 500, checkpointEvery: 250 },
    rankings: { answers: 6, temperature: 1 },
    reward: { learningRate: 2e-4, batchSize: 16 },
    ppo: {
      steps: 200,
      batchSize: 256,
      minibatchSize: 64,
      maxTokens: 64,
      learningRate: 2e-4,
      klCoefficient: 0.05,
      klLimit: 10,
      ptxCoefficient: 1,
    },
    larger: {
      ...tinyPretrain,
      nLayer: 12,
      nHead: 12,
      width: 768,
      tokenizer: 'bpe:4096',
      batchSize: 16,
      steps: 7000,
    },
    ablations: true,
  },
]

export const speedrunPresets: Readonly<Record<string, SpeedrunPreset>> = Object.fromEntries(
  list.map((preset) => [preset.name, preset]),
)

/** @throws RecipeError naming the presets there are */
export function findSpeedrunPreset(name: string): SpeedrunPreset {
  const preset = Object.hasOwn(speedrunPresets, name) ? speedrunPresets[name] : undefined
  if (preset) return preset
  const names = Object.keys(speedrunPresets).join(', ')
  throw new RecipeError('recipe/preset', `there is no speedrun preset '${name}'; there are ${names}`)
}
