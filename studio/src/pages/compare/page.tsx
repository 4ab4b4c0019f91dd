import { useState } from 'react'
import { api } from '../../api/client.js'
import { chatModels, modelOf, useSession } from '../../api/session.js'
import type { Comparison, PromptMessage, Rubric } from '../../api/types.js'
import { Button } from '../../components/button.js'
import { Slider, TextArea } from '../../components/fields.js'
import { Card, Page as Frame } from '../../components/page.js'
import { EmptyState, ErrorNotice, errorText, Spinner } from '../../components/states.js'
import { notify } from '../../components/toasts.js'
import { useFormats, useT } from '../../i18n/index.js'
import { createSavedStore, useStore } from '../../lib/store.js'
import { href } from '../../router.js'
import { RankBoard } from './rank-board.js'
import { inOrder, type Ranking, ranksOf } from './ranking.js'

interface Setup {
  readonly models: readonly string[]
  readonly count: number
  readonly temperature: number
}

const setup = createSavedStore<Setup>(
  'athanor.compare',
  { models: [], count: 3, temperature: 0.8 },
  (value): value is Setup =>
    typeof value === 'object' &&
    value !== null &&
    Array.isArray((value as Setup).models) &&
    typeof (value as Setup).count === 'number' &&
    typeof (value as Setup).temperature === 'number',
)

interface Trial {
  readonly prompt: readonly PromptMessage[]
  readonly comparison: Comparison
  readonly ranking: Ranking
  readonly touched: boolean
  readonly rubrics: Readonly<Record<string, Rubric>>
  readonly revealed?: Comparison
}

