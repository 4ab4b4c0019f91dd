/** One run: where it is, its curves, what the model writes meanwhile, and what can be done with it. */
import { type ReactNode, useMemo, useState } from 'react'
import { api } from '../../api/client.js'
import { hasScope, useSession } from '../../api/session.js'
import { Button } from '../../components/button.js'
import { Icon } from '../../components/icon.js'
import { Card, Page as Frame } from '../../components/page.js'
import { Badge, ErrorNotice, errorText, Progress, Spinner } from '../../components/states.js'
import { notify } from '../../components/toasts.js'
import { useFormats, useT } from '../../i18n/index.js'
import { href } from '../../router.js'
import { AddModel } from './add-model.js'
import { Chart } from './chart.js'
import { chartsOf } from './charts.js'
import type { History } from './history.js'
import { shareDone } from './progress.js'
import { useSettingLabel } from './setting-fields.js'
import { isActive, isAtRest, type Run } from './types.js'
import { useRun } from './use-run.js'
import { curveName, partName, stageName, stateName, stateTone } from './words.js'

export function RunView({ id }: { readonly id: string }) {
  const t = useT()
  const { run, history, error, setRun } = useRun(id)
  if (!run)
    return <Frame title={t('train.title')}>{error ? <ErrorNotice error={error} /> : <Spinner />}</Frame>
  return (
    <Frame
      wide
      title={run.name}
      description={
        <span className="row">
          <a href={href('train')}>{t('train.all')}</a>
          <span aria-hidden="true">·</span>
          {stageName(run.stage, t)}
          <Badge tone={stateTone(run.state)}>{stateName(run.state, t)}</Badge>
        </span>
      }
      actions={<Actions run={run} onChange={setRun} />}
    >
      {error !== undefined && <ErrorNotice error={error} />}
      {run.error && (
        <div className="notice notice-error" role="alert">
          <Icon name="warning" />
          <p className="run-error">{run.error.message}</p>
        </div>
      )}
      <Standing run={run} />
      <Curves
        key={run.id}
        history={history}
        version={history.version}
        current={isActive(run.state) ? run.progress.part : 'ppo'}
      />
      <div className="run-columns">
        <Samples history={history} />
        <Facts run={run} history={history} />
      </div>
    </Frame>
  )
}

function Actions({ run, onChange }: { readonly run: Run; readonly onChange: (run: Run) => void }) {
  const t = useT()
  const { session } = useSession()
  const [busy, setBusy] = useState<string>()
  const [adding, setAdding] = useState(false)
  const act = (action: 'pause' | 'resume' | 'stop') => async () => {
    setBusy(action)
    try {
      onChange(await api.post<Run>(`api/runs/${encodeURIComponent(run.id)}/${action}`))
    } catch (failure) {
      notify(errorText(failure, t), 'bad')
    }
    setBusy(undefined)
  }
  const active = isActive(run.state) && !run.found
  return (
    <>
      {active && (
        <Button
          icon="pause"
          busy={busy === 'pause' || run.state === 'pausing'}
          disabled={run.state !== 'running'}
          onClick={act('pause')}
        >
          {t('train.pause')}
        </Button>
      )}
      {run.resumable && (
        <Button variant="primary" icon="play" busy={busy === 'resume'} onClick={act('resume')}>
          {t('train.resume')}
        </Button>
      )}
      {(active || run.state === 'queued') && (
        <Button icon="stop" busy={busy === 'stop'} onClick={act('stop')}>
          {run.state === 'stopping' ? t('train.stopNow') : t('train.stop')}
        </Button>
      )}
      {(run.progress.step !== undefined || run.state === 'finished') && (
        <a className="button" href={href('train', run.id, 'report')}>
          <Icon name="book" />
          {t('train.report')}
        </a>
      )}
      {run.model && isAtRest(run.state) && hasScope(session, 'admin') && (
        <Button icon="models" onClick={() => setAdding(true)}>
          {t('train.addModel')}
        </Button>
      )}
      {adding && run.model && (
        <AddModel
          dir={run.model}
          run={run.id}
          suggestion={run.stage === 'speedrun' ? 'assistant' : run.name}
          onClose={() => setAdding(false)}
        />
      )}
    </>
  )
}

