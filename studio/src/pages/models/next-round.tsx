/** The loop: what people said since the last round, the rounds so far, and the button that starts one. */
import { useState } from 'react'
import { api } from '../../api/client.js'
import { Button } from '../../components/button.js'
import { Card } from '../../components/page.js'
import { Badge, ErrorNotice, errorText, Progress, Spinner } from '../../components/states.js'
import { notify } from '../../components/toasts.js'
import { useFormats, useT } from '../../i18n/index.js'
import { useResource } from '../../lib/use-resource.js'
import { href, navigate } from '../../router.js'
import type { Counts, NextModel, Round } from './types.js'

export function NextRound() {
  const t = useT()
  const next = useResource('next', (signal) =>
    api.get<{ models: NextModel[]; rounds: Round[] }>('api/next', { signal }),
  )
  return (
    <Card title={t('next.title')}>
      <p className="soft">{t('next.text')}</p>
      {next.data === undefined ? (
        next.error ? (
          <ErrorNotice error={next.error} onRetry={next.reload} />
        ) : (
          <Spinner />
        )
      ) : (
        <>
          {next.data.models.map((model) => (
            <NextOf key={model.model} model={model} />
          ))}
          {next.data.rounds.length > 0 && <Rounds rounds={next.data.rounds} />}
        </>
      )}
    </Card>
  )
}

const needs = ['comparisons', 'questions', 'people'] as const satisfies readonly (keyof Counts)[]

function NextOf({ model }: { readonly model: NextModel }) {
  const t = useT()
  const [busy, setBusy] = useState(false)
  const start = async () => {
    setBusy(true)
    try {
      const run = await api.post<{ id: string }>('api/next', { model: model.model })
      navigate(href('train', run.id))
    } catch (failure) {
      notify(errorText(failure, t), 'bad')
      setBusy(false)
    }
  }
  const { have, need } = model
  return (
    <section className="next-model" aria-label={model.model}>
      <div className="version-head">
        <h3>{model.model}</h3>
        <Button
          variant={model.enough ? 'primary' : 'plain'}
          icon="play"
          busy={busy}
          disabled={model.running !== undefined}
          onClick={() => void start()}
        >
          {t('next.start')}
        </Button>
      </div>
      <dl className="next-needs">
        {needs.map((name) => (
          <div key={name}>
            <dt>{t(`next.${name}`)}</dt>
            <dd>
              <Progress label={t(`next.${name}`)} value={Math.min(1, have[name] / Math.max(1, need[name]))} />
              <span className="small soft">{t('next.of', { have: have[name], need: need[name] })}</span>
            </dd>
          </div>
        ))}
      </dl>
      <p className="small soft">
        {model.running !== undefined
          ? t('next.running')
          : model.enough
            ? t('next.enough')
            : t('next.tooLittle')}
      </p>
    </section>
  )
}

const tone = {
  running: 'accent',
  promoted: 'good',
  rejected: 'neutral',
  failed: 'bad',
  'too-little': 'neutral',
} as const

function Rounds({ rounds }: { readonly rounds: readonly Round[] }) {
  const t = useT()
  const format = useFormats()
  return (
    <>
      <h3>{t('next.rounds')}</h3>
      <ul className="rounds">
        {rounds.map(({ id, model, state, from, to, created, run, error }) => (
          <li key={id} className="round">
            <Badge tone={tone[state]}>{t(`next.state.${state}`)}</Badge>
            <span>
              {model}
              {from && (
                <>
                  {' '}
                  <code>{from.slice(0, 8)}</code>
                </>
              )}
              {to && (
                <>
                  {' → '}
                  <code>{to.slice(0, 8)}</code>
                </>
              )}
            </span>
            <span className="soft small">{format.ago(created)}</span>
            {run && <a href={href('train', run)}>{t('models.run')}</a>}
            {error && <span className="small round-error">{error}</span>}
          </li>
        ))}
      </ul>
    </>
  )
}
