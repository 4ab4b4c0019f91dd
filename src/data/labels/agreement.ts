import { groupLabels, type Label, type LabelKind, RUBRIC, type RubricScores } from './kinds.js'
import type { LabelSet } from './read.js'
import {
  cohenKappa,
  fleissKappa,
  kendallTau,
  krippendorffAlpha,
  type PairwiseAgreement,
  pairwiseAgreement,
} from './statistics.js'

/** Agreement on a question with yes and no. What cannot be computed is undefined: too few labelers, or nobody ever differs. */
export interface NominalAgreement {
  /** Answers that two labelers or more judged. */
  readonly answers: number
  /** Of every two judgements of an answer, how many are alike. */
  readonly agreement: number | undefined
  /** For two labelers. */
  readonly cohenKappa: number | undefined
  /** For as many judgements of each answer. */
  readonly fleissKappa: number | undefined
  readonly krippendorffAlpha: number | undefined
}

export interface RankAgreement extends PairwiseAgreement {
  /** Mean of Kendall's tau-b over every two labelers of an item. */
  readonly kendallTau: number | undefined
  /** Of ranks, ordinal. */
  readonly krippendorffAlpha: number | undefined
}

export interface LabelAgreement {
  readonly kind: LabelKind
  readonly labelers: readonly string[]
  readonly labels: number
  /** Items that two labelers or more judged. */
  readonly shared: number
  readonly ranks?: RankAgreement
  /** By the question: `thumb`, or the criteria of the rubric; for corrections, `corrected` (whether they changed it). */
  readonly questions?: Readonly<Record<string, NominalAgreement>>
}

/** How far the labelers of a set agree. */
export function labelAgreement({ kind, items, labels }: LabelSet): LabelAgreement {
  const byItem = groupLabels(labels, ({ item }) => item)
  const labelers = [...new Set(labels.map(({ labeler }) => labeler))].sort()
  const summary = {
    kind,
    labelers,
    labels: labels.length,
    shared: [...byItem.values()].filter(({ length }) => length > 1).length,
  }
  if (kind === 'ranking') return { ...summary, ranks: rankAgreement([...byItem.values()]) }
  const ask = (read: (label: Label, answer: number) => boolean | undefined) =>
    nominalAgreement(labels, labelers, read)
  if (kind === 'thumbs')
    return { ...summary, questions: { thumb: ask(({ values }, i) => values[i] as boolean | undefined) } }
  if (kind === 'correction') {
    const changed = ({ item, values }: Label, i: number) =>
      values[i] !== undefined && values[i] !== items.get(item)!.answers[i]
    return { ...summary, questions: { corrected: ask(changed) } }
  }
  const questions = RUBRIC.map((name) => [
    name,
    ask(({ values }, i) => (values[i] as RubricScores | undefined)?.[name]),
  ])
  return { ...summary, questions: Object.fromEntries(questions) }
}

function rankAgreement(items: readonly (readonly Label[])[]): RankAgreement {
  const rankings = items.map((labels) => labels.map(({ values }) => values as number[]))
  const taus = rankings.flatMap((ranks) =>
    ranks.flatMap((a, m) => ranks.slice(m + 1).map((b) => kendallTau(a, b))),
  )
  const known = taus.filter((tau) => !Number.isNaN(tau))
  const units = rankings.flatMap((ranks) =>
    (ranks[0] ?? []).map((_, answer) => ranks.map((one) => one[answer]!)),
  )
  return {
    ...pairwiseAgreement(rankings),
    kendallTau: defined(known.reduce((sum, tau) => sum + tau, 0) / known.length),
    krippendorffAlpha: defined(krippendorffAlpha(units, 'ordinal')),
  }
}

function nominalAgreement(
  labels: readonly Label[],
  labelers: readonly string[],
  read: (label: Label, answer: number) => boolean | undefined,
): NominalAgreement {
  const units = new Map<string, Map<string, number>>()
  for (const label of labels) {
    for (const answer of label.values.keys()) {
      const value = read(label, answer)
      if (value === undefined) continue
      const key = JSON.stringify([label.item, answer])
      const unit = units.get(key) ?? new Map<string, number>()
      units.set(key, unit.set(label.labeler, Number(value)))
    }
  }
  const shared = [...units.values()].filter(({ size }) => size > 1)
  const judged = shared.map((unit) => [...unit.values()])
  let [alike, pairs] = [0, 0]
  for (const values of judged) {
    const yes = values.filter((value) => value === 1).length
    const no = values.length - yes
    alike += (yes * (yes - 1) + no * (no - 1)) / 2
    pairs += (values.length * (values.length - 1)) / 2
  }
  const [first, second] = labelers
  const isEven = new Set(judged.map(({ length }) => length)).size === 1
  const counts = judged.map((values) => [0, 1].map((value) => values.filter((one) => one === value).length))
  return {
    answers: shared.length,
    agreement: defined(alike / pairs),
    cohenKappa:
      labelers.length === 2 && shared.length > 0
        ? defined(
            cohenKappa(
              shared.map((unit) => unit.get(first!)!),
              shared.map((unit) => unit.get(second!)!),
            ),
          )
        : undefined,
    fleissKappa: isEven ? defined(fleissKappa(counts)) : undefined,
    krippendorffAlpha: defined(krippendorffAlpha(judged)),
  }
}

const defined = (value: number) => (Number.isFinite(value) ? value : undefined)
