/**
 * Supervised fine-tuning: a language model learns to answer, from demonstrations (Ouyang et al. 2022, section 3.5).
 *
 * Only what the assistant wrote is learnt. Dialogues are packed into rows of the context's length; those in one row cannot
 * see each other and each counts its positions from 0, so a packed example trains exactly as one alone.
 */
import { z } from 'zod'
import { type PackedRow, packDialogues, readDialogues } from '../data/index.js'
import { type GptConfig, gptLoss } from '../models/index.js'
import { Rng } from '../rng.js'
import { type Device, jit, NDArray, type Tensor, type Tree } from '../tensor/index.js'
import type { EncodedChat } from '../text/index.js'
import { diverged } from './diverged.js'
import { TrainError } from './errors.js'
import type { OnEvent } from './events.js'
import { recipeOptimizer, recipeSchedule } from './recipe.js'
import { type SftRecipe, sftSchema } from './sft-recipe.js'
import { Speed } from './speed.js'
import { openStage, type StageOptions, type StageResult, type StageRun } from './stage.js'
import type { Weights } from './training-step.js'
import { createUpdate, type Trainable } from './update.js'

const count = z.number().int().nonnegative()

export interface SftOptions extends StageOptions {
  /** Files of dialogues; see `readDialogues`. Needed unless a run is resumed. */
  readonly data?: readonly string[]
  /** Dialogues to measure on. Default: a part of the data. */
  readonly heldOut?: readonly string[]
  readonly overrides?: z.input<typeof sftSchema>
}

export interface SftResult extends StageResult {
  /** Tokens that went through the model, and those among them that were learnt. */
  readonly tokens: number
  readonly trainedTokens: number
  readonly loss: number | undefined
  /** Mean loss per assistant token on held-out dialogues. */
  readonly heldOutLoss: number | undefined
  readonly stoppedEarly: boolean
}

/** What a run remembers between checkpoints. */
const extraSchema = z.object({
  tokens: count,
  trainedTokens: count,
  best: z.object({ step: count, loss: z.number() }).optional(),
  worse: count,
})

/** @throws TrainError, DataError, TokenizerError, RunError, StorageError */
export async function sft(options: SftOptions): Promise<SftResult> {
  const stage = await openStage(
    {
      stage: 'sft',
      schema: sftSchema,
      overrides: options.overrides,
      inputs: { data: options.data, heldOut: options.heldOut },
    },
    options,
  )
  try {
    return await train(stage, options)
  } finally {
    await stage.model.dispose()
    await stage.close()
  }
}

