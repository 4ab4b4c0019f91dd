/** Everything that people said and the server knows: out, in, and one person's away. */
import { useRef, useState } from 'react'
import { api, send } from '../../api/client.js'
import { Button } from '../../components/button.js'
import { ConfirmDialog } from '../../components/dialog.js'
import { TextField } from '../../components/fields.js'
import { Card } from '../../components/page.js'
import { errorText } from '../../components/states.js'
import { notify } from '../../components/toasts.js'
import { useT } from '../../i18n/index.js'
import { save } from '../models/save.js'

const total = (counts: Readonly<Record<string, number>>) =>
  Object.values(counts).reduce((sum, count) => sum + count, 0)

export function Transfer() {
  const t = useT()
  const file = useRef<HTMLInputElement>(null)
  const [busy, setBusy] = useState<'export' | 'import' | 'delete'>()
  const [user, setUser] = useState('')
  const [asking, setAsking] = useState(false)
  const run = async (what: 'export' | 'import' | 'delete', work: () => Promise<string>) => {
    setBusy(what)
    try {
      notify(await work())
    } catch (failure) {
      notify(errorText(failure, t), 'bad')
    }
    setBusy(undefined)
  }
  const exportAll = async () => {
    await save(await send('GET', 'api/export'), `athanor-${new Date().toISOString().slice(0, 10)}.jsonl`)
    return t('settings.exported')
  }
  const importFile = (chosen: File) => async () => {
    // The type says what it is: the server takes no form here.
    const body = new Blob([chosen], { type: 'application/octet-stream' })
    const response = await send('POST', 'api/import', body)
    const { added, known } = (await response.json()) as Record<'added' | 'known', Record<string, number>>
    return t('settings.imported', { n: total(added), known: total(known) })
  }
  const forget = async () => {
    const { deleted } = await api.delete<{ deleted: Record<string, number> }>(
      `api/users/${encodeURIComponent(user.trim())}`,
    )
    setUser('')
    return t('settings.forgotten', { n: total(deleted) })
  }
  return (
    <>
      <Card title={t('settings.export')}>
        <p className="soft">{t('settings.exportText')}</p>
        <div className="row">
          <Button icon="download" busy={busy === 'export'} onClick={() => void run('export', exportAll)}>
            {t('settings.exportAction')}
          </Button>
          <Button icon="upload" busy={busy === 'import'} onClick={() => file.current?.click()}>
            {t('settings.importAction')}
          </Button>
          <input
            ref={file}
            type="file"
            hidden
            accept=".jsonl"
            onChange={(event) => {
              const [chosen] = event.target.files ?? []
              if (chosen) void run('import', importFile(chosen))
              event.target.value = ''
            }}
          />
        </div>
      </Card>
      <Card title={t('settings.forget')}>
        <p className="soft">{t('settings.forgetText')}</p>
        <form
          className="forget"
          onSubmit={(event) => {
            event.preventDefault()
            setAsking(true)
          }}
        >
          <TextField
            label={t('settings.user')}
            value={user}
            onChange={(event) => setUser(event.target.value)}
          />
          <Button type="submit" variant="danger" busy={busy === 'delete'} disabled={user.trim() === ''}>
            {t('settings.forgetAction')}
          </Button>
        </form>
        {asking && (
          <ConfirmDialog
            title={t('settings.forget')}
            text={t('settings.forgetSure', { user: user.trim() })}
            action={t('settings.forgetAction')}
            onClose={() => setAsking(false)}
            onConfirm={() => {
              setAsking(false)
              void run('delete', forget)
            }}
          />
        )}
      </Card>
    </>
  )
}
