/** The report as markdown: the same parts and numbers as the page, with tables for its plots. */
import {
  compact,
  duration,
  estimate,
  grouped,
  moment,
  prefixed,
  quantity,
  setting,
  visible,
} from './format.js'
import { winCell } from './plots/heat-map.js'
import { curveRows, curveTitle } from './run-sections.js'
import type { ReportData, ReportSample } from './schema.js'
import { allNotes, bestCell, goldPeak, keyFacts, overOptimisationText, target } from './summary.js'

/** Markdown for GitHub and its like. What models wrote stands in fenced blocks, and nothing in it can end them. */
export function renderMarkdown(data: ReportData): string {
  const parts = [
    header(data),
    scores(data),
    wins(data),
    overOptimisation(data),
    rewardModel(data),
    ablation(data),
    samples(data),
    curves(data),
    dataCard(data),
    cost(data),
    reproduce(data),
  ]
  return `${parts.filter((part) => part !== undefined && part !== '').join('\n\n')}\n`
}

function header(data: ReportData): string {
  const { title, subtitle, preset, when } = data
  const facts = keyFacts(data)
  const labels = { simulated: 'Simulated', miss: 'Missed', note: 'Note' } as const
  return blocks(
    `# ${text(title)}`,
    subtitle === undefined ? undefined : text(subtitle),
    [preset === undefined ? undefined : `preset ${text(preset)}`, moment(when)].filter(Boolean).join(' · '),
    facts.length === 0
      ? undefined
      : table(
          facts.map(({ name }) => name),
          [facts.map(({ value }) => value)],
        ),
    allNotes(data)
      .map((note) => `> **${labels[note.kind]}.** ${text(note.text)}`)
      .join('\n>\n') || undefined,
  )
}

function scores({ scores: part }: ReportData): string | undefined {
  if (!part || part.rows.length === 0) return undefined
  const hasBars = part.rows.some(({ bar }) => bar)
  const rows = part.rows.map(({ suite, description, unit, better, cells, bar }) => {
    const best = bestCell(cells, better)
    const counts = new Set(cells.flatMap((cell) => (cell?.n === undefined ? [] : [cell.n])))
    return [
      `${text(suite)}${description === undefined ? '' : ` (${text(description)})`}`,
      ...cells.map((cell, i) => (cell ? strong(estimate(cell, unit), i === best) : '–')),
      counts.size === 0 ? '' : [...counts].map(grouped).join(', '),
      ...(hasBars
        ? [bar ? `${bar.met ? '✓' : '✗ **missed**:'} ${target(bar.target, unit, better)}` : '']
        : []),
    ]
  })
  const head = ['Suite', ...part.stages.map(text), 'n', ...(hasBars ? ['Target'] : [])]
  return blocks('## What each stage gave', note(part.note), table(head, rows))
}

function wins({ wins: part }: ReportData): string | undefined {
  if (!part || part.cells.length === 0) return undefined
  const { stages } = part
  const rows = stages.map((stage) => [
    `**${text(stage)}**`,
    ...stages.map((against) => {
      const cell = winCell(part, stage, against)
      return cell ? `${estimate({ value: cell.rate, low: cell.low, high: cell.high }, 'fraction')}` : ''
    }),
  ])
  const counts = stages.flatMap((stage, i) =>
    stages.slice(0, i).flatMap((against) => {
      const cell = winCell(part, stage, against)
      return cell
        ? [
            [
              `${text(stage)} against ${text(against)}`,
              grouped(cell.wins),
              grouped(cell.ties),
              grouped(cell.losses),
            ],
          ]
        : []
    }),
  )
  return blocks(
    '## Stage against stage',
    note(part.note),
    `How often the answer of the row was preferred to that of the column; a tie counts half. Judge: ${text(part.judge)}.`,
    table(['preferred to', ...stages.map(text)], rows),
    table(['Pair', 'Wins', 'Ties', 'Losses'], counts),
  )
}

function overOptimisation({ overOptimisation: part }: ReportData): string | undefined {
  if (!part || part.points.length === 0) return undefined
  const points = [...part.points].sort((a, b) => a.kl - b.kl)
  const peak = goldPeak(part)
  const rows = points.map(({ kl, proxy, gold, low, high }) => [
    compact(kl),
    compact(proxy),
    strong(estimate({ value: gold, low, high }), kl === peak),
  ])
  return blocks(
    '## Reward against KL',
    overOptimisationText(part),
    note(part.note),
    `proxy \`${sparkline(points.map(({ proxy }) => proxy))}\` · gold \`${sparkline(points.map(({ gold }) => gold))}\``,
    table(['KL, nats', 'Proxy (reward model)', 'Gold'], rows),
  )
}

