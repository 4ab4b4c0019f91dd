/** What a run's events add up to: where it is, and its curves. */
import type { RunCurve, RunEvent, RunProgress } from './types.js'

/** Curves of a long run are thinned out to between half of this and all of it. */
const MAX_POINTS = 2000
/** Names come from files; they are bounded as everything is. */
const MAX_CURVES = 400

interface Series {
  readonly part: string
  readonly metric: string
  steps: number[]
  values: (number | null)[]
  stride: number
  seen: number
}

/** How the last process of a run ended. */
export interface RunEnd {
  readonly code: number
  readonly stopped: boolean
  readonly error?: { readonly code: string; readonly message: string }
}

/** Takes events one by one. */
export class RunState {
  seq = 0
  progress: RunProgress = {}
  /** Of the newest process; undefined while it works, or where it died without a word. */
  end: RunEnd | undefined
  /** Of the newest process. */
  process: { readonly pid: number; readonly birth: string | null } | undefined
  readonly #series = new Map<string, Series>()

  add(event: RunEvent): void {
    this.seq = event.seq
    const { type } = event
    if (type === 'begin') this.#begin(event)
    else if (type === 'end') this.#end(event)
    else if (type === 'message') this.#message(event)
    else if (type === 'progress') this.#preparing(event)
    else if (type === 'step' || type === 'metrics' || type === 'eval') this.#numbers(event)
  }

  curves(): RunCurve[] {
    return [...this.#series.values()].map(({ part, metric, steps, values }) => ({
      part,
      metric,
      steps,
      values,
    }))
  }

  #begin({ pid, birth }: RunEvent): void {
    this.end = undefined
    if (typeof pid === 'number') this.process = { pid, birth: typeof birth === 'string' ? birth : null }
    const { preparing: _, ...progress } = this.progress
    this.progress = progress
  }

  #end({ code, stopped, error }: RunEvent): void {
    const known = error as RunEnd['error']
    this.end = {
      code: typeof code === 'number' ? code : 1,
      stopped: stopped === true,
      ...(known && typeof known.message === 'string' ? { error: known } : {}),
    }
    const { preparing: _, secondsLeft: __, ...progress } = this.progress
    this.progress = progress
  }

  #message({ text, part }: RunEvent): void {
    if (typeof text !== 'string') return
    this.progress =
      typeof part === 'string' ? { message: text, part } : { ...this.progress, message: text.slice(0, 1000) }
  }

  #preparing({ label, done, total, unit }: RunEvent): void {
    if (typeof label !== 'string' || typeof done !== 'number') return
    const { preparing: _, ...progress } = this.progress
    if (done === total) this.progress = progress
    else
      this.progress = {
        ...progress,
        preparing: {
          label,
          done,
          ...(typeof total === 'number' ? { total } : {}),
          unit: typeof unit === 'string' ? unit : '',
        },
      }
  }

  #numbers(event: RunEvent): void {
    const { step, steps, secondsLeft } = event
    if (typeof step !== 'number') return
    const numbers = numbersOf(event)
    for (const [metric, value] of Object.entries(numbers)) this.#point(metric, step, value)
    const { preparing: _, ...progress } = this.progress
    const finite = Object.entries(numbers).filter((entry): entry is [string, number] => entry[1] !== null)
    const { tokensPerSecond } = Object.fromEntries(finite)
    this.progress = {
      ...progress,
      step,
      ...(typeof steps === 'number' ? { steps } : {}),
      ...(typeof secondsLeft === 'number' ? { secondsLeft } : {}),
      ...(tokensPerSecond === undefined ? {} : { tokensPerSecond }),
      latest: { ...progress.latest, ...Object.fromEntries(finite) },
    }
  }

  #point(metric: string, step: number, value: number | null): void {
    const part = this.progress.part ?? ''
    const key = `${part}\n${metric}`
    let series = this.#series.get(key)
    if (!series) {
      if (this.#series.size >= MAX_CURVES) return
      series = { part, metric, steps: [], values: [], stride: 1, seen: 0 }
      this.#series.set(key, series)
    }
    // A run that went on from a checkpoint does some steps again.
    while (series.steps.length > 0 && series.steps.at(-1)! >= step) {
      series.steps.pop()
      series.values.pop()
    }
    if (series.seen++ % series.stride !== 0) return
    series.steps.push(step)
    series.values.push(value)
    if (series.steps.length > MAX_POINTS) {
      series.steps = series.steps.filter((_, i) => i % 2 === 0)
      series.values = series.values.filter((_, i) => i % 2 === 0)
      series.stride *= 2
    }
  }
}

/** The numbers of an event by the names of their curves; null for what is not finite. */
export function numbersOf(event: RunEvent): Record<string, number | null> {
  const { seq: _, time: __, type, step: ___, steps: ____, secondsLeft: _____, metrics, ...fields } = event
  const source = type === 'metrics' ? metrics : fields
  const numbers: Record<string, number | null> = {}
  if (typeof source !== 'object' || source === null) return numbers
  for (const [name, value] of Object.entries(source)) {
    const shown = type === 'eval' ? `heldOut.${name}` : name
    if (typeof value === 'number') numbers[shown] = Number.isFinite(value) ? value : null
    else if (value === null) numbers[shown] = null
  }
  return numbers
}
