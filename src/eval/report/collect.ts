/** A report out of run folders: what was set, how it went and what it took. */
import { readdir, readFile, stat } from 'node:fs/promises'
import { basename, join, relative, resolve } from 'node:path'
import { z } from 'zod'
import { errorCode, toStorageError } from '../../atomic.js'
import { elementCount, openSafetensors, openShardedSafetensors, readMetrics } from '../../hub/index.js'
import { ReportError } from './errors.js'
import { MetricSeries } from './metric-curves.js'
import { type CurveInput, parseReport, type ReportData, type ReportInput } from './schema.js'
import { athanorVersion } from './versions.js'

/** Every stage leaves this; what is missing or strange in it is left out of the report, not an error. */
const trainerSchema = z.object({
  stage: z.string().min(1).catch('training'),
  step: z.number().int().nonnegative().optional().catch(undefined),
  seconds: z.number().nonnegative().optional().catch(undefined),
  recipe: z.record(z.string(), z.unknown()).catch({}),
  runtime: z.record(z.string(), z.union([z.string(), z.number()])).catch({}),
  extra: z.record(z.string(), z.unknown()).catch({}),
})

const proportion = z.object({ value: z.number(), low: z.number(), high: z.number(), count: z.number().int() })

/** `reward.json`, as a finished reward stage leaves it. */
const rewardSchema = z.object({
  accuracy: proportion,
  byCategory: z.record(z.string(), proportion).default({}),
  calibration: z.object({
    bins: z.array(z.object({ count: z.number().int(), predicted: z.number(), observed: z.number() })),
  }),
  baselines: z.object({ longer: proportion, shorter: proportion }),
})

type StageInput = NonNullable<ReportInput['stages']>[number]
type Notes = NonNullable<ReportInput['notes']>

export interface CollectedStage {
  readonly stage: StageInput
  readonly curves: readonly CurveInput[]
  readonly notes: Notes
  readonly versions: Readonly<Record<string, string | number>>
  readonly seed: number | undefined
  readonly rewardModel?: ReportInput['rewardModel']
}

const labels: Readonly<Record<string, string>> = {
  pretrain: 'pretraining',
  sft: 'SFT',
  reward: 'reward model',
  ppo: 'PPO',
  dpo: 'DPO',
  grpo: 'GRPO',
  distill: 'distillation',
}

/** The road's own order; stages that are not on it come after. */
const order = ['pretrain', 'distill', 'sft', 'reward', 'ppo', 'grpo', 'dpo']

/** What a stage is called in reports: `sft` -> "SFT". */
export function stageLabel(stage: string): string {
  return labels[stage] ?? stage
}

/**
 * Reads a run folder, of whatever stage, finished or not.
 * @param options.name what to call the stage. Default: by its kind
 * @throws ReportError `report/empty` where the folder holds no run; StorageError
 */
export async function collectStage(
  dir: string,
  options: { readonly name?: string } = {},
): Promise<CollectedStage> {
  if (!(await holdsRun(dir))) throw noRuns(dir)
  const notes: Notes = []
  const trainer = trainerSchema.parse((await readJson(join(dir, 'trainer.json'), notes)) ?? {})
  const name = options.name ?? stageLabel(trainer.stage)
  const series = await collectMetrics(join(dir, 'metrics.jsonl'))
  if (series.brokenAt !== undefined)
    notes.push({
      kind: 'miss',
      text: `${name} diverged: at step ${series.brokenAt} its numbers ceased to be finite.`,
    })

  const { recipe } = trainer
  const settings = Object.fromEntries(
    Object.entries(recipe).filter(
      (entry): entry is [string, string | number | boolean | null] =>
        entry[1] === null || typeof entry[1] !== 'object',
    ),
  )
  const step = trainer.step ?? series.lastStep
  const planned = numberOf(recipe.steps)
  const parameters = await countParameters(dir)
  const tokens = trainedTokens(trainer.stage, step, recipe) ?? numberOf(trainer.extra.tokens)
  const finished = planned !== undefined && step < planned ? false : undefined
  return {
    stage: {
      name,
      dir,
      steps: step,
      settings,
      ...given({ seconds: trainer.seconds, tokens, parameters, finished }),
      // Forward and backward take 6 operations per parameter and token (Kaplan et al. 2020), attention left out.
      ...given({
        flops: tokens !== undefined && parameters !== undefined ? 6 * tokens * parameters : undefined,
      }),
    },
    curves: series.curves(trainer.stage, name),
    notes,
    versions: trainer.runtime,
    seed: numberOf(recipe.seed),
    ...given({ rewardModel: rewardModelOf(await readJson(join(dir, 'reward.json'), notes)) }),
  }
}

/**
 * A report of a run folder, or of the run folders in a folder.
 * @throws ReportError `report/empty` where there is no run; StorageError
 */
