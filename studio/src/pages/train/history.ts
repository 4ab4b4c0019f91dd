/** What a run's events add up to in the page: curves, samples and what was said. Pure, so that it can be tested. */
import type { Curve, RunEvent } from './types.js'

export interface Sample {
  readonly part: string
  readonly step: number
  readonly prompt: string
  readonly text: string
}

export interface Note {
  readonly seq: number
  readonly time: number
  readonly kind: 'message' | 'warning' | 'checkpoint' | 'end'
  readonly text: string
}

interface Series {
  readonly part: string
  readonly metric: string
  readonly steps: number[]
  readonly values: (number | null)[]
}

const MAX_NOTES = 300
const MAX_SAMPLES = 100

/** Takes events in their order; `version` changes with every one that changed anything. */
export class History {
  version = 0
  seq = 0
  part = ''
  readonly samples: Sample[] = []
  readonly notes: Note[] = []
  readonly #series = new Map<string, Series>()

  add(event: RunEvent): void {
    if (event.seq <= this.seq) return
    this.seq = event.seq
    this.version++
    const { type, step } = event
    if (type === 'message' || type === 'warning') this.#say(event)
    else if (type === 'sample' && typeof step === 'number') this.#sample(event, step)
    else if (type === 'checkpoint') this.#note(event, 'checkpoint', String(step ?? ''))
    else if (type === 'end') this.#ended(event)
    else if (typeof step === 'number' && ['step', 'metrics', 'eval'].includes(type)) {
      for (const [metric, value] of Object.entries(numbersOf(event))) this.#point(metric, step, value)
    }
  }

  curves(): readonly Curve[] {
    return [...this.#series.values()]
  }

  #say(event: RunEvent): void {
    if (typeof event.part === 'string') this.part = event.part
    this.#note(event, event.type === 'warning' ? 'warning' : 'message', String(event.text ?? ''))
  }

  #ended(event: RunEvent): void {
    const { message } = (event.error ?? {}) as { message?: string }
    if (message) this.#note(event, 'warning', message)
  }

  #sample({ prompt, text }: RunEvent, step: number): void {
    this.samples.push({ part: this.part, step, prompt: String(prompt ?? ''), text: String(text ?? '') })
    if (this.samples.length > MAX_SAMPLES) this.samples.shift()
  }

  #note({ seq, time }: RunEvent, kind: Note['kind'], text: string): void {
    this.notes.push({ seq, time, kind, text })
    if (this.notes.length > MAX_NOTES) this.notes.shift()
  }

  #point(metric: string, step: number, value: number | null): void {
    const key = `${this.part}\n${metric}`
    let series = this.#series.get(key)
    if (!series) {
      series = { part: this.part, metric, steps: [], values: [] }
      this.#series.set(key, series)
    }
    // A run that went on from a checkpoint does some steps again.
    while (series.steps.length > 0 && series.steps.at(-1)! >= step) {
      series.steps.pop()
      series.values.pop()
    }
    series.steps.push(step)
    series.values.push(value)
  }
}

function numbersOf(event: RunEvent): Record<string, number | null> {
  const { seq: _, time: __, type, step: ___, steps: ____, secondsLeft: _____, metrics, ...fields } = event
  const source = (type === 'metrics' ? metrics : fields) as Readonly<Record<string, unknown>> | undefined
  return Object.fromEntries(
    Object.entries(source ?? {}).flatMap(([name, value]) =>
      typeof value === 'number' || value === null
        ? [[type === 'eval' ? `heldOut.${name}` : name, value] as const]
        : [],
    ),
  )
}
