/** How far labelers agree, by the statistics that files of labels have, too. */
import {
  type Label,
  type LabelAgreement,
  type LabelItem,
  type LabelKind,
  type LabelSet,
  labelAgreement,
  type NominalAgreement,
} from '../../data/labels/index.js'
import type { FeedbackKind, LabelJudgement, LabelTask, Rubric } from '../../store/index.js'

export interface KindAgreement extends Omit<LabelAgreement, 'kind'> {
  /** Of every two judgements of the same, the share that is alike; undefined where nobody judged the same. */
  readonly alike: number | undefined
}

const CRITERIA = ['quality', 'safety', 'groundedness'] as const
/** A score from here on means yes. */
const YES = 0.5

/** By kind, of those kinds that were judged. */
export async function agreementOf(
  judgements: AsyncIterable<{ readonly task: LabelTask; readonly judgement: LabelJudgement }>,
): Promise<Partial<Record<FeedbackKind, KindAgreement>>> {
  const kinds = new Map<FeedbackKind, { items: Map<string, LabelItem>; judged: LabelJudgement[] }>()
  for await (const { task, judgement } of judgements) {
    if (judgement.skipped || judgement.values === undefined) continue
    const kind = kinds.get(task.kind) ?? {
      items: new Map<string, LabelItem>(),
      judged: [] as LabelJudgement[],
    }
    kinds.set(task.kind, kind)
    kind.items.set(task.id, {
      id: task.id,
      prompt: task.prompt,
      answers: task.answers.map(({ text }) => text),
    })
    kind.judged.push(judgement)
  }
  const agreements: Partial<Record<FeedbackKind, KindAgreement>> = {}
  for (const [kind, { items, judged }] of kinds) agreements[kind] = agreementOfKind(kind, items, judged)
  return agreements
}

function agreementOfKind(
  kind: FeedbackKind,
  items: Map<string, LabelItem>,
  judged: readonly LabelJudgement[],
): KindAgreement {
  const set = (
    as: LabelKind,
    read: (value: number | string | Rubric) => Label['values'][number],
  ): LabelSet => ({
    kind: as,
    items,
    labels: judged.map(({ task, labeler, values }) => ({
      item: task,
      labeler,
      values: values!.map((value) => (value === null ? undefined : read(value))),
    })),
    problems: [],
    open: 0,
  })
  if (kind === 'ranking') {
    const { kind: _, ...agreement } = labelAgreement(set('ranking', (value) => value as number))
    return {
      ...agreement,
      alike: numberOf(agreement.ranks?.agreement) ?? numberOf(agreement.ranks?.withTies),
    }
  }
  if (kind === 'rubric') {
    // Each criterion is a question with yes and no.
    const questions: Record<string, NominalAgreement> = {}
    let summary: LabelAgreement | undefined
    for (const name of CRITERIA) {
      const score = (value: number | string | Rubric) => (value as Rubric)[name]
      summary = labelAgreement(
        set('thumbs', (value) => (score(value) === undefined ? undefined : score(value)! >= YES)),
      )
      questions[name] = summary.questions!.thumb!
    }
    const { labelers, labels, shared } = summary!
    return { labelers, labels, shared, questions, alike: meanOf(questions) }
  }
  const { kind: _, ...agreement } = labelAgreement(
    kind === 'thumb' ? set('thumbs', (value) => value === 1) : set('correction', (value) => value as string),
  )
  return { ...agreement, alike: meanOf(agreement.questions ?? {}) }
}

function meanOf(questions: Readonly<Record<string, NominalAgreement>>): number | undefined {
  const known = Object.values(questions).flatMap(({ agreement }) => numberOf(agreement) ?? [])
  return known.length === 0 ? undefined : known.reduce((sum, one) => sum + one, 0) / known.length
}

const numberOf = (value: number | undefined) => (Number.isFinite(value) ? value : undefined)
