/**
 * The reward model: learns from comparisons which answer people prefer (Stiennon et al. 2020; Ouyang et al. 2022, section 3.5).
 *
 * It starts from a language model, whose output matrix gives way to one number read at the last token of the answer. All
 * comparisons of a prompt are in one batch, each answer read once. Afterwards the scores are shifted so that demonstrations
 * have the mean 0.
 */
import { z } from 'zod'
import { createScorer, isRewardModel, loadModel, loadRewardModel, padTokens } from '../infer/index.js'
import { type GptConfig, gptScores, initRewardModel } from '../models/index.js'
import { Rng } from '../rng.js'
import {
  cast,
  div,
  gather,
  greater,
  maximum,
  mul,
  NDArray,
  notEqual,
  sub,
  sum,
  type Tree,
} from '../tensor/index.js'
import { withChatTokens } from './chat-tokens.js'
import { type ComparedPrompt, comparisonBatches, lengthBuckets } from './comparisons.js'
import { diverged } from './diverged.js'
import { comparisonLosses, weightedMean } from './preference-loss.js'
import { type PreferenceReport, preferenceReport } from './preference-report.js'
import { recipeOptimizer, recipeSchedule } from './recipe.js'
import { prepareRewardData, type RewardData } from './reward-data.js'
import { type RewardRecipe, rewardSchema } from './reward-recipe.js'
import { Speed } from './speed.js'
import { openStage, type StageOptions, type StageResult, type StageRun } from './stage.js'
import type { Weights } from './training-step.js'
import { createUpdate, type Trainable } from './update.js'

export interface RewardOptions extends StageOptions {
  /** Files of rankings or pairs; see `readRankings`. Needed unless a run is resumed. */
  readonly data?: readonly string[]
  /** Rankings to measure on. Default: those of a part of the prompts. */
  readonly heldOut?: readonly string[]
  /** Dialogues whose scores get the mean 0. Default: the best answers of the training data. */
  readonly demonstrations?: readonly string[]
  readonly overrides?: z.input<typeof rewardSchema>
}

/** What was subtracted from the scores and then divided out; folded into the head. */
export interface Normalization {
  readonly shift: number
  readonly scale: number
  /** Demonstrations that it was measured on. */
  readonly demonstrations: number
}

export interface RewardResult extends StageResult {
  readonly loss: number | undefined
  readonly data: RewardData['counts']
  /** On held-out prompts; undefined where there are none, or the run was stopped. */
  readonly report: PreferenceReport | undefined
  readonly normalization: Normalization | undefined
}

/**
 * Trains a reward model, or goes on with a run. Its result is also left as `reward.json` in the run folder.
 * @throws TrainError, DataError, ModelDirectoryError, RunError, StorageError
 */