/** Where it is: parts, bar, and the numbers of now. */
function Standing({ run }: { readonly run: Run }) {
  const t = useT()
  const format = useFormats()
  const { progress, state } = run
  const { parts, step, steps, secondsLeft, tokensPerSecond, latest = {}, preparing, message } = progress
  const number = (value: number) => format.number(value, { maximumSignificantDigits: 4 })
  const tiles: [string, ReactNode][] = []
  if (step !== undefined) tiles.push([t('train.step'), t('train.stepsOf', { step, steps: steps ?? step })])
  if (secondsLeft !== undefined && isActive(state))
    // A run of many parts knows only how long the one that is under way still takes.
    tiles.push([t(parts ? 'train.leftInPart' : 'train.left'), format.duration(secondsLeft)])
  if (latest.loss !== undefined) tiles.push([t('train.chart.loss'), number(latest.loss)])
  const held = latest['heldOut.loss']
  if (held !== undefined) tiles.push([t('train.metric.heldOut.loss'), number(held)])
  const [score, kl] = [latest['objective/scores'], latest['objective/kl']]
  if (score !== undefined) tiles.push([t('train.chart.reward'), number(score)])
  if (kl !== undefined) tiles.push([t('train.chart.kl'), number(kl)])
  if (tokensPerSecond !== undefined && isActive(state))
    tiles.push([t('train.chart.speed'), format.number(tokensPerSecond, { maximumFractionDigits: 0 })])
  const doing = preparing
    ? `${preparing.label}: ${format.number(preparing.done)}${preparing.total ? ` / ${format.number(preparing.total)}` : ''} ${preparing.unit}`
    : message
  return (
    <Card className="standing">
      {parts && (
        <ol className="parts" aria-label={t('train.parts')}>
          {parts.map(({ name, state, seconds }) => (
            <li
              key={name}
              className={`part part-${state}`}
              aria-current={state === 'running' ? 'step' : undefined}
            >
              <span className="part-mark" aria-hidden="true">
                {state === 'done' ? <Icon name="check" size={14} /> : ''}
              </span>
              <span>{partName(name, t)}</span>
              <span className="small soft">{seconds !== undefined && format.duration(seconds)}</span>
              <span className="visually-hidden">{t(`train.partState.${state}`)}</span>
            </li>
          ))}
        </ol>
      )}
      {isActive(state) && <Progress label={t('train.progress')} value={shareDone(progress)} />}
      {state === 'queued' && <p className="soft">{t('train.waiting')}</p>}
      {isActive(state) && doing && (
        <p className="soft small standing-doing" role="status">
          {doing}
        </p>
      )}
      {tiles.length > 0 && (
        <dl className="tiles">
          {tiles.map(([name, value]) => (
            <div key={name} className="tile">
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
      )}
    </Card>
  )
}

interface CurvesProps {
  readonly history: History
  readonly version: number
  readonly current: string | undefined
}

function Curves({ history, version, current }: CurvesProps) {
  const t = useT()
  const [picked, setPicked] = useState<string>()
  // biome-ignore lint/correctness/useExhaustiveDependencies: the history changes in place, its version tells
  const all = useMemo(() => history.curves().map((curve) => ({ ...curve })), [history, version])
  const parts = [...new Set(all.map(({ part }) => part))]
  const part =
    picked !== undefined && parts.includes(picked)
      ? picked
      : current !== undefined && parts.includes(current)
        ? current
        : (parts.at(-1) ?? '')
  const charts = useMemo(() => chartsOf(all.filter((curve) => curve.part === part)), [all, part])
  if (charts.length === 0) return null
  const main = charts.filter(({ minor }) => !minor)
  const minor = charts.filter((chart) => chart.minor)
  const draw = (chart: (typeof charts)[number]) => (
    <Chart
      key={`${part} ${chart.name}`}
      title={chart.title ? t(chart.title) : chart.name}
      series={chart.curves.map(({ metric, steps, values }) => ({
        label: curveName(metric, t),
        steps,
        values,
      }))}
    />
  )
  return (
    <section className="stack" aria-label={t('train.curves')}>
      {parts.length > 1 && (
        <fieldset className="tabs">
          <legend className="visually-hidden">{t('train.parts')}</legend>
          {parts.map((name) => (
            <button
              key={name}
              type="button"
              className="tab"
              aria-pressed={name === part}
              onClick={() => setPicked(name)}
            >
              {partName(name, t)}
            </button>
          ))}
        </fieldset>
      )}
      <div className="charts">{main.map(draw)}</div>
      {minor.length > 0 && <MinorCharts count={minor.length} draw={() => minor.map(draw)} />}
    </section>
  )
}

/** Drawn only once somebody looks. */
function MinorCharts({ count, draw }: { readonly count: number; readonly draw: () => ReactNode }) {
  const t = useT()
  const [open, setOpen] = useState(false)
  return (
    <details className="more-settings" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{t('train.moreCharts', { n: count })}</summary>
      {open && <div className="charts">{draw()}</div>}
    </details>
  )
}

function Samples({ history }: { readonly history: History }) {
  const t = useT()
  const newest = history.samples.slice(-6).reverse()
  if (newest.length === 0) return null
  return (
    <Card title={t('train.samples')}>
      <ul className="samples">
        {newest.map(({ part, step, prompt, text }) => (
          <li key={`${part} ${step} ${prompt}`}>
            <p className="small soft">
              {part && `${partName(part, t)} · `}
              {t('train.atStep', { step })}
            </p>
            <p className="sample-text">
              <span className="sample-prompt">{prompt}</span>
              {text}
            </p>
          </li>
        ))}
      </ul>
    </Card>
  )
}

function Facts({ run, history }: { readonly run: Run; readonly history: History }) {
  const t = useT()
  const format = useFormats()
  const label = useSettingLabel()
  const said = (value: unknown) =>
    typeof value === 'boolean' ? t(value ? 'train.form.yes' : 'train.form.no') : String(value)
  const settings = Object.entries(run.settings).filter(
    ([, value]) => value === null || typeof value !== 'object',
  )
  return (
    <Card title={t('train.details')}>
      <dl className="facts">
        <dt>{t('train.folder')}</dt>
        <dd>
          <code>{run.dir}</code>
        </dd>
        {run.started !== undefined && (
          <>
            <dt>{t('train.started')}</dt>
            <dd>{format.date(run.started)}</dd>
          </>
        )}
        {run.started !== undefined && run.ended !== undefined && (
          <>
            <dt>{t('train.took')}</dt>
            <dd>{format.duration((run.ended - run.started) / 1000)}</dd>
          </>
        )}
        {Object.entries(run.inputs).map(([key, paths]) => (
          <Fact key={key} name={label(key)} value={paths.join(', ')} />
        ))}
        {settings.slice(0, 60).map(([key, value]) => (
          <Fact key={key} name={label(key)} value={said(value)} />
        ))}
      </dl>
      {history.notes.length > 0 && (
        <details className="more-settings">
          <summary>{t('train.log', { n: history.notes.length })}</summary>
          <ol className="log">
            {history.notes.map(({ seq, time, kind, text }) => (
              <li key={seq} className={`log-${kind}`}>
                {time > 0 && <time className="soft">{format.date(time, { timeStyle: 'medium' })}</time>}{' '}
                {kind === 'checkpoint' ? t('train.saved', { step: text }) : text}
              </li>
            ))}
          </ol>
        </details>
      )}
    </Card>
  )
}

function Fact({ name, value }: { readonly name: string; readonly value: string }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </>
  )
}
