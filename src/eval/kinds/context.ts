import type { LanguageModel } from '../../infer/index.js'
import type { Judge } from '../judges/judge.js'
import type { IntervalOptions } from '../metrics/interval.js'
import type { Prompting } from '../prompting.js'
import type { Settings, Task } from '../task.js'

/** What every kind of task is run with. */
export interface RunContext extends Prompting {
  readonly settings: Settings
  readonly intervals: IntervalOptions
  readonly seed: number
  /** Rows that generate together. */
  readonly batch: number | undefined
  readonly signal: AbortSignal | undefined
  readonly onProgress: (done: number, total: number) => void
  /** The answered examples to show before this one. */
  shotsFor<E>(example: E): readonly E[]
  /** All examples that shots may come from. */
  readonly pool: readonly unknown[]
  readonly judge: Judge | undefined
  readonly against: LanguageModel | undefined
}

/** The example's own name, or its place. */
export function idOf<E>(task: Task<E>, example: E, index: number): string {
  return task.id?.(example) ?? String(index)
}
