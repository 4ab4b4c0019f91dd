import { useState } from 'react'
import { api } from '../../api/client.js'
import { chatModels, useSession } from '../../api/session.js'
import type { FeedbackKind, PromptMessage } from '../../api/types.js'
import { Button } from '../../components/button.js'
import { Dialog } from '../../components/dialog.js'
import { Segments, SelectField, Slider, TextArea } from '../../components/fields.js'
import { errorText, Progress } from '../../components/states.js'
import { notify } from '../../components/toasts.js'
import { useT } from '../../i18n/index.js'
import { parseTasks, type TaskDraft } from './parse-tasks.js'

const EXAMPLE = '{"prompt": "…", "answers": ["…", "…"]}'

interface AddProps {
  readonly onClose: () => void
  readonly onAdded: () => void
}

interface Completion {
  readonly choices: readonly { readonly message: { readonly content: string | null } }[]
  readonly system_fingerprint?: string
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
  const [done, setDone] = useState<number>()
  const [error, setError] = useState<string>()
  const prompts = text
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean)

  const answered = async (): Promise<TaskDraft[]> => {
    const name = model || session?.live || models[0]?.id || ''
    const tasks: TaskDraft[] = []
    for (const [index, content] of prompts.entries()) {
      setDone(index / prompts.length)
      const messages: readonly PromptMessage[] = [{ role: 'user', content }]
      const body = { model: name, messages, n: count, temperature: 0.9 }
      const answer = await api.post<Completion>('v1/chat/completions', body)
      const version = answer.system_fingerprint
      const answers = answer.choices.map(({ message }) => ({
        text: message.content ?? '',
        model: name,
        ...(version && { modelVersion: version }),
      }))
      tasks.push({ kind: kindOf(count), prompt: messages, answers })
    }
    return tasks
  }

  const add = async () => {
    setError(undefined)
    setDone(0)
    try {
      const tasks = way === 'prompts' ? await answered() : parseTasks(text)
      await api.post('api/labeling/tasks', { tasks })
      notify(t('labeling.added', { n: tasks.length }))
      onAdded()
    } catch (failure) {
      setError(errorText(failure, t))
      setDone(undefined)
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
          <Button
            variant="primary"
            onClick={() => void add()}
            busy={done !== undefined}
            disabled={!text.trim()}
          >
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
              value={model}
              options={models.map(({ id }) => ({ value: id, label: id }))}
              onChange={(event) => setModel(event.target.value)}
            />
            <Slider label={t('compare.count')} min={1} max={9} step={1} value={count} onValue={setCount} />
          </div>
        )}
        {done !== undefined && <Progress label={t('labeling.answering')} value={done} />}
      </div>
    </Dialog>
  )
}

const kindOf = (count: number): FeedbackKind => (count > 1 ? 'ranking' : 'thumb')
