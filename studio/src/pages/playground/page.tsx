import { Fragment, useCallback, useRef, useState } from 'react'
import { ApiError, events } from '../../api/client.js'
import { chatModels, modelOf, useSession } from '../../api/session.js'
import type { Sampling } from '../../api/types.js'
import { Button } from '../../components/button.js'
import { CopyButton } from '../../components/copy-button.js'
import { SelectField, TextArea } from '../../components/fields.js'
import { Card, Page as Frame } from '../../components/page.js'
import { SamplingFields } from '../../components/sampling-fields.js'
import { EmptyState, ErrorNotice } from '../../components/states.js'
import { type PlainKey, useFormats, useT } from '../../i18n/index.js'
import { useShortcuts } from '../../lib/keys.js'
import { createStore, useStore } from '../../lib/store.js'
import { href } from '../../router.js'
import './playground.css'
import { type CompletionChunk, perplexity, surprise, type Token, tokensOf, visible } from './tokens.js'

interface State {
  readonly model: string
  readonly prompt: string
  readonly sampling: Sampling
  readonly tokens: readonly Token[]
  readonly running: boolean
  readonly finish?: string | undefined
  readonly error?: unknown
}

/** Kept over looks at other pages. */
const state = createStore<State>({
  model: '',
  prompt: '',
  sampling: { max_tokens: 64 },
  tokens: [],
  running: false,
})

const patch = (change: Partial<State>) => state.set((old) => ({ ...old, ...change }))

let controller: AbortController | undefined

async function run(model: string): Promise<void> {
  const { prompt, sampling } = state.get()
  const abort = new AbortController()
  controller = abort
  patch({ tokens: [], running: true, error: undefined, finish: undefined })
  const body = { model, prompt, ...sampling, stream: true, logprobs: 5 }
  try {
    for await (const { data } of events('v1/completions', { body, signal: abort.signal })) {
      if (data === '[DONE]') break
      const chunk = JSON.parse(data) as CompletionChunk
      if (chunk.error) throw new ApiError(chunk.error.message, 200, chunk.error.code)
      const fresh = tokensOf(chunk)
      const finish = chunk.choices?.[0]?.finish_reason
      if (fresh.length > 0) state.set((old) => ({ ...old, tokens: [...old.tokens, ...fresh] }))
      if (finish) patch({ finish })
    }
  } catch (error) {
    if (!abort.signal.aborted) patch({ error })
  }
  patch({ running: false })
}

export function Page() {
  const t = useT()
  const { session } = useSession()
  const { model, prompt, sampling, tokens, running, error } = useStore(state)
  const models = chatModels(session)
  const name = modelOf(session, model)
  const start = () => name !== '' && !running && prompt !== '' && void run(name)
  useShortcuts({ 'mod+Enter': start, Escape: () => controller?.abort() })

  if (session && models.length === 0)
    return (
      <Frame title={t('nav.playground')}>
        <EmptyState
          icon="playground"
          title={t('start.noneTitle')}
          action={
            <a className="button button-primary" href={href('train')}>
              {t('start.toTrain')}
            </a>
          }
        >
          {t('playground.needsModel')}
        </EmptyState>
      </Frame>
    )
  return (
    <Frame title={t('nav.playground')} description={t('playground.description')} wide>
      <div className="playground">
        <div className="stack">
          <Card>
            <TextArea
              label={t('playground.prompt')}
              placeholder={t('playground.example')}
              value={prompt}
              rows={5}
              spellCheck={false}
              onChange={(event) => patch({ prompt: event.target.value })}
            />
            <div className="row">
              <span className="grow small soft">{t('playground.hint')}</span>
              {running ? (
                <Button icon="stop" onClick={() => controller?.abort()}>
                  {t('chat.stop')}
                </Button>
              ) : (
                <Button variant="primary" icon="play" onClick={start} disabled={prompt === '' || name === ''}>
                  {t('playground.run')}
                </Button>
              )}
            </div>
          </Card>
          {error ? <ErrorNotice error={error} onRetry={start} /> : null}
          {tokens.length > 0 && <Result />}
        </div>
        <Card title={t('options.title')}>
          <SelectField
            label={t('chat.model')}
            value={name}
            options={models.map((each) => ({ value: each, label: each }))}
            onChange={(event) => patch({ model: event.target.value })}
          />
          <SamplingFields value={sampling} onChange={(next) => patch({ sampling: next })} />
        </Card>
      </div>
    </Frame>
  )
}

