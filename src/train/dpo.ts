/**
 * Direct preference optimisation (Rafailov et al. 2023): a model learns from pairs of answers without a reward model, its own
 * log-probabilities against those of the model it started from being the reward. Also IPO, conservative DPO, and RPO's term for
 * the chosen answers.
 *
 * What the reference thinks of every pair is computed once, before the first step, and kept with the run.
 */
import type { z } from 'zod'
import type { GptConfig } from '../models/index.js'
import { Rng } from '../rng.js'
import {
  add,
  div,
  jit,
  maximum,
  mul,
  NDArray,
  neg,
  split,
  sum,
  type Tensor,
  type Tree,
} from '../tensor/index.js'
import { comparisonBatches, lengthBuckets } from './comparisons.js'
import { diverged } from './diverged.js'
import {
  answerLogProbs,
  type PairData,
  type PairTokens,
  pairTokens,
  preparePairs,
  type ReferenceLogProbs,
  referenceLogProbs,
  type TokenPair,
} from './dpo-pairs.js'
import { type DpoRecipe, dpoSchema } from './dpo-recipe.js'
import { dpoLosses, dpoMetrics, weightedMean } from './preference-loss.js'
import { recipeOptimizer, recipeSchedule } from './recipe.js'
import { Speed } from './speed.js'
import { openStage, type StageOptions, type StageResult, type StageRun } from './stage.js'
import type { Weights } from './training-step.js'
import { createUpdate, type Trainable } from './update.js'

export interface DpoOptions extends StageOptions {
  /** Files of pairs; see `readPairs`. Needed unless a run is resumed. */
  readonly data?: readonly string[]
  /** Pairs to measure on. Default: those of a part of the prompts. */
  readonly heldOut?: readonly string[]
  readonly overrides?: z.input<typeof dpoSchema>
}

export interface DpoResult extends StageResult {
  readonly loss: number | undefined
  readonly pairs: { readonly train: number; readonly heldOut: number } & PairData['counts']
  /** On held-out pairs, under TRL's names; undefined where there are none, or the run was stopped. */
  readonly heldOut: Readonly<Record<string, number>> | undefined
}

/**
 * Tunes a model on pairs, or goes on with a run.
 * @throws TrainError, DataError, ModelDirectoryError, RunError, StorageError
 */
