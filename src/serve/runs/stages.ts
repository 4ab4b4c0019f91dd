/** The stages that can be started from the studio: what each reads, and its settings as JSON Schema. */
import { z } from 'zod'
import { distillSchema } from '../../train/distill/recipe.js'
import { dpoSchema } from '../../train/dpo-recipe.js'
import { grpoSchema } from '../../train/grpo-recipe.js'
import { ppoSchema } from '../../train/ppo/recipe.js'
import { presets } from '../../train/presets.js'
import { recipeSchema } from '../../train/recipe.js'
import { rewardSchema } from '../../train/reward-recipe.js'
import { sftSchema } from '../../train/sft-recipe.js'

export interface StageInput {
  /** Under `inputs` of a request. */
  readonly key: string
  /** The flag of the command line, without the dashes. */
  readonly flag: string
  readonly kind: 'files' | 'model' | 'reward-model' | 'texts'
  readonly description: string
  readonly required: boolean
  readonly several: boolean
}

export interface Stage {
  readonly name: string
  readonly summary: string
  readonly inputs: readonly StageInput[]
  /** Checks what a client sends; every field is optional. */
  readonly schema: z.ZodObject
  /** Settings to show first. */
  readonly main: readonly string[]
  /** Flags that are not the setting's name with dashes. */
  readonly flags?: Readonly<Record<string, string>>
  /** Settings that are paths unless they match: they are confined to the workspace. */
  readonly paths?: Readonly<Record<string, RegExp>>
  /** Named sets of settings, chosen by the setting `preset`. */
  readonly presets?: readonly {
    readonly name: string
    readonly summary: string
    readonly settings: Readonly<Record<string, unknown>>
  }[]
}

type Kind = StageInput['kind']
const input = (
  key: string,
  kind: Kind,
  description: string,
  { required = false, flag = dashed(key) }: { required?: boolean; flag?: string } = {},
): StageInput => ({
  key,
  flag,
  kind,
  description,
  required,
  several: kind === 'files' || kind === 'texts',
})

const start = (required = true) =>
  input('model', 'model', 'the model to start from: a run or any model folder', { required })
const data = (description: string) => input('data', 'files', description, { required: true })

/** Settings that would make the server read its environment, or talk to other machines, at a client's word. */
const outside = [
  'endpoint',
  'endpointModel',
  'apiKeyEnv',
  'concurrency',
  'timeout',
  'retries',
  'maxFailures',
  'budgetRequests',
  'budgetTokens',
  'budgetCost',
  'priceInput',
  'priceOutput',
]

/** Presets decide what is left out. */
const overrides = Object.fromEntries(
  Object.entries(recipeSchema.shape).map(([key, field]) => {
    const inner: z.ZodType = field instanceof z.ZodDefault ? (field.unwrap() as z.ZodType) : field
    return [key, describedAs(inner.optional(), field.description ?? inner.description)]
  }),
)

/** Names of the speedrun's sizes, which live a floor beside this one; a test of the whole house compares them. */
export const SPEEDRUN_PRESETS = ['tiny', 'small', 'base'] as const

