/** A plot of two axes with lines, points, bands and rules in it: what the line chart and the others are made of. */
import { compact } from '../format.js'
import { html, type Markup } from '../markup.js'
import { createScale, type Scale, type ScaleKind } from './scale.js'

export type Point = readonly [x: number, y: number]

export type Layer =
  | {
      readonly type: 'line'
      readonly points: readonly Point[]
      readonly style: number
      readonly faint?: boolean
      readonly dashed?: boolean
    }
  | { readonly type: 'points'; readonly points: readonly Point[]; readonly style: number }
  /** Between a lower and an upper line. */
  | {
      readonly type: 'band'
      readonly points: readonly (readonly [x: number, low: number, high: number])[]
      readonly style: number
    }
  /** A whisker at each point. */
  | {
      readonly type: 'whiskers'
      readonly points: readonly (readonly [x: number, low: number, high: number])[]
      readonly style: number
    }
  /** A line through the whole plot at one value of an axis, with its name. */
  | { readonly type: 'rule'; readonly axis: 'x' | 'y'; readonly at: number; readonly label: string }

export interface Axis {
  readonly label: string
  readonly kind?: ScaleKind
  readonly domain?: readonly [number, number]
  readonly format?: (value: number) => string
}

/** Panels lie above one another and share the x axis. */
export interface Panel {
  readonly y: Axis
  readonly layers: readonly Layer[]
  readonly height?: number
}

export interface XyPlot {
  /** Unique on the page. */
  readonly id: string
  readonly title: string
  readonly description: string
  readonly x: Axis
  readonly panels: readonly Panel[]
}

export const WIDTH = 480
const LEFT = 54
const RIGHT = 14
const TOP = 30
const BETWEEN = 20
const BOTTOM = 46

export function xyPlot({ id, title, description, x, panels }: XyPlot): Markup {
  const xs = panels.flatMap(({ layers }) => layers.flatMap((layer) => valuesOf(layer, 'x')))
  const xScale = createScale(xs, { kind: x.kind ?? 'linear', domain: x.domain ?? tight(xs), count: 5 })
  const placeX = (value: number) => LEFT + xScale.at(value) * (WIDTH - LEFT - RIGHT)

  let top = TOP
  const drawn = panels.map((panel) => {
    const height = panel.height ?? 208
    const markup = drawPanel(panel, { top, height, placeX })
    top += height + TOP + BETWEEN
    return markup
  })
  const floor = top - TOP - BETWEEN
  const showX = x.format ?? compact
  return html`<svg class="plot" viewBox="0 0 ${WIDTH} ${floor + BOTTOM}" role="img" aria-labelledby="${id}-t ${id}-d">
<title id="${id}-t">${title}</title><desc id="${id}-d">${description}</desc>
${drawn}<g class="axis">${xScale.ticks.map(
    (tick) =>
      html`<path class="tick" d="M${round(placeX(tick))} ${floor}v5"/><text x="${round(placeX(tick))}" y="${floor + 19}" text-anchor="middle">${showX(tick)}</text>`,
  )}</g>
<text class="name" x="${WIDTH - RIGHT}" y="${floor + 40}" text-anchor="end">${x.label}</text>
</svg>`
}

function drawPanel(
  { y, layers }: Panel,
  { top, height, placeX }: { top: number; height: number; placeX: (value: number) => number },
): Markup {
  const values = layers.flatMap((layer) => valuesOf(layer, 'y'))
  const scale = createScale(values, {
    kind: y.kind ?? 'linear',
    domain: y.domain,
    count: height > 150 ? 5 : 3,
  })
  const placeY = (value: number) => top + (1 - scale.at(value)) * height
  const show = y.format ?? compact
  return html`<text class="name" x="${LEFT - 46}" y="${top - 13}">${y.label}</text>
<g class="axis">${scale.ticks.map(
    (tick) =>
      html`<path class="grid" d="M${LEFT} ${round(placeY(tick))}H${WIDTH - RIGHT}"/><text x="${LEFT - 7}" y="${round(placeY(tick) + 4)}" text-anchor="end">${show(tick)}</text>`,
  )}<path class="base" d="M${LEFT} ${top + height}H${WIDTH - RIGHT}"/></g>
${layers.map((layer) => drawLayer(layer, { top, height, placeX, placeY, scale }))}`
}

