/** Starting a stage, or the whole speedrun. */
import { useState } from 'react'
import { api } from '../../api/client.js'
import { Button } from '../../components/button.js'
import { TextField } from '../../components/fields.js'
import { Card, Page as Frame } from '../../components/page.js'
import { ErrorNotice, Spinner } from '../../components/states.js'
import { useT } from '../../i18n/index.js'
import { useResource } from '../../lib/use-resource.js'
import { href, navigate, useRoute } from '../../router.js'
import { InputField } from './path-fields.js'
import { SettingField, settingsOf, useSettingLabel, type Values } from './setting-fields.js'
import type { Run, Stage, Workspace } from './types.js'
import { stageAbout, stageName } from './words.js'

export function NewRun() {
  const t = useT()
  const { query } = useRoute()
  const stages = useResource('stages', (signal) => api.get<{ stages: Stage[] }>('api/stages', { signal }))
  const workspace = useResource('workspace', (signal) => api.get<Workspace>('api/workspace', { signal }))
  const [name, setName] = useState(query.get('stage') ?? 'speedrun')
  const all = stages.data?.stages ?? []
  const stage = all.find((each) => each.name === name) ?? all[0]
  const error = stages.error ?? workspace.error
  return (
    <Frame title={t('train.new')} description={t('train.newAbout')}>
      {error ? (
        <ErrorNotice error={error} onRetry={stages.reload} />
      ) : !stage || !workspace.data ? (
        <Spinner />
      ) : (
        <div className="new-run">
          <fieldset className="stage-list">
            <legend className="visually-hidden">{t('train.stage')}</legend>
            {all.map((each) => (
              <label key={each.name} className="stage-choice">
                <input
                  type="radio"
                  name="stage"
                  value={each.name}
                  checked={each.name === stage.name}
                  onChange={() => setName(each.name)}
                />
                <span className="stage-choice-name">{stageName(each.name, t)}</span>
                <span className="small soft">{stageAbout(each, t)}</span>
              </label>
            ))}
          </fieldset>
          <StageForm key={stage.name} stage={stage} workspace={workspace.data} query={query} />
        </div>
      )}
    </Frame>
  )
}

interface FormProps {
  readonly stage: Stage
  readonly workspace: Workspace
  readonly query: URLSearchParams
}

function StageForm({ stage, workspace, query }: FormProps) {
  const t = useT()
  const label = useSettingLabel()
  const [name, setName] = useState('')
  const [inputs, setInputs] = useState((): Readonly<Record<string, readonly string[]>> => {
    const model = query.get('model')
    return model && stage.inputs.some(({ key }) => key === 'model') ? { model: [model] } : {}
  })
  const [values, setValues] = useState<Values>({})
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<unknown>()
  const { properties } = stage.settings
  const preset = stage.presets?.find((each) => each.name === (values.preset || 'start'))
  const rest = Object.keys(properties).filter((key) => !stage.main.includes(key))

  const field = (key: string) => (
    <SettingField
      key={key}
      name={key}
      setting={properties[key]!}
      value={values[key] ?? ''}
      initial={preset?.settings[key] ?? properties[key]!.default}
      onChange={(value) => setValues((old) => ({ ...old, [key]: value }))}
    />
  )

  const begin = async () => {
    setBusy(true)
    setError(undefined)
    const given = Object.entries(inputs).flatMap(([key, paths]) => {
      const filled = paths.map((path) => path.trim()).filter(Boolean)
      return filled.length === 0 ? [] : [[key, filled] as const]
    })
    try {
      const run = await api.post<Run>('api/runs', {
        stage: stage.name,
        ...(name.trim() ? { name: name.trim() } : {}),
        inputs: Object.fromEntries(given),
        settings: settingsOf(values, properties),
      })
      navigate(href('train', run.id))
    } catch (failure) {
      setError(failure)
      setBusy(false)
    }
  }

  return (
    <Card className="stage-form" title={stageName(stage.name, t)}>
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault()
          void begin()
        }}
      >
        <p className="soft">{stageAbout(stage, t)}</p>
        {stage.inputs.map((input) => (
          <InputField
            key={input.key}
            input={input}
            label={label(input.key)}
            workspace={workspace}
            values={inputs[input.key] ?? []}
            onChange={(paths) => setInputs((old) => ({ ...old, [input.key]: paths }))}
          />
        ))}
        <div className="setting-grid">{stage.main.map(field)}</div>
        {preset && <p className="small soft">{preset.summary}</p>}
        <details className="more-settings">
          <summary>{t('train.form.more', { n: rest.length })}</summary>
          <div className="setting-grid">
            <TextField
              label={t('train.form.name')}
              hint={t('train.form.nameHint')}
              placeholder={stage.name}
              value={name}
              onChange={(event) => setName(event.target.value)}
            />
            {rest.map(field)}
          </div>
        </details>
        {error !== undefined && <ErrorNotice error={error} />}
        <div className="row row-end">
          <a className="button" href={href('train')}>
            {t('common.cancel')}
          </a>
          <Button type="submit" variant="primary" icon="play" busy={busy}>
            {t('train.form.start')}
          </Button>
        </div>
      </form>
    </Card>
  )
}
