import { useId } from 'react'
import { chatModels, modelOf, useSession } from '../../api/session.js'
import { useT } from '../../i18n/index.js'
import { useStore } from '../../lib/store.js'
import { chatOptions } from './options.js'

/** Chooses the model of the next answers. */
export function ModelPicker() {
  const t = useT()
  const id = useId()
  const { session } = useSession()
  const { model } = useStore(chatOptions)
  const models = chatModels(session)
  if (models.length === 0) return null
  const live = modelOf(session, '')
  return (
    <span className="select select-quiet select-small model-picker">
      <label htmlFor={id} className="visually-hidden">
        {t('chat.model')}
      </label>
      <select
        id={id}
        className="input"
        value={modelOf(session, model)}
        onChange={(event) => chatOptions.set((old) => ({ ...old, model: event.target.value }))}
      >
        {models.map((name) => (
          <option key={name} value={name}>
            {name === live && models.length > 1 ? t('chat.liveModel', { name }) : name}
          </option>
        ))}
      </select>
    </span>
  )
}
