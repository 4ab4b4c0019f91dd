/** The settings of supervised fine-tuning. */
import { z } from 'zod'
import { optimization } from './optimization.js'

const size = z.number().int().positive()
const count = z.number().int().nonnegative()

export const sftSchema = z.strictObject({
  epochs: z.number().positive().default(3).describe('passes over the dialogues'),
  batchSize: size.default(8).describe('packed rows of one step'),
  contextLength: size.optional().describe("tokens of a row (default: the model's context)"),
  ...optimization,
  learningRate: optimization.learningRate.default(1e-3),
  schedule: optimization.schedule.default('linear'),
  lrFloor: optimization.lrFloor.default(0),
  weightDecay: optimization.weightDecay.default(0),
  dropout: z.number().min(0).max(0.9).default(0).describe('part of the activations dropped'),
  heldOutFraction: z
    .number()
    .min(0)
    .max(0.5)
    .default(0.05)
    .describe('dialogues kept to measure on, where no file of them is given'),
  evalEvery: count.default(100).describe('steps between measurements on held-out dialogues; 0: at the end'),
  patience: count
    .default(0)
    .describe('stop after so many measurements without a new best and keep the best model; 0: never'),
  checkpointEvery: size.default(200).describe('steps between checkpoints'),
  logEvery: size.default(10).describe('steps between lines of metrics.jsonl'),
  maxSkipped: count
    .default(1000)
    .describe('broken lines of the data that are passed over before it is an error'),
  seed: count.default(1337).describe('decides everything random'),
})

export type SftRecipe = z.output<typeof sftSchema>
