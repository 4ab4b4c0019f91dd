/** Presets: named templates with places to fill in. */
import { useState } from 'react'
import { api } from '../../api/client.js'
import type { Preset, PresetParameter } from '../../api/types.js'
import { Button, IconButton } from '../../components/button.js'
import { ConfirmDialog } from '../../components/dialog.js'
import { Switch, TextArea, TextField } from '../../components/fields.js'
import { FormDialog } from '../../components/form-dialog.js'
import { Card } from '../../components/page.js'
import { Badge, ErrorNotice, errorText, Spinner } from '../../components/states.js'
import { notify } from '../../components/toasts.js'
import { locale, useT } from '../../i18n/index.js'
import { presetAbout, presetTitle } from '../../lib/preset-words.js'
import { useStore } from '../../lib/store.js'
import { useResource } from '../../lib/use-resource.js'

/** A preset with what the model is told. */
interface FullPreset extends Preset {
  readonly system?: string
  readonly template: string
  readonly model?: string
  readonly sampling?: Readonly<Record<string, unknown>>
  readonly builtIn: boolean
  readonly changed: boolean
}

export function Presets() {
  const t = useT()
  const language = useStore(locale)
  const presets = useResource('presets', (signal) =>
    api.get<{ items: FullPreset[] }>('api/presets', { signal }),
  )
  const [editing, setEditing] = useState<FullPreset | 'new'>()
  const [removing, setRemoving] = useState<FullPreset>()
  const remove = async (preset: FullPreset) => {
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
          {presets.data.items.map((preset) => (
            <li key={preset.name} className="entry">
              <div className="grow">
                <p className="row">
                  <strong>{presetTitle(preset, language)}</strong>
                  <code className="soft">{preset.name}</code>
                  {preset.changed && <Badge>{t('settings.changed')}</Badge>}
                </p>
                <p className="small soft">{presetAbout(preset, language)}</p>
              </div>
              <IconButton
                icon="edit"
                label={t('settings.editPreset', { name: presetTitle(preset, language) })}
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
  readonly preset: FullPreset | undefined
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
  const [parameters, setParameters] = useState<readonly PresetParameter[]>(preset?.parameters ?? [])
  const places = placesOf(`${system}\n${template}`)
  const known = places.map((place) => parameters.find((each) => each.name === place) ?? { name: place })
  const set = (place: string, change: Partial<PresetParameter>) =>
    setParameters((old) => [
      ...old.filter((each) => each.name !== place),
      { ...(old.find((each) => each.name === place) ?? { name: place }), ...change },
    ])
  const store = async () => {
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
    if (preset) await api.put(`api/presets/${encodeURIComponent(preset.name)}`, body)
    else await api.post('api/presets', { name: name.trim(), ...body })
    onSaved()
  }
  return (
    <FormDialog
      wide
      title={preset ? (preset.title ?? preset.name) : t('settings.newPreset')}
      action={t('common.save')}
      ready={template.trim() !== '' && (preset !== undefined || name.trim() !== '')}
      onSubmit={store}
      onClose={onClose}
    >
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
    </FormDialog>
  )
}
