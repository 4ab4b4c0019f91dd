import { useCallback, useEffect, useMemo, useState } from 'react'
import { chatModels, needsKey, useSession } from '../../api/session.js'
import { IconButton } from '../../components/button.js'
import { Dialog } from '../../components/dialog.js'
import { useT } from '../../i18n/index.js'
import { useShortcuts } from '../../lib/keys.js'
import { createStore, useStore } from '../../lib/store.js'
import { href, navigate, useRoute } from '../../router.js'
import './chat.css'
import { ConversationList, touchConversations } from './conversations.js'
import { OptionsDrawer } from './options-drawer.js'
import { ChatSession, keepSession, sessionOf } from './session.js'
import { StartPanel } from './start-panel.js'
import { Talk } from './talk.js'

/** The conversation that has no id yet; kept, so that a look at another page does not lose what is being written. */
const draft = createStore(new ChatSession())

export function Page() {
  const t = useT()
  const [id] = useRoute().path
  const unsaved = useStore(draft)
  const session = useMemo(() => (id === undefined ? unsaved : sessionOf(id)), [id, unsaved])
  const [list, setList] = useState(false)
  const [options, setOptions] = useState(false)
  const { session: server } = useSession()

  useEffect(() => {
    if (id !== undefined) void session.load()
  }, [id, session])

  useEffect(() => {
    unsaved.onSaved = (saved) => {
      touchConversations()
      if (draft.get() !== unsaved) return
      keepSession(saved, unsaved)
      draft.set(new ChatSession())
      if (location.hash === href('chat')) navigate(href('chat', saved), { replace: true })
    }
  }, [unsaved])

  useEffect(() => {
    if (id !== undefined) session.onSaved = () => touchConversations()
  }, [id, session])

  const startNew = useCallback(() => {
    if (draft.get().store.get().messages.length > 0 && !draft.get().store.get().streaming)
      draft.set(new ChatSession())
    setList(false)
    navigate(href('chat'))
    requestAnimationFrame(() => document.querySelector<HTMLElement>('[data-composer]')?.focus())
  }, [])

  useShortcuts({
    n: startNew,
    '/': () => document.querySelector<HTMLElement>('[data-conversation-search]')?.focus(),
    i: () => document.querySelector<HTMLElement>('[data-composer]')?.focus(),
    Escape: () => session.stop(),
  })

  const nothingToTalkTo = server !== undefined && !needsKey(server) && chatModels(server).length === 0

  return (
    <div className="chat">
      <section className="chat-list" aria-label={t('chat.conversations')}>
        <ConversationList current={id} onNew={startNew} />
      </section>
      <h1 className="visually-hidden">{t('nav.chat')}</h1>
      {nothingToTalkTo && id === undefined ? (
        <StartPanel session={server} />
      ) : (
        <Talk
          key={session.key}
          session={session}
          canTalk={chatModels(server).length > 0}
          onOptions={() => setOptions(true)}
          listButton={
            <IconButton
              className="chat-list-button"
              icon="list"
              label={t('chat.conversations')}
              onClick={() => setList(true)}
            />
          }
          newButton={<IconButton icon="plus" label={t('chat.new')} onClick={startNew} />}
        />
      )}
      {list && (
        <Dialog side="left" title={t('chat.conversations')} onClose={() => setList(false)}>
          <ConversationList current={id} onNew={startNew} onPick={() => setList(false)} />
        </Dialog>
      )}
      {options && <OptionsDrawer started={id !== undefined} onClose={() => setOptions(false)} />}
    </div>
  )
}
