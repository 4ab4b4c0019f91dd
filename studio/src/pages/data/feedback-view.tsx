/** What people have said so far. */
import { api } from '../../api/client.js'
import { Card } from '../../components/page.js'
import { Badge, EmptyState, ErrorNotice, Spinner } from '../../components/states.js'
import { useFormats, useT } from '../../i18n/index.js'
import { useResource } from '../../lib/use-resource.js'
import type { Overview, Turn } from './types.js'

interface Feedback {
  readonly id: string
  readonly kind: 'thumb' | 'ranking' | 'correction' | 'rubric'
  readonly labeler?: string
  readonly prompt: readonly Turn[]
  readonly answers: readonly { readonly text: string }[]
  readonly value: unknown
  readonly reason?: string
  readonly round?: string
  readonly created: number
}

const SHOWN = 30

/** The server lists the oldest first: the first of the last days that hold as much as is shown. */
function newestSince(days: Overview['feedback']['days']): number {
  let count = 0
  const first = [...days].reverse().find((day) => {
    count += day.count
    return count >= SHOWN
  })
  return Date.parse((first ?? days[0])?.day ?? '1970-01-01')
}

const kinds = ['thumb', 'ranking', 'correction', 'rubric'] as const

export function FeedbackView({ feedback }: { readonly feedback: Overview['feedback'] }) {
  const t = useT()
  const format = useFormats()
  const newest = useResource('feedback', (signal) =>
    api.get<{ items: Feedback[] }>('api/feedback', {
      signal,
      query: { limit: 500, since: newestSince(feedback.days) },
    }),
  )
  if (feedback.total === 0)
    return (
      <EmptyState icon="up" title={t('data.noFeedback')}>
        {t('data.noFeedbackText')}
      </EmptyState>
    )
  const days = feedback.days.slice(-60)
  const most = Math.max(...days.map(({ count }) => count), 1)
  return (
    <>
      <Card>
        <dl className="tiles">
          <Tile name={t('data.total')} value={format.number(feedback.total)} />
          <Tile name={t('data.unused')} value={format.number(feedback.unused)} />
          <Tile name={t('data.persons')} value={format.number(feedback.users)} />
          {kinds.map((kind) => (
            <Tile
              key={kind}
              name={t(`data.kind.${kind}`)}
              value={
                kind === 'thumb' && feedback.thumbs.up + feedback.thumbs.down > 0
                  ? `+${format.number(feedback.thumbs.up)} −${format.number(feedback.thumbs.down)}`
                  : format.number(feedback.kinds[kind])
              }
            />
          ))}
        </dl>
        {days.length > 1 && (
          <figure className="day-bars">
            <figcaption className="small soft">{t('data.byDay')}</figcaption>
            <ol>
              {days.map(({ day, count }) => (
                <li key={day} title={`${format.date(day, { dateStyle: 'medium' })}: ${count}`}>
                  <span style={{ height: `${Math.max(4, (100 * count) / most)}%` }} />
                  <span className="visually-hidden">
                    {day}: {count}
                  </span>
                </li>
              ))}
            </ol>
          </figure>
        )}
      </Card>
      <h2>{t('data.newest')}</h2>
      {newest.error ? (
        <ErrorNotice error={newest.error} onRetry={newest.reload} />
      ) : !newest.data ? (
        <Spinner />
      ) : (
        <ul className="examples">
          {newest.data.items
            .slice(-SHOWN)
            .reverse()
            .map((item) => (
              <li key={item.id} className="example">
                <p className="row small">
                  <Badge tone={item.value === -1 ? 'bad' : item.value === 1 ? 'good' : 'neutral'}>
                    {t(`data.kind.${item.kind}`)}
                  </Badge>
                  <span className="soft">
                    {item.labeler} · {format.ago(item.created)}
                    {item.round && ` · ${t('data.taken')}`}
                  </span>
                </p>
                <p className="soft">{item.prompt.at(-1)?.content}</p>
                <p className="example-text">
                  {item.kind === 'correction'
                    ? String(item.value)
                    : item.answers.map(({ text }) => text).join(' / ')}
                </p>
                {item.reason && <p className="small">“{item.reason}”</p>}
              </li>
            ))}
        </ul>
      )}
    </>
  )
}

function Tile({ name, value }: { readonly name: string; readonly value: string }) {
  return (
    <div className="tile">
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  )
}
