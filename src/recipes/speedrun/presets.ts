/** How large a speedrun is. Every number that a stage needs, by name; the rest are the stages' own defaults. */
import { z } from 'zod'
import type { PpoOptions, RecipeInput, RewardOptions, SftOptions } from '../../train/index.js'
import type { AssistantDataOptions } from '../assistant/index.js'
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
}

/** What a speedrun was asked to be. */
export const planSchema = z.object({
  preset: z.string(),
  corpus: z.array(z.string()),
  seed: z.number().int().nonnegative(),
})
export type SpeedrunPlan = z.output<typeof planSchema>

const shape = { nLayer: 4, nHead: 4, width: 192, contextLength: 256, tokenizer: 'bpe:2048' } as const

const muon = { optimizer: 'muon', learningRate: 0.01, muonLearningRate: 0.02 } as const

const list: readonly SpeedrunPreset[] = [
  {
    name: 'tiny',
    summary: 'about ten minutes on two cores: 2 million parameters',
    data: {},
    pretrain: {
      ...shape,
      ...muon,
      batchSize: 8,
      steps: 900,
      schedule: 'wsd',
      warmup: 20,
      lrFloor: 0,
      heldOutFraction: 0.02,
      evalEvery: 300,
      checkpointEvery: 300,
    },
    sft: { ...muon, epochs: 2, batchSize: 8, warmup: 10, evalEvery: 200, checkpointEvery: 200 },
    rankings: { answers: 4, temperature: 1 },
    reward: { learningRate: 5e-4, batchSize: 8 },
    ppo: {
      steps: 60,
      batchSize: 64,
      minibatchSize: 32,
      maxTokens: 48,
      learningRate: 1e-4,
      klCoefficient: 0.05,
      klLimit: 10,
    },
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
