/** The settings of GRPO. No more than a schema, so that `--help` is quick. */
import { z } from 'zod'
import { paceSettings, policyOptimization, rolloutSettings } from './ppo/recipe.js'

const size = z.number().int().positive()
const amount = z.number().min(0)

export const grpoSchema = z.strictObject({
  steps: size.default(100).describe('rounds of answering and learning'),
  promptsPerStep: size.default(16).describe('prompts of a step'),
  groupSize: z.number().int().min(2).default(8).describe('answers to each prompt, compared with each other'),
  minibatchSize: size.default(32).describe('answers of one update; must divide prompts times group size'),
  epochs: size.default(1).describe('times that the answers of a step are learnt from'),
  ...rolloutSettings,
  advantages: z
    .enum(['scaled', 'centred'])
    .default('scaled')
    .describe(
      'score less the mean of its group, over its standard deviation: scaled, or not: centred (Dr. GRPO)',
    ),
  lossMean: z
    .enum(['sequence', 'token', 'constant'])
    .default('token')
    .describe(
      'mean over each answer and then over answers (GRPO): sequence; over all tokens (DAPO): token; over maxTokens (Dr. GRPO): constant',
    ),
  clipLow: amount.max(1).default(0.2).describe('how far the probability ratio counts below 1'),
  clipHigh: amount.default(0.2).describe('and above 1 (DAPO: 0.28)'),
  klCoefficient: amount.default(0.04).describe('weight of the KL term in the loss (beta); 0: none'),
  klEstimator: z
    .enum(['k3', 'k2'])
    .default('k3')
    .describe(
      'of that term: k3 as published, whose gradient is that of KL(reference | policy), or k2, of KL(policy | reference)',
    ),
  rewardScale: z.number().gt(0).default(1).describe('scores are multiplied by it'),
  rewardClip: amount.default(0).describe('scores, scaled, are clipped to this size; 0: not'),
  missingEnd: z
    .enum(['penalise', 'replace', 'ignore'])
    .default('ignore')
    .describe('an answer without its end token: penalise its score, replace it, or ignore that'),
  missingEndPenalty: amount.default(1).describe('what is taken off, or the negative score put in its place'),
  ...policyOptimization,
  ...paceSettings,
})

export type GrpoRecipe = z.output<typeof grpoSchema>
export type GrpoRecipeInput = z.input<typeof grpoSchema>
