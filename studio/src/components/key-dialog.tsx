import { useState } from 'react'
import { apiKey, keyQuestion, setApiKey } from '../api/key.js'
import { refreshSession } from '../api/session.js'
import { useT } from '../i18n/index.js'
import { useStore } from '../lib/store.js'
import { Button } from './button.js'
import { Dialog } from './dialog.js'
import { Switch, TextField } from './fields.js'

/** Asks for an API key when the server wants one. */
export function KeyDialog() {
  const t = useT()
  const question = useStore(keyQuestion)
  const [key, setKey] = useState('')
  const [remember, setRemember] = useState(false)
  const [busy, setBusy] = useState(false)
  if (question !== 'asked') return null
  const refused = apiKey.get() !== undefined
  const close = () => keyQuestion.set('declined')
  const submit = async () => {
    if (!key.trim()) return
    setBusy(true)
    keyQuestion.set('none')
    setApiKey(key.trim(), { remember })
    setKey('')
    await refreshSession()
    setBusy(false)
  }
  return (
    <Dialog title={t('key.title')} onClose={close}>
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault()
          void submit()
        }}
      >
        <p>{t('key.text')}</p>
        <TextField
          label={t('key.label')}
          type="password"
          value={key}
          spellCheck={false}
          error={refused ? t('key.refused') : undefined}
          onChange={(event) => setKey(event.target.value)}
        />
        <Switch
          label={t('key.remember')}
          hint={t('key.rememberHint')}
          checked={remember}
          onChange={setRemember}
        />
        <div className="row row-end">
          <Button onClick={close}>{t('common.cancel')}</Button>
          <Button variant="primary" type="submit" busy={busy} disabled={!key.trim()}>
            {t('key.use')}
          </Button>
        </div>
      </form>
    </Dialog>
  )
}