export function Page() {
  const t = useT()
  const { session } = useSession()
  const [prompt, setPrompt] = useState('')
  const [trial, setTrial] = useState<Trial>()
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<unknown>()
  const chosen = useStore(setup)
  const models = chatModels(session)
  const names = models.filter((name) => chosen.models.includes(name))
  const asked = names.length > 0 ? names : [modelOf(session, '')]

  const ask = async () => {
    const messages: readonly PromptMessage[] = [{ role: 'user', content: prompt.trim() }]
    const candidates = Array.from({ length: Math.max(chosen.count, asked.length) }, (_, index) => ({
      model: asked[index % asked.length]!,
      temperature: chosen.temperature,
    }))
    setBusy(true)
    setError(undefined)
    setTrial(undefined)
    try {
      const comparison = await api.post<Comparison>('api/compare', { messages, candidates })
      const ranking = inOrder(comparison.answers.map(({ slot }) => slot))
      setTrial({ prompt: messages, comparison, ranking, touched: false, rubrics: {} })
    } catch (failure) {
      setError(failure)
    }
    setBusy(false)
  }

  const save = async () => {
    if (!trial || trial.revealed) return
    const slots = trial.comparison.answers.map(({ slot }) => slot)
    const rated = Object.keys(trial.rubrics).length > 0
    setBusy(true)
    try {
      const revealed = await api.post<Comparison>(
        `api/compare/${encodeURIComponent(trial.comparison.id)}/ranking`,
        {
          ranks: ranksOf(trial.ranking, slots),
          ...(rated && { rubric: slots.map((slot) => trial.rubrics[slot] ?? null) }),
        },
      )
      setTrial({ ...trial, revealed })
      notify(t('compare.saved'))
    } catch (failure) {
      notify(errorText(failure, t), 'bad')
    }
    setBusy(false)
  }

  if (session && models.length === 0)
    return (
      <Frame title={t('nav.compare')}>
        <EmptyState
          icon="compare"
          title={t('start.noneTitle')}
          action={
            <a className="button button-primary" href={href('train')}>
              {t('start.toTrain')}
            </a>
          }
        >
          {t('compare.needsModel')}
        </EmptyState>
      </Frame>
    )

  return (
    <Frame title={t('nav.compare')} description={t('compare.description')}>
      <Card>
        <form
          className="stack"
          onSubmit={(event) => {
            event.preventDefault()
            void ask()
          }}
        >
          <TextArea
            label={t('compare.prompt')}
            placeholder={t('compare.promptExample')}
            value={prompt}
            rows={3}
            onChange={(event) => setPrompt(event.target.value)}
            onKeyDown={(event) => {
              if (event.key === 'Enter' && (event.ctrlKey || event.metaKey) && prompt.trim() && !busy)
                void ask()
            }}
          />
          <div className="compare-setup">
            {models.length > 1 && (
              <fieldset className="field">
                <legend className="field-label">{t('compare.models')}</legend>
                <div className="chips">
                  {models.map((id) => (
                    <label key={id} className="chip">
                      <input
                        type="checkbox"
                        checked={asked.includes(id)}
                        onChange={(event) => {
                          const next = event.target.checked
                            ? [...asked, id].slice(0, 9)
                            : asked.filter((name) => name !== id)
                          setup.set({ ...chosen, models: next })
                        }}
                      />
                      <span className="chip-text">{id}</span>
                    </label>
                  ))}
                </div>
              </fieldset>
            )}
            <Slider
              label={t('compare.count')}
              min={2}
              max={9}
              step={1}
              value={Math.max(chosen.count, asked.length)}
              onValue={(count) => setup.set({ ...chosen, count })}
            />
            <Temperature
              value={chosen.temperature}
              onValue={(temperature) => setup.set({ ...chosen, temperature })}
            />
          </div>
          <div className="row row-end">
            <Button
              variant="primary"
              type="submit"
              icon="compare"
              busy={busy && !trial}
              disabled={!prompt.trim()}
            >
              {t('compare.ask')}
            </Button>
          </div>
        </form>
      </Card>
      {busy && !trial && <Spinner label={t('compare.waiting')} />}
      {error ? <ErrorNotice error={error} onRetry={() => void ask()} /> : null}
      {trial && (
        <Card
          title={trial.revealed ? t('compare.result') : t('compare.order')}
          actions={
            trial.revealed ? (
              <Button small icon="retry" onClick={() => void ask()} disabled={!prompt.trim()}>
                {t('compare.again')}
              </Button>
            ) : (
              <>
                {!trial.touched && (
                  <Button small icon="check" onClick={() => setTrial({ ...trial, touched: true })}>
                    {t('rank.alreadyRight')}
                  </Button>
                )}
                <Button
                  small
                  variant="primary"
                  onClick={() => void save()}
                  busy={busy}
                  disabled={!trial.touched}
                >
                  {t('rank.save')}
                </Button>
              </>
            )
          }
        >
          {/* biome-ignore lint/a11y/noStaticElementInteractions: a shortcut of the whole board; its button is above */}
          <div onKeyDown={(event) => event.key === 'Enter' && event.ctrlKey && trial.touched && void save()}>
            <RankBoard
              answers={trial.comparison.answers.map((answer) => ({
                ...answer,
                model: trial.revealed?.answers.find(({ slot }) => slot === answer.slot)?.model,
              }))}
              ranking={trial.ranking}
              onRanking={(ranking) => setTrial({ ...trial, ranking, touched: true })}
              rubrics={trial.rubrics}
              onRubric={(slot, rubric) =>
                setTrial({ ...trial, rubrics: { ...trial.rubrics, [slot]: rubric } })
              }
              fixed={trial.revealed !== undefined}
            />
          </div>
        </Card>
      )}
    </Frame>
  )
}

function Temperature({
  value,
  onValue,
}: {
  readonly value: number
  readonly onValue: (value: number) => void
}) {
  const t = useT()
  const format = useFormats()
  return (
    <Slider
      label={t('sampling.temperature')}
      min={0}
      max={2}
      step={0.1}
      value={value}
      text={format.number(value)}
      onValue={onValue}
    />
  )
}
