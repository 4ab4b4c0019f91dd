import { type KeyboardEvent, useEffect, useRef, useState } from 'react'
import { api } from '../../api/client.js'
import type { Collection, Preset } from '../../api/types.js'
import { IconButton } from '../../components/button.js'
import { SelectField, TextArea, TextField } from '../../components/fields.js'
import { locale, useT } from '../../i18n/index.js'
import { presetTitle } from '../../lib/preset-words.js'
import { createStore, useStore } from '../../lib/store.js'
import { useResource } from '../../lib/use-resource.js'
import { chatOptions } from './options.js'

/** What was typed and not sent; survives a look at another page. */
const written = createStore('')

interface ComposerProps {
  readonly isStreaming: boolean
  readonly disabled: boolean
  readonly onSend: (text: string, parameters?: Readonly<Record<string, string>>) => void
  readonly onStop: () => void
}

export function Composer({ isStreaming, disabled, onSend, onStop }: ComposerProps) {
  const t = useT()
  const text = useStore(written)
  const language = useStore(locale)
  const area = useRef<HTMLTextAreaElement>(null)
  const { preset: presetName } = useStore(chatOptions)
  const presets = useList<Preset>('presets')
  const collections = useList<Collection>('collections')
  const preset = presets.find(({ name }) => name === presetName)
  const [parameters, setParameters] = useState<Readonly<Record<string, string>>>({})
  const values = preset && valuesOf(preset, parameters)
  const complete =
    !preset || preset.parameters.every(({ name, required }) => !required || values![name]?.trim())
  const canSend = !disabled && !isStreaming && text.trim() !== '' && complete

  // biome-ignore lint/correctness/useExhaustiveDependencies: as tall as the text
  useEffect(() => {
    const element = area.current!
    element.style.height = 'auto'
    element.style.height = `${Math.min(element.scrollHeight + 2, 240)}px`
  }, [text])

  const send = () => {
    if (!canSend) return
    onSend(text.trim(), values)
    written.set('')
  }
  const onKeyDown = (event: KeyboardEvent) => {
    // Enter that ends the choice of a Chinese word is not for sending.
    if (event.nativeEvent.isComposing) return
    if (event.key === 'Enter' && !event.shiftKey) {
      event.preventDefault()
      send()
    }
    if (event.key === 'Escape' && isStreaming) onStop()
  }

  return (
    <div className="composer">
      {preset && preset.parameters.length > 0 && (
        <fieldset className="composer-parameters">
          <legend className="small soft">{presetTitle(preset, language)}</legend>
          {preset.parameters.map(({ name, label, description, options, multiline }) => {
            const words = preset.extra?.[language]?.parameters?.[name]
            const hint = words?.description ?? description
            const shared = {
              label: words?.label ?? label ?? name,
              ...(hint ? { hint } : {}),
              value: values![name] ?? '',
            }
            const set = (value: string) =>
              setParameters((old) => ({ ...old, [`${preset.name} ${name}`]: value }))
            if (options)
              return (
                <SelectField
                  key={name}
                  {...shared}
                  options={options.map((value) => ({ value, label: words?.options?.[value] ?? value }))}
                  onChange={(event) => set(event.target.value)}
                />
              )
            return multiline ? (
              <TextArea key={name} {...shared} rows={2} onChange={(event) => set(event.target.value)} />
            ) : (
              <TextField key={name} {...shared} onChange={(event) => set(event.target.value)} />
            )
          })}
        </fieldset>
      )}
      <form
        className="composer-box"
        onSubmit={(event) => {
          event.preventDefault()
          send()
        }}
      >
        <textarea
          ref={area}
          data-composer
          className="composer-text"
          rows={1}
          aria-label={t('chat.write')}
          placeholder={disabled ? t('chat.noModel') : t('chat.write')}
          value={text}
          onChange={(event) => written.set(event.target.value)}
          onKeyDown={onKeyDown}
        />
        <div className="composer-row">
          <Choice
            label={t('chat.preset')}
            none={t('chat.noPreset')}
            field="preset"
            items={presets.map((each) => ({ value: each.name, label: presetTitle(each, language) }))}
          />
          <Choice
            label={t('chat.collection')}
            none={t('chat.noCollection')}
            field="collection"
            items={collections.map(({ name }) => ({ value: name, label: name }))}
          />
          <span className="grow" />
          {isStreaming ? (
            <IconButton className="composer-send" icon="stop" label={t('chat.stop')} onClick={onStop} />
          ) : (
            <IconButton
              className="composer-send"
              icon="send"
              type="submit"
              label={t('common.send')}
              disabled={!canSend}
            />
          )}
        </div>
      </form>
      <p className="composer-note">{t('chat.note')}</p>
    </div>
  )
}

interface ChoiceProps {
  readonly label: string
  readonly none: string
  readonly field: 'preset' | 'collection'
  readonly items: readonly { readonly value: string; readonly label: string }[]
}

function Choice({ label, none, field, items }: ChoiceProps) {
  const options = useStore(chatOptions)
  if (items.length === 0) return null
  const value = items.some((item) => item.value === options[field]) ? options[field] : ''
  return (
    <span className="select select-quiet select-small">
      <select
        className="input"
        aria-label={label}
        value={value}
        onChange={(event) => chatOptions.set((old) => ({ ...old, [field]: event.target.value }))}
      >
        <option value="">{none}</option>
        {items.map((item) => (
          <option key={item.value} value={item.value}>
            {item.label}
          </option>
        ))}
      </select>
    </span>
  )
}

/** A list that may not be there: then there is nothing to choose from. */
function useList<T>(name: string): readonly T[] {
  const { data } = useResource(name, (signal) =>
    api.get<{ readonly items: readonly T[] }>(`api/${name}`, { signal }),
  )
  return data?.items ?? []
}

const valuesOf = (
  preset: Preset,
  typed: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> =>
  Object.fromEntries(
    preset.parameters.map(({ name, default: standard, options }) => [
      name,
      typed[`${preset.name} ${name}`] ?? standard ?? options?.[0] ?? '',
    ]),
  )
