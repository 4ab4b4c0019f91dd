/** Makes the model of a folder a version of a name that can be talked to. */
import { useState } from 'react'
import { api } from '../../api/client.js'
import { refreshSession } from '../../api/session.js'
import { Button } from '../../components/button.js'
import { Dialog } from '../../components/dialog.js'
import { Switch, TextField } from '../../components/fields.js'
import { ErrorNotice } from '../../components/states.js'
import { notify } from '../../components/toasts.js'
import { useT } from '../../i18n/index.js'
import { href, navigate } from '../../router.js'

interface Props {
  /** In the workspace; asked for where it is not known. */
  readonly dir?: string
  readonly run?: string
  readonly suggestion: string
  readonly onClose: () => void
  readonly onAdded?: () => void
}

export function AddModel({ dir, run, suggestion, onClose, onAdded }: Props) {
  const t = useT()
  const [name, setName] = useState(suggestion)
  const [folder, setFolder] = useState(dir ?? '')
  const [promote, setPromote] = useState(true)
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<unknown>()
  const add = async () => {
    setBusy(true)
    setError(undefined)
    try {
      await api.post(`api/models/${encodeURIComponent(name.trim())}/versions`, {
        dir: folder.trim(),
        promote,
        ...(run === undefined ? {} : { run }),
      })
      notify(t('models.added', { name: name.trim() }))
      void refreshSession()
      onClose()
      if (onAdded) onAdded()
      else navigate(href('models'))
    } catch (failure) {
      setError(failure)
      setBusy(false)
    }
  }
  return (
    <Dialog
      title={t('models.add')}
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>{t('common.cancel')}</Button>
          <Button
            variant="primary"
            busy={busy}
            disabled={!name.trim() || !folder.trim()}
            onClick={() => void add()}
          >
            {t('models.addAction')}
          </Button>
        </>
      }
    >
      <div className="stack">
        <TextField
          label={t('models.name')}
          hint={t('models.nameHint')}
          value={name}
          onChange={(event) => setName(event.target.value)}
        />
        {dir === undefined ? (
          <TextField
            label={t('train.folder')}
            hint={t('models.folderHint')}
            placeholder="runs/sft"
            value={folder}
            onChange={(event) => setFolder(event.target.value)}
          />
        ) : (
          <p className="small soft">
            {t('train.folder')}: <code>{dir}</code>
          </p>
        )}
        <Switch label={t('models.promoteAtOnce')} checked={promote} onChange={setPromote} />
        {error !== undefined && <ErrorNotice error={error} />}
      </div>
    </Dialog>
  )
}
