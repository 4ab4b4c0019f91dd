import { type ReactNode, useCallback, useEffect, useRef } from 'react'
import { api } from '../../api/client.js'
import { modelOf, useSession } from '../../api/session.js'
import type { Feedback, PageOf } from '../../api/types.js'
import { IconButton } from '../../components/button.js'
import { EmptyState, ErrorNotice, Spinner } from '../../components/states.js'
import { useT } from '../../i18n/index.js'
import { useStore } from '../../lib/store.js'
import { useResource } from '../../lib/use-resource.js'
import { Composer } from './composer.js'
import { AnswerMessage, UserMessage } from './message.js'
import { chatOptions } from './options.js'
import { ModelPicker } from './pickers.js'
import { type ChatSession, type SendOptions, shownPath, treeOf } from './session.js'
import { siblingsOf } from './tree.js'
import { Welcome } from './welcome.js'

interface TalkProps {
  readonly session: ChatSession
  readonly canTalk: boolean
  readonly onOptions: () => void
  readonly listButton: ReactNode
  readonly newButton: ReactNode
}

/** The messages of a conversation and the place to write the next. */
export function Talk({ session, canTalk, onOptions, listButton, newButton }: TalkProps) {
  const t = useT()
  const state = useStore(session.store)
  const send = useSendOptions()
  const tree = treeOf(state)
  const path = shownPath(tree, state.leaf)
  const last = path.at(-1)
  const feedback = useResource(state.id, (signal) =>
    api.get<PageOf<Feedback>>('api/feedback', { signal, query: { conversation: state.id, limit: 1000 } }),
  )
  const end = useStickToEnd(state.messages, state.leaf)

  if (state.failed !== undefined)
    return (
      <div className="chat-main">
        <TalkHead title="" listButton={listButton} newButton={newButton} onOptions={onOptions} />
        <EmptyState icon="warning" title={t('chat.cannotOpen')}>
          <ErrorNotice error={state.failed} onRetry={() => void session.load()} />
        </EmptyState>
      </div>
    )

  return (
    <div className="chat-main">
      <TalkHead
        title={state.title ?? ''}
        listButton={listButton}
        newButton={newButton}
        onOptions={onOptions}
      />
      <div className="chat-scroll" ref={end.scroller} onScroll={end.onScroll}>
        <div
          className="chat-path"
          role="log"
          aria-live="polite"
          aria-busy={state.streaming !== undefined}
          aria-label={t('chat.messages')}
        >
          {state.loading && <Spinner />}
          {!state.loading && path.length === 0 && (
            <Welcome onPick={(text) => void session.send(text, send)} canTalk={canTalk} />
          )}
          {path.map((message) => {
            const place = siblingsOf(tree, message.id)
            const shared = {
              message,
              place,
              onSelect: (id: string) => session.select(id),
              isBusy: state.streaming !== undefined,
            }
            return message.role === 'user' ? (
              <UserMessage
                key={message.id}
                {...shared}
                onEdit={(text) => void session.edit(message.id, text, send)}
              />
            ) : (
              <AnswerMessage
                key={message.id}
                {...shared}
                isStreaming={message.id === state.streaming}
                feedback={feedback.data?.items.filter((each) => each.message === message.id) ?? []}
                onFeedback={feedback.reload}
                onRetry={() => void session.retry(message.id, send)}
              />
            )
          })}
          {state.problem && last && state.problem.leaf === last.id && !state.streaming && (
            <ErrorNotice error={state.problem.error} onRetry={() => void session.retry(last.id, send)} />
          )}
        </div>
      </div>
      <Composer
        isStreaming={state.streaming !== undefined}
        disabled={!canTalk}
        onSend={(text, parameters) => {
          end.stick()
          void session.send(text, { ...send, ...(parameters && { parameters }) })
        }}
        onStop={() => session.stop()}
      />
      <p className="visually-hidden" role="status">
        {state.streaming
          ? t('chat.writing')
          : last?.role === 'assistant' && last.local !== true
            ? t('chat.done')
            : ''}
      </p>
    </div>
  )
}

interface HeadProps {
  readonly title: string
  readonly listButton: ReactNode
  readonly newButton: ReactNode
  readonly onOptions: () => void
}

function TalkHead({ title, listButton, newButton, onOptions }: HeadProps) {
  const t = useT()
  return (
    <header className="chat-head">
      {listButton}
      <h2 className="chat-title" title={title}>
        {title || t('chat.newTitle')}
      </h2>
      <ModelPicker />
      <IconButton icon="sliders" label={t('options.title')} onClick={onOptions} />
      <span className="chat-head-new">{newButton}</span>
    </header>
  )
}

/** What the person has chosen, as far as the server has it. */
function useSendOptions(): SendOptions {
  const options = useStore(chatOptions)
  const { session } = useSession()
  const { system, preset, collection, sampling } = options
  return { model: modelOf(session, options.model), system, preset, collection, sampling }
}

/** Keeps the end in sight while text arrives, unless the person has scrolled up to read. */
function useStickToEnd(messages: unknown, leaf: unknown) {
  const scroller = useRef<HTMLDivElement>(null)
  const sticks = useRef(true)
  const onScroll = useCallback(() => {
    const { scrollHeight, scrollTop, clientHeight } = scroller.current!
    sticks.current = scrollHeight - scrollTop - clientHeight < 80
  }, [])
  // biome-ignore lint/correctness/useExhaustiveDependencies: they say when there is more to see
  useEffect(() => {
    if (sticks.current) scroller.current?.scrollTo({ top: scroller.current.scrollHeight })
  }, [messages, leaf])
  const stick = useCallback(() => {
    sticks.current = true
  }, [])
  return { scroller, onScroll, stick }
}