async function train(stage: StageRun<SftRecipe>, options: SftOptions): Promise<SftResult> {
  const { onEvent = () => {}, signal } = options
  const { run, recipe, config: base, device } = stage
  const config: GptConfig = { ...base, dropout: recipe.dropout }
  const T = recipe.contextLength ?? config.contextLength
  const rows = await prepareRows(stage, T, onEvent, signal)
  const B = Math.min(recipe.batchSize, rows.train.length)
  const stepsPerEpoch = Math.ceil(rows.train.length / B)
  const steps = Math.max(1, Math.round(recipe.epochs * stepsPerEpoch))
  const plan = { ...recipe, steps, warmup: Math.min(recipe.warmup, Math.floor(steps / 10)) }
  const schedule = recipeSchedule(plan)
  const optimizer = recipeOptimizer(recipe)
  const update = createUpdate<Weights, SftBatch>({
    loss: (params, { ids, targets, positions, documents }, key) => ({
      loss: gptLoss(config, params, ids, targets, {
        positions,
        documents,
        ...(config.dropout > 0 ? { dropoutKey: key } : {}),
      }),
    }),
    optimizer,
    gradClip: recipe.gradClip,
    device,
  })
  const measure = packedLoss(base, rows.heldOut, B, device)
  const parameters = Object.values(stage.model.params).reduce((sum, { data }) => sum + data.length, 0)
  onEvent({
    type: 'settings',
    settings: {
      ...(plan as Record<string, string | number | boolean>),
      batchSize: B,
      contextLength: T,
      parameters,
      rows: rows.train.length,
      heldOutRows: rows.heldOut.length,
      stepsPerEpoch,
    },
  })

  let state: Trainable<Weights> = {
    params: stage.model.params,
    optimizer: await stage.group('optimizer', optimizer.init(stage.model.params) as Tree<NDArray> as never),
  }
  let progress = extraSchema.parse(stage.extra ?? { tokens: 0, trainedTokens: 0, worse: 0 })
  // The best model so far, kept where training may go on past it.
  let best = recipe.patience > 0 ? await stage.group('best', copyOf(state.params)) : undefined
  let step = stage.step
  let last: number | undefined
  const root = Rng.seed(recipe.seed).fork('sft')
  const save = (params: Weights = state.params) =>
    stage.save({
      step,
      params,
      groups: {
        optimizer: state.optimizer as Tree<NDArray>,
        ...(best ? { best: best as Tree<NDArray> } : {}),
      },
      extra: progress,
    })
  const evaluate = async () => {
    const loss = await measure(state.params)
    if (loss === undefined) return undefined
    onEvent({ type: 'eval', step, loss, perplexity: Math.exp(loss) })
    await run.appendMetrics({ step, heldOut: { loss } })
    if (progress.best === undefined || loss < progress.best.loss) {
      progress = { ...progress, best: { step, loss }, worse: 0 }
      if (best) best = copyOf(state.params)
    } else {
      progress = { ...progress, worse: progress.worse + 1 }
    }
    return loss
  }
  const patient = () => recipe.patience === 0 || progress.worse < recipe.patience

  if (step === 0) {
    await save()
    await evaluate()
  }

  // ---- the loop ----
  const speed = new Speed(step)
  while (step < steps && patient() && !signal?.aborted) {
    const epoch = Math.floor(step / stepsPerEpoch)
    const order = root.fork(epoch).shuffle([...rows.train.keys()])
    const chosen = Array.from(
      { length: B },
      (_, i) => rows.train[order[((step % stepsPerEpoch) * B + i) % order.length]!]!,
    )
    const lr = recipe.learningRate * schedule(step)
    const result = await update(state, batchOf(chosen), {
      lr,
      step: step + 1,
      key: root.fork('dropout').fork(step).uint32(),
    })
    state = result.state
    step++
    const { loss, gradNorm } = result
    if (!Number.isFinite(loss) || !Number.isFinite(gradNorm))
      throw await diverged(run, { step, loss, gradNorm, last, lr })
    last = loss
    progress = {
      ...progress,
      tokens: progress.tokens + B * T,
      trainedTokens: progress.trainedTokens + chosen.reduce((sum, row) => sum + row.trained, 0),
    }
    if (step % recipe.logEvery === 0 || step === steps || step === 1) {
      const perStep = speed.secondsPerStep(step)
      const tokensPerSecond = Math.round((B * T) / perStep)
      const secondsLeft = Math.round(perStep * (steps - step))
      await run.appendMetrics({ step, loss, lr, gradNorm, tokensPerSecond })
      onEvent({ type: 'step', step, steps, loss, lr, gradNorm, tokensPerSecond, secondsLeft })
    }
    await speed.pause(async () => {
      if (recipe.evalEvery > 0 && step % recipe.evalEvery === 0 && step < steps) await evaluate()
      if (step % recipe.checkpointEvery === 0 && step < steps) await save()
    })
  }

  const stoppedEarly = step < steps && !patient()
  const finished = step >= steps || stoppedEarly
  if (step >= steps && step > stage.step) await evaluate()
  if (finished && best && progress.best && progress.best.step < step) {
    onEvent({
      type: 'message',
      text: `keeping the model of step ${progress.best.step}, the best on held-out dialogues`,
    })
    state = { ...state, params: best }
  }
  if (step > stage.step) await save()
  await update.dispose()
  await measure.dispose()
  return {
    dir: run.dir,
    step,
    finished,
    parameters,
    seconds: stage.elapsed(),
    tokens: progress.tokens,
    trainedTokens: progress.trainedTokens,
    loss: last,
    heldOutLoss: progress.best?.loss,
    stoppedEarly,
  }
}

