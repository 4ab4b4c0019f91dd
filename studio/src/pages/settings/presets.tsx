/** Presets: named templates with places to fill in. */
import { useState } from 'react'
import { api } from '../../api/client.js'
import { Button, IconButton } from '../../components/button.js'
import { ConfirmDialog, Dialog } from '../../components/dialog.js'
import { Switch, TextArea, TextField } from '../../components/fields.js'
import { Card } from '../../components/page.js'
import { Badge, ErrorNotice, errorText, Spinner } from '../../components/states.js'
import { notify } from '../../components/toasts.js'
import { useT } from '../../i18n/index.js'
import { useResource } from '../../lib/use-resource.js'

interface Parameter {
  readonly name: string
  readonly label?: string
  readonly description?: string
  readonly default?: string
  readonly required?: boolean
  readonly multiline?: boolean
  readonly options?: readonly string[]
}

interface Preset {
  readonly name: string
  readonly title?: string
  readonly description?: string
  readonly system?: string
  readonly template: string
  readonly parameters: readonly Parameter[]
  readonly model?: string
  readonly sampling?: Readonly<Record<string, unknown>>
  readonly extra?: Readonly<Record<string, unknown>>
  readonly builtIn: boolean
  readonly changed: boolean
}

export function Presets() {
  const t = useT()
  const presets = useResource('presets', (signal) =>
    api.get<{ presets: Preset[] }>('api/presets', { signal }),
  )
  const [editing, setEditing] = useState<Preset | 'new'>()
  const [removing, setRemoving] = useState<Preset>()
  const remove = async (preset: Preset) => {
    setRemoving(undefined)
    try {
      await api.delete(`api/presets/${encodeURIComponent(preset.name)}`)
      presets.reload()
    } catch (failure) {
      notify(errorText(failure, t), 'bad')
    }
  }
  return (
    <Card
      title={t('settings.presets')}
      actions={
        <Button variant="primary" icon="plus" onClick={() => setEditing('new')}>
          {t('settings.newPreset')}
        </Button>
      }
    >
      <p className="soft">{t('settings.presetsText')}</p>
      {presets.error ? (
        <ErrorNotice error={presets.error} onRetry={presets.reload} />
      ) : !presets.data ? (
        <Spinner />
      ) : (
        <ul className="entries">
          {presets.data.presets.map((preset) => (
            <li key={preset.name} className="entry">
              <div className="grow">
                <p className="row">
                  <strong>{preset.title ?? preset.name}</strong>
                  <code className="soft">{preset.name}</code>
                  {preset.changed && <Badge>{t('settings.changed')}</Badge>}
                </p>
                {preset.description && <p className="small soft">{preset.description}</p>}
              </div>
              <IconButton
                icon="edit"
                label={t('settings.editPreset', { name: preset.title ?? preset.name })}
                onClick={() => setEditing(preset)}
              />
              {(!preset.builtIn || preset.changed) && (
                <IconButton
                  icon={preset.builtIn ? 'retry' : 'trash'}
                  label={preset.builtIn ? t('settings.restore') : t('common.delete')}
                  onClick={() => setRemoving(preset)}
                />
              )}
            </li>
          ))}
        </ul>
      )}
      {editing && (
        <PresetEditor
          preset={editing === 'new' ? undefined : editing}
          onClose={() => setEditing(undefined)}
          onSaved={() => {
            setEditing(undefined)
            notify(t('settings.presetSaved'))
            presets.reload()
          }}
        />
      )}
      {removing && (
        <ConfirmDialog
          title={removing.builtIn ? t('settings.restore') : t('common.delete')}
          text={t(removing.builtIn ? 'settings.restoreText' : 'settings.deletePreset')}
          action={removing.builtIn ? t('settings.restore') : t('common.delete')}
          onClose={() => setRemoving(undefined)}
          onConfirm={() => void remove(removing)}
        />
      )}
    </Card>
  )
}

interface EditorProps {
  readonly preset: Preset | undefined
  readonly onClose: () => void
  readonly onSaved: () => void
}

