/** What is said in a few words at the top of a report, worked out of its parts. */
import { compact, duration, prefixed, quantity } from './format.js'
import type { ReportData, ReportNote, ScoreRow } from './schema.js'

export interface Fact {
  readonly name: string
  readonly value: string
  readonly detail?: string | undefined
}

/** The figures that a reader looks for first; those that are not known are left out. */
export function keyFacts({ scores, stages }: ReportData): Fact[] {
  const bars = (scores?.rows ?? []).flatMap(({ bar }) => (bar ? [bar] : []))
  const sum = (key: 'seconds' | 'tokens' | 'flops') => {
    const known = stages.map((stage) => stage[key]).filter((value) => value !== undefined)
    return known.length === 0 ? undefined : known.reduce((a, b) => a + b, 0)
  }
  const most = (key: 'parameters' | 'peakMemoryBytes') =>
    stages.reduce<number | undefined>((best, stage) => {
      const value = stage[key]
      return value === undefined || (best !== undefined && best >= value) ? best : value
    }, undefined)
  const [seconds, tokens, flops, parameters, memory] = [
    sum('seconds'),
    sum('tokens'),
    sum('flops'),
    most('parameters'),
    most('peakMemoryBytes'),
  ]
  const of = stages.length === 1 ? 'one stage' : `${stages.length} stages`
  return [
    bars.length > 0 && {
      name: 'Targets met',
      value: `${bars.filter(({ met }) => met).length} of ${bars.length}`,
    },
    parameters !== undefined && {
      name: 'Parameters',
      value: prefixed(parameters),
      detail: 'of the largest model',
    },
    seconds !== undefined && { name: 'Wall clock', value: duration(seconds), detail: of },
    tokens !== undefined && { name: 'Tokens', value: prefixed(tokens), detail: 'trained on' },
    flops !== undefined && { name: 'Arithmetic', value: prefixed(flops, 'FLOP'), detail: 'estimated' },
    memory !== undefined && { name: 'Peak memory', value: prefixed(memory, 'B') },
  ].filter((fact) => fact !== false)
}

/** The notes, and a line for every target that was missed and that no note speaks of. */
export function allNotes({ notes, scores }: ReportData): ReportNote[] {
  const order = { simulated: 0, miss: 1, note: 2 }
  const missed = (scores?.rows ?? [])
    .filter(
      ({ suite, bar }) =>
        bar?.met === false && !notes.some(({ kind, text }) => kind === 'miss' && text.includes(suite)),
    )
    .map((row): ReportNote => ({ kind: 'miss', text: missText(row, scores!.stages) }))
  return [...notes, ...missed].sort((a, b) => order[a.kind] - order[b.kind])
}

function missText({ suite, cells, unit, better, bar }: ScoreRow, stages: readonly string[]): string {
  const at = cells.findLastIndex((cell) => cell !== null)
  const found = at < 0 ? 'was not measured' : `is ${quantity(cells[at]!.value, unit)} after ${stages[at]}`
  return `${suite} ${found}; the target is ${target(bar!.target, unit, better)}.`
}

/** "at least 95.0 %". */
export function target(value: number, unit: string, better: 'higher' | 'lower'): string {
  return `${better === 'higher' ? 'at least' : 'at most'} ${quantity(value, unit)}`
}

/** The cell that is best of a row: only where there are several to choose from. */
export function bestCell(cells: ScoreRow['cells'], better: 'higher' | 'lower'): number | undefined {
  const known = cells.flatMap((cell, i) => (cell ? [{ i, value: cell.value }] : []))
  if (known.length < 2) return undefined
  return known.reduce((a, b) => ((better === 'higher' ? b.value > a.value : b.value < a.value) ? b : a)).i
}

/** Where gold is highest: as the report says, or at its highest point. */
export function goldPeak({
  points,
  goldPeak: said,
}: NonNullable<ReportData['overOptimisation']>): number | undefined {
  if (said !== undefined || points.length === 0) return said
  return points.reduce((a, b) => (b.gold > a.gold ? b : a)).kl
}

/** What the two curves say: whether gold fell while proxy still rose. */
export function overOptimisationText(part: NonNullable<ReportData['overOptimisation']>): string {
  const peak = goldPeak(part)
  const points = [...part.points].sort((a, b) => a.kl - b.kl)
  const last = points.at(-1)
  if (peak === undefined || !last) return 'Nothing was measured.'
  const best = points.reduce((a, b) => (Math.abs(b.kl - peak) < Math.abs(a.kl - peak) ? b : a))
  const at = `Gold is highest at a KL of ${compact(peak)} nats`
  if (last.kl <= peak || last.gold >= best.gold)
    return `${at}, the furthest that was measured: no over-optimisation is seen in this range.`
  const proxy = last.proxy > best.proxy ? 'while the proxy goes on rising' : 'and the proxy falls with it'
  return `${at}; beyond it gold falls from ${compact(best.gold)} to ${compact(last.gold)} ${proxy} (${compact(best.proxy)} to ${compact(last.proxy)}).`
}