const legend: readonly PlainKey[] = [
  'playground.step0',
  'playground.step1',
  'playground.step2',
  'playground.step3',
  'playground.step4',
]

function Result() {
  const t = useT()
  const format = useFormats()
  const { tokens, prompt, running, finish } = useStore(state)
  const [shown, setShown] = useState<number>()
  const hesitation = perplexity(tokens)
  const text = tokens.map((token) => token.text).join('')
  return (
    <Card
      title={t('playground.result')}
      actions={<CopyButton text={prompt + text} label={t('playground.copy')} />}
      className="playground-result"
    >
      <ul className="legend small" aria-label={t('playground.legend')}>
        {legend.map((key, step) => (
          <li key={key}>
            <span className={`token token-${step}`}>Aa</span> {t(key)}
          </li>
        ))}
      </ul>
      <Tokens tokens={tokens} prompt={prompt} running={running} shown={shown} onShow={setShown} />
      <Alternatives token={shown === undefined ? undefined : tokens[shown]} />
      <p className="small soft row">
        <span>{t('chat.tokens', { n: tokens.length })}</span>
        {hesitation !== undefined && (
          <span>
            {t('playground.perplexity', { value: format.number(hesitation, { maximumFractionDigits: 2 }) })}
          </span>
        )}
        {finish === 'length' && <span>{t('chat.cutOff')}</span>}
      </p>
    </Card>
  )
}

interface TokensProps {
  readonly tokens: readonly Token[]
  readonly prompt: string
  readonly running: boolean
  readonly shown: number | undefined
  readonly onShow: (index: number) => void
}

/** The text, token by token. One stop of the Tab key for all of them; arrows go from one to the next. */
function Tokens({ tokens, prompt, running, shown, onShow }: TokensProps) {
  const t = useT()
  const format = useFormats()
  const box = useRef<HTMLDivElement>(null)
  const go = useCallback(
    (index: number) => {
      box.current?.querySelectorAll<HTMLElement>('[data-token]')[index]?.focus()
      onShow(index)
    },
    [onShow],
  )
  const at = shown ?? 0
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset is for forms
    <div ref={box} className="tokens" role="group" aria-label={t('playground.tokens')} aria-busy={running}>
      <span className="tokens-prompt">{prompt}</span>
      {tokens.map((token, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: tokens are only added at the end
        <Fragment key={index}>
          <button
            type="button"
            data-token
            tabIndex={index === at ? 0 : -1}
            className={token.logprob === undefined ? 'token' : `token token-${surprise(token.logprob)}`}
            aria-pressed={index === shown}
            aria-label={
              token.logprob === undefined
                ? visible(token.text)
                : t('playground.token', {
                    token: visible(token.text),
                    value: format.percent(Math.exp(token.logprob)),
                  })
            }
            onFocus={() => onShow(index)}
            onMouseEnter={() => onShow(index)}
            onKeyDown={(event) => {
              const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key]
              if (step === undefined) return
              event.preventDefault()
              go(Math.max(0, Math.min(tokens.length - 1, index + step)))
            }}
          >
            {token.text.replaceAll('\n', '⏎') || '∅'}
          </button>
          {/* A button never breaks the line that it stands in. */}
          {token.text.replace(/[^\n]/g, '')}
        </Fragment>
      ))}
      {running && <span className="cursor" aria-hidden="true" />}
    </div>
  )
}

function Alternatives({ token }: { readonly token: Token | undefined }) {
  const t = useT()
  const format = useFormats()
  return (
    <section className="alternatives" aria-label={t('playground.alternatives')} aria-live="polite">
      <h3 className="small soft">{t('playground.alternatives')}</h3>
      {token && token.top.length > 0 ? (
        <table>
          <tbody>
            {token.top.map(({ text, logprob }) => (
              <tr key={text} className={text === token.text ? 'alternative-taken' : undefined}>
                <th scope="row">
                  <code>{visible(text)}</code>
                  {text === token.text && <span className="visually-hidden"> {t('playground.taken')}</span>}
                </th>
                <td className="alternative-bar">
                  <span style={{ width: `${Math.max(0.5, Math.exp(logprob) * 100)}%` }} />
                </td>
                <td className="alternative-value">{format.percent(Math.exp(logprob))}</td>
              </tr>
            ))}
          </tbody>
        </table>
      ) : (
        <p className="small soft">{t('playground.point')}</p>
      )}
    </section>
  )
}
