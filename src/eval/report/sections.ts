/** The sections of the page about what was measured; each is left out where there is nothing to show. */
import { compact, estimate, grouped, interval, quantity } from './format.js'
import { html, type Markup } from './markup.js'
import { type Figures, paragraph, type Section, table } from './page-parts.js'
import { barChart } from './plots/bar-chart.js'
import { heatMap, winCell } from './plots/heat-map.js'
import { legend } from './plots/line-chart.js'
import { type Layer, xyPlot } from './plots/xy-plot.js'
import type { Estimate, ReportData } from './schema.js'
import { bestCell, goldPeak, overOptimisationText, target } from './summary.js'

export interface Drawing {
  readonly data: ReportData
  readonly figures: Figures
  /** The colour of a stage. */
  styleOf(stage: string): number
}

const fractions: readonly [number, number] = [0, 1]

export function scoresSection({ data: { scores }, figures, styleOf }: Drawing): Section | undefined {
  if (!scores || scores.rows.length === 0) return undefined
  const { stages, rows, note } = scores
  const charted = rows.filter(({ unit, cells }) => unit === 'fraction' && cells.some((cell) => cell !== null))
  const chart =
    charted.length > 0 &&
    figures.figure({
      legend: legend(stages.map((name) => ({ name, style: styleOf(name) }))),
      plot: (id) =>
        barChart({
          id,
          title: 'Scores after each stage',
          description: `Bars for ${charted.length} suites after ${stages.join(', ')}; the table above holds the same numbers.`,
          unit: 'fraction',
          domain: fractions,
          groups: charted.map(({ suite, cells, bar }) => ({
            label: suite,
            bars: cells.flatMap((cell, i) =>
              cell ? [{ name: stages[i]!, estimate: cell, style: styleOf(stages[i]!) }] : [],
            ),
            target: bar?.target,
          })),
        }),
      caption: `Scores after each stage, with their intervals.${charted.some(({ bar }) => bar) ? ' The upright line in a group is its target.' : ''}`,
    })
  const hasBars = rows.some(({ bar }) => bar)
  return {
    id: 'scores',
    title: 'What each stage gave',
    body: html`${paragraph(note)}${table({
      label: 'Scores of every suite after each stage',
      head: ['Suite', ...stages, ...(hasBars ? ['Target'] : [])],
      rows: rows.map(({ suite, description, unit, better, cells, bar }) => {
        const best = bestCell(cells, better)
        const counts = new Set(cells.flatMap((cell) => (cell?.n === undefined ? [] : [cell.n])))
        const n = counts.size === 1 ? `n\u00a0=\u00a0${grouped([...counts][0]!)}` : undefined
        const about = [description, n].filter((part) => part !== undefined)
        return html`<tr><th scope="row">${suite}${about.map((part) => html`<small>${part}</small>`)}</th>${cells.map(
          (cell, i) =>
            html`<td${i === best && html` class="best"`}>${cell ? estimateCell(n === undefined ? cell : { ...cell, n: undefined }, unit) : '–'}</td>`,
        )}${
          hasBars &&
          html`<td>${
            bar
              ? html`<span class="${bar.met ? 'met' : 'missed'}">${bar.met ? '✓ met' : '✗ missed'}</span><small>${target(bar.target, unit, better)}</small>`
              : ''
          }</td>`
        }</tr>`
      }),
    })}${chart}`,
  }
}

function estimateCell({ value, low, high, n }: Estimate, unit: string): Markup {
  const details = [
    low !== undefined && high !== undefined && interval(low, high, unit),
    n !== undefined && `n = ${grouped(n)}`,
  ].filter((part) => part !== false)
  return html`${quantity(value, unit)}${details.map((part) => html`<small>${part}</small>`)}`
}

