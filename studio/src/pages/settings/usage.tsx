/** What was used, by day, key or model. */
import { useState } from 'react'
import { api } from '../../api/client.js'
import { Segments, TextField } from '../../components/fields.js'
import { Card } from '../../components/page.js'
import { ErrorNotice, Spinner } from '../../components/states.js'
import { TableFrame } from '../../components/table-frame.js'
import { useFormats, useT } from '../../i18n/index.js'
import { useResource } from '../../lib/use-resource.js'

type By = 'day' | 'key' | 'model'

interface Row {
  readonly group: string
  readonly requests: number
  readonly errors: number
  readonly promptTokens: number
  readonly cachedTokens: number
  readonly completionTokens: number
}

const monthAgo = () => new Date(Date.now() - 30 * 86_400_000).toISOString().slice(0, 10)

export function Usage() {
  const t = useT()
  const format = useFormats()
  const [by, setBy] = useState<By>('day')
  const [from, setFrom] = useState(monthAgo)
  const [to, setTo] = useState('')
  const usage = useResource(`${by} ${from} ${to}`, (signal) =>
    api.get<{ items: Row[] }>('api/usage', { signal, query: { by, from, to } }),
  )
  const keys = useResource(by === 'key' ? 'keys' : undefined, (signal) =>
    api.get<{ items: { id: string; name: string }[] }>('api/keys', { signal }),
  )
  const rows = usage.data?.items ?? []
  const shown = by === 'day' ? [...rows].sort((a, b) => (a.group < b.group ? 1 : -1)) : rows
  const tokens = (row: Row) => row.promptTokens + row.completionTokens
  const most = Math.max(1, ...rows.map(tokens))
  const groupName = (group: string) => {
    if (by === 'day') return format.date(`${group}T12:00:00`, { dateStyle: 'medium' })
    if (by === 'key') {
      const known = keys.data?.items.find(({ id }) => id === group)
      return known?.name ?? (group || t('settings.withoutKey'))
    }
    return group
  }
  return (
    <Card title={t('settings.usage')}>
      <div className="usage-choices">
        <Segments<By>
          label={t('settings.by')}
          value={by}
          onChange={setBy}
          options={[
            { value: 'day', label: t('settings.byDay') },
            { value: 'model', label: t('settings.byModel') },
            { value: 'key', label: t('settings.byKey') },
          ]}
        />
        <TextField
          label={t('settings.from')}
          type="date"
          value={from}
          onChange={(event) => setFrom(event.target.value)}
        />
        <TextField
          label={t('settings.to')}
          type="date"
          value={to}
          onChange={(event) => setTo(event.target.value)}
        />
      </div>
      {usage.error ? (
        <ErrorNotice error={usage.error} onRetry={usage.reload} />
      ) : !usage.data ? (
        <Spinner />
      ) : rows.length === 0 ? (
        <p className="soft">{t('settings.noUsage')}</p>
      ) : (
        <TableFrame label={t('settings.usage')}>
          <thead>
            <tr>
              <th scope="col">
                {t(by === 'day' ? 'settings.byDay' : by === 'key' ? 'settings.byKey' : 'settings.byModel')}
              </th>
              <th scope="col" className="number">
                {t('settings.requests')}
              </th>
              <th scope="col" className="number">
                {t('settings.promptTokens')}
              </th>
              <th scope="col" className="number">
                {t('settings.cachedTokens')}
              </th>
              <th scope="col" className="number">
                {t('settings.completionTokens')}
              </th>
              <th scope="col">
                <span className="visually-hidden">{t('settings.share')}</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {shown.map((row) => (
              <tr key={row.group}>
                <th scope="row">{groupName(row.group)}</th>
                <td className="number">
                  {format.number(row.requests)}
                  {row.errors > 0 && (
                    <span className="usage-errors"> ({t('settings.errors', { n: row.errors })})</span>
                  )}
                </td>
                <td className="number">{format.number(row.promptTokens)}</td>
                <td className="number">{format.number(row.cachedTokens)}</td>
                <td className="number">{format.number(row.completionTokens)}</td>
                <td className="usage-bar" aria-hidden="true">
                  <span style={{ width: `${(100 * tokens(row)) / most}%` }} />
                </td>
              </tr>
            ))}
          </tbody>
        </TableFrame>
      )}
    </Card>
  )
}