export async function reward(options: RewardOptions): Promise<RewardResult> {
  const stage = await openStage(
    {
      stage: 'reward',
      schema: rewardSchema,
      overrides: options.overrides,
      inputs: { data: options.data, heldOut: options.heldOut, demonstrations: options.demonstrations },
      load: async (dir, more) =>
        (await isRewardModel(dir)) ? loadRewardModel(dir, more) : withChatTokens(await loadModel(dir, more)),
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

const extraSchema = z.object({
  normalization: z.object({ shift: z.number(), scale: z.number(), demonstrations: z.number() }).optional(),
})

async function train(stage: StageRun<RewardRecipe>, options: RewardOptions): Promise<RewardResult> {
  const { onEvent = () => {}, signal } = options
  const { run, recipe, device } = stage
  const root = Rng.seed(recipe.seed).fork('reward')
  const start =
    'score.weight' in stage.model.params
      ? { config: stage.config, params: stage.model.params }
      : initRewardModel(stage.config, stage.model.params, root.fork('head'))
  const config: GptConfig = { ...start.config, dropout: recipe.dropout }
  const data = await prepareRewardData(stage, onEvent, signal)

  const answers = data.train.reduce((total, { rows }) => total + rows.length, 0)
  const most = Math.max(...data.train.map(({ rows }) => rows.length))
  const maxRows = Math.max(most, Math.round((recipe.batchSize * answers) / data.train.length))
  const maxComparisons = Math.ceil((maxRows * (most - 1)) / 2)
  const padTo = lengthBuckets(data.train, config.contextLength)
  const batchesOf = (epoch: number) => comparisonBatches(data.train, maxRows, root.fork('epoch').fork(epoch))
  // Where each epoch begins: prompts of different sizes do not fill the same number of batches.
  let [epoch, first, batches] = [0, 0, batchesOf(0)]
  const steps = Math.max(1, Math.round(recipe.epochs * batches.length))
  const plan = { ...recipe, steps, warmup: Math.min(recipe.warmup, Math.floor(steps / 10)) }
  const schedule = recipeSchedule(plan)
  const optimizer = recipeOptimizer(recipe)
  const update = createUpdate<Weights, RewardBatch>({
    loss: (params, batch, key) => {
      const scores = gptScores(
        config,
        params,
        batch.ids,
        batch.lengths,
        config.dropout > 0 ? { dropoutKey: key } : {},
      )
      const better = gather(scores, batch.better)
      const worse = gather(scores, batch.worse)
      const losses = comparisonLosses(better, worse, batch.margin, batch.target, recipe)
      const decided = mul(batch.weight, cast(notEqual(batch.target, 0.5), 'f32'))
      const average = (x: typeof better) => div(sum(mul(x, decided)), maximum(sum(decided), 1e-9))
      return {
        loss: weightedMean(losses, batch.weight),
        metrics: {
          'rewards/accuracies': average(cast(greater(better, worse), 'f32')),
          'rewards/margins': average(sub(better, worse)),
          'rewards/chosen': average(better),
          'rewards/rejected': average(worse),
        },
      }
    },
    optimizer,
    gradClip: recipe.gradClip,
    device,
  })
  const scorer = createScorer(config, device)
  const parameters = Object.values(start.params).reduce((total, { data }) => total + data.length, 0)
  onEvent({
    type: 'settings',
    settings: {
      ...(plan as Record<string, string | number | boolean>),
      parameters,
      prompts: data.train.length,
      heldOutPrompts: data.heldOut.length,
      comparisons: data.counts.train.comparisons,
      answersPerStep: maxRows,
    },
  })

  let state: Trainable<Weights> = {
    params: start.params,
    optimizer: await stage.group('optimizer', optimizer.init(start.params) as Tree<NDArray> as never),
  }
  let step = stage.step
  let last: number | undefined
  let { normalization } = extraSchema.parse(stage.extra ?? {})
  const save = () =>
    stage.save({
      step,
      config: start.config,
      params: state.params,
      groups: { optimizer: state.optimizer as Tree<NDArray> },
      extra: { normalization },
    })
  const evaluate = async () => {
    if (data.heldOut.length === 0) return undefined
    const scores = await scorePrompts(data.heldOut, (rows) => scorer(state.params, rows))
    const options = { flip: recipe.flip, scale: normalization?.scale ?? 1 }
    const report = preferenceReport(data.heldOut, scores, options)
    if (!report) return undefined
    const { accuracy, logLoss, calibration } = report
    onEvent({ type: 'message', text: `step ${step}: ${describe(report)}` })
    await run.appendMetrics({
      step,
      heldOut: { accuracy: accuracy.value, loss: logLoss, calibrationError: calibration.error },
    })
    return report
  }

  if (step === 0) {
    await save()
    if (recipe.evalEvery > 0) await evaluate()
  }

  // ---- the loop ----
  const speed = new Speed(step)
  while (step < steps && !signal?.aborted) {
    while (step >= first + batches.length) {
      first += batches.length
      batches = batchesOf(++epoch)
    }
    const chosen = batches[step - first]!
    const lr = recipe.learningRate * schedule(step)
    const batch = batchOf(chosen, { maxRows, maxComparisons, padTo, recipe })
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

  const finished = step >= steps
  if (finished && recipe.normalize !== 'none' && !normalization) {
    const scores = await scorer(state.params, data.demonstrations)
    normalization = measureScores(scores, recipe.normalize)
    state = { ...state, params: await normalizeHead(state.params, normalization) }
    await save()
  } else if (step > stage.step) await save()
  const report = finished ? await evaluate() : undefined
  const result: RewardResult = {
    dir: run.dir,
    step,
    finished,
    parameters,
    seconds: stage.elapsed(),
    loss: last,
    data: data.counts,
    report,
    normalization,
  }
  if (finished) {
    const { data: counts, report, normalization } = result
    await run.writeFile(
      'reward.json',
      `${JSON.stringify({ step, ...report, normalization, counts }, null, 2)}\n`,
    )
  }
  await update.dispose()
  await scorer.dispose()
  return result
}

/** One line about a report, for people. */
export function describe({ accuracy, baselines, calibration, comparisons }: PreferenceReport): string {
  const percent = (x: number) => (100 * x).toFixed(1)
  const byLength = Math.max(baselines.longer.value, baselines.shorter.value)
  return `held-out accuracy ${percent(accuracy.value)} % (${percent(accuracy.low)} to ${percent(accuracy.high)}) on ${comparisons} comparisons, by length alone ${percent(byLength)} %, calibration error ${calibration.error.toFixed(3)}`
}

/** Rows are prompts' answers one after the other, filled up to fixed numbers with answers and comparisons that do not count. */
type RewardBatch = {
  readonly ids: NDArray
  readonly lengths: NDArray
  readonly better: NDArray
  readonly worse: NDArray
  readonly margin: NDArray
  readonly target: NDArray
  readonly weight: NDArray
}

interface BatchShape {
  readonly maxRows: number
  readonly maxComparisons: number
  readonly padTo: (longest: number) => number
  readonly recipe: Pick<RewardRecipe, 'ties' | 'weighting' | 'labelSmoothing' | 'marginScale'>
}

/** ids i32 [maxRows, T]; better and worse, i32 [maxComparisons], are places among the rows. */
function batchOf(
  prompts: readonly ComparedPrompt[],
  { maxRows, maxComparisons: M, padTo, recipe }: BatchShape,
): RewardBatch {
  const rows = prompts.flatMap((prompt) => prompt.rows)
  const longest = Math.max(...rows.map(({ length }) => length))
  const [better, worse] = [new Int32Array(M), new Int32Array(M)]
  const [margin, target, weight] = [new Float32Array(M), new Float32Array(M).fill(1), new Float32Array(M)]
  let [m, base] = [0, 0]
  for (const { rows, comparisons } of prompts) {
    const used = comparisons.filter(({ tie }) => !tie || recipe.ties === 'half')
    for (const comparison of used) {
      better[m] = base + comparison.better
      worse[m] = base + comparison.worse
      margin[m] = recipe.marginScale * comparison.margin
      target[m] = comparison.tie ? 0.5 : 1 - recipe.labelSmoothing
      weight[m] = recipe.weighting === 'prompt' ? 1 / used.length : 1
      m++
    }
    base += rows.length
  }
  const vector = (dtype: 'i32' | 'f32', values: Int32Array | Float32Array) => new NDArray(dtype, [M], values)
  return {
    ...padTokens(rows, maxRows, padTo(longest)),
    better: vector('i32', better),
    worse: vector('i32', worse),
    margin: vector('f32', margin),
    target: vector('f32', target),
    weight: vector('f32', weight),
  }
}

async function scorePrompts(
  prompts: readonly ComparedPrompt[],
  score: (rows: readonly Int32Array[]) => Promise<Float32Array>,
): Promise<Float32Array[]> {
  const scores = await score(prompts.flatMap(({ rows }) => rows))
  let at = 0
  return prompts.map(({ rows }) => {
    at += rows.length
    return scores.slice(at - rows.length, at)
  })
}

function measureScores(scores: Float32Array, kind: 'shift' | 'scale'): Normalization {
  const shift = scores.reduce((total, score) => total + score, 0) / scores.length
  const variance = scores.reduce((total, score) => total + (score - shift) ** 2, 0) / scores.length
  const scale = kind === 'scale' && variance > 0 ? Math.sqrt(variance) : 1
  return { shift, scale, demonstrations: scores.length }
}

/** The head that gives (score - shift) / scale. */
async function normalizeHead(params: Weights, { shift, scale }: Normalization): Promise<Weights> {
  const mapped = async (name: string, map: (value: number) => number) => {
    const array = params[name]!
    return new NDArray('f32', array.shape, Float32Array.from(await array.numbers(), map))
  }
  return {
    ...params,
    'score.weight': await mapped('score.weight', (w) => w / scale),
    'score.bias': await mapped('score.bias', (b) => (b - shift) / scale),
  }
}
