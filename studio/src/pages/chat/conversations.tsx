import { useEffect, useState } from 'react'
import { api } from '../../api/client.js'
import type { Conversation, PageOf } from '../../api/types.js'
import { Button, IconButton } from '../../components/button.js'
import { ConfirmDialog } from '../../components/dialog.js'
import { TextField } from '../../components/fields.js'
import { FormDialog } from '../../components/form-dialog.js'
import { Icon } from '../../components/icon.js'
import { ErrorNotice, errorText } from '../../components/states.js'
import { notify } from '../../components/toasts.js'
import { useFormats, useT } from '../../i18n/index.js'
import { createStore, useStore } from '../../lib/store.js'
import { useResource } from '../../lib/use-resource.js'
import { href, navigate } from '../../router.js'
import { forgetSession } from './session.js'

/** Grows when conversations have changed elsewhere; the list asks again. */
const changes = createStore(0)

export const touchConversations = (): void => changes.set((n) => n + 1)

interface ListProps {
  readonly current: string | undefined
  readonly onNew: () => void
  readonly onPick?: () => void
}

export function ConversationList({ current, onNew, onPick }: ListProps) {
  const t = useT()
  const [find, setFind] = useState('')
  const q = useDebounced(find.trim(), 200)
  const changed = useStore(changes)
  const [limit, setLimit] = useState(50)
  const [renaming, setRenaming] = useState<Conversation>()
  const [removing, setRemoving] = useState<Conversation>()
  const list = useResource(`${q} ${limit}`, (signal) =>
    api.get<PageOf<Conversation>>('api/conversations', { signal, query: { q, limit } }),
  )
  const { reload } = list
  useEffect(() => {
    if (changed > 0) reload()
  }, [changed, reload])
  const [before, setBefore] = useState<PageOf<Conversation>>()
  useEffect(() => {
    if (list.data) setBefore(list.data)
  }, [list.data])
  const page = list.data ?? before

  return (
    <div className="conversations">
      <Button icon="plus" variant="primary" onClick={onNew}>
        {t('chat.new')}
      </Button>
      <div className="search">
        <Icon name="search" size={16} />
        <input
          type="search"
          className="input"
          data-conversation-search
          aria-label={t('chat.search')}
          placeholder={t('chat.search')}
          value={find}
          onChange={(event) => setFind(event.target.value)}
        />
      </div>
      {list.error ? <ErrorNotice error={list.error} onRetry={reload} /> : null}
      {page && page.items.length === 0 && !list.loading && (
        <p className="conversations-none">{q ? t('chat.notFound', { q }) : t('chat.noConversations')}</p>
      )}
      <ul className="conversation-items" aria-busy={list.loading}>
        {page?.items.map((conversation) => (
          <Item
            key={conversation.id}
            conversation={conversation}
            isCurrent={conversation.id === current}
            onPick={onPick}
            onRename={() => setRenaming(conversation)}
            onRemove={() => setRemoving(conversation)}
          />
        ))}
      </ul>
      {page?.next && (
        <Button small onClick={() => setLimit((n) => n + 100)} busy={list.loading}>
          {t('common.more')}
        </Button>
      )}
      {renaming && <Rename conversation={renaming} onClose={() => setRenaming(undefined)} />}
      {removing && (
        <Remove
          conversation={removing}
          isCurrent={removing.id === current}
          onClose={() => setRemoving(undefined)}
        />
      )}
    </div>
  )
}

interface ItemProps {
  readonly conversation: Conversation
  readonly isCurrent: boolean
  readonly onPick: (() => void) | undefined
  readonly onRename: () => void
  readonly onRemove: () => void
}

function Item({ conversation, isCurrent, onPick, onRename, onRemove }: ItemProps) {
  const t = useT()
  const format = useFormats()
  const title = conversation.title || t('chat.untitled')
  return (
    <li className="conversation">
      <a
        className="conversation-link"
        href={href('chat', conversation.id)}
        aria-current={isCurrent ? 'page' : undefined}
        onClick={onPick}
      >
        <span className="conversation-title">{title}</span>
        <span className="conversation-time">{format.ago(conversation.updated)}</span>
      </a>
      <span className="conversation-actions">
        <IconButton icon="edit" size={15} label={t('chat.rename', { title })} onClick={onRename} />
        <IconButton icon="trash" size={15} label={t('chat.delete', { title })} onClick={onRemove} />
      </span>
    </li>
  )
}

function Rename({
  conversation,
  onClose,
}: {
  readonly conversation: Conversation
  readonly onClose: () => void
}) {
  const t = useT()
  const [title, setTitle] = useState(conversation.title)
  const save = async () => {
    await api.patch(`api/conversations/${encodeURIComponent(conversation.id)}`, { title: title.trim() })
    touchConversations()
    onClose()
  }
  return (
    <FormDialog
      title={t('chat.renameTitle')}
      action={t('common.save')}
      ready={title.trim() !== ''}
      onSubmit={save}
      onClose={onClose}
    >
      <TextField
        label={t('chat.name')}
        value={title}
        maxLength={200}
        onChange={(event) => setTitle(event.target.value)}
      />
    </FormDialog>
  )
}

interface RemoveProps {
  readonly conversation: Conversation
  readonly isCurrent: boolean
  readonly onClose: () => void
}

function Remove({ conversation, isCurrent, onClose }: RemoveProps) {
  const t = useT()
  const [busy, setBusy] = useState(false)
  const remove = async () => {
    setBusy(true)
    try {
      await api.delete(`api/conversations/${encodeURIComponent(conversation.id)}`)
      forgetSession(conversation.id)
      touchConversations()
      onClose()
      if (isCurrent) navigate(href('chat'))
    } catch (error) {
      notify(errorText(error, t), 'bad')
      setBusy(false)
    }
  }
  return (
    <ConfirmDialog
      title={t('chat.deleteTitle')}
      text={t('chat.deleteText', { title: conversation.title || t('chat.untitled') })}
      action={t('common.delete')}
      busy={busy}
      onConfirm={remove}
      onClose={onClose}
    />
  )
}

function useDebounced<T>(value: T, milliseconds: number): T {
  const [settled, setSettled] = useState(value)
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), milliseconds)
    return () => clearTimeout(timer)
  }, [value, milliseconds])
  return settled
}
