/** What people are asked for, and how they write it. */
import { active } from './csv.js'

export const LABEL_KINDS = ['ranking', 'correction', 'thumbs', 'rubric'] as const
export type LabelKind = (typeof LABEL_KINDS)[number]

/**
 * Questions with yes and no, after LaMDA (Thoppilan et al. 2022): quality is the first three. `grounded` is left empty where an answer
 * claims nothing that could be looked up.
 */
export const RUBRIC = ['sensible', 'specific', 'interesting', 'safe', 'grounded'] as const
export type Criterion = (typeof RUBRIC)[number]
export type RubricScores = Readonly<Partial<Record<Criterion, boolean>>>

/** What a person said of one answer: its rank (1 is best), a better text, up or down, or the rubric. */
export type LabelValue = number | string | boolean | RubricScores

/** What one person said of the answers of one item. */
export interface Label {
  readonly item: string
  readonly labeler: string
  /** One for each answer of the item; undefined where the person left it out. */
  readonly values: readonly (LabelValue | undefined)[]
}

/** Labels by what `key` says of them, in the order in which they come. */
export function groupLabels(labels: readonly Label[], key: (label: Label) => string): Map<string, Label[]> {
  const groups = new Map<string, Label[]>()
  for (const label of labels) {
    const group = groups.get(key(label))
    if (group) group.push(label)
    else groups.set(key(label), [label])
  }
  return groups
}

/** The columns that people fill in. */
export const columnsOf = (kind: LabelKind): readonly string[] =>
  kind === 'ranking'
    ? ['rank']
    : kind === 'correction'
      ? ['corrected']
      : kind === 'thumbs'
        ? ['thumb']
        : RUBRIC

const YES = ['yes', 'y', 'true', '1', 'x', 'up', '+', 'ja', '是', '好', '👍']
const NO = ['no', 'n', 'false', '0', 'down', '-', 'nein', '否', '差', '👎']

/**
 * The value that cells hold: undefined where nobody filled them in, a text that says what is wrong where they cannot be read.
 */
export function readValue(
  kind: LabelKind,
  cells: Readonly<Record<string, string>>,
  answers: number,
): { readonly value: LabelValue | undefined } | { readonly wrong: string } {
  const cell = (name: string) => (cells[name] ?? '').trim()
  if (kind === 'correction') {
    // The text as it is written: its line ends may be meant.
    const corrected = active(cells.corrected ?? '')
    return { value: corrected.trim() === '' ? undefined : corrected }
  }
  if (kind === 'ranking') {
    const rank = cell('rank')
    if (rank === '') return { value: undefined }
    if (/^\d+(\.0+)?$/.test(rank) && Number(rank) >= 1 && Number(rank) <= answers)
      return { value: Number(rank) }
    return { wrong: `the rank ${JSON.stringify(rank)} is not a whole number from 1 to ${answers}` }
  }
  const scores: Partial<Record<string, boolean>> = {}
  for (const name of columnsOf(kind)) {
    const said = cell(name).toLowerCase()
    if (said === '' || (kind === 'rubric' && ['na', 'n/a', 'none'].includes(said))) continue
    if (!YES.includes(said) && !NO.includes(said)) {
      const words = kind === 'thumbs' ? 'up or down' : 'yes or no'
      return { wrong: `${name} is ${JSON.stringify(said)}; write ${words}` }
    }
    scores[name] = YES.includes(said)
  }
  if (kind === 'thumbs') return { value: scores.thumb }
  return { value: Object.keys(scores).length === 0 ? undefined : scores }
}