function rewardModel({ rewardModel: part }: ReportData): string | undefined {
  if (!part) return undefined
  const { accuracy, ceiling, baselines, categories, calibration } = part
  const rows = [
    ['all held-out pairs', accuracy] as const,
    ...categories.map(({ name, accuracy }) => [text(name), accuracy] as const),
    ...baselines.map(({ name, accuracy }) => [`baseline: ${text(name)}`, accuracy] as const),
  ].map(([name, value]) => [name, estimate(value, 'fraction'), value.n === undefined ? '' : grouped(value.n)])
  if (ceiling !== undefined) rows.push(['ceiling by label noise', quantity(ceiling, 'fraction'), ''])
  return blocks(
    '## The reward model',
    note(part.note),
    table(['Pairs', 'Accuracy', 'n'], rows),
    calibration.length === 0
      ? undefined
      : table(
          ['Predicted', 'Observed', 'n'],
          calibration.map(({ predicted, observed, low, high, n }) => [
            quantity(predicted, 'fraction'),
            estimate({ value: observed, low, high }, 'fraction'),
            grouped(n),
          ]),
        ),
  )
}

function ablation({ ablation: part }: ReportData): string | undefined {
  if (!part || part.rows.length === 0) return undefined
  const rows = part.rows.map(({ name, lesson, baseline, cells }) => [
    `${strong(text(name), baseline)}${lesson === undefined ? '' : `: ${text(lesson)}`}`,
    ...part.metrics.map(({ unit }, i) => (cells[i] ? estimate(cells[i], unit) : '–')),
  ])
  return blocks(
    '## Why the details matter',
    note(part.note),
    table(['Changed', ...part.metrics.map(({ name }) => text(name))], rows),
  )
}

function samples({ samples: list }: ReportData): string | undefined {
  if (list.length === 0) return undefined
  return blocks('## Side by side', ...list.map(sample))
}

function sample({ category, prompt, answers }: ReportSample, index: number): string {
  return blocks(
    `### ${text(category ?? 'Prompt')} · ${index + 1}`,
    ...prompt.map(({ role, content }) => `${text(role)}:\n\n${fenced(content)}`),
    ...answers.map(({ stage, text: answer, scores }) => {
      const judged = Object.entries(scores).map(([judge, score]) => `${text(judge)} ${compact(score)}`)
      return `**${text(stage)}**${judged.length === 0 ? '' : ` (${judged.join(', ')})`}:\n\n${fenced(answer)}`
    }),
  )
}

function curves({ curves: list }: ReportData): string | undefined {
  const drawable = list.filter(
    ({ series, minor }) => !minor && series.some(({ points }) => points.length > 0),
  )
  if (drawable.length === 0) return undefined
  return blocks(
    '## Learning curves',
    ...drawable.map((curve) => {
      const lines = curve.series.filter(({ points }) => points.length > 0)
      const drawn = lines.map(
        ({ name, points }) =>
          `${text(name)} \`${sparkline(points.map(([, y]) => y))}\` ${compact(points[0]![1])} → ${compact(points.at(-1)![1])}`,
      )
      return blocks(
        `### ${text(curveTitle(curve))}`,
        drawn.join('  \n'),
        note(curve.note),
        table([text(curve.xLabel), ...curve.series.map(({ name }) => text(name))], curveRows(curve, 6)),
      )
    }),
  )
}

