/**
 * Distillation: a student learns from a teacher. Of its answers (sequence-level, Kim and Rush 2016): the teacher answers prompts,
 * and the student is fine-tuned on the dialogues. Of its distributions (Hinton, Vinyals, Dean 2015): at every token, the student
 * moves towards what the teacher would have said, at a temperature that shows the unlikely tokens too.
 */
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { z } from 'zod'
import { toStorageError, writeFileAtomic } from '../../atomic.js'
import { type LanguageModel, loadModel } from '../../infer/index.js'
import { createDiskCache, type EndpointOptions } from '../../infer/openai/index.js'
import { type GptConfig, gptHidden } from '../../models/index.js'
import { add, mul, slice, stopGradient, type Tensor } from '../../tensor/index.js'
import type { ChatFormat } from '../../text/index.js'
import { prepareRows } from '../dialogue-rows.js'
import { type DialogueObjective, type LearntDialogues, learnDialogues } from '../dialogue-training.js'
import { TrainError } from '../errors.js'
import { loadPrompts } from '../ppo/prompts.js'
import { sameTokens } from '../ppo/scoring.js'
import { nextTokens } from '../sft.js'
import { openStage, type StageOptions, type StageRun } from '../stage.js'
import { type Collection, collectAnswers } from './collect.js'
import { endpointTeacher } from './endpoint-teacher.js'
import { type LogitSource, linearDistillation } from './loss.js'
import { type DistillRecipe, type DistillRecipeInput, distillSchema } from './recipe.js'
import { modelTeacher } from './teacher.js'

export interface DistillOptions extends StageOptions {
  /**
   * Prompts for the teacher to answer (of dialogues, all but the assistant's last answer is asked); with the method 'logits',
   * dialogues. Needed unless a run is resumed.
   */
  readonly data?: readonly string[]
  /** Dialogues to measure on. Default: a part of what is learnt. */
  readonly heldOut?: readonly string[]
  /** The teacher's folder; else the recipe names an endpoint. */
  readonly teacher?: string
  /** A folder for the teacher's answers, so that they are not asked for again. Default: `teacher` in the run folder. */
  readonly cache?: string
  readonly overrides?: DistillRecipeInput
  /** Where the key of the endpoint is. Default: `process.env`. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Takes the place of the global fetch. */
  readonly fetch?: typeof fetch
}

export interface DistillResult extends LearntDialogues {
  /** What the teacher answered; undefined with the method 'logits'. */
  readonly collection: Collection | undefined
}

/** @throws TrainError, EndpointError, DataError, ModelDirectoryError, RunError, StorageError */
export async function distill(options: DistillOptions): Promise<DistillResult> {
  const { onEvent = () => {}, signal } = options
  const one = (path: string | undefined) => (path === undefined ? undefined : [resolve(path)])
  const stage = await openStage<DistillRecipe>(
    {
      stage: 'distill',
      schema: distillSchema,
      overrides: options.overrides,
      inputs: {
        data: options.data,
        heldOut: options.heldOut,
        teacher: one(options.teacher),
      },
    },
    options,
  )
  let teacher: Teacher | undefined
  try {
    const { recipe, chat, config, inputs } = stage
    if (!inputs.data?.length) throw new TrainError('recipe', 'distill needs data; give a file of prompts')
    teacher = await loadTeacher(stage, options)
    const collection =
      recipe.method === 'logits' ? undefined : await collectOnce(stage, teacher, inputs.data, options)
    const data = recipe.method === 'logits' ? inputs.data : [answersFile(stage)]
    const { heldOut } = inputs
    const reading = { data, heldOut, chat, recipe, onEvent, signal }
    if (recipe.method === 'sequences') {
      const rows = await prepareRows({
        ...reading,
        contextLength: recipe.contextLength ?? config.contextLength,
      })
      return { ...(await learnDialogues(stage, rows, nextTokens, options)), collection }
    }
    if (!teacher) throw noTeacher()
    const room = Math.min(config.contextLength, teacher.config.contextLength)
    const contextLength = Math.min(recipe.contextLength ?? room, room)
    const rows = await prepareRows({ ...reading, contextLength, learn: recipe.learn })
    const objective = teacherDistributions(teacher, stage.tokenizer.vocabSize, recipe)
    return { ...(await learnDialogues(stage, rows, objective, options)), collection }
  } finally {
    await teacher?.dispose()
    await stage.model.dispose()
    await stage.close()
  }
}

type Teacher = LanguageModel & { readonly chat: ChatFormat }
type Params = Readonly<Record<string, Tensor>>

