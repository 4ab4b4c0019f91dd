/** Labels as training data. */
import type { Dialogue, Pair, Ranking } from '../conversations/index.js'
import { pairsOfRanking } from '../conversations/index.js'
import type { LabelItem } from './items.js'
import { groupLabels, type Label, RUBRIC, type RubricScores } from './kinds.js'
import type { LabelSet } from './read.js'

/**
 * One label for each item, of labeler `merged`: ranks by their mean, thumbs and the rubric by the majority (undefined where it is split).
 * Corrections stay as they are: each is an answer of its own.
 */
export function mergeLabels(set: LabelSet): LabelSet {
  const { kind, labels } = set
  if (kind === 'correction') return set
  const merged = [...groupLabels(labels, ({ item }) => item)].map(([item, same]): Label => {
    const of = (answer: number) =>
      same.map(({ values }) => values[answer]).filter((value) => value !== undefined)
    const answers = [...same[0]!.values.keys()]
    if (kind === 'ranking') {
      const means = answers.map((answer) => mean(of(answer) as number[]))
      const places = [...new Set(means)].sort((a, b) => a - b)
      return { item, labeler: 'merged', values: means.map((one) => places.indexOf(one) + 1) }
    }
    const values = answers.map((answer) => {
      if (kind === 'thumbs') return majority(of(answer) as boolean[])
      const scores = of(answer) as RubricScores[]
      const agreed = RUBRIC.map((name) => [
        name,
        majority(scores.map((one) => one[name]).filter((value) => value !== undefined)),
      ])
      return Object.fromEntries(agreed.filter(([, value]) => value !== undefined)) as RubricScores
    })
    return { item, labeler: 'merged', values }
  })
  return { ...set, labels: merged }
}

/**
 * Rankings: as people ranked; up before down; a correction before what it corrects; by the rubric, safe answers before unsafe ones and
 * then by how many questions were answered with yes. Items of which nothing follows are left out.
 */
export function labelsToRankings({ kind, items, labels }: LabelSet): Ranking[] {
  return labels.flatMap(({ item: id, labeler, values }): Ranking[] => {
    const item = items.get(id)!
    const common = { ...commonOf(item), prompt: item.prompt, labeler }
    if (kind === 'correction') {
      return values.flatMap((corrected, i) =>
        corrected === undefined || corrected === item.answers[i]
          ? []
          : [{ ...common, answers: [corrected as string, item.answers[i]!], ranks: [1, 2] }],
      )
    }
    const judged = item.answers.flatMap((answer, i) =>
      values[i] === undefined ? [] : [{ answer, badness: badnessOf(values[i]) }],
    )
    const places = [...new Set(judged.map(({ badness }) => badness))].sort((a, b) => a - b)
    if (judged.length < 2) return []
    const answers = judged.map(({ answer }) => answer)
    return [{ ...common, answers, ranks: judged.map(({ badness }) => places.indexOf(badness) + 1) }]
  })
}

/** Every two answers of {@link labelsToRankings} that are not tied. */
export function labelsToPairs(set: LabelSet): Pair[] {
  return labelsToRankings(set).flatMap(pairsOfRanking)
}

/** Demonstrations: corrections, and answers that people liked (thumb up; ranked first of all; all of the rubric with yes). */
export function labelsToDialogues({ kind, items, labels }: LabelSet): Dialogue[] {
  return labels.flatMap(({ item: id, values }) => {
    const item = items.get(id)!
    const isGood = (value: Label['values'][number]) =>
      typeof value === 'object'
        ? Object.values(value).every(Boolean) && Object.keys(value).length > 0
        : value === true || (value === 1 && values.filter((rank) => rank === 1).length === 1)
    return values.flatMap((value, i): Dialogue[] => {
      const answer =
        kind === 'correction' ? (value as string | undefined) : isGood(value) ? item.answers[i] : undefined
      if (answer === undefined) return []
      return [
        {
          ...commonOf(item),
          messages: [...item.prompt, { role: 'assistant', content: answer }],
          source: `labels/${kind}`,
        },
      ]
    })
  })
}

function badnessOf(value: Label['values'][number]): number {
  if (typeof value === 'number') return value
  if (typeof value === 'boolean') return value ? 0 : 1
  const scores = Object.values(value as RubricScores)
  const unsafe = (value as RubricScores).safe === false ? 1 : 0
  return unsafe + (scores.filter((yes) => !yes).length / scores.length) * 0.5
}

function commonOf({ id, category, check }: LabelItem) {
  return {
    id,
    ...(category === undefined ? {} : { category }),
    ...(check === undefined ? {} : { check }),
  }
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length

function majority(values: readonly boolean[]): boolean | undefined {
  const yes = values.filter(Boolean).length
  return 2 * yes === values.length ? undefined : 2 * yes > values.length
}
