/** What a round did, for people and for programs. */
import type { Estimate } from '../../eval/index.js'
import type { Reliability } from './consensus.js'
import { type Decision, type Guard, percent, rate } from './decide.js'
import type { GatheredCounts } from './gather.js'
import type { RoundSettings } from './settings.js'
import { DROP_REASONS, type DropReason } from './votes.js'

export interface RoundReport {
  readonly round: string
  readonly model: string
  readonly from: string
  readonly to: string
  readonly promoted: boolean
  /** Why, in whole sentences. */
  readonly reasons: Decision['reasons']
  readonly counts: GatheredCounts
  /** People of whom less than all was taken, the least reliable first. */
  readonly people: readonly Reliability[]
  /** Candidate against live version on questions kept from training, by the judge of the votes that were kept. */
  readonly preference: Estimate
  readonly leaning: Estimate
  readonly judge: { readonly comparisons: number; readonly accuracy: Estimate | undefined }
  readonly rewardAccuracy: Estimate | undefined
  readonly guards: readonly Guard[]
  /** Mean of ln p(candidate) - ln p(live) of the candidate's held-out answers: how far it went. */
  readonly kl: number
  readonly stages: Readonly<Record<string, Readonly<Record<string, number | string>>>>
  readonly data: Readonly<Record<string, number>>
  readonly settings: RoundSettings
  readonly preset: string
  readonly seconds: Readonly<Record<string, number>>
}

export function roundMarkdown(report: RoundReport): string {
  const { counts, guards, stages, data, people } = report
  const lines = [
    `# ${report.model}: ${report.promoted ? 'a better version' : 'no better version'}`,
    '',
    `Round ${report.round}, from version ${report.from} to ${report.to}. ${report.promoted ? '**Promoted**' : '**Kept as a version, not promoted**'}: ${report.reasons.join('; ')}.`,
    '',
    '## What people said',
    '',
    `${counts.feedback} pieces of feedback by ${counts.people} people: ${kinds(counts)}. Learnt from ${counts.train}, kept ${counts.heldOut} to measure on, left out ${counts.dropped}. That makes ${counts.comparisons} comparisons and ${counts.demonstrations} demonstrations to learn from, and ${counts.heldOutComparisons} comparisons of ${counts.heldOutPrompts} questions to measure on.`,
    '',
    ...table(
      ['Left out', 'n', 'Because'],
      Object.entries(counts.reasons).map(([reason, n]) => [
        reason,
        `${n}`,
        DROP_REASONS[reason as DropReason],
      ]),
    ),
    ...(Object.keys(counts.scrubbed).length > 0
      ? [
          `Personal data was replaced: ${Object.entries(counts.scrubbed)
            .map(([kind, n]) => `${kind} ${n}`)
            .join(', ')}.`,
          '',
        ]
      : []),
    ...(people.length > 0
      ? [
          'People of whom less was taken, because the others say otherwise:',
          '',
          ...table(
            ['Person', 'Judgements', 'Agreement with the others', 'Reliability', 'Taken'],
            people
              .slice(0, 20)
              .map(({ person, judgements, agreement, eta, weight }) => [
                cell(person),
                `${judgements}`,
                percent(agreement),
                eta.toFixed(2),
                percent(weight),
              ]),
          ),
        ]
      : []),
    '## Candidate against live version',
    '',
    ...table(
      ['Measured on questions kept from training', 'Value'],
      [
        [
          'the candidate is preferred (judge: a reward model of the votes that were kept)',
          rate(report.preference),
        ],
        ['comparisons in which it leans more to the better answer', rate(report.leaning)],
        [
          'how often the judge is right about the votes to learn from, which it never saw',
          report.judge.accuracy ? rate(report.judge.accuracy) : 'not measured',
        ],
        [
          'the reward model on held-out prompts',
          report.rewardAccuracy ? rate(report.rewardAccuracy) : 'not measured',
        ],
        ['distance from the live version', `${report.kl.toFixed(2)} nats per answer`],
      ],
    ),
    '## Guards',
    '',
    ...(guards.length === 0
      ? ['None was measured: there were no evaluation suites and no text to measure on.', '']
      : table(
          ['Guard', 'Candidate', 'Live', 'First version', 'Bound', ''],
          guards.map(({ name, candidate, live, first, bound, holds }) => {
            const show = name === 'perplexity' ? (value: number) => value.toFixed(2) : percent
            return [
              GUARD_NAMES[name],
              show(candidate),
              show(live),
              show(first),
              show(bound),
              holds ? 'holds' : '**broken**',
            ]
          }),
        )),
    '## How it was trained',
    '',
    `Preset ${report.preset}, seed ${report.settings.seed}.`,
    '',
    ...table(
      ['Data', 'Records'],
      Object.entries(data).map(([name, n]) => [name, `${n}`]),
    ),
    ...table(
      ['Stage', 'Result', 'Seconds'],
      Object.entries(stages).map(([name, result]) => [
        name,
        Object.entries(result)
          .map(([key, value]) => `${key} ${typeof value === 'number' ? Number(value.toPrecision(4)) : value}`)
          .join(', '),
        (report.seconds[name] ?? 0).toFixed(0),
      ]),
    ),
  ]
  return `${lines.join('\n').trimEnd()}\n`
}

const GUARD_NAMES: Readonly<Record<Guard['name'], string>> = {
  refusal: 'harmful requests refused, at least',
  overRefusal: 'harmless requests refused, at most',
  truth: 'questions answered right, at least',
  perplexity: 'perplexity on held-out text, at most',
}

export function kinds({ kinds }: GatheredCounts): string {
  const named = [
    [kinds.ranking, 'rankings'],
    [kinds.thumb, 'thumbs'],
    [kinds.correction, 'corrections'],
    [kinds.rubric, 'marks'],
  ] as const
  return named
    .filter(([n]) => n > 0)
    .map(([n, name]) => `${n} ${name}`)
    .join(', ')
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  if (rows.length === 0) return []
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line), '']
}

/** A name that people chose, in a cell: no markup of theirs. */
const cell = (text: string) => text.replace(/[^\p{L}\p{N} _.@:-]/gu, '?').slice(0, 60)