export async function collectReport(dir: string, options: { readonly now?: Date } = {}): Promise<ReportData> {
  const runs = (await holdsRun(dir)) ? [dir] : await runsIn(dir)
  if (runs.length === 0) throw noRuns(dir)
  const kinds = await Promise.all(runs.map(async (run) => (await kindOf(run)) ?? 'training'))
  const rank = (kind: string) => (order.includes(kind) ? order.indexOf(kind) : order.length)
  const sorted = runs
    .map((run, i) => ({ run, kind: kinds[i]! }))
    .sort((a, b) => rank(a.kind) - rank(b.kind) || (a.run < b.run ? -1 : 1))
  const stages: CollectedStage[] = []
  for (const { run, kind } of sorted) {
    const alone = kinds.filter((other) => other === kind).length === 1
    stages.push(await collectStage(run, { name: alone ? stageLabel(kind) : basename(run) }))
  }
  const seeds = stages.flatMap(({ stage, seed }) => (seed === undefined ? [] : [[stage.name, seed] as const]))
  const rewardModels = stages.flatMap(({ rewardModel }) => (rewardModel ? [rewardModel] : []))
  return parseReport({
    title: basename(resolve(dir)) || 'run',
    subtitle:
      runs.length === 1
        ? 'What one run did and what it took.'
        : `What ${runs.length} runs did and what they took.`,
    when: (options.now ?? new Date()).toISOString(),
    collected: true,
    versions: { athanor: athanorVersion(), ...mergeVersions(stages) },
    seeds: Object.fromEntries(seeds.length === 1 ? [['seed', seeds[0]![1]]] : seeds),
    notes: stages.flatMap(({ notes }) => notes),
    stages: stages.map(({ stage }) => ({
      ...stage,
      dir: relative(resolve(dir), resolve(stage.dir!)) || '.',
    })),
    curves: stages.flatMap(({ curves }) => [...curves]),
    // Of several, none is the reward model of the report.
    ...(rewardModels.length === 1 ? { rewardModel: rewardModels[0] } : {}),
  })
}

async function collectMetrics(path: string): Promise<MetricSeries> {
  const series = new MetricSeries()
  try {
    for await (const line of readMetrics(path)) series.add(line)
  } catch (error) {
    if (!isMissing(error)) throw error
  }
  return series
}

/** The tokens that a stage of whole rows has read. */
function trainedTokens(
  stage: string,
  step: number,
  recipe: Readonly<Record<string, unknown>>,
): number | undefined {
  const [rows, length] = [numberOf(recipe.batchSize), numberOf(recipe.contextLength)]
  if (stage !== 'pretrain' || rows === undefined || length === undefined) return undefined
  return step * rows * length * (numberOf(recipe.accumulation) ?? 1)
}

/** From the headers of the weights; undefined where there are none that can be read. */
async function countParameters(dir: string): Promise<number | undefined> {
  for (const open of [
    () => openSafetensors(join(dir, 'model.safetensors')),
    () => openShardedSafetensors(join(dir, 'model.safetensors.index.json')),
  ]) {
    try {
      const weights = await open()
      const total = [...weights.entries.values()].reduce((sum, { shape }) => sum + elementCount(shape), 0)
      await weights.close()
      return total
    } catch {
      // A report without this number is better than none.
    }
  }
  return undefined
}

function rewardModelOf(json: unknown): ReportInput['rewardModel'] | undefined {
  const parsed = rewardSchema.safeParse(json)
  if (!parsed.success) return undefined
  const { accuracy, byCategory, calibration, baselines } = parsed.data
  const estimate = ({ value, low, high, count }: z.output<typeof proportion>) => ({
    value,
    low,
    high,
    n: count,
  })
  return {
    accuracy: estimate(accuracy),
    categories: Object.entries(byCategory).map(([name, part]) => ({ name, accuracy: estimate(part) })),
    baselines: [
      { name: 'the longer answer', accuracy: estimate(baselines.longer) },
      { name: 'the shorter answer', accuracy: estimate(baselines.shorter) },
    ],
    calibration: calibration.bins
      .filter(({ count }) => count > 0)
      .map(({ count, predicted, observed }) => ({ n: count, predicted, observed })),
  }
}

function mergeVersions(stages: readonly CollectedStage[]): Record<string, string | number> {
  const merged: Record<string, string | number> = {}
  for (const { versions } of stages) {
    for (const [name, value] of Object.entries(versions)) {
      const before = merged[name]
      merged[name] =
        before === undefined || String(before).split(', ').includes(String(value))
          ? (before ?? value)
          : `${before}, ${value}`
    }
  }
  return merged
}

async function runsIn(dir: string): Promise<string[]> {
  try {
    const entries = await readdir(dir, { withFileTypes: true })
    const folders = entries
      .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
      .map(({ name }) => join(dir, name))
    const holds = await Promise.all(folders.map(holdsRun))
    return folders.filter((_, i) => holds[i])
  } catch (error) {
    throw toStorageError(error, 'read', dir)
  }
}

async function holdsRun(dir: string): Promise<boolean> {
  const sizes = await Promise.all(
    ['trainer.json', 'metrics.jsonl'].map((file) =>
      stat(join(dir, file)).then(
        (found) => (found.isFile() ? found.size : 0),
        () => 0,
      ),
    ),
  )
  return sizes.some((size) => size > 0)
}

async function kindOf(dir: string): Promise<string | undefined> {
  const json = await readJson(join(dir, 'trainer.json'), [])
  return json === undefined ? undefined : trainerSchema.parse(json).stage
}

/** A JSON object; undefined where there is no such file, and with a note where it cannot be read. */
async function readJson(path: string, notes: Notes): Promise<Record<string, unknown> | undefined> {
  try {
    const value: unknown = JSON.parse(await readFile(path, 'utf8'))
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return value as Record<string, unknown>
    notes.push({ text: `${basename(path)} holds no JSON object and was left out.` })
  } catch (error) {
    if (error instanceof SyntaxError) notes.push({ text: `${basename(path)} is damaged and was left out.` })
    else if (!isMissing(error)) throw toStorageError(error, 'read', path)
  }
  return undefined
}

function isMissing(error: unknown): boolean {
  const cause = error instanceof Error && errorCode(error) === undefined ? error.cause : error
  return errorCode(cause) === 'ENOENT'
}

function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : undefined
}

/** Without the keys that have no value. */
function given<T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as never
}

function noRuns(dir: string): ReportError {
  return new ReportError(
    'report/empty',
    `${dir} holds no report.json and no run (a folder with trainer.json or metrics.jsonl), nor do the folders in it; give the folder of a run, or one of runs`,
  )
}
