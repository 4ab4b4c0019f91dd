/** What a task is: where its examples come from, how a model is asked, and how its answers are scored. */
import type { z } from 'zod'
import type { ChatMessage } from '../text/chat/index.js'
import { EvaluationError } from './errors.js'
import { type Rows, readRows, type Skipped } from './formats/records.js'

/** Options of one task, such as `{ words: 'list.txt' }`; each task says which it knows. */
export type Settings = Readonly<Record<string, string>>

export interface LoadOptions {
  /** Files of the examples. */
  readonly data: readonly string[]
  /** Files that shots are drawn from; without them shots are other examples of `data`. */
  readonly train: readonly string[]
  readonly settings: Settings
  readonly signal?: AbortSignal | undefined
}

export interface Loaded<E> {
  readonly examples: readonly E[]
  readonly train?: readonly E[]
  readonly skipped: readonly Skipped[]
}

/**
 * How a model is asked. A base model goes on with `text`, which ends where the answer begins ("Question: ...\nAnswer:"); a chat model is
 * given `user` (default: the text) as the user's turn. A dialogue is for both: base models see it as "User: ...\nAssistant:".
 */
export type Prompt =
  | { readonly text: string; readonly user?: string }
  | { readonly messages: readonly ChatMessage[] }

interface TaskBase<E> {
  /** Lower case with hyphens; a built-in task has the name of its file. */
  readonly name: string
  readonly summary: string
  /** What the data file has to be, in words. */
  readonly data: string
  /** The metric that stands for the task. */
  readonly primary: string
  load(options: LoadOptions): Promise<Loaded<E>>
  /** Names an example in the results. Default: its place, from 0. */
  id?(example: E): string
}

interface Prompted<E> {
  /** Comes first: before the shots of a base model, as the system message of a chat model. */
  readonly instruction?: string
  /** Never in chat format, whatever the model. */
  readonly plain?: boolean
  prompt(example: E): Prompt
  /** The right answer as it stands in a shot. Without this the task takes no shots. */
  answer?(example: E): string
  /** Between a base model's prompt and the answer. Default ' '. */
  readonly delimiter?: string
}

/** How well texts are predicted: loss, perplexity, bits per byte. */
export interface PerplexityTask<E = unknown> extends TaskBase<E> {
  readonly kind: 'perplexity'
  text(example: E): string
}

/**
 * One of several continuations, by likelihood. Metrics: `accuracy` (the likeliest), `accuracyPerToken`, `accuracyPerByte` (likeliest by
 * mean over its tokens, over its UTF-8 bytes), `goldMass` (probability of right choices among all), `calibrationError`.
 */
export interface ChoiceTask<E = unknown> extends TaskBase<E>, Prompted<E> {
  readonly kind: 'choice'
  choices(example: E): readonly string[]
  /** Indices of the right choices. */
  gold(example: E): readonly number[]
}

/**
 * A label out of the set's, by likelihood or by generation (setting `by`). Metrics: accuracy, macroF1, microF1, matthews; by likelihood also
 * calibrationError, by generation `unanswered`.
 */
export interface ClassificationTask<E = unknown> extends TaskBase<E>, Prompted<E> {
  readonly kind: 'classification'
  readonly by?: 'likelihood' | 'generation'
  label(example: E): string
  /** All labels. Default: those of the examples and of the train part. */
  labels?(): readonly string[]
  /** A label as the model writes it. Default: underscores become spaces. */
  verbalize?(label: string): string
}

/** An answer in the model's own words, scored by a function. */
export interface GenerationTask<E = unknown> extends TaskBase<E>, Prompted<E> {
  readonly kind: 'generation'
  readonly maxTokens: number
  /** Where a base model's answer ends. Default: at the end of the line. Chat models end their turn themselves. */
  readonly stop?: readonly string[]
  /** Where any model's answer ends. */
  readonly stopAlways?: readonly string[]
  /** Answers for each example. Default 1; the first is shown. */
  samples?(settings: Settings): number
  /** Default 0 (greedy), and 0.8 for several samples. */
  readonly temperature?: number
  /** What a perfect answer is, for the record. */
  expected?(example: E): string
  /**
   * Scores by name; a name missing (or NaN) for an example does not count there. `answers` are the samples, the first is `answer`.
   */
  score(answer: string, example: E, context: ScoreContext): Scores | Promise<Scores>
  /** Sentences about these results that a reader must know. */
  notes?(settings: Settings): readonly string[]
}

export type Scores = Readonly<Record<string, number>>

export interface ScoreContext {
  readonly answers: readonly string[]
  readonly settings: Settings
  readonly signal?: AbortSignal | undefined
}

/** Whether the model writes training text on from memory. Metrics: exactRate, verbatimTokens, longestRun. */
export interface MemorisationTask<E = unknown> extends TaskBase<E> {
  readonly kind: 'memorisation'
  text(example: E): string
}

/** Answers of two models, or of a model and the references, before a judge. Metrics: winRate, and wins, ties, losses as shares. */
export interface PairwiseTask<E = unknown> extends TaskBase<E>, Prompted<E> {
  readonly kind: 'pairwise'
  readonly maxTokens: number
  /** What the answers are compared with where no other model is given. */
  reference?(example: E): string | undefined
  /** What the judge should know. */
  check?(example: E): unknown
}

export type Task<E = unknown> =
  | PerplexityTask<E>
  | ChoiceTask<E>
  | ClassificationTask<E>
  | GenerationTask<E>
  | MemorisationTask<E>
  | PairwiseTask<E>

/** Tasks that ask with a prompt. */
export type PromptedTask<E = unknown> =
  | ChoiceTask<E>
  | ClassificationTask<E>
  | GenerationTask<E>
  | PairwiseTask<E>

/**
 * A task, checked. Its type of examples is its own affair.
 * @throws EvaluationError `eval/task` for a name that is no lower-case word with hyphens
 */
export function defineTask<E>(task: Task<E>): Task {
  if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(task.name)) {
    throw new EvaluationError(
      'eval/task',
      `a task's name is lower-case words with hyphens, not ${JSON.stringify(task.name)}`,
    )
  }
  return task
}

/**
 * Loads examples that are rows of files, and the train part in the same form. `expand` makes examples of a row (none, one or several).
 *
 * @throws EvaluationError `eval/data`
 */
export async function loadRows<R, E = R>(
  { data, train, signal }: LoadOptions,
  schema: z.ZodType<R>,
  expand: (row: R) => readonly E[] = (row) => [row as unknown as E],
): Promise<Loaded<E>> {
  return loadFiles({ data, train }, async (file) => {
    const { rows, skipped } = await readRows(file, schema, { signal })
    return { rows: rows.flatMap(expand), skipped }
  })
}

/** Loads examples by a reader of one file. */
export async function loadFiles<E>(
  { data, train }: Pick<LoadOptions, 'data' | 'train'>,
  read: (file: string) => Promise<Rows<E>>,
): Promise<Loaded<E>> {
  const all = async (files: readonly string[]) => {
    const parts: Rows<E>[] = []
    for (const file of files) parts.push(await read(file))
    return { rows: parts.flatMap(({ rows }) => rows), skipped: parts.flatMap(({ skipped }) => skipped) }
  }
  const [tested, shots] = [await all(data), await all(train)]
  return {
    examples: tested.rows,
    skipped: [...tested.skipped, ...shots.skipped],
    ...(train.length > 0 ? { train: shots.rows } : {}),
  }
}
