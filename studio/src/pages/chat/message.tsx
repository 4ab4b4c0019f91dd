import { type KeyboardEvent, memo, useState } from 'react'
import type { Feedback } from '../../api/types.js'
import { Button, IconButton } from '../../components/button.js'
import { CopyButton } from '../../components/copy-button.js'
import { Markdown } from '../../components/markdown.js'
import { useFormats, useT } from '../../i18n/index.js'
import { FeedbackButtons } from './feedback.js'
import type { ChatMessage } from './session.js'
import { Sources } from './sources.js'

interface Shared {
  readonly message: ChatMessage
  readonly place: { readonly ids: readonly string[]; readonly index: number }
  readonly onSelect: (id: string) => void
  /** An answer is being written somewhere in this conversation. */
  readonly isBusy: boolean
}

export function UserMessage({
  message,
  place,
  onSelect,
  isBusy,
  onEdit,
}: Shared & { readonly onEdit: (text: string) => void }) {
  const t = useT()
  const [draft, setDraft] = useState<string>()
  const save = () => {
    if (!draft?.trim()) return
    setDraft(undefined)
    onEdit(draft.trim())
  }
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.nativeEvent.isComposing) return
    if (event.key === 'Escape') setDraft(undefined)
    if (event.key === 'Enter' && !event.shiftKey) {
      event.preventDefault()
      save()
    }
  }
  if (draft !== undefined)
    return (
      <article className="message message-user" aria-label={t('chat.you')}>
        <div className="message-edit">
          <textarea
            className="input textarea"
            aria-label={t('chat.editLabel')}
            value={draft}
            ref={(element) => element?.focus()}
            onChange={(event) => setDraft(event.target.value)}
            onKeyDown={onKeyDown}
          />
          <div className="row row-end">
            <Button small onClick={() => setDraft(undefined)}>
              {t('common.cancel')}
            </Button>
            <Button small variant="primary" onClick={save} disabled={!draft.trim() || isBusy}>
              {t('common.send')}
            </Button>
          </div>
        </div>
      </article>
    )
  return (
    <article className="message message-user" aria-label={t('chat.you')}>
      <div className="bubble">{message.content}</div>
      <div className="message-actions">
        <Siblings place={place} onSelect={onSelect} disabled={isBusy} />
        <CopyButton text={message.content} label={t('chat.copyMessage')} />
        <IconButton
          icon="edit"
          size={16}
          label={t('chat.edit')}
          disabled={isBusy}
          onClick={() => setDraft(message.content)}
        />
      </div>
    </article>
  )
}

interface AnswerProps extends Shared {
  readonly isStreaming: boolean
  readonly feedback: readonly Feedback[]
  readonly onFeedback: () => void
  readonly onRetry: () => void
}

export function AnswerMessage(props: AnswerProps) {
  const { message, place, onSelect, isBusy, isStreaming, feedback, onFeedback, onRetry } = props
  const t = useT()
  return (
    <article className="message message-answer" aria-label={t('chat.assistant')}>
      {isStreaming && message.content === '' ? (
        <p className="thinking" aria-label={t('chat.thinking')} role="img">
          <span />
          <span />
          <span />
        </p>
      ) : (
        <Body text={message.content} />
      )}
      {message.citations && message.citations.length > 0 && <Sources citations={message.citations} />}
      {!isStreaming && (
        <div className="message-actions">
          <Siblings place={place} onSelect={onSelect} disabled={isBusy} />
          <CopyButton text={message.content} label={t('chat.copyAnswer')} />
          <IconButton icon="retry" size={16} label={t('chat.retry')} disabled={isBusy} onClick={onRetry} />
          {!message.local && <FeedbackButtons message={message} given={feedback} onGiven={onFeedback} />}
          <Facts message={message} />
        </div>
      )}
    </article>
  )
}

/** Formatting costs more than the rest of a message; it is done again only for other words. */
const Body = memo(({ text }: { readonly text: string }) => <Markdown text={text} />)
Body.displayName = 'Body'

function Facts({ message }: { readonly message: ChatMessage }) {
  const t = useT()
  const format = useFormats()
  const end =
    message.finish === 'length'
      ? t('chat.cutOff')
      : message.finish === 'cancelled'
        ? t('chat.stopped')
        : message.finish === 'error'
          ? t('chat.brokeOff')
          : undefined
  return (
    <span className="message-facts" title={format.date(message.created)}>
      {end && <span className="message-end">{end}</span>}
      {message.model && <span>{message.model}</span>}
      {message.usage && <span>{t('chat.tokens', { n: message.usage.completionTokens })}</span>}
    </span>
  )
}

interface SiblingsProps {
  readonly place: Shared['place']
  readonly onSelect: (id: string) => void
  readonly disabled: boolean
}

/** Steps through the versions of a message. */
function Siblings({ place: { ids, index }, onSelect, disabled }: SiblingsProps) {
  const t = useT()
  if (ids.length < 2) return null
  return (
    <span className="siblings">
      <IconButton
        icon="left"
        size={16}
        label={t('chat.previousVersion')}
        disabled={disabled || index === 0}
        onClick={() => onSelect(ids[index - 1]!)}
      />
      <span>
        <span className="visually-hidden">{t('chat.version')} </span>
        {index + 1} / {ids.length}
      </span>
      <IconButton
        icon="right"
        size={16}
        label={t('chat.nextVersion')}
        disabled={disabled || index === ids.length - 1}
        onClick={() => onSelect(ids[index + 1]!)}
      />
    </span>
  )
}