/** Names of the places in a template, in their order. */
const placesOf = (template: string): string[] =>
  [...new Set([...template.matchAll(/\{([A-Za-z]\w{0,63})\}/g)].map(([, name]) => name!))].filter(
    (name) => name !== 'message' && name !== 'locale',
  )

function PresetEditor({ preset, onClose, onSaved }: EditorProps) {
  const t = useT()
  const [name, setName] = useState(preset?.name ?? '')
  const [title, setTitle] = useState(preset?.title ?? '')
  const [description, setDescription] = useState(preset?.description ?? '')
  const [system, setSystem] = useState(preset?.system ?? '')
  const [template, setTemplate] = useState(preset?.template ?? '{message}')
  const [parameters, setParameters] = useState<readonly Parameter[]>(preset?.parameters ?? [])
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<unknown>()
  const places = placesOf(`${system}\n${template}`)
  const known = places.map((place) => parameters.find((each) => each.name === place) ?? { name: place })
  const set = (place: string, change: Partial<Parameter>) =>
    setParameters((old) => [
      ...old.filter((each) => each.name !== place),
      { ...(old.find((each) => each.name === place) ?? { name: place }), ...change },
    ])
  const store = async () => {
    setBusy(true)
    setError(undefined)
    const filled = (text: string, key: string) => (text.trim() === '' ? {} : { [key]: text })
    const body = {
      ...filled(title, 'title'),
      ...filled(description, 'description'),
      ...filled(system, 'system'),
      template,
      parameters: known.map((each) => ({
        ...each,
        ...(each.default === '' ? { default: undefined } : {}),
      })),
      ...(preset?.model === undefined ? {} : { model: preset.model }),
      ...(preset?.sampling === undefined ? {} : { sampling: preset.sampling }),
      ...(preset?.extra === undefined ? {} : { extra: preset.extra }),
    }
    try {
      if (preset) await api.put(`api/presets/${encodeURIComponent(preset.name)}`, body)
      else await api.post('api/presets', { name: name.trim(), ...body })
      onSaved()
    } catch (failure) {
      setError(failure)
      setBusy(false)
    }
  }
  return (
    <Dialog
      wide
      title={preset ? (preset.title ?? preset.name) : t('settings.newPreset')}
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>{t('common.cancel')}</Button>
          <Button
            variant="primary"
            busy={busy}
            disabled={template.trim() === '' || (!preset && name.trim() === '')}
            onClick={() => void store()}
          >
            {t('common.save')}
          </Button>
        </>
      }
    >
      <div className="stack">
        {!preset && (
          <TextField
            label={t('models.name')}
            hint={t('settings.presetName')}
            value={name}
            onChange={(event) => setName(event.target.value)}
          />
        )}
        <TextField
          label={t('settings.presetTitle')}
          value={title}
          onChange={(event) => setTitle(event.target.value)}
        />
        <TextField
          label={t('settings.presetAbout')}
          value={description}
          onChange={(event) => setDescription(event.target.value)}
        />
        <TextArea
          label={t('settings.system')}
          rows={3}
          value={system}
          onChange={(event) => setSystem(event.target.value)}
        />
        <TextArea
          label={t('settings.template')}
          hint={t('settings.templateHint')}
          rows={6}
          value={template}
          onChange={(event) => setTemplate(event.target.value)}
        />
        {known.length > 0 && (
          <fieldset className="stack">
            <legend className="field-label">{t('settings.parameters')}</legend>
            {known.map((each) => (
              <div key={each.name} className="parameter">
                <code>{each.name}</code>
                <TextField
                  label={t('settings.parameterLabel')}
                  value={each.label ?? ''}
                  onChange={(event) => set(each.name, { label: event.target.value })}
                />
                <TextField
                  label={t('settings.parameterDefault')}
                  value={each.default ?? ''}
                  onChange={(event) => set(each.name, { default: event.target.value })}
                />
                <Switch
                  label={t('settings.parameterRequired')}
                  checked={each.required ?? false}
                  onChange={(required) => set(each.name, { required })}
                />
              </div>
            ))}
          </fieldset>
        )}
        {error !== undefined && <ErrorNotice error={error} />}
      </div>
    </Dialog>
  )
}
