/** How parameters are trained: the settings that every stage has. No more than a schema, so that `--help` is quick. */
import { z } from 'zod'

const count = z.number().int().nonnegative()
const fraction = z.number().min(0).max(1)
const beta = z.number().min(0).lt(1)

export const optimization = {
  optimizer: z.enum(['adamw', 'muon']).default('adamw').describe('adamw or muon'),
  learningRate: z
    .number()
    .positive()
    .describe('peak rate of AdamW (with Muon: of embeddings, head and vectors)'),
  muonLearningRate: z.number().positive().default(0.02).describe("peak rate of Muon's matrices"),
  schedule: z
    .enum(['cosine', 'linear', 'wsd', 'constant'])
    .default('cosine')
    .describe('how the rate falls: cosine, linear, wsd or constant'),
  warmup: count.default(0).describe('steps over which the rate rises'),
  lrFloor: fraction.default(0.1).describe('last rate as a part of the peak'),
  decayFraction: fraction.default(0.4).describe('wsd: part of the steps that decays'),
  beta1: beta.default(0.9).describe('AdamW: decay of the mean'),
  beta2: beta.default(0.95).describe('AdamW: decay of the square'),
  epsilon: z.number().positive().default(1e-8).describe('AdamW: added to the root of the square'),
  weightDecay: z.number().min(0).default(0.1).describe('decoupled weight decay'),
  gradClip: z.number().min(0).default(1).describe('largest global norm of the gradient; 0 for none'),
}

export type Optimization = z.output<z.ZodObject<typeof optimization>>