export async function dpo(options: DpoOptions): Promise<DpoResult> {
  const stage = await openStage(
    {
      stage: 'dpo',
      schema: dpoSchema,
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

/** Pairs and what the reference thinks of them; weight [B] is 0 for pairs that only fill up. */
type DpoBatch = PairTokens & {
  readonly reference: ReferenceLogProbs
  readonly weight: NDArray
}

async function train(stage: StageRun<DpoRecipe>, options: DpoOptions): Promise<DpoResult> {
  const { onEvent = () => {}, signal } = options
  const { run, recipe, device } = stage
  const config: GptConfig = { ...stage.config, dropout: recipe.dropout }
  const root = Rng.seed(recipe.seed).fork('dpo')
  const data = await preparePairs(stage, onEvent, signal)
  const pairs = [...data.train, ...data.heldOut]
  const place = new Map(pairs.map((pair, i) => [pair, i]))
  const B = Math.min(recipe.batchSize, data.train.length)
  const padTo = lengthBuckets(pairs, config.contextLength)
  const reference = await referenceOf(stage, pairs.length, () =>
    referenceLogProbs(config, stage.model.params, pairs, { device, batchSize: B, padTo, onEvent, signal }),
  )

  const stepsPerEpoch = Math.ceil(data.train.length / B)
  const steps = Math.max(1, Math.round(recipe.epochs * stepsPerEpoch))
  const plan = { ...recipe, steps, warmup: Math.min(recipe.warmup, Math.floor(steps / 10)) }
  const schedule = recipeSchedule(plan)
  const optimizer = recipeOptimizer(recipe)
  const update = createUpdate<Weights, DpoBatch>({
    loss: (params, batch, key) =>
      dpoLoss(config, recipe, params, batch, recipe.dropout > 0 ? key : undefined),
    optimizer,
    gradClip: recipe.gradClip,
    device,
  })
  const measure = jit<[Weights, DpoBatch], { loss: Tensor; metrics: Record<string, Tensor> }>(
    (params, batch) => dpoLoss(config, recipe, params, batch),
    { device },
  )
  const batchOf = (chosen: readonly TokenPair[]): DpoBatch => {
    const pick = (values: NDArray) => {
      const picked = new Float32Array(B)
      for (const [i, pair] of chosen.entries()) picked[i] = values.data[place.get(pair)!] as number
      return new NDArray('f32', [B], picked)
    }
    return {
      ...pairTokens(chosen, B, padTo),
      reference: { chosen: pick(reference.chosen), rejected: pick(reference.rejected) },
      weight: new NDArray('f32', [B], new Float32Array(B).fill(1, 0, chosen.length)),
    }
  }
  const parameters = Object.values(stage.model.params).reduce((total, { data }) => total + data.length, 0)
  onEvent({
    type: 'settings',
    settings: {
      ...(plan as Record<string, string | number | boolean>),
      batchSize: B,
      parameters,
      pairs: data.train.length,
      heldOutPairs: data.heldOut.length,
    },
  })

  let state: Trainable<Weights> = {
    params: stage.model.params,
    optimizer: await stage.group('optimizer', optimizer.init(stage.model.params) as Tree<NDArray> as never),
  }
  let step = stage.step
  let last: number | undefined
  const save = () =>
    stage.save({
      step,
      params: state.params,
      groups: { optimizer: state.optimizer as Tree<NDArray>, reference },
    })
  const evaluate = async () => {
    if (data.heldOut.length === 0) return undefined
    const totals: Record<string, number> = {}
    for (let at = 0; at < data.heldOut.length; at += B) {
      const part = data.heldOut.slice(at, at + B)
      const { loss, metrics } = await measure(state.params, batchOf(part))
      for (const [name, value] of Object.entries({ loss, ...metrics }))
        totals[name] = (totals[name] ?? 0) + (await value.item()) * part.length
    }
    const means = Object.fromEntries(
      Object.entries(totals).map(([name, total]) => [name, total / data.heldOut.length]),
    )
    await run.appendMetrics({ step, heldOut: means })
    onEvent({
      type: 'message',
      text: `step ${step}: held-out loss ${means.loss!.toFixed(4)}, rewards/accuracies ${means['rewards/accuracies']!.toFixed(3)}, rewards/margins ${means['rewards/margins']!.toFixed(3)}`,
    })
    return means
  }

  if (step === 0) {
    await save()
    await evaluate()
  }

  // ---- the loop ----
  const speed = new Speed(step)
  let epoch = -1
  let batches: TokenPair[][] = []
  while (step < steps && !signal?.aborted) {
    if (Math.floor(step / stepsPerEpoch) !== epoch) {
      epoch = Math.floor(step / stepsPerEpoch)
      batches = comparisonBatches(data.train, 2 * B, root.fork('epoch').fork(epoch))
    }
    const lr = recipe.learningRate * schedule(step)
    const batch = batchOf(batches[step % stepsPerEpoch]!)
    const key = root.fork('dropout').fork(step).uint32()
    const result = await update(state, batch, { lr, step: step + 1, key })
    state = result.state
    step++
    const { loss, gradNorm, metrics } = result
    if (!Number.isFinite(loss) || !Number.isFinite(gradNorm))
      throw await diverged(run, { step, loss, gradNorm, last, lr })
    last = loss
    if (step % recipe.logEvery === 0 || step === steps || step === 1) {
      const secondsLeft = Math.round(speed.secondsPerStep(step) * (steps - step))
      const line = { loss, ...metrics, lr, gradNorm }
      await run.appendMetrics({ step, ...line })
      onEvent({ type: 'metrics', step, steps, metrics: line, secondsLeft })
    }
    await speed.pause(async () => {
      if (recipe.evalEvery > 0 && step % recipe.evalEvery === 0 && step < steps) await evaluate()
      if (step % recipe.checkpointEvery === 0 && step < steps) await save()
    })
  }

  if (step > stage.step) await save()
  const finished = step >= steps
  const heldOut = finished ? await evaluate() : undefined
  await update.dispose()
  await measure.dispose()
  return {
    dir: run.dir,
    step,
    finished,
    parameters,
    seconds: stage.elapsed(),
    loss: last,
    pairs: { train: data.train.length, heldOut: data.heldOut.length, ...data.counts },
    heldOut,
  }
}

/** The loss of a batch and what TRL calls the rewards. */
function dpoLoss(
  config: GptConfig,
  recipe: DpoRecipe,
  params: Readonly<Record<string, Tensor>>,
  batch: {
    readonly ids: Tensor
    readonly mask: Tensor
    readonly reference: { readonly chosen: Tensor; readonly rejected: Tensor }
    readonly weight: Tensor
  },
  dropoutKey?: Tensor,
): { loss: Tensor; metrics: Record<string, Tensor> } {
  const { reference, weight } = batch
  const pair = (x: Tensor) => {
    const [chosen, rejected] = split(x, 2)
    return { chosen: chosen!, rejected: rejected! }
  }
  const policy = pair(answerLogProbs(config, params, batch, dropoutKey ? { dropoutKey } : {}))
  // A pair that only fills up has no tokens; its weight is 0.
  const counts = pair(maximum(sum(batch.mask, 1), 1))
  const { lossType: type, beta, labelSmoothing, rpoAlpha } = recipe
  const preference = weightedMean(
    dpoLosses(policy, reference, counts, { type, beta, labelSmoothing }),
    weight,
  )
  const metrics = dpoMetrics(policy, reference, beta, weight)
  if (rpoAlpha === 0) return { loss: preference, metrics }
  const likelihood = weightedMean(neg(div(policy.chosen, counts.chosen)), weight)
  return {
    loss: add(preference, mul(likelihood, rpoAlpha)),
    metrics: { ...metrics, nll_loss: likelihood },
  }
}

/** What the reference thinks of the pairs: computed for a new run, read again for one that goes on (with the same files). */
async function referenceOf(
  stage: StageRun<DpoRecipe>,
  count: number,
  compute: () => Promise<ReferenceLogProbs>,
): Promise<ReferenceLogProbs> {
  if (!stage.run.latest) return compute()
  const empty = () => NDArray.zeros([count])
  return stage.group('reference', { chosen: empty(), rejected: empty() })
}
