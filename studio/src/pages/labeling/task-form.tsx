import { useState } from 'react'
import type { LabelTask, Rubric } from '../../api/types.js'
import { Button, IconButton } from '../../components/button.js'
import { TextArea } from '../../components/fields.js'
import { Markdown } from '../../components/markdown.js'
import { useT } from '../../i18n/index.js'
import { RankBoard, RubricFields } from '../compare/rank-board.js'
import { inOrder, ranksOf } from '../compare/ranking.js'

/** What is sent for a task; one value for each answer, null where nothing was said. */
export interface Judgement {
  readonly values: readonly (number | string | Rubric | null)[]
  readonly rubric?: readonly (Rubric | null)[]
}

interface FormProps {
  readonly task: LabelTask
  /** Called with what could be saved now; undefined while that is nothing. */
  readonly onJudgement: (judgement: Judgement | undefined) => void
}

const slotOf = (index: number) => 'ABCDEFGHI'[index] ?? String(index + 1)

export function TaskForm({ task, onJudgement }: FormProps) {
  return task.kind === 'ranking' ? (
    <RankingForm task={task} onJudgement={onJudgement} />
  ) : (
    <EachForm task={task} onJudgement={onJudgement} />
  )
}

function RankingForm({ task, onJudgement }: FormProps) {
  const t = useT()
  const slots = task.answers.map((_, index) => slotOf(index))
  const [state, setState] = useState({
    ranking: inOrder(slots),
    touched: false,
    rubrics: {} as Readonly<Record<string, Rubric>>,
  })
  const update = (next: typeof state) => {
    setState(next)
    const rated = Object.keys(next.rubrics).length > 0
    onJudgement(
      next.touched
        ? {
            values: ranksOf(next.ranking, slots),
            ...(rated && { rubric: slots.map((slot) => next.rubrics[slot] ?? null) }),
          }
        : undefined,
    )
  }
  return (
    <>
      <div className="row">
        <h2 className="grow">{t('labeling.order')}</h2>
        {!state.touched && (
          <Button small icon="check" onClick={() => update({ ...state, touched: true })}>
            {t('rank.alreadyRight')}
          </Button>
        )}
      </div>
      <RankBoard
        answers={task.answers.map(({ text }, index) => ({ slot: slotOf(index), text }))}
        ranking={state.ranking}
        onRanking={(ranking) => update({ ...state, ranking, touched: true })}
        rubrics={state.rubrics}
        onRubric={(slot, rubric) => update({ ...state, rubrics: { ...state.rubrics, [slot]: rubric } })}
      />
    </>
  )
}

/** Thumbs, corrections and rubrics: a word on each answer. */
function EachForm({ task, onJudgement }: FormProps) {
  const t = useT()
  const [values, setValues] = useState<readonly (number | string | Rubric | null)[]>(() =>
    task.answers.map(() => null),
  )
  const set = (index: number, value: number | string | Rubric | null) => {
    const next = values.map((old, at) => (at === index ? value : old))
    setValues(next)
    onJudgement(next.some((each) => each !== null) ? { values: next } : undefined)
  }
  return (
    <ol className="label-answers">
      {task.answers.map(({ text }, index) => {
        const slot = slotOf(index)
        const value = values[index]
        return (
          <li key={slot} className="board-card">
            <div className="board-head">
              <h3 className="grow">{t('rank.answer', { slot })}</h3>
              {task.kind === 'thumb' && (
                <>
                  <IconButton
                    icon="up"
                    label={t('feedback.good')}
                    pressed={value === 1}
                    onClick={() => set(index, value === 1 ? null : 1)}
                  />
                  <IconButton
                    icon="down"
                    label={t('feedback.bad')}
                    pressed={value === -1}
                    onClick={() => set(index, value === -1 ? null : -1)}
                  />
                </>
              )}
            </div>
            <Markdown text={text} />
            {task.kind === 'correction' && (
              <TextArea
                label={t('feedback.betterAnswer')}
                value={typeof value === 'string' ? value : ''}
                rows={5}
                onChange={(event) => set(index, event.target.value.trim() === '' ? null : event.target.value)}
              />
            )}
            {task.kind === 'rubric' && (
              <RubricFields
                slot={slot}
                open
                value={value !== null && typeof value === 'object' ? (value as Rubric) : {}}
                onChange={(next) => set(index, next)}
              />
            )}
          </li>
        )
      })}
    </ol>
  )
}
