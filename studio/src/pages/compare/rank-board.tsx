import { type KeyboardEvent, type PointerEvent, useId, useRef, useState } from 'react'
import type { Rubric } from '../../api/types.js'
import { IconButton } from '../../components/button.js'
import { Slider } from '../../components/fields.js'
import { Icon } from '../../components/icon.js'
import { Markdown } from '../../components/markdown.js'
import { Badge } from '../../components/states.js'
import { type PlainKey, useT } from '../../i18n/index.js'
import { cx } from '../../lib/class-names.js'
import './compare.css'
import { drop, isTied, move, placeAt, placeOf, type Ranking, type Target, toggleTie } from './ranking.js'

export interface BoardAnswer {
  /** A, B, … */
  readonly slot: string
  readonly text: string
  /** Who wrote it, once that may be known. */
  readonly model?: string | undefined
}

interface BoardProps {
  readonly answers: readonly BoardAnswer[]
  readonly ranking: Ranking
  readonly onRanking: (next: Ranking) => void
  readonly rubrics: Readonly<Record<string, Rubric>>
  readonly onRubric: (slot: string, rubric: Rubric) => void
  /** The ranking is saved: nothing moves any more. */
  readonly fixed?: boolean
}

interface Drag {
  readonly slot: string
  readonly dy: number
  readonly target?: Target
}

/** Answers in an order that is made by dragging or with keys, best first, with ties. */
export function RankBoard({ answers, ranking, onRanking, rubrics, onRubric, fixed }: BoardProps) {
  const t = useT()
  const [said, setSaid] = useState('')
  const [drag, setDrag] = useState<Drag>()
  const list = useRef<HTMLOListElement>(null)
  const help = useId()
  const bySlot = new Map(answers.map((answer) => [answer.slot, answer]))

  const take = (slot: string, next: Ranking) => {
    onRanking(next)
    const place = placeOf(next, slot) + 1
    setSaid(isTied(next, slot) ? t('rank.saidTied', { slot, place }) : t('rank.said', { slot, place }))
  }
  const onKeyDown = (slot: string) => (event: KeyboardEvent) => {
    const next = afterKey(ranking, slot, event.key)
    if (!next) return
    event.preventDefault()
    take(slot, next)
    const button = event.currentTarget as HTMLElement
    // The card has moved in the page; the focus goes with it.
    requestAnimationFrame(() => button.focus())
  }
  const grip = (slot: string) => ({
    onKeyDown: onKeyDown(slot),
    onPointerDown: (event: PointerEvent<HTMLElement>) => {
      if (event.button !== 0) return
      event.currentTarget.setPointerCapture(event.pointerId)
      event.currentTarget.dataset.from = String(event.clientY)
      setDrag({ slot, dy: 0 })
    },
    onPointerMove: (event: PointerEvent<HTMLElement>) => {
      if (drag?.slot !== slot) return
      const target = targetAt(list.current!, event.clientY, slot)
      const dy = event.clientY - Number(event.currentTarget.dataset.from)
      setDrag({ slot, dy, ...(target && { target }) })
    },
    onPointerUp: () => {
      if (drag?.target) take(slot, drop(ranking, slot, drag.target))
      setDrag(undefined)
    },
    onPointerCancel: () => setDrag(undefined),
  })

  return (
    <div className="board">
      {!fixed && (
        <p id={help} className="soft small">
          {t('rank.help')}
        </p>
      )}
      <ol ref={list} className="board-list">
        {ranking.flatMap((group, place) =>
          group.map((slot, index) => {
            const answer = bySlot.get(slot)!
            const isTarget = drag?.target?.key === slot
            return (
              <li
                key={slot}
                data-slot={slot}
                className={cx(
                  'board-card',
                  index > 0 && 'board-tied',
                  drag?.slot === slot && 'board-dragged',
                  isTarget && `board-${drag.target!.where}`,
                )}
                style={drag?.slot === slot ? { transform: `translateY(${drag.dy}px)` } : undefined}
              >
                <div className="board-head">
                  {!fixed && (
                    <button
                      type="button"
                      className="grip"
                      aria-label={t('rank.grip', { slot, place: place + 1, n: ranking.length })}
                      aria-describedby={help}
                      {...grip(slot)}
                    >
                      <Icon name="grip" />
                    </button>
                  )}
                  <span className="board-place">{place + 1}</span>
                  <h3>{t('rank.answer', { slot })}</h3>
                  {group.length > 1 && <Badge>{t('rank.tied')}</Badge>}
                  {answer.model && <Badge tone="accent">{answer.model}</Badge>}
                  <span className="grow" />
                  {!fixed && (
                    <span className="board-steps">
                      <IconButton
                        icon="up-arrow"
                        label={t('rank.up', { slot })}
                        size={16}
                        onClick={() => take(slot, move(ranking, slot, -1))}
                      />
                      <IconButton
                        icon="chevron"
                        label={t('rank.down', { slot })}
                        size={16}
                        onClick={() => take(slot, move(ranking, slot, 1))}
                      />
                      <IconButton
                        icon="equal"
                        label={t('rank.tie', { slot })}
                        size={16}
                        pressed={group.length > 1}
                        onClick={() => take(slot, toggleTie(ranking, slot))}
                      />
                    </span>
                  )}
                </div>
                <Clamped text={answer.text} />
                {!fixed && (
                  <RubricFields
                    value={rubrics[slot] ?? {}}
                    onChange={(next) => onRubric(slot, next)}
                    slot={slot}
                  />
                )}
              </li>
            )
          }),
        )}
      </ol>
      <p className="visually-hidden" role="status" aria-live="polite">
        {said}
      </p>
    </div>
  )
}

