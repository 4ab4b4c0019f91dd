/** Makes the model of a folder a version of a name that can be talked to. */
import { useState } from 'react'
import { api } from '../../api/client.js'
import { refreshSession } from '../../api/session.js'
import { Switch, TextField } from '../../components/fields.js'
import { FormDialog } from '../../components/form-dialog.js'
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
  const add = async () => {
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
  }
  return (
    <FormDialog
      title={t('models.add')}
      action={t('models.addAction')}
      ready={name.trim() !== '' && folder.trim() !== ''}
      onSubmit={add}
      onClose={onClose}
    >
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
    </FormDialog>
  )
}
