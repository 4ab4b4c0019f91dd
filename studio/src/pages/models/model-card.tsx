/** One model: its versions, which of them is live, and how traffic is shared. */
import { useState } from 'react'
import { api, send } from '../../api/client.js'
import { refreshSession } from '../../api/session.js'
import { Button, IconButton } from '../../components/button.js'
import { ConfirmDialog } from '../../components/dialog.js'
import { Card } from '../../components/page.js'
import { Badge, errorText } from '../../components/states.js'
import { notify } from '../../components/toasts.js'
import { useFormats, useT } from '../../i18n/index.js'
import { href } from '../../router.js'
import { useSettingLabel } from '../train/setting-fields.js'
import { stageName } from '../train/words.js'
import { save } from './save.js'
import { Traffic } from './traffic.js'
import type { Model, ModelVersion, Score } from './types.js'

interface Props {
  readonly model: Model
  readonly isAdmin: boolean
  readonly onChange: (model: Model) => void
}

export function ModelCard({ model, isAdmin, onChange }: Props) {
  const t = useT()
  const [busy, setBusy] = useState<string>()
  const [removing, setRemoving] = useState<string>()
  const { name, live, traffic, versions, history } = model
  const path = `api/models/${encodeURIComponent(name)}`
  const change = async (what: string, work: () => Promise<Model>, said: string) => {
    setBusy(what)
    try {
      onChange(await work())
      notify(said)
      void refreshSession()
    } catch (failure) {
      notify(errorText(failure, t), 'bad')
    }
    setBusy(undefined)
  }
  const canRollBack = history.some(
    ({ action, from }) => (action === 'promote' || action === 'rollback') && from,
  )
  return (
    <Card
      className="model-card"
      title={
        <span className="row">
          {name}
          {traffic && <Badge tone="accent">{t('models.shared')}</Badge>}
        </span>
      }
      actions={
        isAdmin &&
        canRollBack && (
          <Button
            small
            icon="retry"
            busy={busy === 'rollback'}
            onClick={() =>
              void change(
                'rollback',
                () => api.post<Model>(`${path}/rollback`, {}),
                t('models.rolledBack', { name }),
              )
            }
          >
            {t('models.rollback')}
          </Button>
        )
      }
    >
      <ul className="versions">
        {versions.map((version) => (
          <Version
            key={version.version}
            model={name}
            version={version}
            isLive={version.version === live}
            share={traffic?.[version.version]}
            isAdmin={isAdmin}
            busy={busy === version.version}
            onPromote={() =>
              void change(
                version.version,
                () => api.post<Model>(`${path}/promote`, { version: version.version }),
                t('models.promoted', { name, version: version.version.slice(0, 8) }),
              )
            }
            onRemove={() => setRemoving(version.version)}
          />
        ))}
      </ul>
      {isAdmin && versions.length > 1 && (
        <Traffic
          model={model}
          onSave={(shares) =>
            change('traffic', () => api.put<Model>(`${path}/traffic`, { shares }), t('models.trafficSaved'))
          }
        />
      )}
      {history.length > 1 && <History model={model} />}
      {removing !== undefined && (
        <ConfirmDialog
          title={t('models.remove')}
          text={t('models.removeText', { version: removing.slice(0, 8) })}
          action={t('models.removeAction')}
          onClose={() => setRemoving(undefined)}
          onConfirm={() => {
            const version = removing
            setRemoving(undefined)
            void change(version, () => api.delete<Model>(`${path}/versions/${version}`), t('models.removed'))
          }}
        />
      )}
    </Card>
  )
}

interface VersionProps {
  readonly model: string
  readonly version: ModelVersion
  readonly isLive: boolean
  readonly share: number | undefined
  readonly isAdmin: boolean
  readonly busy: boolean
  readonly onPromote: () => void
  readonly onRemove: () => void
}

