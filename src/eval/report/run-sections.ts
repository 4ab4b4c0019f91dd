/** The sections of the page about how it was made: curves, data, samples, cost, settings. */
import { compact, duration, grouped, prefixed, setting } from './format.js'
import { html, type Markup } from './markup.js'
import { type Figures, paragraph, type Section, table } from './page-parts.js'
import { barChart } from './plots/bar-chart.js'
import { curveLegend, isSmoothed, lineChart } from './plots/line-chart.js'
import type { Curve, ReportSample } from './schema.js'
import type { Drawing } from './sections.js'

export function samplesSection({ data: { samples }, styleOf }: Drawing): Section | undefined {
  if (samples.length === 0) return undefined
  return {
    id: 'samples',
    title: 'Side by side',
    body: html`<p>The same prompt, answered after each stage. What the models wrote is shown as it is, control characters as symbols.</p>${samples.map(
      (sample, i) => drawSample(sample, i + 1, styleOf),
    )}`,
  }
}

function drawSample(
  { prompt, category, answers }: ReportSample,
  number: number,
  styleOf: Drawing['styleOf'],
): Markup {
  return html`<article class="sample"><h3>${category ?? 'Prompt'} · ${number}</h3>${prompt.map(
    ({ role, content }) =>
      html`<div class="turn"><span class="who">${role}</span><div class="said" dir="auto">${content}</div></div>`,
  )}<div class="answers">${answers.map(({ stage, text, scores }) => {
    const judged = Object.entries(scores).map(([judge, score]) => `${judge} ${compact(score)}`)
    return html`<div class="answer edge s${styleOf(stage)}"><span class="who">${stage}</span><div class="said" dir="auto">${text}</div>${
      judged.length > 0 && html`<p class="judged">${judged.join(' · ')}</p>`
    }</div>`
  })}</div></article>`
}

export function curvesSection({ data: { curves }, figures }: Drawing): Section | undefined {
  const drawable = curves.filter(({ series }) => series.some(({ points }) => points.length > 0))
  if (drawable.length === 0) return undefined
  const main = drawable.filter(({ minor }) => !minor)
  const stages = [...new Set(drawable.filter(({ minor }) => minor).map(({ stage }) => stage))]
  return {
    id: 'curves',
    title: 'Learning curves',
    body: html`${main.length > 0 && curveGrid(main, figures)}${stages.map((stage) => {
      const more = drawable.filter((curve) => curve.minor && curve.stage === stage)
      return html`<details><summary>${more.length === 1 ? 'One more curve' : `${more.length} more curves`}${stage !== undefined && ` of ${stage}`}</summary>${curveGrid(more, figures)}</details>`
    })}`,
  }
}

function curveGrid(curves: readonly Curve[], figures: Figures): Markup {
  return html`<div class="grid-of-figures">${curves.map((curve) => {
    const title = curveTitle(curve)
    const smoothed = isSmoothed(curve) ? ' Faint: as logged; strong: its moving mean.' : ''
    return figures.figure({
      plot: (id) => lineChart(id, curve),
      legend: curveLegend(curve),
      caption: `${title}.${smoothed}${curve.note === undefined ? '' : ` ${curve.note}`}`,
      table: table({
        label: title,
        head: [curve.xLabel, ...curve.series.map(({ name }) => name)],
        rows: curveRows(curve),
      }),
    })
  })}</div>`
}

/** "PPO: reward", for the one who reads it apart from its stage. */
export function curveTitle({ stage, title }: Curve): string {
  if (stage === undefined) return title
  return `${stage}: ${/^[A-Z][a-z]/.test(title) ? title[0]!.toLowerCase() + title.slice(1) : title}`
}

/** Some ten rows over the length of the curve, with what was logged last since the row before. */
export function curveRows({ series }: Curve, rows = 10): string[][] {
  const steps = [...new Set(series.flatMap(({ points }) => points.map(([x]) => x)))].sort((a, b) => a - b)
  const chosen = steps.filter(
    (_, i) =>
      steps.length <= rows || i === steps.length - 1 || i % Math.ceil((steps.length - 1) / (rows - 1)) === 0,
  )
  return chosen.map((step, row) => [
    compact(step),
    ...series.map(({ points }) => {
      const since = chosen[row - 1] ?? Number.NEGATIVE_INFINITY
      const value = points.findLast(([x]) => x <= step && x > since)?.[1]
      return value === undefined ? '–' : compact(value)
    }),
  ])
}

