/** The settings of training a reward model. */
import { z } from 'zod'
import { optimization } from './optimization.js'

const size = z.number().int().positive()
const count = z.number().int().nonnegative()

export const rewardSchema = z.strictObject({
  epochs: z.number().positive().default(1).describe('passes over the comparisons'),
  batchSize: size.default(16).describe('prompts of one step, each with all of its comparisons'),
  contextLength: size
    .optional()
    .describe("tokens of prompt and answer; older turns go first (default: the model's context)"),
  ...optimization,
  learningRate: optimization.learningRate.default(3e-4),
  schedule: optimization.schedule.default('linear'),
  lrFloor: optimization.lrFloor.default(0),
  epsilon: optimization.epsilon.default(1e-5),
  weightDecay: optimization.weightDecay.default(0.01),
  dropout: z.number().min(0).max(0.9).default(0).describe('part of the activations dropped'),
  weighting: z
    .enum(['prompt', 'comparison'])
    .default('prompt')
    .describe('what counts the same: each prompt, or each comparison'),
  ties: z
    .enum(['skip', 'half'])
    .default('skip')
    .describe('comparisons without a better answer: left out, or with a target of one half'),
  labelSmoothing: z
    .number()
    .min(0)
    .lt(0.5)
    .default(0)
    .describe('target of the better answer is 1 minus this'),
  flip: z
    .number()
    .min(0)
    .lt(0.5)
    .default(0)
    .describe('part of the labels thought to be flipped: P = (1 - f) sigmoid(d) + f sigmoid(-d)'),
  marginScale: z
    .number()
    .min(0)
    .default(1)
    .describe("factor for the data's margins, by which the better answer has to win; 0 ignores them"),
  normalize: z
    .enum(['shift', 'scale', 'none'])
    .default('shift')
    .describe('afterwards demonstrations score 0 on average (shift), and with a deviation of 1 (scale)'),
  heldOutFraction: z
    .number()
    .min(0)
    .max(0.9)
    .default(0.1)
    .describe('prompts kept to measure on, where no file of them is given'),
  splitSeed: count.optional().describe('decides which prompts are kept (default: the seed)'),
  evalEvery: count.default(0).describe('steps between measurements on held-out prompts; 0: at the end'),
  checkpointEvery: size.default(200).describe('steps between checkpoints'),
  logEvery: size.default(10).describe('steps between lines of metrics.jsonl'),
  maxSkipped: count
    .default(1000)
    .describe('broken lines of the data that are passed over before it is an error'),
  seed: count.default(1337).describe('decides everything random'),
})

export type RewardRecipe = z.output<typeof rewardSchema>