export const stages: readonly Stage[] = [
  {
    name: 'speedrun',
    summary: 'from raw text to an aligned assistant and its report card, in one run',
    inputs: [input('corpus', 'files', 'text of your own, added to the pretraining text')],
    schema: z.strictObject({
      preset: z
        .enum(SPEEDRUN_PRESETS)
        .default('tiny')
        .describe('tiny: about ten minutes on two cores; small: an hour; base: a night'),
      ablations: z
        .boolean()
        .default(false)
        .describe('PPO again with its details changed, for a table of what they are for'),
      larger: z
        .boolean()
        .default(false)
        .describe('a model five times as large with demonstrations only, to compare with'),
      seed: z.int().nonnegative().default(1).describe('decides everything random'),
    }),
    main: ['preset'],
  },
  {
    name: 'pretrain',
    summary: 'a model learns to read: it is trained on text from the beginning',
    inputs: [
      data('text files, JSON Lines or folders'),
      input('model', 'model', 'go on from this model in a new run, on other text'),
    ],
    schema: z.strictObject({
      preset: z
        .enum(Object.keys(presets) as [string, ...string[]])
        .optional()
        .describe('a named recipe (default: start)'),
      depth: z
        .int()
        .min(1)
        .max(128)
        .optional()
        .describe('the one dial: layers, from which everything else follows; in place of a preset'),
      ...overrides,
    }),
    main: ['preset', 'steps', 'tokenizer', 'learningRate'],
    flags: { nLayer: 'layers', nHead: 'heads', nKvHead: 'kv-heads' },
    paths: { tokenizer: /^(char|bpe:\d{1,7})$/ },
    presets: Object.values(presets).map(({ name, summary, recipe }) => ({ name, summary, settings: recipe })),
  },
  {
    name: 'sft',
    summary: 'a model learns to answer, from demonstrations',
    inputs: [
      start(),
      data('dialogues: JSON Lines or JSON arrays'),
      input('heldOut', 'files', 'dialogues to measure on (default: a part of the data)'),
    ],
    schema: z.strictObject(sftSchema.shape),
    main: ['epochs', 'batchSize', 'learningRate'],
  },
  {
    name: 'reward',
    summary: 'a model of what people prefer, from rankings or pairs of answers',
    inputs: [
      start(),
      data('rankings or pairs: JSON Lines or JSON arrays'),
      input('heldOut', 'files', 'rankings or pairs to measure on (default: those of a part of the prompts)'),
      input('demonstrations', 'files', 'dialogues whose scores shall be 0 on average'),
    ],
    schema: z.strictObject(rewardSchema.shape),
    main: ['epochs', 'batchSize', 'learningRate'],
  },
  {
    name: 'ppo',
    summary: 'a model learns to answer as a reward model likes it (PPO)',
    inputs: [
      start(),
      input('rewardModel', 'reward-model', 'the model that scores answers', { required: true }),
      data('prompts: dialogues that wait for an answer'),
      input('ptxText', 'files', 'plain text to mix in, with a ptx coefficient'),
      input('ptxDialogues', 'files', 'dialogues to mix in, with a ptx coefficient'),
    ],
    schema: z.strictObject(ppoSchema.shape),
    main: ['steps', 'batchSize', 'minibatchSize', 'maxTokens', 'learningRate', 'klCoefficient'],
  },
  {
    name: 'dpo',
    summary: 'a model is tuned on pairs of a better and a worse answer (DPO, IPO)',
    inputs: [
      start(),
      data('pairs or rankings: JSON Lines or JSON arrays'),
      input('heldOut', 'files', 'pairs to measure on (default: those of a part of the prompts)'),
    ],
    schema: z.strictObject(dpoSchema.shape),
    main: ['epochs', 'batchSize', 'learningRate', 'beta'],
  },
  {
    name: 'grpo',
    summary: 'a model learns from answers that a program or a reward model scores (GRPO)',
    inputs: [
      start(),
      data('prompts, with a "check" that says what is right'),
      input(
        'rewards',
        'texts',
        'exact, contains, numeric, regex[=PATTERN], length=WORDS, format=json|tags; with weights as in 0.2*length=30',
        { flag: 'reward' },
      ),
      input('rewardModel', 'reward-model', 'a reward model in place of names'),
    ],
    schema: z.strictObject(grpoSchema.shape),
    main: ['steps', 'promptsPerStep', 'groupSize', 'maxTokens', 'learningRate'],
  },
  {
    name: 'distill',
    summary: 'a model learns what another one knows: its answers, or its distributions',
    inputs: [
      start(),
      input('teacher', 'model', 'the teacher', { required: true }),
      data('prompts for the teacher; with the method logits, dialogues'),
      input('heldOut', 'files', 'dialogues to measure on (default: a part of what is learnt)'),
    ],
    schema: z.strictObject(
      Object.fromEntries(Object.entries(distillSchema.shape).filter(([key]) => !outside.includes(key))),
    ),
    main: ['method', 'epochs', 'batchSize', 'learningRate'],
  },
]

export const findStage = (name: string): Stage | undefined => stages.find((stage) => stage.name === name)

/** A stage as the studio reads it. */
export function describeStage({ name, summary, inputs, schema, main, presets }: Stage) {
  const { properties } = z.toJSONSchema(schema, { io: 'input' })
  return {
    name,
    summary,
    inputs,
    main,
    settings: { type: 'object' as const, properties: properties ?? {} },
    ...(presets ? { presets } : {}),
  }
}

/** `learningRate` as `learning-rate`. */
export function dashed(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}

function describedAs<T extends z.ZodType>(schema: T, description: string | undefined): T {
  return description === undefined ? schema : schema.describe(description)
}
