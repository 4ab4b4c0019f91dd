/** What an evaluation found, as plain JSON. */
import type { Skipped } from './formats/records.js'
import { type Estimate, type IntervalOptions, meanEstimate } from './metrics/interval.js'
import type { Scores, Settings } from './task.js'

export interface ExampleResult {
  readonly id: string
  readonly prompt?: string
  readonly answer?: string
  /** All samples, where there are several. */
  readonly answers?: readonly string[]
  readonly expected?: string
  readonly scores: Scores
}

export interface TaskResult {
  readonly task: string
  readonly kind: string
  readonly summary: string
  /** The metric that stands for the task. */
  readonly primary: string
  readonly metrics: Readonly<Record<string, Estimate>>
  readonly model: string
  /** Whether the model was asked in its chat format. */
  readonly chat: boolean
  readonly shots: number
  readonly seed: number
  readonly settings: Settings
  /** Examples measured, and how many there were before `limit`. */
  readonly examples: number
  readonly available: number
  /** Prompts that lost their beginning because they did not fit in the context. */
  readonly truncated: number
  readonly skipped: { readonly count: number; readonly first: readonly Skipped[] }
  readonly notes: readonly string[]
  readonly seconds: number
  readonly rows: readonly ExampleResult[]
}

/** What the kinds of tasks return. */
export interface Measured {
  readonly rows: readonly ExampleResult[]
  readonly metrics: Readonly<Record<string, Estimate>>
  readonly truncated: number
  readonly notes?: readonly string[]
}

/** The means of all scores that the rows have, over the rows that have them. */
export function meanScores(
  rows: readonly ExampleResult[],
  options: IntervalOptions,
): Record<string, Estimate> {
  const names = new Set(rows.flatMap(({ scores }) => Object.keys(scores)))
  const metrics: Record<string, Estimate> = {}
  for (const name of names) {
    const values = rows
      .map(({ scores }) => scores[name])
      .filter((value) => Number.isFinite(value)) as number[]
    if (values.length > 0) metrics[name] = meanEstimate(values, options)
  }
  return metrics
}
