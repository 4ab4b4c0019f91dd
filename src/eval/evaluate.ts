/** Runs tasks on a model. */

import { dirname, resolve } from 'node:path'
import { makeDirectory, writeFileAtomic } from '../atomic.js'
import type { LanguageModel } from '../infer/index.js'
import { Rng } from '../rng.js'
import { EvaluationError } from './errors.js'
import type { Judge } from './judges/judge.js'
import { runChoice } from './kinds/choice.js'
import { runClassification } from './kinds/classification.js'
import type { RunContext } from './kinds/context.js'
import { runGeneration } from './kinds/generation.js'
import { runMemorisation } from './kinds/memorisation.js'
import { runPairwise } from './kinds/pairwise.js'
import { runPerplexity } from './kinds/perplexity.js'
import { chatOf } from './prompting.js'
import { findTask } from './registry.js'
import type { Measured, TaskResult } from './result.js'
import type { Loaded, Settings, Task } from './task.js'

export interface EvaluateOptions {
  /** Files of the examples. */
  readonly data?: readonly string[]
  /** Files that shots are drawn from. Default: the other examples of `data`. */
  readonly train?: readonly string[]
  /** Answered examples shown before each question. Default 0. */
  readonly shots?: number
  /** Measure at most so many examples, drawn by the seed. */
  readonly limit?: number
  /** Draws shots, examples, samples and resamples. Default 0. */
  readonly seed?: number
  /** Default: in its chat format where the model was trained to end its turns, else as plain text. */
  readonly chat?: boolean
  /** The task's own options. */
  readonly settings?: Settings
  /** For pairwise tasks. */
  readonly judge?: Judge
  /** The other model of pairwise tasks. */
  readonly against?: LanguageModel
  /** Rows that generate together. */
  readonly batch?: number
  /** Confidence of the intervals. Default 0.95. */
  readonly level?: number
  /** Default 1000. */
  readonly resamples?: number
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: {
    readonly task: string
    readonly done: number
    readonly total: number
  }) => void
}

/**
 * Measures a model on a task: a built-in one by its name, or one made with `defineTask`.
 *
 * @throws EvaluationError, StorageError, InferError; the signal's reason where it was aborted
 */
export async function evaluate(
  model: LanguageModel,
  which: Task | string,
  options: EvaluateOptions = {},
): Promise<TaskResult> {
  const { shots = 0, seed = 0, settings = {}, signal } = options
  const task = typeof which === 'string' ? await findTask(which) : which
  checkOptions(task, options)
  const started = performance.now()
  const loaded = await task.load({ data: options.data ?? [], train: options.train ?? [], settings, signal })
  const examples = choose(loaded.examples, options.limit, seed)
  if (examples.length === 0) {
    throw new EvaluationError(
      'eval/data',
      `${task.name} has no examples${(options.data ?? []).length > 0 ? ` in ${options.data!.join(', ')}` : ''}; it needs ${task.data}`,
    )
  }
  const plain = 'plain' in task && task.plain === true
  const chat = plain || !('prompt' in task) ? undefined : chatOf(model, options.chat)
  const context: RunContext = {
    model,
    chat,
    settings,
    intervals: { seed, level: options.level ?? 0.95, resamples: options.resamples ?? 1000 },
    seed,
    batch: options.batch,
    signal,
    onProgress: (done, total) => options.onProgress?.({ task: task.name, done, total }),
    shotsFor: createShots(task, loaded, shots, seed),
    pool: [...loaded.examples, ...(loaded.train ?? [])],
    judge: options.judge,
    against: options.against,
  }
  const { rows, metrics, truncated, notes = [] } = await runTask(context, task, examples)
  return {
    task: task.name,
    kind: task.kind,
    summary: task.summary,
    primary: task.primary,
    metrics,
    model: model.dir,
    chat: chat !== undefined,
    shots,
    seed,
    settings,
    examples: examples.length,
    available: loaded.examples.length,
    truncated,
    skipped: { count: loaded.skipped.length, first: loaded.skipped.slice(0, 10) },
    notes,
    seconds: (performance.now() - started) / 1000,
    rows,
  }
}

function runTask(context: RunContext, task: Task, examples: readonly unknown[]): Promise<Measured> {
  switch (task.kind) {
    case 'perplexity':
      return runPerplexity(context, task, examples)
    case 'choice':
      return runChoice(context, task, examples)
    case 'classification':
      return runClassification(context, task, examples)
    case 'generation':
      return runGeneration(context, task, examples)
    case 'memorisation':
      return runMemorisation(context, task, examples)
    case 'pairwise':
      return runPairwise(context, task, examples)
  }
}

function checkOptions(task: Task, { shots = 0, limit, level }: EvaluateOptions): void {
  const wrong = (message: string) => new EvaluationError('eval/options', message)
  if (!Number.isInteger(shots) || shots < 0)
    throw wrong(`shots must be a whole number from 0 on, not ${shots}`)
  if (shots > 0 && !('answer' in task && task.answer)) throw wrong(`${task.name} takes no shots`)
  if (limit !== undefined && (!Number.isInteger(limit) || limit < 1))
    throw wrong(`limit must be a whole number from 1 on, not ${limit}`)
  if (level !== undefined && !(level > 0 && level < 1))
    throw wrong(`level must lie between 0 and 1, not ${level}`)
}

/** A sample of the examples in their own order; sets are often sorted, and their beginning is not like the rest. */
function choose<E>(examples: readonly E[], limit: number | undefined, seed: number): readonly E[] {
  if (limit === undefined || limit >= examples.length) return examples
  const order = Rng.seed(seed)
    .fork('examples')
    .shuffle(examples.map((_, i) => i))
  return order
    .slice(0, limit)
    .sort((a, b) => a - b)
    .map((i) => examples[i]!)
}

/** Draws other examples for each one, by the seed and the example's place; one with the same prompt is never among them. */
function createShots(task: Task, { examples, train }: Loaded<unknown>, shots: number, seed: number) {
  const pool = train ?? examples
  const keyOf = (example: unknown) => ('prompt' in task ? JSON.stringify(task.prompt(example)) : '')
  const keys = shots > 0 ? pool.map(keyOf) : []
  const places = new Map(examples.map((example, i) => [example, i]))
  const root = Rng.seed(seed).fork('shots')
  return <E>(example: E): readonly E[] => {
    if (shots === 0) return []
    const own = keyOf(example)
    const rng = root.fork(places.get(example) ?? 0)
    const drawn = new Set<number>()
    // Tries enough to be sure in any pool that is not nearly all the same question.
    for (let tries = 0; drawn.size < shots && tries < 100 + 20 * shots; tries++) {
      const index = rng.integer(pool.length)
      if (keys[index] !== own) drawn.add(index)
    }
    for (let i = 0; drawn.size < shots && i < pool.length; i++) if (keys[i] !== own) drawn.add(i)
    if (drawn.size < shots) {
      throw new EvaluationError(
        'eval/options',
        `${task.name} has ${drawn.size} examples to show and ${shots} are asked for; ask for fewer shots or give more with train`,
      )
    }
    return [...drawn].map((i) => pool[i] as E)
  }
}

/** Writes results as JSON; the folder is made where it is missing. @throws StorageError */
export async function saveResults(file: string, results: readonly TaskResult[]): Promise<void> {
  await makeDirectory(dirname(resolve(file)))
  const finite = (_: string, value: unknown) =>
    typeof value === 'number' && !Number.isFinite(value) ? null : value
  await writeFileAtomic(file, `${JSON.stringify({ version: 1, results }, finite, 1)}\n`)
}