function Version(props: VersionProps) {
  const { model, version, isLive, share, isAdmin, busy, onPromote, onRemove } = props
  const t = useT()
  const format = useFormats()
  const [exporting, setExporting] = useState(false)
  const { stage } = version.lineage
  const short = version.version.slice(0, 8)
  const exportModel = async () => {
    setExporting(true)
    try {
      const path = `api/models/${encodeURIComponent(model)}/versions/${version.version}/export`
      await save(await send('GET', path), `${model}-${short}.tar`)
    } catch (failure) {
      notify(errorText(failure, t), 'bad')
    }
    setExporting(false)
  }
  return (
    <li className={isLive ? 'version version-live' : 'version'} data-version={version.version}>
      <div className="version-head">
        <h3 className="row">
          <code title={version.version}>{short}</code>
          {isLive && <Badge tone="good">{t('models.live')}</Badge>}
          {share !== undefined && <Badge tone="accent">{format.percent(share)}</Badge>}
          {version.kind === 'reward' && <Badge>{t('models.reward')}</Badge>}
          {version.missing && <Badge tone="bad">{t('models.missing')}</Badge>}
        </h3>
        {isAdmin && (
          <div className="row">
            {!isLive && (
              <Button small variant="primary" busy={busy} onClick={onPromote}>
                {t('models.promote')}
              </Button>
            )}
            <Button small icon="download" busy={exporting} onClick={() => void exportModel()}>
              {t('models.export')}
            </Button>
            {!isLive && share === undefined && (
              <IconButton icon="trash" label={t('models.remove')} onClick={onRemove} />
            )}
          </div>
        )}
      </div>
      {version.note && <p>{version.note}</p>}
      <dl className="version-facts">
        {typeof stage === 'string' && <Fact name={t('models.stage')} value={stageName(stage, t)} />}
        {version.parameters !== undefined && (
          <Fact
            name={t('models.parameters')}
            value={format.number(version.parameters, { notation: 'compact', maximumSignificantDigits: 3 })}
          />
        )}
        <Fact name={t('models.size')} value={format.bytes(version.bytes)} />
        {version.contextLength !== undefined && (
          <Fact name={t('models.context')} value={t('models.tokens', { n: version.contextLength })} />
        )}
        <Fact name={t('models.licence')} value={version.licence ?? t('models.noLicence')} />
        <Fact name={t('models.made')} value={format.ago(version.created)} />
      </dl>
      <Scores scores={version.scores} />
      <Lineage version={version} />
    </li>
  )
}

function Fact({ name, value }: { readonly name: string; readonly value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  )
}

/** Fractions as bars with their intervals; other numbers as they are. */
function Scores({ scores }: { readonly scores: ModelVersion['scores'] }) {
  const t = useT()
  const format = useFormats()
  const rows = Object.entries(scores).flatMap(([name, value]) => {
    const score: Score = typeof value === 'number' ? { value } : ((value ?? {}) as Score)
    return typeof score.value === 'number' ? [{ name, ...score, value: score.value }] : []
  })
  if (rows.length === 0) return null
  return (
    <details className="more-settings" open={rows.length <= 4}>
      <summary>{t('models.scores', { n: rows.length })}</summary>
      <table className="scores">
        <tbody>
          {rows.map(({ name, value, low, high }) => {
            const isPart = value >= 0 && value <= 1
            return (
              <tr key={name}>
                <th scope="row">{name}</th>
                <td className="score-bar">
                  {isPart && (
                    <span className="score-track" aria-hidden="true">
                      <span className="score-fill" style={{ width: `${100 * value}%` }} />
                    </span>
                  )}
                </td>
                <td className="score-value">
                  {isPart ? format.percent(value) : format.number(value, { maximumSignificantDigits: 4 })}
                  {isPart && low !== undefined && high !== undefined && (
                    <span className="soft small">
                      {' '}
                      {format.percent(low)}–{format.percent(high)}
                    </span>
                  )}
                </td>
              </tr>
            )
          })}
        </tbody>
      </table>
    </details>
  )
}

function Lineage({ version }: { readonly version: ModelVersion }) {
  const t = useT()
  const format = useFormats()
  const label = useSettingLabel()
  const { base, data, steps, seconds } = version.lineage
  const files = Object.entries((data ?? {}) as Record<string, readonly string[]>)
  return (
    <details className="more-settings">
      <summary>{t('models.lineage')}</summary>
      <dl className="facts">
        {typeof base === 'string' && <Row name={t('models.base')} value={base} />}
        {files.map(([role, paths]) => (
          <Row key={role} name={label(role)} value={paths.join(', ')} />
        ))}
        {typeof steps === 'number' && <Row name={t('train.step')} value={format.number(steps)} />}
        {typeof seconds === 'number' && <Row name={t('train.took')} value={format.duration(seconds)} />}
        {version.dir && <Row name={t('train.folder')} value={version.dir} />}
        {version.round && <Row name={t('models.round')} value={version.round} />}
        {version.run && (
          <>
            <dt>{t('models.run')}</dt>
            <dd>
              <a href={href('train', version.run)}>{version.run}</a>
            </dd>
          </>
        )}
        <Row name={t('models.fullVersion')} value={version.version} />
      </dl>
    </details>
  )
}

function Row({ name, value }: { readonly name: string; readonly value: string }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </>
  )
}

const actions = ['add', 'remove', 'promote', 'rollback', 'traffic'] as const

function History({ model }: { readonly model: Model }) {
  const t = useT()
  const format = useFormats()
  return (
    <details className="more-settings">
      <summary>{t('models.history')}</summary>
      <ol className="log">
        {model.history.map(({ action, to, user, reason, created }) => {
          const known = actions.find((each) => each === action)
          // A version that did not go live leaves what is live as it was: nothing.
          const event = known === 'add' && to === undefined ? 'addSilent' : known
          return (
            <li key={`${created} ${action} ${to}`}>
              <time className="soft">{format.date(created)}</time>{' '}
              {event ? t(`models.event.${event}`, { version: (to ?? '').slice(0, 8) }) : action}
              {user && <span className="soft"> · {user}</span>}
              {reason && <span className="soft"> · {reason}</span>}
            </li>
          )
        })}
      </ol>
    </details>
  )
}