function afterKey(ranking: Ranking, slot: string, key: string): Ranking | undefined {
  if (key === 'ArrowUp') return move(ranking, slot, -1)
  if (key === 'ArrowDown') return move(ranking, slot, 1)
  if (key === '=') return toggleTie(ranking, slot)
  return /^[1-9]$/.test(key) ? placeAt(ranking, slot, Number(key)) : undefined
}

/** Over the middle of a card is a tie with it, over its edges a place beside it. */
function targetAt(list: HTMLElement, y: number, dragged: string): Target | undefined {
  const cards = [...list.querySelectorAll<HTMLElement>('[data-slot]')].filter(
    (card) => card.dataset.slot !== dragged,
  )
  let found: Target | undefined
  for (const card of cards) {
    const { top, height } = card.getBoundingClientRect()
    const edge = Math.min(48, height * 0.3)
    const key = card.dataset.slot!
    if (y < top + edge) return found && y < top ? found : { where: 'before', key }
    if (y < top + height - edge) return { where: 'with', key }
    found = { where: 'after', key }
  }
  return found
}

/** A long answer shows its beginning first. */
function Clamped({ text }: { readonly text: string }) {
  const t = useT()
  const [open, setOpen] = useState(false)
  const isLong = text.length > 900 || text.split('\n').length > 14
  return (
    <div className="board-text">
      <div className={cx(isLong && !open && 'clamped')}>
        <Markdown text={text} />
      </div>
      {isLong && (
        <button type="button" className="link-button" onClick={() => setOpen(!open)} aria-expanded={open}>
          {open ? t('rank.less') : t('rank.more')}
        </button>
      )}
    </div>
  )
}

const questions: readonly (readonly [keyof Rubric, PlainKey, PlainKey])[] = [
  ['quality', 'rubric.quality', 'rubric.qualityHint'],
  ['safety', 'rubric.safety', 'rubric.safetyHint'],
  ['groundedness', 'rubric.groundedness', 'rubric.groundednessHint'],
]

interface RubricProps {
  readonly value: Rubric
  readonly onChange: (next: Rubric) => void
  readonly slot: string
  readonly open?: boolean
}

/** Three questions about one answer; only what was touched counts. */
export function RubricFields({ value, onChange, slot, open }: RubricProps) {
  const t = useT()
  const count = Object.keys(value).length
  const fields = (
    <div className="rubric-fields">
      {questions.map(([name, label, hint]) => (
        <Slider
          key={name}
          label={t(label)}
          hint={t(hint)}
          min={0}
          max={10}
          step={1}
          value={Math.round((value[name] ?? 0.5) * 10)}
          text={value[name] === undefined ? '–' : t('rubric.points', { n: Math.round(value[name] * 10) })}
          aria-label={`${t(label)}, ${t('rank.answer', { slot })}`}
          onValue={(points) => onChange({ ...value, [name]: points / 10 })}
        />
      ))}
    </div>
  )
  if (open) return fields
  return (
    <details className="rubric">
      <summary>
        <Icon name="right" size={14} />
        {t('rubric.title')}
        {count > 0 && <Badge>{t('rubric.count', { n: count })}</Badge>}
      </summary>
      {fields}
    </details>
  )
}
