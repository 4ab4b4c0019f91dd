/** Horizontal bars in groups, with their intervals and a target. Names stand above their bars, so that they may be long. */
import { quantity } from '../format.js'
import { html, type Markup } from '../markup.js'
import type { Estimate } from '../schema.js'
import { createScale } from './scale.js'
import { WIDTH } from './xy-plot.js'

export interface BarGroup {
  readonly label: string
  readonly bars: readonly { readonly name: string; readonly estimate: Estimate; readonly style: number }[]
  readonly target?: number | undefined
}

export interface BarChart {
  readonly id: string
  readonly title: string
  readonly description: string
  readonly unit: string
  readonly groups: readonly BarGroup[]
  readonly domain?: readonly [number, number]
  /** Lines through all groups. */
  readonly rules?: readonly { readonly at: number; readonly label: string }[]
  /** How a value is written. Default: in the chart's unit. */
  readonly format?: (value: number) => string
}

const LEFT = 6
const VALUE = 62
const BAR = 12
const STEP = 15
const NAME = 19
const GAP = 14
const TOP = 24

export function barChart({
  id,
  title,
  description,
  unit,
  groups,
  domain,
  rules = [],
  ...rest
}: BarChart): Markup {
  const format = rest.format ?? ((value: number) => quantity(value, unit))
  const values = groups.flatMap(({ bars, target }) => [
    ...bars.flatMap(({ estimate: { value, low, high } }) => [value, low ?? value, high ?? value]),
    ...(target === undefined ? [] : [target]),
  ])
  const scale = createScale([...values, ...rules.map(({ at }) => at)], { zero: true, domain, count: 5 })
  const place = (value: number) => round(LEFT + scale.at(value) * (WIDTH - LEFT - VALUE))
  const zero = place(Math.max(scale.low, 0))
  let top = TOP
  const drawn = groups.map(({ label, bars, target }) => {
    const first = top + NAME
    const bottom = first + bars.length * STEP
    const drawnBars = bars.map(({ estimate, style, name }, i) => {
      const { value, low, high } = estimate
      const y = first + i * STEP
      const middle = y + BAR / 2
      const at = place(value)
      const interval =
        low !== undefined &&
        high !== undefined &&
        html`<path class="interval" d="M${place(low)} ${middle - 3}v6M${place(low)} ${middle}H${place(high)}M${place(high)} ${middle - 3}v6"/>`
      // A number that the target's line would cross moves behind it.
      const end = Math.max(at, place(high ?? value)) + 6
      const line = target === undefined ? undefined : place(target)
      const textAt = line !== undefined && line > end - 6 && line < end + 40 ? round(line + 6) : round(end)
      return {
        bar: html`<g><title>${label}, ${name}: ${format(value)}</title><rect class="bar s${style}" x="${Math.min(zero, at)}" y="${y}" width="${round(Math.max(1, Math.abs(at - zero)))}" height="${BAR}" rx="1.5"/>${interval}</g>`,
        text: html`<text class="value" x="${textAt}" y="${y + 10}">${format(value)}</text>`,
      }
    })
    const mark =
      target !== undefined && html`<path class="target" d="M${place(target)} ${first - 3}V${bottom}"/>`
    // The numbers last: their pale edge keeps them readable on what they cross.
    const markup = html`${drawnBars.map(({ bar }) => bar)}${mark}<text class="label" x="${LEFT}" y="${top + 12}">${label}</text>${drawnBars.map(({ text }) => text)}`
    top = bottom + GAP
    return markup
  })
  const height = top - GAP + 10
  return html`<svg class="plot" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-labelledby="${id}-t ${id}-d">
<title id="${id}-t">${title}</title><desc id="${id}-d">${description}</desc>
<g class="axis">${scale.ticks.map(
    (tick) =>
      html`<path class="grid" d="M${place(tick)} ${TOP - 6}V${height}"/><text x="${place(tick)}" y="${TOP - 11}" text-anchor="${tick === scale.low ? 'start' : 'middle'}">${format(tick).replace(/\.0(?=\u00a0%)/, '')}</text>`,
  )}</g>
${rules.map(({ at, label }) => html`<path class="rule" d="M${place(at)} ${TOP - 6}V${height}"><title>${label}</title></path>`)}
${drawn}
</svg>`
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}
