/** Curves over training steps: what was logged, faintly, and its course, where there are many points. */
import { compact } from '../format.js'
import { html, type Markup } from '../markup.js'
import type { Curve } from '../schema.js'
import { type Layer, marker, type Point, xyPlot } from './xy-plot.js'

/** From this many points on, a line is drawn smoothed over the faint one that was logged. */
const MANY = 60
const BUCKETS = 180
/** Fewer points than this get marks. */
const FEW = 40

/** The order in which series take colours when they are not stages. */
const styles = [1, 3, 2, 4, 5, 0]

export function lineChart(id: string, curve: Curve): Markup {
  const usable = curve.log ? curve.series.every(({ points }) => points.every(([, y]) => y > 0)) : false
  const layers: Layer[] = curve.series.flatMap(({ points }, i): Layer[] => {
    const style = styles[i % styles.length]!
    const sorted = [...points].sort(([a], [b]) => a - b)
    if (sorted.length >= MANY) {
      return [
        { type: 'line', points: thin(sorted), style, faint: true },
        { type: 'line', points: smooth(sorted), style },
      ]
    }
    const line: Layer = { type: 'line', points: sorted, style }
    return sorted.length < FEW ? [line, { type: 'points', points: sorted, style }] : [line]
  })
  const rules = curve.references.map(
    ({ name, value }): Layer => ({ type: 'rule', axis: 'y', at: value, label: `${name} ${compact(value)}` }),
  )
  return xyPlot({
    id,
    title: curve.title,
    description: describe(curve),
    x: { label: curve.xLabel },
    panels: [{ y: { label: curve.yLabel, kind: usable ? 'log' : 'linear' }, layers: [...layers, ...rules] }],
  })
}

/** Names of the series with their colours and marks. */
export function legend(entries: readonly { readonly name: string; readonly style: number }[]): Markup {
  return html`<ul class="legend">${entries.map(
    ({ name, style }) =>
      html`<li><svg viewBox="0 0 14 12" aria-hidden="true"><g class="mark s${style}">${marker(style, 7, 6)}</g></svg>${name}</li>`,
  )}</ul>`
}

export function curveLegend(curve: Curve): Markup {
  return legend(curve.series.map(({ name }, i) => ({ name, style: styles[i % styles.length]! })))
}

export function isSmoothed(curve: Curve): boolean {
  return curve.series.some(({ points }) => points.length >= MANY)
}

function describe({ series, xLabel }: Curve): string {
  const parts = series.map(({ name, points }) => {
    const [first, last] = [points[0], points.at(-1)]
    if (!first || !last) return `${name}: nothing logged`
    return `${name} goes from ${compact(first[1])} at ${xLabel} ${compact(first[0])} to ${compact(last[1])} at ${compact(last[0])}`
  })
  return `${parts.join('; ')}.`
}

/** No more points than can be seen: the least and the greatest of each bucket, in order. */
export function thin(points: readonly Point[]): Point[] {
  if (points.length <= 2 * BUCKETS) return [...points]
  const size = Math.ceil(points.length / BUCKETS)
  const out: Point[] = []
  for (let from = 0; from < points.length; from += size) {
    const bucket = points.slice(from, from + size)
    const low = bucket.reduce((a, b) => (b[1] < a[1] ? b : a))
    const high = bucket.reduce((a, b) => (b[1] > a[1] ? b : a))
    out.push(...(low[0] <= high[0] ? [low, high] : [high, low]).slice(0, low === high ? 1 : 2))
  }
  return out
}

/** A moving mean over a twenty-fifth of the points on either side, less near the ends, so that it starts and ends where they do. */
export function smooth(points: readonly Point[]): Point[] {
  const reach = Math.max(2, Math.floor(points.length / 50))
  const sums = new Float64Array(points.length + 1)
  points.forEach(([, y], i) => {
    sums[i + 1] = sums[i]! + y
  })
  const step = Math.max(1, Math.floor(points.length / BUCKETS))
  const out: Point[] = []
  for (let i = 0; i < points.length; i += step) {
    const half = Math.min(reach, i, points.length - 1 - i)
    out.push([points[i]![0], (sums[i + half + 1]! - sums[i - half]!) / (2 * half + 1)])
  }
  const last = points.at(-1)!
  if (out.at(-1)![0] !== last[0]) out.push(last)
  return out
}