export function winsSection({ data: { wins }, figures }: Drawing): Section | undefined {
  if (!wins || wins.cells.length === 0 || wins.stages.length === 0) return undefined
  const pairs = wins.stages.flatMap((stage, i) =>
    wins.stages.slice(0, i).flatMap((against) => {
      const cell = winCell(wins, stage, against)
      return cell ? [{ stage, against, ...cell }] : []
    }),
  )
  const rows = pairs.map(({ stage, against, rate, low, high, ...counts }) => [
    `${stage} against ${against}`,
    grouped(counts.wins),
    grouped(counts.ties),
    grouped(counts.losses),
    estimate({ value: rate, low, high }, 'fraction'),
  ])
  const head = ['Pair', 'Wins', 'Ties', 'Losses', 'Preferred']
  return {
    id: 'wins',
    title: 'Stage against stage',
    body: html`${paragraph(wins.note)}${figures.figure({
      plot: (id) =>
        heatMap({
          id,
          title: 'Win matrix',
          description: `${pairs.map(({ stage, against, rate }) => `${stage} is preferred to ${against} in ${quantity(rate, 'fraction')}`).join('; ')}.`,
          wins,
        }),
      caption: `How often the answer of the stage on the left was preferred to that of the stage above, with intervals; a tie counts half to each. Judge: ${wins.judge}.`,
      table: table({ label: 'Wins, ties and losses of each pair of stages', head, rows }),
    })}`,
  }
}