type SftBatch = {
  readonly ids: NDArray
  readonly targets: NDArray
  readonly positions: NDArray
  readonly documents: NDArray
}

/** Rows as one batch, i32 [B, T] each. */
function batchOf(rows: readonly PackedRow[]): SftBatch {
  const T = rows[0]!.ids.length
  const stack = (name: 'ids' | 'targets' | 'positions' | 'documents') => {
    const all = new Int32Array(rows.length * T)
    rows.forEach((row, i) => void all.set(row[name], i * T))
    return new NDArray('i32', [rows.length, T], all)
  }
  return {
    ids: stack('ids'),
    targets: stack('targets'),
    positions: stack('positions'),
    documents: stack('documents'),
  }
}

/** The mean loss per trained token over rows; undefined where there are none. */
function packedLoss(config: GptConfig, rows: readonly PackedRow[], batchSize: number, device: Device) {
  const program = jit<[Weights, SftBatch], Tensor>(
    (params, { ids, targets, positions, documents }) =>
      gptLoss(config, params, ids, targets, { positions, documents }),
    { device },
  )
  const B = Math.min(batchSize, Math.max(1, rows.length))
  const measure = async (params: Weights): Promise<number | undefined> => {
    let total = 0
    let trained = 0
    for (let at = 0; at < rows.length; at += B) {
      const part = rows.slice(at, at + B)
      const loss = await program(params, batchOf(part))
      const weight = part.reduce((sum, row) => sum + row.trained, 0)
      total += (await loss.item()) * weight
      trained += weight
    }
    return trained === 0 ? undefined : total / trained
  }
  return Object.assign(measure, { dispose: () => program.dispose() })
}

/** Dialogues as rows, with what could not be used told once for each reason. */
async function prepareRows(
  { chat, recipe, inputs }: StageRun<SftRecipe>,
  contextLength: number,
  onEvent: OnEvent,
  signal: AbortSignal | undefined,
): Promise<{ train: readonly PackedRow[]; heldOut: readonly PackedRow[] }> {
  if (!inputs.data?.length) throw new TrainError('recipe', 'sft needs dialogues; give a file of them')
  const read = async (paths: readonly string[]) => {
    const encoded: EncodedChat[] = []
    const onSkip = (skip: { file: string; line: number; reason: string }) =>
      onEvent({ type: 'warning', text: `${skip.file}:${skip.line} was passed over: ${skip.reason}` })
    for await (const { messages, tools } of readDialogues(paths, { onSkip, limit: recipe.maxSkipped })) {
      signal?.throwIfAborted()
      encoded.push(chat.encode(messages, tools ? { tools } : {}))
      if (encoded.length % 1000 === 0)
        onEvent({ type: 'progress', label: 'reading dialogues', done: encoded.length, unit: 'dialogues' })
    }
    return encoded
  }
  const all = await read(inputs.data)
  const given = inputs.heldOut?.length ? await read(inputs.heldOut) : undefined
  const order = Rng.seed(recipe.seed)
    .fork('held-out')
    .shuffle([...all.keys()])
  const kept = new Set(given ? [] : order.slice(0, Math.floor(all.length * recipe.heldOutFraction)))
  const pack = (dialogues: readonly EncodedChat[]) => {
    const { rows, problems } = packDialogues(dialogues, { contextLength })
    for (const problem of problems) onEvent({ type: 'warning', text: problem })
    return rows
  }
  const train = pack(all.filter((_, i) => !kept.has(i)))
  if (train.length === 0) throw new TrainError('data', 'no dialogue has anything to learn from')
  return { train, heldOut: pack(given ?? all.filter((_, i) => kept.has(i))) }
}

function copyOf(params: Weights): Weights {
  const copies = Object.entries(params).map(
    ([name, { dtype, shape, data }]) => [name, new NDArray(dtype, shape, data.slice())] as const,
  )
  return Object.fromEntries(copies)
}
