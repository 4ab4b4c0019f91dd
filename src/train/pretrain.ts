/**
 * Pretraining: a model learns to predict the next token of a corpus.
 *
 * A run folder is made (or resumed), the corpus becomes a tokenizer and shards, the step is compiled once, and then the loop
 * at the end of this file repeats it. Everything random is a function of (seed, step), so a run that was stopped or killed
 * goes on exactly as if it had not been: on the same machine type, thread count and runtime version, bit for bit.
 */
import { join } from 'node:path'
import { createBatches, loadFactbook, readTextFiles } from '../data/index.js'
import { openRun, type RunDirectory } from '../hub/index.js'
import { type LanguageModel, loadModel } from '../infer/index.js'
import { type GptConfig, initGpt } from '../models/index.js'
import { Rng } from '../rng.js'
import { nodeDevice } from '../tensor/device/node.js'
import { type Device, NDArray, type Tree } from '../tensor/index.js'
import type { Tokenizer } from '../text/index.js'
import { loadGroup, loadWeights, type Progress, readProgress, saveCheckpoint } from './checkpoint.js'
import { type Corpus, type DocumentSource, openCorpus, prepareCorpus } from './corpus.js'
import { adoptDataSet, documentPaths, onlyDataSet } from './data-set.js'
import { diverged } from './diverged.js'
import { TrainError } from './errors.js'
import type { OnEvent } from './events.js'
import { heldOutLoss } from './held-out.js'
import { findPreset, recipeForDepth } from './presets.js'
import {
  modelConfig,
  parseRecipe,
  type Recipe,
  type RecipeInput,
  recipeOptimizer,
  recipeSchedule,
} from './recipe.js'
import { runtimeVersions } from './runtime.js'
import { Speed } from './speed.js'
import { createTrainStep, type TrainState } from './training-step.js'

/** The model at some step, for drawing a sample from it. Its arrays are only valid during the call. */
export interface ModelSnapshot {
  readonly step: number
  readonly config: GptConfig
  readonly params: Readonly<Record<string, NDArray>>
  readonly tokenizer: Tokenizer
}

export interface RunOptions {
  /** CPU threads. Default: the machine's cores. */
  readonly threads?: number
  /** 'cpu' (default), 'webgpu' or 'cuda'. */
  readonly device?: string
  /** Stops after the current step, with a checkpoint. */
  readonly signal?: AbortSignal
  readonly onEvent?: OnEvent
  /** Writes a few lines with the model; called before the first step, every `sampleEvery` steps and at the end. */
  readonly sample?: (model: ModelSnapshot) => Promise<{ prompt: string; text: string }>
}

export interface PretrainOptions extends RunOptions {
  /** The run folder; it must not hold a run yet. */
  readonly out: string
  /**
   * Text files, JSON Lines or folders of them; or the folder of a data set, whose tokenizer, tokens and held-out part are then
   * used unless the overrides or the model ask for others. Default: the World Factbook.
   */
  readonly data?: readonly string[]
  /** A model to go on from (mid-training): its shape and tokenizer stay. Default: fresh parameters. */
  readonly model?: string
  readonly preset?: string
  readonly depth?: number
  /** Values that win over those of the preset. */
  readonly overrides?: Partial<RecipeInput>
}

export interface PretrainResult {
  readonly dir: string
  readonly step: number
  /** False when the signal stopped the run; it can be resumed. */
  readonly finished: boolean
  readonly parameters: number
  readonly tokens: number
  readonly seconds: number
  readonly loss: number | undefined
  readonly heldOut:
    | { readonly loss: number; readonly perplexity: number; readonly bitsPerByte: number }
    | undefined
}

/**
 * Starts a run.
 * @throws TrainError, DataError, TokenizerError, RunError, StorageError, DeviceError; what was saved before stays good
 */
export async function pretrain(options: PretrainOptions): Promise<PretrainResult> {
  const began = performance.now()
  const start = options.model === undefined ? undefined : await loadModel(options.model)
  const dataSet = await wholeDataSet(options)
  const chosen = chooseRecipe(options, start)
  const recipe = dataSet === undefined ? chosen : { ...chosen, tokenizer: dataSet }
  const device = nodeDevice(options.device, options.threads === undefined ? {} : { threads: options.threads })
  const run = await openRun(options.out, { mode: 'create' })
  try {
    const dir = join(run.dir, 'data')
    const { signal, onEvent } = options
    const corpus =
      dataSet === undefined
        ? await prepareCorpus({ ...recipe, source: await documents(options.data), dir, signal, onEvent })
        : await adoptDataSet(dataSet, dir)
    const config = start
      ? { ...start.config, dropout: recipe.dropout }
      : modelConfig(recipe, corpus.tokenizer.vocabSize)
    const params = start?.params ?? initGpt(config, Rng.seed(recipe.seed).fork('parameters'))
    const state = { params, optimizer: recipeOptimizer(recipe).init(params) }
    const progress: Progress = {
      stage: 'pretrain',
      ...(options.data === undefined ? {} : { data: options.data }),
      step: 0,
      recipe,
      heldOutBytes: corpus.heldOutBytes,
      seconds: 0,
      runtime: runtimeVersions(),
    }
    return await train({ run, device, config, corpus, state, progress, options, began })
  } finally {
    await run.close()
  }
}

