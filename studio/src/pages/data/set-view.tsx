/** The card of a data set: where it comes from, what became of it, and what was dropped for which reason. */
import { useState } from 'react'
import { api } from '../../api/client.js'
import { SelectField } from '../../components/fields.js'
import { Card, Page as Frame } from '../../components/page.js'
import { ErrorNotice, Spinner } from '../../components/states.js'
import { TableFrame } from '../../components/table-frame.js'
import { useFormats, useT } from '../../i18n/index.js'
import { useResource } from '../../lib/use-resource.js'
import { href } from '../../router.js'
import { Samples } from './samples.js'
import type { DataCard, DroppedSample, Reason } from './types.js'

export function SetView({ id }: { readonly id: string }) {
  const t = useT()
  const card = useResource(id, (signal) =>
    api.get<DataCard>(`api/data/${encodeURIComponent(id)}`, { signal }),
  )
  const { data } = card
  return (
    <Frame title={data?.title ?? t('data.title')} description={<a href={href('data')}>{t('data.all')}</a>}>
      {data === undefined ? (
        card.error ? (
          <ErrorNotice error={card.error} onRetry={card.reload} />
        ) : (
          <Spinner />
        )
      ) : (
        <>
          <Summary card={data} />
          {data.sources.length > 0 && <SourceTable card={data} />}
          {data.dropped.length > 0 && (
            <Reasons id={id} title={t('data.dropped')} action="dropped" reasons={data.dropped} />
          )}
          {data.changed.length > 0 && (
            <Reasons id={id} title={t('data.changed')} action="changed" reasons={data.changed} />
          )}
          {data.files.length > 0 && <SetSamples card={data} />}
        </>
      )}
    </Frame>
  )
}