export function overOptimisationSection({ data, figures }: Drawing): Section | undefined {
  const part = data.overOptimisation
  if (!part || part.points.length === 0) return undefined
  const points = [...part.points].sort((a, b) => a.kl - b.kl)
  const peak = goldPeak(part)
  const rule = (label: string): Layer[] =>
    peak === undefined ? [] : [{ type: 'rule', axis: 'x', at: peak, label }]
  const intervals = points.flatMap(({ kl, low, high }) =>
    low === undefined || high === undefined ? [] : [[kl, low, high] as const],
  )
  const curve = (key: 'proxy' | 'gold', style: number): Layer[] => {
    const line = points.map((point) => [point.kl, point[key]] as const)
    return [
      { type: 'line', points: line, style },
      { type: 'points', points: line, style },
    ]
  }
  const text = overOptimisationText(part)
  return {
    id: 'over-optimisation',
    title: 'Reward against KL',
    body: html`<p>${text}</p>${paragraph(part.note)}${figures.figure({
      plot: (id) =>
        xyPlot({
          id,
          title: 'Proxy and gold reward against KL',
          description: text,
          x: { label: 'KL from the reference, nats per answer (square-root scale)', kind: 'sqrt' },
          panels: [
            {
              y: { label: 'proxy: the reward model' },
              height: 120,
              layers: [...rule(''), ...curve('proxy', 1)],
            },
            {
              y: { label: 'gold: the judge that training never saw' },
              height: 150,
              layers: [
                { type: 'band', points: intervals, style: 3 },
                ...rule(`gold is highest at ${compact(peak ?? 0)}`),
                ...curve('gold', 3),
              ],
            },
          ],
        }),
      caption: `Mean reward${part.stage === undefined ? '' : ` of ${part.stage}`} at growing distance from the model it began as: the proxy that is trained on (above) and the gold judge (below, with its interval). Where the two part, the policy exploits the reward model's mistakes.`,
      table: table({
        label: 'Proxy and gold reward at each KL',
        head: ['KL', 'Step', 'Proxy', 'Gold'],
        rows: points.map(({ kl, step, proxy, gold, low, high }) => [
          compact(kl),
          step === undefined ? undefined : grouped(step),
          compact(proxy),
          estimate({ value: gold, low, high }),
        ]),
      }),
    })}`,
  }
}

export function rewardModelSection({ data: { rewardModel: model }, figures }: Drawing): Section | undefined {
  if (!model) return undefined
  const { accuracy, ceiling, baselines, categories, calibration, note } = model
  const gap = ceiling === undefined ? undefined : 100 * (ceiling - accuracy.value)
  const summary = html`<p>On held-out pairs the reward model prefers the answer that the labeler preferred in ${estimate(accuracy, 'fraction')} of cases.${
    gap !== undefined &&
    ` The noise of the labels allows ${quantity(ceiling!, 'fraction')}: it is ${gap >= 0 ? `${compact(Number(gap.toFixed(1)))} points below` : `${compact(Number((-gap).toFixed(1)))} points above, within chance,`} that ceiling.`
  }</p>`
  const groups = [
    { label: 'all held-out pairs', bars: [{ name: 'accuracy', estimate: accuracy, style: 3 }] },
    ...categories.map(({ name, accuracy }) => ({
      label: name,
      bars: [{ name: 'accuracy', estimate: accuracy, style: 1 }],
    })),
    ...baselines.map(({ name, accuracy }) => ({
      label: `baseline: ${name}`,
      bars: [{ name: 'accuracy', estimate: accuracy, style: 0 }],
    })),
  ]
  const bars =
    groups.length > 1 &&
    figures.figure({
      plot: (id) =>
        barChart({
          id,
          title: 'Accuracy of the reward model',
          description: groups
            .map(({ label, bars }) => `${label}: ${quantity(bars[0]!.estimate.value, 'fraction')}`)
            .join('; '),
          unit: 'fraction',
          domain: fractions,
          groups,
          rules: [
            { at: 0.5, label: 'chance' },
            ...(ceiling === undefined ? [] : [{ at: ceiling, label: 'ceiling by label noise' }]),
          ],
        }),
      caption: `Accuracy on held-out pairs. Broken lines: chance (50\u00a0%)${ceiling === undefined ? '' : ` and the ceiling that label noise sets (${quantity(ceiling, 'fraction')})`}.`,
      table: table({
        label: 'Accuracy of the reward model',
        head: ['Pairs', 'Accuracy', 'n'],
        rows: groups.map(({ label, bars: [bar] }) => [
          label,
          estimate(bar!.estimate, 'fraction'),
          bar!.estimate.n === undefined ? undefined : grouped(bar!.estimate.n),
        ]),
      }),
    })
  return {
    id: 'reward-model',
    title: 'The reward model',
    body: html`${summary}${paragraph(note)}${bars}${calibration.length > 0 && calibrationFigure(calibration, figures)}`,
  }
}

type Calibration = NonNullable<ReportData['rewardModel']>['calibration']

function calibrationFigure(calibration: Calibration, figures: Figures): Markup {
  const bins = [...calibration].sort((a, b) => a.predicted - b.predicted)
  const points = bins.map(({ predicted, observed }) => [predicted, observed] as const)
  const total = bins.reduce((sum, { n }) => sum + n, 0)
  const error = bins.reduce((sum, { predicted, observed, n }) => sum + n * Math.abs(predicted - observed), 0)
  const mean = total > 0 ? error / total : 0
  const axis = { domain: fractions, format: (value: number) => quantity(value, 'fraction').replace('.0', '') }
  const whiskers = bins.flatMap(({ predicted, low, high }) =>
    low === undefined || high === undefined ? [] : [[predicted, low, high] as const],
  )
  const text = `the mean gap between what is predicted and what is observed is ${compact(Number((100 * mean).toFixed(1)))} points`
  return figures.figure({
    plot: (id) =>
      xyPlot({
        id,
        title: 'Calibration of the reward model',
        description: `Of ${bins.length} bins, ${text}.`,
        x: { label: 'predicted probability that the answer wins', ...axis },
        panels: [
          {
            y: { label: 'observed', ...axis },
            layers: [
              {
                type: 'line',
                points: [
                  [0, 0],
                  [1, 1],
                ],
                style: 0,
                dashed: true,
              },
              { type: 'whiskers', points: whiskers, style: 3 },
              { type: 'line', points, style: 3 },
              { type: 'points', points, style: 3 },
            ],
          },
        ],
      }),
    caption: `Calibration: on the diagonal, what the reward model gives 70\u00a0% wins 70\u00a0% of the time. Here ${text}.`,
    table: table({
      label: 'Calibration of the reward model',
      head: ['Predicted', 'Observed', 'n'],
      rows: bins.map(({ predicted, observed, low, high, n }) => [
        quantity(predicted, 'fraction'),
        estimate({ value: observed, low, high }, 'fraction'),
        grouped(n),
      ]),
    }),
  })
}

export function ablationSection({ data: { ablation } }: Drawing): Section | undefined {
  if (!ablation || ablation.rows.length === 0) return undefined
  const { metrics, rows, note } = ablation
  return {
    id: 'ablation',
    title: 'Why the details matter',
    body: html`${paragraph(note)}${table({
      label: 'Each row changes one thing',
      head: ['Changed', ...metrics.map(({ name }) => name)],
      rows: rows.map(
        ({ name, lesson, baseline, cells }) =>
          html`<tr${baseline && html` class="baseline"`}><th scope="row">${name}${lesson !== undefined && html`<small>${lesson}</small>`}</th>${metrics.map(
            ({ unit }, i) => html`<td>${cells[i] ? estimateCell(cells[i], unit) : '–'}</td>`,
          )}</tr>`,
      ),
    })}`,
  }
}