function dataCard({ data }: ReportData): string | undefined {
  if (!data) return undefined
  const whole = (value: number | undefined) => (value === undefined ? '' : grouped(value))
  const size = (value: number | undefined) => (value === undefined ? '' : prefixed(value, 'B'))
  const named = (name: string, detail: string | undefined) =>
    detail === undefined ? text(name) : `${text(name)} (${text(detail)})`
  const parts = [
    note(data.description),
    data.sources.length > 0 &&
      table(
        ['Source', 'Licence', 'Documents', 'Size'],
        data.sources.map(({ name, licence, documents, bytes }) => [
          text(name),
          text(licence ?? ''),
          whole(documents),
          size(bytes),
        ]),
      ),
    data.stages.length > 0 &&
      table(
        ['Stage', 'Examples', 'Tokens', 'Size'],
        data.stages.map(({ stage, examples, tokens, bytes, note }) => [
          named(stage, note),
          whole(examples),
          tokens === undefined ? '' : prefixed(tokens),
          size(bytes),
        ]),
      ),
    data.heldOut.length > 0 &&
      table(
        ['Held out of all training', 'Examples'],
        data.heldOut.map(({ what, examples, note }) => [named(what, note), whole(examples)]),
      ),
    data.removed.length > 0 &&
      table(
        ['Taken away by cleaning', 'Documents'],
        data.removed.map(({ reason, documents }) => [text(reason), whole(documents)]),
      ),
  ].filter((part) => part !== false && part !== undefined)
  return parts.length === 0 ? undefined : blocks('## The data', ...parts)
}

function cost({ stages }: ReportData): string | undefined {
  if (stages.length === 0) return undefined
  const shown = (value: number | undefined, show: (value: number) => string) =>
    value === undefined ? '' : show(value)
  const rows = stages.map((stage) => [
    `${text(stage.name)}${stage.finished === false ? ' (stopped early)' : ''}`,
    shown(stage.seconds, duration),
    shown(stage.steps, grouped),
    shown(stage.tokens, prefixed),
    shown(stage.parameters, prefixed),
    shown(stage.flops, prefixed),
    shown(stage.peakMemoryBytes, (value) => prefixed(value, 'B')),
  ])
  const settings = stages
    .filter(({ settings }) => Object.keys(settings).length > 0)
    .map(({ name, settings }) => {
      const list = Object.entries(settings).map(([key, value]) => `${text(key)} = ${text(setting(value))}`)
      return `Settings of ${text(name)}: ${list.join(', ')}.`
    })
  const head = ['Stage', 'Wall clock', 'Steps', 'Tokens', 'Parameters', 'FLOPs', 'Peak memory']
  return blocks('## What it took', table(head, rows), ...settings)
}

function reproduce({ versions, seeds, preset }: ReportData): string | undefined {
  const rows = [
    ...(preset === undefined ? [] : [['preset', text(preset)]]),
    ...Object.entries(versions).map(([name, value]) => [text(name), text(String(value))]),
    ...Object.entries(seeds).map(([name, value]) => [
      name === 'seed' ? name : `seed of ${text(name)}`,
      String(value),
    ]),
  ]
  return rows.length === 0 ? undefined : blocks('## To make it again', table(['What', 'Value'], rows))
}

/** Text within a line: nothing in it is markup, and it cannot leave its line or cell. */
export function text(value: string): string {
  return visible(value)
    .replace(/[\\`*_[\]<>|~#&$]/g, '\\$&')
    .replace(/[\n\t]+/g, ' ')
}

/** A block of text as it is, in a fence longer than any within. */
export function fenced(value: string): string {
  const shown = visible(value)
  const longest = Math.max(2, ...Array.from(shown.matchAll(/`+/g), ([run]) => run.length))
  const fence = '`'.repeat(longest + 1)
  return `${fence}text\n${shown}\n${fence}`
}

/** The course of a line in forty characters at most. */
export function sparkline(values: readonly number[], width = 40): string {
  const count = Math.min(width, values.length)
  const means = Array.from({ length: count }, (_, i) => {
    const [from, to] = [
      Math.floor((i * values.length) / count),
      Math.floor(((i + 1) * values.length) / count),
    ]
    return values.slice(from, to).reduce((a, b) => a + b, 0) / (to - from)
  })
  const [low, high] = [Math.min(...means), Math.max(...means)]
  return means
    .map((mean) => '▁▂▃▄▅▆▇█'[high > low ? Math.round((7 * (mean - low)) / (high - low)) : 0])
    .join('')
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [
    line(head),
    `|${head.map((_, i) => (i === 0 ? ' --- ' : ' ---: ')).join('|')}|`,
    ...rows.map(line),
  ].join('\n')
}

function note(value: string | undefined): string | undefined {
  return value === undefined || value === '' ? undefined : text(value)
}

function strong(value: string, whether: boolean): string {
  return whether ? `**${value}**` : value
}

function blocks(...parts: readonly (string | undefined)[]): string {
  return parts.filter((part) => part !== undefined && part !== '').join('\n\n')
}