function Summary({ card }: { readonly card: DataCard }) {
  const t = useT()
  const format = useFormats()
  const { kept, train, heldOut, tokens, languages, about, source, simulated, seed } = card
  const tiles: [string, string][] = [[t('data.records'), format.number(card.documents)]]
  if (kept) tiles.push([t('data.size'), format.bytes(kept.bytes)])
  if (tokens !== undefined) tiles.push([t('data.tokens'), format.number(tokens, { notation: 'compact' })])
  if (train && train.documents > 0) tiles.push([t('data.train'), format.number(train.documents)])
  if (heldOut && heldOut.documents > 0) tiles.push([t('data.heldOut'), format.number(heldOut.documents)])
  const spoken = Object.entries(languages ?? {}).slice(0, 6)
  return (
    <Card title={t('data.card')}>
      {about && <p>{about}</p>}
      {simulated && <p className="notice">{simulated}</p>}
      <dl className="tiles">
        {tiles.map(([name, value]) => (
          <div key={name} className="tile">
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <dl className="facts">
        <dt>{t('train.folder')}</dt>
        <dd>
          <code>{card.path}</code>
        </dd>
        {source && (
          <>
            <dt>{t('data.source')}</dt>
            <dd>{source}</dd>
          </>
        )}
        {seed !== undefined && (
          <>
            <dt>{t('train.setting.seed')}</dt>
            <dd>{seed}</dd>
          </>
        )}
        {spoken.length > 0 && (
          <>
            <dt>{t('data.languages')}</dt>
            <dd>
              {spoken
                .map(
                  ([language, { bytes }]) =>
                    `${language} ${format.percent(bytes / Math.max(1, kept?.bytes ?? 1))}`,
                )
                .join(', ')}
            </dd>
          </>
        )}
      </dl>
    </Card>
  )
}

function SourceTable({ card }: { readonly card: DataCard }) {
  const t = useT()
  const format = useFormats()
  return (
    <Card title={t('data.sources')}>
      <TableFrame label={t('data.sources')}>
        <thead>
          <tr>
            <th scope="col">{t('data.source')}</th>
            <th scope="col">{t('models.licence')}</th>
            <th scope="col" className="number">
              {t('data.read')}
            </th>
            <th scope="col" className="number">
              {t('data.kept')}
            </th>
            <th scope="col" className="number">
              {t('data.size')}
            </th>
          </tr>
        </thead>
        <tbody>
          {card.sources.map(({ name, licence, licences, read, kept }) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td>{licence ?? (Object.keys(licences).join(', ') || t('models.noLicence'))}</td>
              <td className="number">{format.number(read.documents)}</td>
              <td className="number">
                {format.number(kept.documents)}{' '}
                <span className="soft">({format.percent(kept.documents / Math.max(1, read.documents))})</span>
              </td>
              <td className="number">{format.bytes(kept.bytes)}</td>
            </tr>
          ))}
        </tbody>
      </TableFrame>
    </Card>
  )
}

interface ReasonsProps {
  readonly id: string
  readonly title: string
  readonly action: 'dropped' | 'changed'
  readonly reasons: readonly Reason[]
}

/** Reasons as bars; one that is opened shows documents it took. */
function Reasons({ id, title, action, reasons }: ReasonsProps) {
  const t = useT()
  const most = Math.max(...reasons.map(({ documents }) => documents), 1)
  return (
    <Card title={title}>
      <ul className="reasons">
        {reasons.map(({ stage, reason, documents }) => (
          <Opened
            key={`${stage} ${reason}`}
            head={
              <>
                <span className="reason-name">
                  {reason} <span className="soft small">{stage}</span>
                </span>
                <span className="reason-bar" aria-hidden="true">
                  <span style={{ width: `${(100 * documents) / most}%` }} />
                </span>
                <span className="reason-count">{t('data.documents', { n: documents })}</span>
              </>
            }
          >
            <Examples id={id} action={action} stage={stage} reason={reason} />
          </Opened>
        ))}
      </ul>
    </Card>
  )
}

/** Its content is asked for when it is first opened. */
function Opened({ head, children }: { readonly head: React.ReactNode; readonly children: React.ReactNode }) {
  const [open, setOpen] = useState(false)
  return (
    <li>
      <details onToggle={(event) => event.currentTarget.open && setOpen(true)}>
        <summary className="reason">{head}</summary>
        {open && children}
      </details>
    </li>
  )
}

interface ExamplesProps extends Pick<Reason, 'stage' | 'reason'> {
  readonly id: string
  readonly action: 'dropped' | 'changed'
}

function Examples({ id, action, stage, reason }: ExamplesProps) {
  const t = useT()
  const samples = useResource(`${id} ${action} ${stage} ${reason}`, (signal) =>
    api.get<{ items: DroppedSample[] }>(`api/data/${encodeURIComponent(id)}/dropped`, {
      signal,
      query: { action, stage, reason },
    }),
  )
  if (samples.error) return <ErrorNotice error={samples.error} onRetry={samples.reload} />
  if (!samples.data) return <Spinner />
  if (samples.data.items.length === 0) return <p className="soft small">{t('data.noExamples')}</p>
  return (
    <ul className="examples">
      {samples.data.items.map((sample) => (
        <li key={`${sample.source} ${sample.id}`} className="example">
          <p className="example-text">{sample.excerpt}</p>
          <p className="small soft">
            {sample.source} · {sample.id}
            {sample.detail && ` · ${sample.detail}`}
          </p>
        </li>
      ))}
    </ul>
  )
}

function SetSamples({ card }: { readonly card: DataCard }) {
  const t = useT()
  const format = useFormats()
  const [file, setFile] = useState(card.files[0]!.path)
  const chosen = card.files.find(({ path }) => path === file)
  return (
    <Card title={t('data.samples')}>
      <SelectField
        label={t('data.file')}
        hint={chosen?.about}
        value={file}
        onChange={(event) => setFile(event.target.value)}
        options={card.files.map(({ path, records }) => ({
          value: path,
          label: `${path.slice(card.path.length + 1)} (${format.number(records)})`,
        }))}
      />
      <Samples key={file} id={card.id} file={file} />
    </Card>
  )
}
