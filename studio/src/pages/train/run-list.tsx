/** All runs, those of the command line too. */
import { useEffect, useState } from 'react'
import { api } from '../../api/client.js'
import { Icon } from '../../components/icon.js'
import { Page as Frame } from '../../components/page.js'
import { Badge, EmptyState, ErrorNotice, Progress, Spinner } from '../../components/states.js'
import { useFormats, useT } from '../../i18n/index.js'
import { useShortcuts } from '../../lib/keys.js'
import { useResource } from '../../lib/use-resource.js'
import { href, navigate } from '../../router.js'
import { shareDone } from './progress.js'
import { isAtRest, type Run } from './types.js'
import { partName, stageName, stateName, stateTone } from './words.js'

export function RunList() {
  const t = useT()
  const runs = useResource('runs', (signal) => api.get<{ runs: Run[] }>('api/runs', { signal }))
  const [chosen, setChosen] = useState<readonly string[]>([])
  useShortcuts({ n: () => navigate(href('train', 'new')) })
  const { reload } = runs
  const all = [...(runs.data?.runs ?? [])].sort(byActivity)
  const busy = all.some(({ state }) => !isAtRest(state))
  useEffect(() => {
    const timer = setInterval(() => document.visibilityState === 'visible' && reload(), busy ? 2000 : 10_000)
    return () => clearInterval(timer)
  }, [reload, busy])
  const start = (
    <a className="button button-primary" href={href('train', 'new')}>
      <Icon name="plus" />
      {t('train.new')}
    </a>
  )
  return (
    <Frame title={t('train.title')} description={t('train.about')} actions={start}>
      {runs.data === undefined ? (
        runs.error ? (
          <ErrorNotice error={runs.error} onRetry={reload} />
        ) : (
          <Spinner />
        )
      ) : all.length === 0 ? (
        <EmptyState icon="train" title={t('train.none')} action={start}>
          {t('train.noneText')}
        </EmptyState>
      ) : (
        <>
          {chosen.length > 0 && (
            <div className="notice compare-bar">
              <p>{t('train.chosen', { n: chosen.length })}</p>
              <a
                className="button button-small"
                aria-disabled={chosen.length < 2}
                href={`${href('train', 'compare')}?runs=${chosen.map(encodeURIComponent).join(',')}`}
              >
                <Icon name="compare" size={16} />
                {t('train.compare')}
              </a>
            </div>
          )}
          <ul className="run-list">
            {all.map((run) => (
              <RunRow
                key={run.id}
                run={run}
                chosen={chosen.includes(run.id)}
                onChoose={(on) =>
                  setChosen((old) => (on ? [...old, run.id] : old.filter((id) => id !== run.id)))
                }
              />
            ))}
          </ul>
        </>
      )}
    </Frame>
  )
}

/** What works or waits comes first, in the order of the server otherwise. */
const byActivity = (a: Run, b: Run) => Number(isAtRest(a.state)) - Number(isAtRest(b.state))

interface RowProps {
  readonly run: Run
  readonly chosen: boolean
  readonly onChoose: (chosen: boolean) => void
}

function RunRow({ run, chosen, onChoose }: RowProps) {
  const t = useT()
  const format = useFormats()
  const { progress, state } = run
  return (
    <li className="run-row">
      <input
        type="checkbox"
        className="run-check"
        checked={chosen}
        aria-label={t('train.choose', { name: run.name })}
        onChange={(event) => onChoose(event.target.checked)}
      />
      <a className="run-link" href={href('train', run.id)}>
        <span className="run-name">{run.name}</span>
        <span className="small soft">
          {stageName(run.stage, t)} · {format.ago(run.started ?? run.created)}
          {run.found && ` · ${t('train.found')}`}
        </span>
      </a>
      <span className="run-numbers small">
        {!isAtRest(state) && progress.part && <span>{partName(progress.part, t)}</span>}
        {progress.latest?.loss !== undefined && (
          <span>
            {t('train.chart.loss')} {format.number(progress.latest.loss, { maximumFractionDigits: 3 })}
          </span>
        )}
        {progress.step !== undefined && (
          <span>{t('train.steps', { step: progress.step, steps: progress.steps ?? progress.step })}</span>
        )}
      </span>
      <Badge tone={stateTone(state)}>{stateName(state, t)}</Badge>
      {!isAtRest(state) && state !== 'queued' && (
        <div className="run-progress">
          <Progress label={t('train.progress')} value={shareDone(progress)} />
        </div>
      )}
    </li>
  )
}
