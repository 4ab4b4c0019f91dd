/** A form out of JSON Schema: one control for each setting. */
import { SelectField, TextField } from '../../components/fields.js'
import { en } from '../../i18n/en.js'
import { type PlainKey, useFormats, useT } from '../../i18n/index.js'
import type { Setting } from './types.js'

/** What was typed, by setting; what is not there keeps its default. */
export type Values = Readonly<Record<string, string>>

/** `learningRate` as `Learning rate`. */
function spoken(key: string): string {
  const words = key.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
  return words[0]!.toUpperCase() + words.slice(1)
}

/** The name of a setting in the language of the page, where it has one. */
export function useSettingLabel(): (key: string) => string {
  const t = useT()
  return (key) => {
    const name = `train.setting.${key}`
    return name in en ? t(name as PlainKey) : spoken(key)
  }
}

interface FieldProps {
  readonly name: string
  readonly setting: Setting
  readonly value: string
  /** What holds where nothing is typed; a preset may say otherwise than the schema. */
  readonly initial: unknown
  readonly onChange: (value: string) => void
}

export function SettingField({ name, setting, value, initial, onChange }: FieldProps) {
  const t = useT()
  const format = useFormats()
  const label = useSettingLabel()(name)
  const shown =
    initial === undefined
      ? ''
      : typeof initial === 'number'
        ? format.number(initial, { maximumSignificantDigits: 6, useGrouping: false })
        : String(initial)
  const about = `train.setting.${name}.about`
  const hint = about in en ? t(about as PlainKey) : setting.description
  const byDefault = shown === '' ? t('train.form.unset') : t('train.form.default', { value: shown })
  if (setting.enum || setting.type === 'boolean') {
    const values = setting.enum ?? ['true', 'false']
    const text = (option: string) =>
      setting.enum ? option : option === 'true' ? t('train.form.yes') : t('train.form.no')
    const first = setting.enum || shown === '' ? byDefault : t('train.form.default', { value: text(shown) })
    return (
      <SelectField
        label={label}
        hint={hint}
        value={value}
        onChange={(event) => onChange(event.target.value)}
        options={[
          { value: '', label: first },
          ...values.map((option) => ({ value: option, label: text(option) })),
        ]}
      />
    )
  }
  const isNumber = setting.type === 'integer' || setting.type === 'number'
  return (
    <TextField
      label={label}
      hint={hint}
      value={value}
      placeholder={shown || t('train.form.unset')}
      inputMode={setting.type === 'integer' ? 'numeric' : isNumber ? 'decimal' : 'text'}
      error={
        isNumber && value.trim() !== '' && Number.isNaN(Number(value)) ? t('train.form.number') : undefined
      }
      onChange={(event) => onChange(event.target.value)}
    />
  )
}

/** What was typed as the server wants it: numbers as numbers, and nothing for what was left alone. */
export function settingsOf(
  values: Values,
  properties: Readonly<Record<string, Setting>>,
): Record<string, unknown> {
  const settings: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(values)) {
    const { type } = properties[key] ?? {}
    const text = value.trim()
    if (text === '') continue
    if (type === 'integer' || type === 'number') settings[key] = Number(text)
    else settings[key] = type === 'boolean' ? text === 'true' : text
  }
  return settings
}