interface Place {
  readonly top: number
  readonly height: number
  readonly scale: Scale
  placeX(value: number): number
  placeY(value: number): number
}

function drawLayer(layer: Layer, { top, height, placeX, placeY }: Place): Markup {
  const path = (points: readonly Point[]) =>
    points.map(([x, y], i) => `${i === 0 ? 'M' : 'L'}${round(placeX(x))} ${round(placeY(y))}`).join('')
  switch (layer.type) {
    case 'line': {
      const classes = ['line', `s${layer.style}`, layer.faint && 'faint', layer.dashed && 'dashed'].filter(
        Boolean,
      )
      return html`<path class="${classes.join(' ')}" d="${path(layer.points)}"/>`
    }
    case 'points':
      return html`<g class="mark s${layer.style}">${layer.points.map(([x, y]) => marker(layer.style, placeX(x), placeY(y)))}</g>`
    case 'band': {
      if (layer.points.length === 0) return html``
      const over = layer.points.map(([x, , high]): Point => [x, high])
      const under = layer.points.map(([x, low]): Point => [x, low]).reverse()
      return html`<path class="band s${layer.style}" d="${path([...over, ...under])}Z"/>`
    }
    case 'whiskers':
      return html`<g class="whisker s${layer.style}">${layer.points.map(
        ([x, low, high]) =>
          html`<path d="M${round(placeX(x))} ${round(placeY(low))}V${round(placeY(high))}"/>`,
      )}</g>`
    case 'rule': {
      if (layer.axis === 'y') {
        const at = round(placeY(layer.at))
        return html`<path class="rule" d="M${LEFT} ${at}H${WIDTH - RIGHT}"/><text class="rule-name" x="${WIDTH - RIGHT}" y="${at - 5}" text-anchor="end">${layer.label}</text>`
      }
      const at = round(placeX(layer.at))
      const side = at > WIDTH * 0.6 ? html`x="${at - 6}" text-anchor="end"` : html`x="${at + 6}"`
      return html`<path class="rule" d="M${at} ${top}V${top + height}"/>${layer.label === '' ? undefined : html`<text class="rule-name" ${side} y="${top + 11}">${layer.label}</text>`}`
    }
  }
}

/** A shape of its own for each style, so that no series is told by colour alone. */
export function marker(style: number, x: number, y: number): Markup {
  const [cx, cy] = [round(x), round(y)]
  switch (style % 4) {
    case 0:
      return html`<rect x="${round(x - 3.4)}" y="${round(y - 3.4)}" width="6.8" height="6.8"/>`
    case 1:
      return html`<circle cx="${cx}" cy="${cy}" r="3.9"/>`
    case 2:
      return html`<path d="M${cx} ${round(y - 4.6)}l4.4 7.6h-8.8Z"/>`
    default:
      return html`<path d="M${cx} ${round(y - 5)}l5 5 -5 5 -5 -5Z"/>`
  }
}

function valuesOf(layer: Layer, axis: 'x' | 'y'): number[] {
  if (layer.type === 'rule') return layer.axis === axis ? [layer.at] : []
  if (axis === 'x') return layer.points.map(([x]) => x)
  return layer.points.flatMap(([, ...values]) => values)
}

/** The x axis ends where the data ends. */
function tight(values: readonly number[]): readonly [number, number] | undefined {
  if (values.length === 0) return undefined
  const low = values.reduce((a, b) => Math.min(a, b))
  const high = values.reduce((a, b) => Math.max(a, b))
  return low < high ? [low, high] : undefined
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}
