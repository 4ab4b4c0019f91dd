/** Choosing what a stage reads: models, files, names. */
import { useId } from 'react'
import { Button, IconButton } from '../../components/button.js'
import { SelectField, TextField } from '../../components/fields.js'
import { useT } from '../../i18n/index.js'
import type { StageInput, Workspace } from './types.js'

interface Props {
  readonly input: StageInput
  readonly label: string
  readonly workspace: Workspace
  readonly values: readonly string[]
  readonly onChange: (values: readonly string[]) => void
}

export function InputField(props: Props) {
  const { kind } = props.input
  return kind === 'model' || kind === 'reward-model' ? <ModelField {...props} /> : <ListField {...props} />
}

function ModelField({ input, label, workspace, values, onChange }: Props) {
  const t = useT()
  // Reward models that nobody registered are known by their name only: all are offered, the likely first.
  const wanted = input.kind === 'reward-model' ? 'reward' : 'decoder'
  const likely = ({ kind, path }: Workspace['models'][number]) =>
    (kind ?? (/reward/i.test(path) ? 'reward' : 'decoder')) === wanted
  const models = workspace.models.filter(({ kind }) => kind === undefined || kind === wanted)
  const sorted = [...models.filter(likely), ...models.filter((model) => !likely(model))]
  return (
    <SelectField
      label={label}
      hint={input.description}
      required={input.required}
      value={values[0] ?? ''}
      onChange={(event) => onChange(event.target.value === '' ? [] : [event.target.value])}
      options={[
        { value: '', label: models.length === 0 ? t('train.form.noModels') : t('train.form.choose') },
        ...sorted.map(({ path, name }) => ({ value: path, label: name ?? path })),
      ]}
    />
  )
}

function ListField({ input, label, workspace, values, onChange }: Props) {
  const t = useT()
  const list = useId()
  const rows = values.length === 0 ? [''] : values
  const set = (index: number, value: string) => onChange(rows.map((old, i) => (i === index ? value : old)))
  return (
    <fieldset className="path-list">
      <legend className="field-label">{label}</legend>
      {rows.map((value, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: rows have no other name
        <div key={index} className="path-row">
          <TextField
            className="grow"
            label={`${label} ${index + 1}`}
            hideLabel
            list={input.kind === 'files' ? list : undefined}
            required={input.required && index === 0}
            placeholder={input.kind === 'files' ? t('train.form.path') : ''}
            value={value}
            onChange={(event) => set(index, event.target.value)}
          />
          {rows.length > 1 && (
            <IconButton
              icon="close"
              label={t('common.delete')}
              onClick={() => onChange(rows.filter((_, i) => i !== index))}
            />
          )}
        </div>
      ))}
      <p className="field-hint">{input.description}</p>
      {rows.at(-1) !== '' && (
        <Button small variant="quiet" icon="plus" onClick={() => onChange([...rows, ''])}>
          {t('train.form.another')}
        </Button>
      )}
      <datalist id={list}>
        {workspace.files.map(({ path }) => (
          <option key={path} value={path} />
        ))}
      </datalist>
    </fieldset>
  )
}
