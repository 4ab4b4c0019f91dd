/** Curves out of logged metrics: names that are known become titled curves, the rest curves of their own. */
import type { CurveInput } from './schema.js'

type Point = [step: number, value: number]

/** Metrics that differ from run to run in name only are bounded, and so is what is kept of a long run. */
const MAX_NAMES = 100
const MAX_POINTS = 2000

interface KnownCurve {
  readonly title: string
  /** Metric names and what they are called in the legend. */
  readonly series: Readonly<Record<string, string>>
  readonly yLabel?: string
  readonly minor?: boolean
}

const known: readonly KnownCurve[] = [
  { title: 'Loss', series: { loss: 'training', 'heldOut.loss': 'held out' } },
  {
    title: 'Reward',
    yLabel: 'score',
    series: { 'objective/scores': 'reward model', 'objective/rlhf_reward': 'with KL penalty' },
  },
  { title: 'KL from the reference', yLabel: 'nats per answer', series: { 'objective/kl': 'KL' } },
  {
    title: 'Accuracy on pairs',
    yLabel: 'part of the pairs',
    series: { 'rewards/accuracies': 'training', 'heldOut.accuracy': 'held out' },
  },
  {
    title: 'Rewards of both answers',
    yLabel: 'score',
    series: { 'rewards/chosen': 'chosen', 'rewards/rejected': 'rejected' },
  },
  { title: 'Bits per byte', series: { 'heldOut.bitsPerByte': 'held out' }, minor: true },
  {
    title: 'Margin between the answers',
    yLabel: 'score',
    series: { 'rewards/margins': 'margin' },
    minor: true,
  },
  { title: 'Length of answers', yLabel: 'tokens', series: { 'rollout/length': 'mean' }, minor: true },
  {
    title: 'Answers that end by themselves',
    yLabel: 'part',
    series: { 'rollout/ended': 'part' },
    minor: true,
  },
  {
    title: 'Entropy',
    series: { 'policy/entropy': 'per token', 'objective/entropy': 'per answer' },
    minor: true,
  },
  {
    title: 'Clipped',
    yLabel: 'part',
    series: { 'policy/clipfrac': 'policy', 'val/clipfrac': 'value' },
    minor: true,
  },
  {
    title: 'Loss of policy and value',
    series: { 'loss/policy': 'policy', 'loss/value': 'value' },
    minor: true,
  },
  { title: 'Learning rate', series: { lr: 'rate' }, minor: true },
  { title: 'Gradient norm', series: { gradNorm: 'norm' }, minor: true },
  {
    title: 'Speed',
    yLabel: 'tokens per second',
    series: { tokensPerSecond: 'tokens per second' },
    minor: true,
  },
]

const perToken = new Set(['pretrain', 'sft', 'distill'])

/** Gathers the numbers of metrics lines by name. */
export class MetricSeries {
  /** The first step where a number was not finite. */
  brokenAt: number | undefined
  lastStep = 0
  readonly #series = new Map<string, { points: Point[]; stride: number; seen: number }>()

  add(line: Readonly<Record<string, unknown>>): void {
    const { step, ...metrics } = line
    if (typeof step !== 'number' || !Number.isFinite(step)) return
    this.lastStep = Math.max(this.lastStep, step)
    this.#addAll(step, metrics, '', 0)
  }

  last(name: string): number | undefined {
    return this.#series.get(name)?.points.at(-1)?.[1]
  }

  /** The curves of a stage, `stage` as in trainer.json, shown as `label`. */
  curves(stage: string, label: string): CurveInput[] {
    const left = new Map(this.#series)
    const curves = known.flatMap(({ title, series, yLabel = '', minor = false }): CurveInput[] => {
      const present = Object.entries(series).flatMap(([name, shown]) => {
        const points = left.get(name)?.points
        left.delete(name)
        return points ? [{ name: shown, points }] : []
      })
      const unit = title === 'Loss' && perToken.has(stage) ? 'nats per token' : yLabel
      return present.length === 0 ? [] : [{ title, stage: label, yLabel: unit, minor, series: present }]
    })
    const others = [...left]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(
        ([name, { points }]): CurveInput => ({
          title: name,
          stage: label,
          minor: true,
          series: [{ name, points }],
        }),
      )
    // A stage whose names are all unknown still shows some.
    const hidden = curves.every(({ minor }) => minor)
    return [...curves, ...others.map((curve, i) => ({ ...curve, minor: !hidden || i >= 4 }))]
  }

  #addAll(step: number, metrics: object, prefix: string, depth: number): void {
    for (const [key, value] of Object.entries(metrics)) {
      const name = `${prefix}${key}`
      if (typeof value === 'number') this.#addPoint(name, [step, value])
      else if (value === null || value === 'NaN' || value === 'Infinity' || value === '-Infinity')
        this.brokenAt ??= step
      else if (typeof value === 'object' && depth < 3) this.#addAll(step, value, `${name}.`, depth + 1)
    }
  }

  #addPoint(name: string, point: Point): void {
    if (!Number.isFinite(point[1])) return
    let series = this.#series.get(name)
    if (!series) {
      if (this.#series.size >= MAX_NAMES) return
      series = { points: [], stride: 1, seen: 0 }
      this.#series.set(name, series)
    }
    if (series.seen++ % series.stride !== 0) {
      return
    }
    series.points.push(point)
    if (series.points.length > MAX_POINTS) {
      series.points = series.points.filter((_, i) => i % 2 === 0)
      series.stride *= 2
    }
  }
}