/** Goes on with the run in a folder from its newest complete checkpoint. `steps` moves the end. */
export async function resumePretrain(
  dir: string,
  options: RunOptions & { readonly steps?: number } = {},
): Promise<PretrainResult> {
  const began = performance.now()
  const device = nodeDevice(options.device, options.threads === undefined ? {} : { threads: options.threads })
  const run = await openRun(dir, { mode: 'resume' })
  try {
    for (const { dir: skipped, reason } of run.skipped)
      options.onEvent?.({ type: 'warning', text: `passed over ${skipped}: ${reason}` })
    if (!run.latest)
      throw new TrainError(
        'resume',
        `${dir} has no complete checkpoint to go on from; start the run again in a new folder`,
      )
    const saved = await readProgress(run.latest)
    const recipe =
      options.steps === undefined ? saved.recipe : parseRecipe({ ...saved.recipe, steps: options.steps })
    if (recipe.steps !== saved.recipe.steps)
      options.onEvent?.({
        type: 'warning',
        text: `the run was planned for ${saved.recipe.steps} steps and now ends at ${recipe.steps}: its learning rates differ from here on`,
      })
    const optimizer = recipeOptimizer(recipe)
    const { config, params } = await loadWeights(run.latest)
    const state = { params, optimizer: await loadGroup(run.latest, 'optimizer', optimizer.init(params)) }
    const corpus = await openCorpus(join(run.dir, 'data'), saved.heldOutBytes)
    return await train({ run, device, config, corpus, state, progress: { ...saved, recipe }, options, began })
  } finally {
    await run.close()
  }
}

interface Training {
  readonly run: RunDirectory
  readonly device: Device
  readonly config: GptConfig
  readonly corpus: Corpus
  state: TrainState
  readonly progress: Progress
  readonly options: RunOptions
  readonly began: number
}

