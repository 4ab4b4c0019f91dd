/**
 * What the stages after pretraining share: they start from a model folder, read data, and leave a run folder of the same form,
 * so that any of them can start from any other.
 */
import { resolve } from 'node:path'
import { z } from 'zod'
import { type CheckpointInfo, openRun, type RunDirectory } from '../hub/index.js'
import { type LanguageModel, loadModel } from '../infer/index.js'
import type { GptConfig } from '../models/index.js'
import { nodeDevice } from '../tensor/device/node.js'
import type { Device, NDArray, Tree } from '../tensor/index.js'
import { type ChatFormat, saveTokenizer, type Tokenizer } from '../text/index.js'
import { withChatTokens } from './chat-tokens.js'
import { loadGroup, readTrainerState, saveCheckpoint, stageProgress } from './checkpoint.js'
import { TrainError } from './errors.js'
import type { OnEvent } from './events.js'
import { absoluteInputs, checkInputs, hashInputs, type Inputs } from './inputs.js'
import { runtimeVersions } from './runtime.js'
import type { Weights } from './training-step.js'

/** What every stage takes. */
export interface StageOptions {
  /** The run folder. */
  readonly out: string
  /** The model to start from: a run folder or any model folder. Needed unless a run is resumed. */
  readonly model?: string
  /** 'never' (default) wants a folder without a run, 'must' one with a run, 'auto' takes either. */
  readonly resume?: 'never' | 'auto' | 'must'
  /** CPU threads. Default: the machine's cores. */
  readonly threads?: number
  /** 'cpu' (default), 'webgpu' or 'cuda'. */
  readonly device?: string
  /** Stops after the current step, with a checkpoint. */
  readonly signal?: AbortSignal
  readonly onEvent?: OnEvent
}

/** What every stage returns; each adds its own results. */
export interface StageResult {
  readonly dir: string
  readonly step: number
  /** False when the signal stopped the run; it can be resumed. */
  readonly finished: boolean
  readonly parameters: number
  /** Seconds of training, over all sessions. */
  readonly seconds: number
}

export interface StageSpec<R> {
  readonly stage: string
  /** Checks the recipe and fills in the defaults. */
  readonly schema: z.ZodType<R>
  readonly overrides: unknown
  /**
   * Paths that the stage reads, by role, such as `{ data: ['sft.jsonl'] }`. Remembered as absolute paths and by their content: a
   * run goes on with what it began with, or not at all.
   */
  readonly inputs: Readonly<Record<string, readonly string[] | undefined>>
  /** Roles among them that are remembered as they are: what is no path, and paths whose content may change. */
  readonly asGiven?: readonly string[]
  /** How the model folder is loaded. Default: a language model with a chat format; one is added where it has none. */
  readonly load?: (
    dir: string,
    options: { readonly device?: string; readonly threads?: number },
  ) => Promise<LanguageModel>
}

/** A stage at work: what it starts from, or where it stopped. */
export interface StageRun<R> {
  readonly run: RunDirectory
  readonly device: Device
  readonly recipe: R
  readonly model: LanguageModel
  readonly config: GptConfig
  readonly tokenizer: Tokenizer
  readonly chat: ChatFormat
  /** The folder that the stage started from, absolute. */
  readonly start: string
  readonly inputs: Inputs
  /** Steps done. */
  readonly step: number
  /** What the last `save` kept in `extra`; undefined for a new run. */
  readonly extra: unknown
  /** Seconds of training, earlier sessions included. */
  elapsed(): number
  /** Tensors saved beside the model in the checkpoint that the run goes on from; `fresh` for a new run. */
  group<T extends Tree<NDArray>>(name: string, fresh: T): Promise<T>
  save(content: {
    readonly step: number
    readonly params: Weights
    readonly groups?: Readonly<Record<string, Tree<NDArray>>>
    readonly extra?: unknown
    /** Where the stage changes what the model is: a reward model from a language model. */
    readonly config?: GptConfig
  }): Promise<CheckpointInfo>
  close(): Promise<void>
}

/**
 * Opens the run folder and loads the model: that of `options.model` for a new run, that of the newest checkpoint for a resumed one.
 * @throws TrainError, RunError, ModelDirectoryError, …
 */
