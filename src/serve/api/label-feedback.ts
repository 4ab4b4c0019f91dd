import type { LabelTask, NewFeedback, Rubric } from '../../store/index.js'
import { badRequest } from '../errors.js'
import { rankingFeedback } from './compare.js'

export interface Judged {
  readonly values: readonly (number | string | Rubric | null)[]
  /** Beside a ranking. */
  readonly rubric?: readonly (Rubric | null)[] | undefined
  readonly common: Pick<NewFeedback, 'user' | 'labeler' | 'reason'>
}

/** What a labeler said of a task as feedback: one ranking, or a piece for each answer that they judged. @throws ApiError 400 */
export function judgementFeedback(
  { kind, prompt, answers, conversation }: LabelTask,
  { values, rubric, common: given }: Judged,
): NewFeedback[] {
  if (values.length !== answers.length)
    throw badRequest(`values needs ${answers.length} values, one for each answer`, 'values')
  const common = { ...given, ...(conversation === undefined ? {} : { conversation }) }
  if (kind === 'ranking') {
    if (!values.every((value) => typeof value === 'number'))
      throw badRequest('a ranking needs a rank for each answer', 'values')
    return rankingFeedback({ prompt, answers, ranks: values, rubric, common })
  }
  const pieces = values.flatMap((value, i): NewFeedback[] => {
    if (value === null) return []
    const base = { ...common, prompt, answers: [answers[i]!] }
    if (kind === 'thumb' && (value === 1 || value === -1)) return [{ ...base, kind, value }]
    if (kind === 'correction' && typeof value === 'string')
      // A text that nobody changed says that it is fine, not that it is better than itself.
      return value === answers[i]!.text ? [] : [{ ...base, kind, value }]
    if (kind === 'rubric' && typeof value === 'object') return [{ ...base, kind, value }]
    throw badRequest(`this is no value for a ${kind}`, `values[${i}]`)
  })
  if (pieces.length === 0 && values.every((value) => value === null))
    throw badRequest('say something of at least one answer, or skip the task', 'values')
  return pieces
}