async function train({
  run,
  device,
  config,
  corpus,
  state,
  progress,
  options,
  began,
}: Training): Promise<PretrainResult> {
  const { onEvent = () => {}, signal } = options
  const { recipe } = progress
  const { batchSize: B, contextLength: T, accumulation, seed } = recipe
  const batches = createBatches({
    tokens: corpus.train,
    batchSize: B * accumulation,
    contextLength: T,
    seed,
    order: recipe.order,
  })
  const parameters = Object.values(state.params).reduce(
    (sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1),
    0,
  )
  const tokensPerStep = B * T * accumulation
  onEvent({
    type: 'settings',
    settings: {
      ...(recipe as Record<string, string | number | boolean>),
      parameters,
      vocabulary: config.vocabSize,
      tokensPerStep,
      trainTokens: corpus.train.length,
      heldOutTokens: corpus.heldOut.length,
      stepsPerEpoch: Math.round(batches.stepsPerEpoch),
    },
  })

  const optimizer = recipeOptimizer(recipe)
  const update = createTrainStep(config, recipe, optimizer, device)
  const measure = await heldOutLoss(config, T, corpus, state.params, device)
  const tokenShape = accumulation > 1 ? [accumulation, B, T] : [B, T]
  const dropoutKeys = Rng.seed(seed).fork('dropout')

  let step = progress.step
  let last: number | undefined
  const schedule = recipeSchedule(recipe)
  const startSeconds = progress.seconds
  const elapsed = () => startSeconds + (performance.now() - began) / 1000
  const save = async () => {
    const { dir } = await saveCheckpoint(run, {
      config,
      tokenizer: corpus.tokenizer,
      params: state.params,
      groups: { optimizer: state.optimizer as Tree<NDArray> },
      progress: { ...progress, step, seconds: elapsed() },
    })
    onEvent({ type: 'checkpoint', step, dir })
  }
  const sample = async () => {
    if (!options.sample) return
    onEvent({
      type: 'sample',
      step,
      ...(await options.sample({ step, config, params: state.params, tokenizer: corpus.tokenizer })),
    })
  }
  const report = async (maxTokens?: number) => {
    const event = { type: 'eval' as const, step, ...(await measure(state.params, maxTokens)) }
    onEvent(event)
    await run.appendMetrics({ step, heldOut: { loss: event.loss, bitsPerByte: event.bitsPerByte } })
    return event
  }

  if (step === 0) {
    await save()
    await report(recipe.evalTokens)
    await sample()
  }

  // ---- the loop ----
  const speed = new Speed(step)
  while (step < recipe.steps && !signal?.aborted) {
    const { inputs, targets } = batches.batches(step) // (B, T) each, or (n, B, T)
    const lr = recipe.learningRate * schedule(step)
    const batch = {
      ids: new NDArray('i32', tokenShape, inputs),
      targets: new NDArray('i32', tokenShape, targets),
    }
    const result = await update(state, batch, { lr, step: step + 1, key: dropoutKeys.fork(step).uint32() })
    state = result.state
    const { loss, gradNorm } = result
    step++
    if (!Number.isFinite(loss) || !Number.isFinite(gradNorm))
      throw await diverged(run, { step, loss, gradNorm, last, lr })
    last = loss

    if (step % recipe.logEvery === 0 || step === recipe.steps || step === 1) {
      const perStep = speed.secondsPerStep(step)
      const tokensPerSecond = Math.round(tokensPerStep / perStep)
      const secondsLeft = Math.round(perStep * (recipe.steps - step))
      await run.appendMetrics({ step, loss, lr, gradNorm, tokensPerSecond })
      onEvent({ type: 'step', step, steps: recipe.steps, loss, lr, gradNorm, tokensPerSecond, secondsLeft })
    }
    const due = (every: number) => every > 0 && step % every === 0 && step < recipe.steps
    await speed.pause(async () => {
      if (due(recipe.evalEvery)) await report(recipe.evalTokens)
      if (due(recipe.sampleEvery)) await sample()
      if (due(recipe.checkpointEvery)) await save()
    })
  }

  if (step > progress.step) await save()
  const finished = step >= recipe.steps
  const final = finished ? await report() : undefined
  if (finished) await sample()
  await update.dispose()
  await measure.dispose()
  const heldOut = final && { loss: final.loss, perplexity: final.perplexity, bitsPerByte: final.bitsPerByte }
  return {
    dir: run.dir,
    step,
    finished,
    parameters,
    tokens: step * tokensPerStep,
    seconds: elapsed(),
    loss: last,
    heldOut,
  }
}

function chooseRecipe(
  { preset, depth, overrides = {} }: PretrainOptions,
  start: LanguageModel | undefined,
): Recipe {
  if (preset !== undefined && depth !== undefined)
    throw new TrainError('recipe', 'give a preset or a depth, not both')
  const base = depth === undefined ? findPreset(preset ?? 'start').recipe : recipeForDepth(depth)
  return parseRecipe({ ...base, ...(start ? shapeOf(start, base, overrides) : {}), ...overrides })
}

/** The part of a recipe that a model to go on from decides. @throws TrainError where the user wants it otherwise */
function shapeOf(
  { config, dir, tokenizer }: LanguageModel,
  base: RecipeInput,
  overrides: Partial<RecipeInput>,
): Partial<RecipeInput> {
  if (!tokenizer) throw new TrainError('recipe', `${dir} has no tokenizer; going on from it needs one`)
  const { nLayer, nHead, nKvHead, width, contextLength } = config
  const fixed = { nLayer, nHead, nKvHead, width, tokenizer: dir }
  const changed = Object.entries(fixed).find(
    ([key, value]) =>
      overrides[key as keyof RecipeInput] !== undefined && overrides[key as keyof RecipeInput] !== value,
  )
  if (changed) {
    throw new TrainError(
      'recipe',
      `${changed[0]} is ${changed[1]} in ${dir} and cannot be changed when training goes on from it`,
    )
  }
  return { ...fixed, contextLength: Math.min(base.contextLength, contextLength) }
}

/** The data set to take as it is, where nothing says to divide or encode its documents otherwise. */
async function wholeDataSet({ data, model, overrides = {} }: PretrainOptions): Promise<string | undefined> {
  const { tokenizer, heldOut, heldOutFraction } = overrides
  const isOther = [model, tokenizer, heldOut, heldOutFraction].some((value) => value !== undefined)
  return isOther ? undefined : onlyDataSet(data)
}

/** The documents of the user's files, or of the bundled corpus. */
async function documents(data: readonly string[] | undefined): Promise<DocumentSource> {
  if (data !== undefined) {
    const paths = await documentPaths(data)
    return () => readTextFiles(paths)
  }
  return async function* () {
    yield* await loadFactbook()
  }
}
