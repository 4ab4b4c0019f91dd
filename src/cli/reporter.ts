/** Tells the user what a training stage reports: a live bar on a terminal, plain lines elsewhere; always on stderr. */
import type { EvalEvent, MetricsEvent, OnEvent, StepEvent, TrainEvent } from '../train/events.js'
import { eventFile } from './event-file.js'
import { bytes, duration, grouped, printable, short, table } from './format.js'
import type { Io } from './io.js'
import { type Bar, createProgressLine } from './progress.js'

/** Without a terminal: a line for every twentieth of the work, and at least one in this time. */
const plainParts = 20
const plainMilliseconds = 30_000

type ProgressEvent = Extract<TrainEvent, { type: 'progress' }>

export interface Reporter {
  readonly onEvent: OnEvent
  /** Lines above the bar. */
  print(lines: string): void
  /** Takes the bar away: before the result is printed, and however the work ends. */
  close(): void
}

export interface ReporterOptions {
  /** With --json there is no bar: a program reads along. */
  readonly json?: boolean | undefined
}

export function createReporter(
  io: Pick<Io, 'stderr' | 'env' | 'now'>,
  { json = false }: ReporterOptions = {},
): Reporter {
  const line = createProgressLine(io, { live: !json })
  const isDue = createPace(io)
  const record = eventFile(io)

  const show = (bar: Bar, total: number | undefined, text: () => string) => {
    if (line.isLive) line.draw(bar, bar.done === total)
    else if (isDue(bar.label, bar.done, total)) line.print(text())
  }
  let preparing = false
  const onEvent: OnEvent = (event) => {
    record?.(event)
    // The bar of a preparation is done with when something else is reported; that of the steps stays through the whole run.
    if (preparing && event.type !== 'progress') line.clear()
    preparing = event.type === 'progress'
    switch (event.type) {
      case 'message':
        return line.print(printable(event.text))
      case 'warning':
        return line.print(`warning: ${printable(event.text)}`)
      case 'settings':
        return line.print(`settings\n${table(Object.entries(event.settings))}`)
      case 'progress':
        if (line.isLive && event.done === event.total) return line.clear()
        return show(progressBar(event), event.total, () => `${event.label}: ${amount(event)}`)
      case 'step':
        return show(stepBar(event), event.steps, () => stepText(event))
      case 'metrics':
        return show(metricsBar(event), event.steps, () => metricsText(event))
      case 'eval':
        return line.print(evalText(event))
      case 'sample':
        return line.print(
          `step ${grouped(event.step)}: the model writes\n${indented(`${event.prompt}${event.text}`)}`,
        )
      case 'checkpoint':
        return line.print(`step ${grouped(event.step)}: saved in ${event.dir}`)
    }
  }
  return { onEvent, print: line.print, close: line.clear }
}

function progressBar(event: ProgressEvent): Bar {
  const { label, done, total } = event
  return { label, done, ...(total === undefined ? {} : { total }), details: [amount(event)] }
}

function amount({ done, total, unit }: ProgressEvent): string {
  const [text, suffix] = unit === 'bytes' ? [bytes, ''] : [grouped, ` ${unit}`]
  return `${total === undefined ? text(done) : `${text(done)}/${text(total)}`}${suffix}`
}

function stepBar(event: StepEvent): Bar {
  const { step, steps, loss, tokensPerSecond, secondsLeft } = event
  return {
    label: `step ${grouped(step).padStart(grouped(steps).length)}/${grouped(steps)}`,
    done: step,
    total: steps,
    details: [
      `loss ${loss.toFixed(3)}`,
      `${duration(secondsLeft)} left`,
      `${short(tokensPerSecond)} tokens/s`,
    ],
  }
}

function stepText({ step, steps, loss, lr, tokensPerSecond, secondsLeft }: StepEvent): string {
  const left = step === steps ? '' : `, ${duration(secondsLeft)} left`
  return `step ${grouped(step)}/${grouped(steps)}: loss ${loss.toFixed(4)}, lr ${lr.toExponential(2)}, ${short(tokensPerSecond)} tokens/s${left}`
}

/** The numbers to watch on one line: of many, the first few. */
const shownMetrics = 4

function metricsBar({ step, steps, metrics, secondsLeft }: MetricsEvent): Bar {
  return {
    label: `step ${grouped(step).padStart(grouped(steps).length)}/${grouped(steps)}`,
    done: step,
    total: steps,
    details: [
      ...Object.entries(metrics)
        .slice(0, shownMetrics)
        .map(([name, value]) => `${name} ${value.toPrecision(3)}`),
      `${duration(secondsLeft)} left`,
    ],
  }
}

function metricsText({ step, steps, metrics, secondsLeft }: MetricsEvent): string {
  const left = step === steps ? '' : `, ${duration(secondsLeft)} left`
  const numbers = Object.entries(metrics).map(([name, value]) => `${name} ${value.toPrecision(4)}`)
  return `step ${grouped(step)}/${grouped(steps)}: ${numbers.join(', ')}${left}`
}

function evalText({ step, loss, perplexity, bitsPerByte }: EvalEvent): string {
  const bits = bitsPerByte === undefined ? '' : `, ${bitsPerByte.toFixed(4)} bits per byte`
  return `step ${grouped(step)}: held-out loss ${loss.toFixed(4)}, perplexity ${short(perplexity)}${bits}`
}

function indented(text: string): string {
  return printable(text).replace(/^/gm, '  | ')
}

/** Decides which of many reports become a plain line: the first, the last, and some in between. */
function createPace({ now }: Pick<Io, 'now'>) {
  let key: string | undefined
  let part = -1
  let at = -Infinity
  return (label: string, done: number, total: number | undefined): boolean => {
    const name = label.replace(/[\s\d,]+/g, '')
    const nextPart = total === undefined || total <= 0 ? 0 : Math.floor((plainParts * done) / total)
    const time = now()
    if (name === key && nextPart === part && time - at < plainMilliseconds) return false
    key = name
    part = nextPart
    at = time
    return true
  }
}
