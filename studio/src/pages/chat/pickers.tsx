import { useId } from 'react'
import { chatModels, useSession } from '../../api/session.js'
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
  const live = session?.live ?? models[0]!.id
  const value = models.some((each) => each.id === model) ? model : live
  return (
    <span className="select select-quiet select-small model-picker">
      <label htmlFor={id} className="visually-hidden">
        {t('chat.model')}
      </label>
      <select
        id={id}
        className="input"
        value={value}
        onChange={(event) => chatOptions.set((old) => ({ ...old, model: event.target.value }))}
      >
        {models.map((each) => (
          <option key={each.id} value={each.id}>
            {each.id === live && models.length > 1 ? t('chat.liveModel', { name: each.id }) : each.id}
          </option>
        ))}
      </select>
    </span>
  )
}
