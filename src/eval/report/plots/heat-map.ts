/** Who wins against whom. */
import { html, type Markup } from '../markup.js'
import type { Wins } from '../schema.js'
import { WIDTH } from './xy-plot.js'

export interface HeatMap {
  readonly id: string
  readonly title: string
  readonly description: string
  readonly wins: Wins
}

export interface WinCell {
  readonly rate: number
  readonly low: number
  readonly high: number
  readonly wins: number
  readonly ties: number
  readonly losses: number
}

/** How often `stage` wins against `against`; a pair that was measured the other way round is turned. */
export function winCell({ cells }: Wins, stage: string, against: string): WinCell | undefined {
  const direct = cells.find((cell) => cell.stage === stage && cell.against === against)
  if (direct) return direct
  const turned = cells.find((cell) => cell.stage === against && cell.against === stage)
  if (!turned) return undefined
  const { rate, low, high, wins, ties, losses } = turned
  return { rate: 1 - rate, low: 1 - high, high: 1 - low, wins: losses, ties, losses: wins }
}

const LEFT = 92
const TOP = 46

export function heatMap({ id, title, description, wins }: HeatMap): Markup {
  const { stages } = wins
  const width = (WIDTH - LEFT - 4) / Math.max(1, stages.length)
  const height = Math.min(58, Math.max(40, width * 0.6))
  const percent = (share: number) => (100 * share).toFixed(0)
  const cells = stages.flatMap((stage, row) =>
    stages.map((against, column) => {
      const [x, y] = [LEFT + column * width, TOP + row * height]
      const cell = winCell(wins, stage, against)
      const box = (extra: Markup) =>
        html`<rect ${extra} x="${(x + 1).toFixed(1)}" y="${(y + 1).toFixed(1)}" width="${(width - 2).toFixed(1)}" height="${(height - 2).toFixed(1)}" rx="3"/>`
      if (!cell) return box(html`class="empty"`)
      // Full strength would drown the number.
      const strength = (0.08 + 0.47 * Math.abs(2 * cell.rate - 1)).toFixed(3)
      const [middle, line] = [(x + width / 2).toFixed(1), y + height / 2]
      return html`<g><title>${stage} against ${against}: ${cell.wins} wins, ${cell.ties} ties, ${cell.losses} losses</title>${box(
        html`class="${cell.rate >= 0.5 ? 'winning' : 'losing'}" fill-opacity="${strength}"`,
      )}<text class="cell" x="${middle}" y="${line}" text-anchor="middle">${percent(cell.rate)}&#160;%</text><text class="cell-interval" x="${middle}" y="${line + 15}" text-anchor="middle">${percent(cell.low)}–${percent(cell.high)}</text></g>`
    }),
  )
  return html`<svg class="plot" viewBox="0 0 ${WIDTH} ${(TOP + stages.length * height + 4).toFixed(0)}" role="img" aria-labelledby="${id}-t ${id}-d">
<title id="${id}-t">${title}</title><desc id="${id}-d">${description}</desc>
<text class="name" x="${LEFT}" y="14">preferred to …</text>
${stages.map(
  (stage, i) =>
    html`<text class="label" x="${(LEFT + (i + 0.5) * width).toFixed(1)}" y="${TOP - 9}" text-anchor="middle">${short(stage, 9)}</text><text class="label" x="${LEFT - 9}" y="${(TOP + (i + 0.5) * height + 4).toFixed(1)}" text-anchor="end">${short(stage, 11)}</text>`,
)}
${cells}
</svg>`
}

function short(name: string, length: number): string {
  const chars = [...name]
  return chars.length > length ? `${chars.slice(0, length - 1).join('')}…` : name
}
