/** The settings of PPO. No more than schemas, so that `--help` is quick. */
import { z } from 'zod'
import { optimization } from '../optimization.js'

const size = z.number().int().positive()
const count = z.number().int().nonnegative()
const range = z.number().gt(0).lt(1)
const amount = z.number().min(0)

/** How answers are drawn: shared by PPO and GRPO. */
export const rolloutSettings = {
  maxTokens: size.default(64).describe('tokens of an answer at most, its end token included'),
  temperature: z
    .number()
    .gt(0)
    .default(1)
    .describe('of the draws; every log-probability is that of the logits divided by it'),
  rows: size.default(64).describe('answers written at the same time'),
  maxPromptTokens: size
    .optional()
    .describe('longer prompts are passed over (default: what the context leaves beside maxTokens)'),
}

/** How often things are shown and kept: shared by PPO and GRPO. */
export const paceSettings = {
  checkpointEvery: size.default(10).describe('steps between checkpoints'),
  sampleEvery: count.default(10).describe('steps between answers shown; 0: none'),
  maxSkipped: count
    .default(1000)
    .describe('broken lines of the data that are passed over before it is an error'),
  seed: count.default(1337).describe('decides everything random'),
}

/** AdamW as for RLHF (Ziegler et al. 2019; Huang et al. 2024): epsilon 1e-5, no decay, the rate falling to 0. */
export const policyOptimization = {
  ...optimization,
  learningRate: optimization.learningRate.default(1e-5),
  schedule: optimization.schedule.default('linear'),
  lrFloor: optimization.lrFloor.default(0),
  beta2: optimization.beta2.default(0.999),
  epsilon: optimization.epsilon.default(1e-5),
  weightDecay: optimization.weightDecay.default(0),
}

export const ppoSchema = z.strictObject({
  steps: size.default(100).describe('rounds of answering and learning'),
  batchSize: size.default(128).describe('answers (episodes) of a step'),
  minibatchSize: size.default(32).describe('answers of one update; must divide the batch'),
  epochs: size.default(1).describe('times that the answers of a step are learnt from'),
  ...rolloutSettings,

  kl: z
    .enum(['fixed', 'adaptive'])
    .default('fixed')
    .describe('whether the weight of the KL penalty is steered: fixed or adaptive'),
  klCoefficient: amount.default(0.05).describe('weight of the KL penalty (beta), or where it starts'),
  klTarget: z.number().gt(0).default(6).describe('adaptive: nats per answer to steer to'),
  klHorizon: size
    .default(10_000)
    .describe('adaptive: answers over which the weight changes by a fifth at most'),
  klEstimator: z
    .enum(['k1', 'k2', 'k3'])
    .default('k1')
    .describe('estimate of the KL of a token: k1, k2 or k3'),
  gamma: z.number().gt(0).max(1).default(1).describe('discount of later rewards'),
  lambda: z.number().min(0).max(1).default(0.95).describe('of generalised advantage estimation'),
  whitenAdvantages: z.boolean().default(true).describe('advantages are not brought to mean 0 and variance 1'),
  whitenRewards: z
    .boolean()
    .default(false)
    .describe('rewards are brought to variance 1; they keep their mean'),
  clipRange: range.default(0.2).describe('how far the probability ratio counts'),
  valueClipRange: amount.default(0.2).describe('how far a value may move in a step'),

  rewardScale: z.number().gt(0).default(1).describe('scores are multiplied by it'),
  rewardClip: amount.default(0).describe('scores, scaled, are clipped to this size; 0: not'),
  missingEnd: z
    .enum(['penalise', 'replace', 'ignore'])
    .default('penalise')
    .describe('an answer without its end token: penalise its score, replace it, or ignore that'),
  missingEndPenalty: amount.default(1).describe('what is taken off, or the negative score put in its place'),

  ptxCoefficient: amount.default(0).describe('weight of the language-model loss on other text (PPO-ptx)'),
  ptxBatchSize: size.default(4).describe('rows of that text in each update'),
  ptxTextShare: z
    .number()
    .min(0)
    .max(1)
    .default(0.5)
    .describe('share of plain text in these rows, where there are dialogues too'),

  ...policyOptimization,
  criticLearningRate: z.number().gt(0).optional().describe("peak rate of the critic (default: the actor's)"),
  criticWarmup: count.default(0).describe('first steps, in which only the critic learns'),
  maxApproxKl: z
    .number()
    .gt(0)
    .optional()
    .describe('the rest of a step is left out once an update moved the policy so far (policy/approxkl)'),
  klLimit: z
    .number()
    .gt(0)
    .optional()
    .describe(
      'training ends once the policy is so many nats per answer from its start; the last within is kept',
    ),
  ...paceSettings,
})

export type PpoRecipe = z.output<typeof ppoSchema>
export type PpoRecipeInput = z.input<typeof ppoSchema>