export async function openStage<R>(spec: StageSpec<R>, options: StageOptions): Promise<StageRun<R>> {
  const began = performance.now()
  const { onEvent = () => {} } = options
  const settings = {
    ...(options.device === undefined ? {} : { device: options.device }),
    ...(options.threads === undefined ? {} : { threads: options.threads }),
  }
  const mode = { never: 'create', auto: 'auto', must: 'resume' } as const
  // What the user wrote wrongly is said before a folder is made.
  const recipe = parseSettings(spec)
  const run = await openRun(options.out, { mode: mode[options.resume ?? 'never'] })
  try {
    for (const { dir, reason } of run.skipped)
      onEvent({ type: 'warning', text: `passed over ${dir}: ${reason}` })
    const saved = run.latest && (await readTrainerState(run.latest, progressSchema(spec)))
    if (!saved && options.resume === 'must') {
      throw new TrainError(
        'resume',
        `${run.dir} has no complete checkpoint to go on from; start the stage again in a new folder`,
      )
    }
    if (!saved && options.model === undefined) {
      throw new TrainError('recipe', `${spec.stage} needs a model to start from; give its folder`)
    }
    const start = saved?.start ?? resolve(options.model!)
    const inputs = saved?.inputs ?? absoluteInputs(spec.inputs, spec.asGiven)
    const hashes = await hashInputs(inputs, { ...spec, ...options })
    if (saved?.hashes) checkInputs(run.dir, inputs, saved.hashes, hashes)
    const load = spec.load ?? ((dir, more) => loadModel(dir, more).then(withChatTokens))
    const model = await load(run.latest?.dir ?? start, settings)
    const { tokenizer, chat } = model
    if (!tokenizer || !chat) {
      throw new TrainError(
        'recipe',
        `${start} has no tokenizer with a chat format; ${spec.stage} cannot start from it`,
      )
    }
    if (!saved) {
      await saveTokenizer(tokenizer, `${run.dir}/data`, {
        modelMaxLength: model.config.contextLength,
        config: { chat_template: chat.template },
      })
    }
    const elapsed = () => (saved?.seconds ?? 0) + (performance.now() - began) / 1000
    const finalRecipe = (saved?.recipe ?? recipe) as R
    return {
      run,
      device: nodeDevice(options.device, options.threads === undefined ? {} : { threads: options.threads }),
      recipe: finalRecipe,
      model,
      config: model.config,
      tokenizer,
      chat,
      start,
      inputs,
      step: saved?.step ?? 0,
      extra: saved?.extra,
      elapsed,
      group: async (name, fresh) => (run.latest && saved ? loadGroup(run.latest, name, fresh) : fresh),
      save: async ({ step, params, groups = {}, extra, config = model.config }) => {
        const progress = {
          stage: spec.stage,
          step,
          start,
          inputs,
          hashes,
          recipe: finalRecipe,
          seconds: elapsed(),
          runtime: runtimeVersions(),
          ...(extra === undefined ? {} : { extra }),
        }
        const { stopIds } = chat
        const checkpoint = await saveCheckpoint(run, { config, tokenizer, stopIds, params, groups, progress })
        onEvent({ type: 'checkpoint', step, dir: checkpoint.dir })
        return checkpoint
      },
      close: () => run.close(),
    }
  } catch (error) {
    await run.close()
    throw error
  }
}

function parseSettings<R>({ stage, schema, overrides }: StageSpec<R>): R {
  const parsed = schema.safeParse(overrides ?? {})
  if (parsed.success) return parsed.data
  const problems = parsed.error.issues.map(({ path, message }) => `${path.join('.') || 'it'}: ${message}`)
  throw new TrainError('recipe', `the settings of ${stage} are wrong: ${problems.join('; ')}`)
}

function progressSchema<R>({ stage, schema }: StageSpec<R>) {
  return z.object({
    ...stageProgress,
    stage: z.literal(stage, `the run is of another stage, not ${stage}`),
    start: z.string(),
    inputs: z.record(z.string(), z.array(z.string())),
    /** SHA-256 of the inputs, by path. */
    hashes: z.record(z.string(), z.string()).optional(),
    recipe: schema,
    extra: z.unknown().optional(),
  })
}
