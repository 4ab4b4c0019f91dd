/** The settings of direct preference optimisation. */
import { z } from 'zod'
import { optimization } from './optimization.js'

const size = z.number().int().positive()
const count = z.number().int().nonnegative()

const settings = z.strictObject({
  epochs: z.number().positive().default(1).describe('passes over the pairs'),
  batchSize: size.default(16).describe('pairs of one step'),
  contextLength: size
    .optional()
    .describe("tokens of prompt and answer; older turns go first (default: the model's context)"),
  lossType: z
    .enum(['sigmoid', 'ipo', 'hinge'])
    .default('sigmoid')
    .describe('sigmoid (DPO), ipo, or hinge (SLiC)'),
  beta: z
    .number()
    .positive()
    .default(0.1)
    .describe('how dear it is to leave the model one started from; for ipo its tau'),
  labelSmoothing: z
    .number()
    .min(0)
    .lt(0.5)
    .default(0)
    .describe('part of the labels thought to be flipped (conservative DPO; sigmoid only)'),
  rpoAlpha: z
    .number()
    .min(0)
    .default(0)
    .describe('weight of learning the chosen answers themselves (RPO): their mean -log p per token'),
  ...optimization,
  learningRate: optimization.learningRate.default(1e-4),
  schedule: optimization.schedule.default('linear'),
  lrFloor: optimization.lrFloor.default(0),
  weightDecay: optimization.weightDecay.default(0),
  dropout: z.number().min(0).max(0.9).default(0).describe('part of the activations dropped'),
  heldOutFraction: z
    .number()
    .min(0)
    .max(0.9)
    .default(0.1)
    .describe('prompts kept to measure on, where no file of them is given'),
  evalEvery: count.default(100).describe('steps between measurements on held-out pairs; 0: at the end'),
  checkpointEvery: size.default(200).describe('steps between checkpoints'),
  logEvery: size.default(10).describe('steps between lines of metrics.jsonl'),
  maxSkipped: count
    .default(1000)
    .describe('broken lines of the data that are passed over before it is an error'),
  seed: count.default(1337).describe('decides everything random'),
})

export const dpoSchema = settings.refine(
  ({ lossType, labelSmoothing }) => labelSmoothing === 0 || lossType === 'sigmoid',
  { message: 'only the sigmoid loss has label smoothing', path: ['labelSmoothing'] },
)

export type DpoRecipe = z.output<typeof dpoSchema>
