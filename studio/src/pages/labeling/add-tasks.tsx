import { useState } from 'react'
import { api } from '../../api/client.js'
import { chatModels, modelOf, useSession } from '../../api/session.js'
import { Button } from '../../components/button.js'
import { Dialog } from '../../components/dialog.js'
import { Segments, SelectField, Slider, TextArea } from '../../components/fields.js'
import { errorText, Progress } from '../../components/states.js'
import { notify } from '../../components/toasts.js'
import { useT } from '../../i18n/index.js'
import { parseTasks } from './parse-tasks.js'

const EXAMPLE = '{"prompt": "…", "answers": ["…", "…"]}'

interface AddProps {
  readonly onClose: () => void
  readonly onAdded: () => void
}

/** Puts tasks into the queue: prompts that a model answers now, or tasks as JSON lines. */
export function AddTasks({ onClose, onAdded }: AddProps) {
  const t = useT()
  const { session } = useSession()
  const models = chatModels(session)
  const [way, setWay] = useState<'prompts' | 'lines'>(models.length > 0 ? 'prompts' : 'lines')
  const [text, setText] = useState('')
  const [count, setCount] = useState(3)
  const [model, setModel] = useState('')
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<string>()
  const prompts = text
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean)

  const add = async () => {
    setError(undefined)
    setBusy(true)
    try {
      const candidate = { model: modelOf(session, model), temperature: 0.9 }
      const body =
        way === 'prompts'
          ? { prompts, candidates: Array.from({ length: count }, () => candidate) }
          : { tasks: parseTasks(text) }
      const { added } = await api.post<{ readonly added: number }>('api/labeling/tasks', body)
      notify(t('labeling.added', { n: added }))
      onAdded()
    } catch (failure) {
      setError(errorText(failure, t))
      setBusy(false)
    }
  }

  return (
    <Dialog
      title={t('labeling.add')}
      wide
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>{t('common.cancel')}</Button>
          <Button variant="primary" onClick={() => void add()} busy={busy} disabled={!text.trim()}>
            {t('labeling.addAction')}
          </Button>
        </>
      }
    >
      <div className="stack">
        <Segments
          label={t('labeling.way')}
          value={way}
          onChange={setWay}
          options={[
            { value: 'prompts', label: t('labeling.prompts') },
            { value: 'lines', label: t('labeling.lines') },
          ]}
        />
        <TextArea
          label={way === 'prompts' ? t('labeling.prompts') : t('labeling.lines')}
          hint={way === 'prompts' ? t('labeling.promptsHint') : t('labeling.linesHint', { example: EXAMPLE })}
          error={error}
          value={text}
          rows={8}
          spellCheck={way === 'prompts'}
          onChange={(event) => setText(event.target.value)}
        />
        {way === 'prompts' && (
          <div className="compare-setup">
            <SelectField
              label={t('chat.model')}
              value={modelOf(session, model)}
              options={models.map((name) => ({ value: name, label: name }))}
              onChange={(event) => setModel(event.target.value)}
            />
            <Slider label={t('compare.count')} min={1} max={9} step={1} value={count} onValue={setCount} />
          </div>
        )}
        {busy && way === 'prompts' && <Progress label={t('labeling.answering')} />}
      </div>
    </Dialog>
  )
}