/** Cross-entropy with the data, and KL to the teacher: (1 - labelWeight) temperature^2 KL + labelWeight cross-entropy. */
export function teacherDistributions(
  teacher: LanguageModel,
  /** Tokens that the tokenizer knows; rows beyond only fill the matrices up. */
  vocabulary: number,
  { temperature, labelWeight }: Pick<DistillRecipe, 'temperature' | 'labelWeight'>,
): DialogueObjective {
  const source = (config: GptConfig, params: Params, hidden: Tensor): LogitSource => {
    const weight = params[config.tied ? 'model.embed_tokens.weight' : 'lm_head.weight']!
    const whole = weight.shape[0] === vocabulary
    return {
      hidden,
      weight: whole ? weight : slice(weight, [[0, vocabulary]]),
      softCap: config.logitSoftCap,
    }
  }
  return {
    frozen: teacher.params,
    loss: (config, params, { ids, targets, ...rows }, { frozen, dropoutKey }) => {
      const own = gptHidden(config, params, ids, { ...rows, ...(dropoutKey ? { dropoutKey } : {}) })
      const its = stopGradient(gptHidden(teacher.config, frozen, ids, rows))
      const { kl, crossEntropy } = linearDistillation(
        source(config, params, own),
        source(teacher.config, frozen, its),
        targets,
        { temperature },
      )
      return {
        loss: add(mul(kl, (1 - labelWeight) * temperature ** 2), mul(crossEntropy, labelWeight)),
        metrics: { kl, cross_entropy: crossEntropy },
      }
    },
  }
}

/** The teacher's folder, or undefined where it is behind an endpoint, or its answers are already here. */
async function loadTeacher(
  stage: StageRun<DistillRecipe>,
  { device, threads }: DistillOptions,
): Promise<Teacher | undefined> {
  const { recipe, inputs, tokenizer, extra } = stage
  const dir = inputs.teacher?.[0]
  if ((dir === undefined) === (recipe.endpoint === undefined)) throw noTeacher()
  if (dir === undefined || (extra !== undefined && recipe.method === 'sequences')) return undefined
  const model = await loadModel(dir, {
    ...(device === undefined ? {} : { device }),
    ...(threads === undefined ? {} : { threads }),
  })
  if (!model.tokenizer || !model.chat) {
    throw new TrainError(
      'recipe',
      `the teacher in ${dir} has no tokenizer with a chat format, so it cannot answer; fine-tune it on dialogues first (athanor sft)`,
    )
  }
  if (recipe.method !== 'sequences' && !sameTokens(model.tokenizer, tokenizer)) {
    throw new TrainError(
      'recipe',
      `the teacher in ${dir} has another vocabulary than the student (${model.tokenizer.vocabSize} and ${tokenizer.vocabSize} tokens): their distributions cannot be compared; learn the teacher's answers instead (method sequences), or give both one tokenizer`,
    )
  }
  return model as Teacher
}

const noTeacher = () =>
  new TrainError('recipe', 'distill needs one teacher: the folder of a model, or the address of an endpoint')

const answersFile = ({ run }: StageRun<DistillRecipe>) => join(run.dir, 'data', 'teacher.jsonl')
const reportFile = ({ run }: StageRun<DistillRecipe>) => join(run.dir, 'data', 'teacher.json')

/** The teacher's answers as a file: asked for by a new run, found again by one that goes on. */
async function collectOnce(
  stage: StageRun<DistillRecipe>,
  model: Teacher | undefined,
  data: readonly string[],
  options: DistillOptions,
): Promise<Collection> {
  const { recipe, run, extra } = stage
  const { onEvent = () => {}, signal } = options
  const report = reportFile(stage)
  if (extra !== undefined) return collectionSchema.parse(JSON.parse(await readText(report)))
  const cache = createDiskCache(options.cache ?? join(run.dir, 'teacher'))
  const teacher = model
    ? modelTeacher(model, recipe, cache)
    : endpointTeacher(endpointOf(recipe, options), recipe, cache)
  const prompts = await loadPrompts(data, { maxTokens: 0, maxSkipped: recipe.maxSkipped, onEvent, signal })
  const collection = await collectAnswers(teacher, prompts, answersFile(stage), { onEvent, signal })
  await writeFileAtomic(report, `${JSON.stringify(collection, null, 2)}\n`)
  onEvent({
    type: 'message',
    text: `${collection.teacher} gave ${collection.answers} answers to ${collection.prompts} prompts, in ${answersFile(stage)}`,
  })
  return collection
}

function endpointOf(recipe: DistillRecipe, options: DistillOptions): EndpointOptions {
  const { endpoint, endpointModel, apiKeyEnv, timeout, retries, teacherMaxTokens } = recipe
  const { env = process.env, onEvent = () => {} } = options
  const apiKey = apiKeyEnv === undefined ? undefined : env[apiKeyEnv]
  if (apiKeyEnv !== undefined && !apiKey)
    throw new TrainError(
      'recipe',
      `the environment variable ${apiKeyEnv} is not set; put the endpoint's key there`,
    )
  const { protocol, hostname } = new URL(endpoint!)
  if (apiKey && protocol === 'http:' && !/^(localhost|127\.[\d.]+|\[::1\])$/.test(hostname))
    onEvent({ type: 'warning', text: `the key goes to ${hostname} unencrypted; use https where it can` })
  return {
    baseUrl: endpoint!,
    model: endpointModel!,
    timeout,
    retries,
    maxTokens: teacherMaxTokens,
    ...(apiKey ? { apiKey } : {}),
    ...(options.fetch ? { fetch: options.fetch } : {}),
  }
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    throw toStorageError(error, 'read', path)
  }
}

const count = z.number().int().nonnegative()
const collectionSchema: z.ZodType<Collection> = z.object({
  teacher: z.string(),
  prompts: count,
  answers: count,
  leftOut: z.record(z.string(), count),
  spending: z
    .object({
      requests: count,
      cached: count,
      estimated: count,
      promptTokens: count,
      completionTokens: count,
      cost: z.number(),
    })
    .exactOptional(),
})
