/** Learning rows of dialogues over some epochs: the loop of supervised fine-tuning and of what differs from it in the loss only. */
import { z } from 'zod'
import type { PackedRow } from '../data/index.js'
import type { GptConfig } from '../models/index.js'
import { Rng } from '../rng.js'
import { jit, NDArray, type Tensor, type Tree } from '../tensor/index.js'
import type { DialogueRows } from './dialogue-rows.js'
import { diverged } from './diverged.js'
import { TrainError } from './errors.js'
import { recipeOptimizer, recipeSchedule } from './recipe.js'
import type { SftRecipe } from './sft-recipe.js'
import { Speed } from './speed.js'
import type { StageOptions, StageResult, StageRun } from './stage.js'
import type { Weights } from './training-step.js'
import { createUpdate, type LossAndMetrics, type Trainable } from './update.js'

const count = z.number().int().nonnegative()

export interface LearntDialogues extends StageResult {
  /** Tokens that went through the model, and those among them that were learnt. */
  readonly tokens: number
  readonly trainedTokens: number
  readonly loss: number | undefined
  /** Mean loss per learnt token on held-out dialogues, of the best model. */
  readonly heldOutLoss: number | undefined
  readonly stoppedEarly: boolean
}

/** What is learnt from rows. */
export interface DialogueObjective {
  /** Nats per learnt token. Without a key there is no dropout. */
  readonly loss: (
    config: GptConfig,
    params: Params,
    rows: TracedRows,
    more: { readonly frozen: Params; readonly dropoutKey?: Tensor },
  ) => LossAndMetrics
  /** Weights that the loss reads and nothing changes. */
  readonly frozen?: Weights
}

type Params = Readonly<Record<string, Tensor>>

/** A batch of packed rows, i32 [B, T] each; see `PackedRow`. */
export type TracedRows = Readonly<Record<keyof PackedBatch, Tensor>>

type PackedBatch = {
  readonly ids: NDArray
  readonly targets: NDArray
  readonly positions: NDArray
  readonly documents: NDArray
}

type Batch = { readonly rows: PackedBatch; readonly frozen: Weights }

/** What a run remembers between checkpoints. */
const extraSchema = z.object({
  tokens: count,
  trainedTokens: count,
  best: z.object({ step: count, loss: z.number() }).optional(),
  worse: count,
})

/** Trains on rows of `contextLength` tokens, or goes on with that. @throws TrainError, StorageError */
export async function learnDialogues(
  stage: StageRun<SftRecipe>,
  rows: DialogueRows,
  objective: DialogueObjective,
  { onEvent = () => {}, signal }: StageOptions,
): Promise<LearntDialogues> {
  const { run, recipe, config: base, device } = stage
  const config: GptConfig = { ...base, dropout: recipe.dropout }
  const T = rows.train[0]!.ids.length
  if (T > base.contextLength) {
    throw new TrainError(
      'recipe',
      `rows of ${T} tokens are more than the model reads; contextLength is ${base.contextLength} at most`,
    )
  }
  const B = Math.min(recipe.batchSize, rows.train.length)
  const stepsPerEpoch = Math.ceil(rows.train.length / B)
  const steps = Math.max(1, Math.round(recipe.epochs * stepsPerEpoch))
  const plan = { ...recipe, steps, warmup: Math.min(recipe.warmup, Math.floor(steps / 10)) }
  const schedule = recipeSchedule(plan)
  const optimizer = recipeOptimizer(recipe)
  const update = createUpdate<Weights, Batch>({
    loss: (params, { rows, frozen }, key) =>
      objective.loss(config, params, rows, { frozen, ...(config.dropout > 0 ? { dropoutKey: key } : {}) }),
    optimizer,
    gradClip: recipe.gradClip,
    device,
  })
  const measure = heldOutMeasure(stage, rows.heldOut, B, objective)
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
    const measured = await measure(state.params)
    if (measured === undefined) return
    const { loss, ...metrics } = measured
    if (Object.keys(metrics).length === 0) onEvent({ type: 'eval', step, loss, perplexity: Math.exp(loss) })
    else {
      const numbers = Object.entries(measured).map(([name, value]) => `${name} ${value.toFixed(4)}`)
      onEvent({ type: 'message', text: `step ${step}: held-out ${numbers.join(', ')}` })
    }
    await run.appendMetrics({ step, heldOut: measured })
    if (progress.best === undefined || loss < progress.best.loss) {
      progress = { ...progress, best: { step, loss }, worse: 0 }
      if (best) best = copyOf(state.params)
    } else {
      progress = { ...progress, worse: progress.worse + 1 }
    }
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
    const result = await update(state, batchOf(chosen, objective), {
      lr,
      step: step + 1,
      key: root.fork('dropout').fork(step).uint32(),
    })
    state = result.state
    step++
    const { loss, gradNorm, metrics } = result
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
      const line = { loss, ...metrics, lr, gradNorm, tokensPerSecond }
      await run.appendMetrics({ step, ...line })
      if (Object.keys(metrics).length === 0) onEvent({ type: 'step', step, steps, ...line, secondsLeft })
      else onEvent({ type: 'metrics', step, steps, metrics: line, secondsLeft })
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

function batchOf(rows: readonly PackedRow[], { frozen = {} }: DialogueObjective): Batch {
  const T = rows[0]!.ids.length
  const stack = (name: keyof PackedBatch) => {
    const all = new Int32Array(rows.length * T)
    rows.forEach((row, i) => void all.set(row[name], i * T))
    return new NDArray('i32', [rows.length, T], all)
  }
  return {
    rows: {
      ids: stack('ids'),
      targets: stack('targets'),
      positions: stack('positions'),
      documents: stack('documents'),
    },
    frozen,
  }
}

/** The mean loss (and metrics) per learnt token over rows; undefined where there are none. */
function heldOutMeasure(
  { config, device }: StageRun<SftRecipe>,
  rows: readonly PackedRow[],
  batchSize: number,
  objective: DialogueObjective,
) {
  const program = jit<[Weights, Batch], Record<string, Tensor>>(
    (params, { rows, frozen }) => {
      const { loss, metrics } = objective.loss(config, params, rows, { frozen })
      return { loss, ...metrics }
    },
    { device },
  )
  const B = Math.min(batchSize, Math.max(1, rows.length))
  const measure = async (
    params: Weights,
  ): Promise<({ loss: number } & Record<string, number>) | undefined> => {
    const totals = { loss: 0 } as { loss: number } & Record<string, number>
    let trained = 0
    for (let at = 0; at < rows.length; at += B) {
      const part = rows.slice(at, at + B)
      const weight = part.reduce((sum, row) => sum + row.trained, 0)
      for (const [name, value] of Object.entries(await program(params, batchOf(part, objective))))
        totals[name] = (totals[name] ?? 0) + (await value.item()) * weight
      trained += weight
    }
    if (trained === 0) return undefined
    for (const name of Object.keys(totals)) totals[name]! /= trained
    return totals
  }
  return Object.assign(measure, { dispose: () => program.dispose() })
}

function copyOf(params: Weights): Weights {
  const copies = Object.entries(params).map(
    ([name, { dtype, shape, data }]) => [name, new NDArray(dtype, shape, data.slice())] as const,
  )
  return Object.fromEntries(copies)
}
