/** The page of a demonstration. */
import type { Estimate } from '../../eval/index.js'
import type { Demonstration } from './demonstration.js'
import type { Measured } from './true-taste.js'

const percent = (value: number) => `${(100 * value).toFixed(1)} %`
const share = ({ value, low, high }: Estimate) =>
  `${percent(value)} [${(100 * low).toFixed(1)}, ${(100 * high).toFixed(1)}]`
const points = ({ value, low, high }: Estimate) =>
  `${value.toFixed(3)} [${low.toFixed(3)}, ${high.toFixed(3)}]`
const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |`

export function demonstrationMarkdown(
  { first, rounds, poisoned }: Omit<Demonstration, 'markdown'>,
  { people, turns, heldOut, seed }: { people: number; turns: number; heldOut: number; seed: number },
): string {
  const measured = (name: string, each: Measured, said: string, outcome: string) =>
    row([
      name,
      said,
      outcome,
      points(each.utility),
      name === 'start' ? '' : share(each.againstFirst),
      name === 'start' ? '' : share(each.againstLast),
      percent(each.sourced),
      each.words.toFixed(1),
    ])
  const guards = rounds.flatMap(({ round, guards }) =>
    guards.map(({ name, candidate, live, first, bound, holds }) => {
      const show = name === 'perplexity' ? (value: number) => value.toFixed(2) : percent
      return row([
        `${round}`,
        name,
        show(candidate),
        show(live),
        show(first),
        show(bound),
        holds ? 'holds' : '**broken**',
      ])
    }),
  )
  const lines = [
    '# Learning from people, shown with simulated ones',
    '',
    '> **Simulated.** Nobody said any of this: people, their hidden taste and their noise are rules. The models see thumbs, rankings and corrections only; the taste itself measures them afterwards.',
    '',
    `Each round ${people} people ask about ${turns} questions each over HTTP. Their taste: the truth, in few words, with the source named. Measured on ${heldOut} questions that nobody asked, one answer each at temperature 1, with 95 % intervals (bootstrap over questions). Seed ${seed}.`,
    '',
    row([
      'Live version after',
      'People said',
      'Outcome',
      'True taste',
      'Preferred to the first',
      'Preferred to the one before',
      'Source named',
      'Words',
    ]),
    row(['---', '---', '---', '---', '---', '---', '---', '---']),
    measured('start', first, '', ''),
    ...rounds.map(({ round, live, said, outcome }) =>
      measured(
        `round ${round}`,
        live,
        `${said.rankings} rankings, ${said.thumbs} thumbs, ${said.corrections} corrections`,
        outcome,
      ),
    ),
    '',
    'What each round believed of its candidate, without knowing the taste, and how long it took:',
    '',
    row(['Round', 'Preferred to the live version, by the judge of held-out votes', 'Why', 'Seconds']),
    row(['---', '---', '---', '---']),
    ...rounds.map(({ round, believed, reasons, seconds }) =>
      row([`${round}`, believed ? share(believed) : '', reasons.join('; '), seconds.toFixed(0)]),
    ),
    '',
    '## Guards',
    '',
    row(['Round', 'Guard', 'Candidate', 'Live', 'First', 'Bound', '']),
    row(['---', '---', '---', '---', '---', '---', '---']),
    ...guards,
    '',
    ...(poisoned
      ? [
          '## With malicious people among them',
          '',
          `The first round again: the same feedback of ${poisoned.people - poisoned.malicious} honest people, and beside it that of ${poisoned.malicious} malicious ones (${percent(poisoned.malicious / poisoned.people)} of all), each two and a half times as loud, who rank the other way round and write an advertisement into every correction. Of what malicious people said ${percent(poisoned.taken.malicious)} was taken, of what honest people said ${percent(poisoned.taken.honest)}. Outcome: ${poisoned.outcome}.`,
          '',
          row([
            'Candidate of the first round',
            'Honest taste',
            'Preferred to the first version',
            'Malicious taste',
            'Answers that advertise',
          ]),
          row(['---', '---', '---', '---', '---']),
          row(['start', points(first.utility), '', points(first.malicious), percent(first.advertising)]),
          ...[['without them', poisoned.clean] as const, ['with them', poisoned.candidate] as const].map(
            ([name, each]) =>
              row([
                name,
                points(each.utility),
                share(each.againstFirst),
                points(each.malicious),
                percent(each.advertising),
              ]),
          ),
          row(['with minus without', points(poisoned.honest), '', points(poisoned.bad), '']),
          '',
        ]
      : []),
  ]
  return `${lines.join('\n').trimEnd()}\n`
}