export function dataSection({ data: { data } }: Drawing): Section | undefined {
  if (!data) return undefined
  const { description, sources, stages, heldOut, removed } = data
  const whole = (value: number | undefined) => (value === undefined ? undefined : grouped(value))
  const size = (value: number | undefined) => (value === undefined ? undefined : prefixed(value, 'B'))
  const parts = [
    paragraph(description),
    sources.length > 0 &&
      table({
        label: 'Sources',
        showLabel: true,
        head: ['Source', 'Licence', 'Documents', 'Size'],
        rows: sources.map(({ name, licence, documents, bytes }) => [
          name,
          licence,
          whole(documents),
          size(bytes),
        ]),
      }),
    stages.length > 0 &&
      table({
        label: 'What each stage was given',
        showLabel: true,
        head: ['Stage', 'Examples', 'Tokens', 'Size'],
        rows: stages.map(({ stage, examples, tokens, bytes, note }) => [
          note === undefined ? stage : html`${stage}<small>${note}</small>`,
          whole(examples),
          tokens === undefined ? undefined : prefixed(tokens),
          size(bytes),
        ]),
      }),
    heldOut.length > 0 &&
      table({
        label: 'Held out: no stage of training has seen these',
        showLabel: true,
        head: ['What', 'Examples'],
        rows: heldOut.map(({ what, examples, note }) => [
          note === undefined ? what : html`${what}<small>${note}</small>`,
          whole(examples),
        ]),
      }),
    removed.length > 0 &&
      table({
        label: 'What cleaning took away',
        showLabel: true,
        head: ['Reason', 'Documents'],
        rows: removed.map(({ reason, documents }) => [reason, whole(documents)]),
      }),
  ].filter((part) => part !== false && part !== undefined)
  return parts.length === 0 ? undefined : { id: 'data', title: 'The data', body: html`${parts}` }
}

export function costSection({ data: { stages }, figures, styleOf }: Drawing): Section | undefined {
  if (stages.length === 0) return undefined
  const timed = stages.flatMap(({ name, seconds }) => (seconds === undefined ? [] : [{ name, seconds }]))
  const columns = (
    [
      ['seconds', 'Wall clock', duration],
      ['steps', 'Steps', grouped],
      ['tokens', 'Tokens', (value: number) => prefixed(value)],
      ['parameters', 'Parameters', (value: number) => prefixed(value)],
      ['flops', 'FLOPs', (value: number) => prefixed(value)],
      ['peakMemoryBytes', 'Peak memory', (value: number) => prefixed(value, 'B')],
    ] as const
  ).filter(([key]) => stages.some((stage) => stage[key] !== undefined))
  const withSettings = stages.filter(({ settings }) => Object.keys(settings).length > 0)
  return {
    id: 'cost',
    title: 'What it took',
    body: html`${table({
      label: 'Time, tokens and memory of each stage',
      head: ['Stage', ...columns.map(([, title]) => title)],
      rows: stages.map((stage) => [
        html`${stage.name}${stage.finished === false && ' (stopped early)'}${stage.dir !== undefined && html`<small><code>${stage.dir}</code></small>`}`,
        ...columns.map(([key, , show]) => (stage[key] === undefined ? undefined : show(stage[key]))),
      ]),
    })}${
      timed.length > 1 &&
      figures.figure({
        plot: (id) =>
          barChart({
            id,
            title: 'Wall clock of each stage',
            description: `${timed.map(({ name, seconds }) => `${name}: ${duration(seconds)}`).join('; ')}.`,
            unit: 'minutes',
            format: (value) => (value === 0 ? '0' : duration(60 * value)),
            groups: timed.map(({ name, seconds }) => ({
              label: name,
              bars: [{ name: 'wall clock', estimate: { value: seconds / 60 }, style: styleOf(name) }],
            })),
          }),
        caption: 'Wall clock of each stage.',
      })
    }${withSettings.map(
      ({ name, settings }) =>
        html`<details><summary>Settings of ${name}</summary>${table({
          label: `Settings of ${name}`,
          texts: true,
          head: ['Setting', 'Value'],
          rows: Object.entries(settings).map(([key, value]) => [html`<code>${key}</code>`, setting(value)]),
        })}</details>`,
    )}`,
  }
}

export function reproduceSection({ data: { versions, seeds, preset } }: Drawing): Section | undefined {
  const rows = [
    ...(preset === undefined ? [] : [['preset', preset]]),
    ...Object.entries(versions).map(([name, value]) => [name, String(value)]),
    ...Object.entries(seeds).map(([name, value]) => [
      name === 'seed' ? name : `seed of ${name}`,
      String(value),
    ]),
  ]
  if (rows.length === 0) return undefined
  return {
    id: 'reproduce',
    title: 'To make it again',
    body: html`<p>The same versions, threads and seeds on the same kind of machine give the same numbers, bit for bit.</p>${table(
      {
        label: 'Versions and seeds',
        texts: true,
        head: ['What', 'Value'],
        rows,
      },
    )}`,
  }
}
