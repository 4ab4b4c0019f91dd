import { useEffect, useState } from 'react'
import { api } from '../../api/client.js'
import { hasScope, useSession } from '../../api/session.js'
import type { LabelProgress, LabelTask } from '../../api/types.js'
import { Button } from '../../components/button.js'
import { TextField } from '../../components/fields.js'
import { Card, Page as Frame } from '../../components/page.js'
import { EmptyState, ErrorNotice, errorText, Progress, Spinner } from '../../components/states.js'
import { notify } from '../../components/toasts.js'
import { useFormats, useT } from '../../i18n/index.js'
import { useShortcuts } from '../../lib/keys.js'
import { createSavedStore, useStore } from '../../lib/store.js'
import { useResource } from '../../lib/use-resource.js'
import { AddTasks } from './add-tasks.js'
import './labeling.css'
import { type Judgement, TaskForm } from './task-form.js'

/** Under which name this browser's person judges. */
const labelerName = createSavedStore(
  'athanor.labeler',
  '',
  (value): value is string => typeof value === 'string',
)

export function Page() {
  const t = useT()
  const labeler = useStore(labelerName)
  const { session } = useSession()
  const [adding, setAdding] = useState(false)
  const progress = useResource('progress', (signal) =>
    api.get<LabelProgress>('api/labeling/progress', { signal }),
  )
  const next = useResource(labeler === '' ? undefined : labeler, async (signal) => {
    const answer = await api.get<{ task?: LabelTask | null } | undefined>('api/labeling/next', {
      signal,
      query: { labeler },
    })
    return { task: answer?.task ?? undefined }
  })
  const reload = () => {
    next.reload()
    progress.reload()
  }
  return (
    <Frame
      title={t('nav.labeling')}
      description={t('labeling.description')}
      actions={
        hasScope(session, 'admin') && (
          <Button icon="plus" onClick={() => setAdding(true)}>
            {t('labeling.add')}
          </Button>
        )
      }
    >
      <div className="labeling">
        <div className="labeling-task">
          {labeler === '' ? (
            <NameForm />
          ) : next.error ? (
            <ErrorNotice error={next.error} onRetry={reload} />
          ) : next.data === undefined ? (
            <Spinner />
          ) : next.data.task ? (
            <Task key={next.data.task.id} task={next.data.task} labeler={labeler} onDone={reload} />
          ) : (
            <EmptyState
              icon="check"
              title={t('labeling.doneTitle')}
              action={
                <Button icon="retry" onClick={reload} busy={next.loading}>
                  {t('labeling.look')}
                </Button>
              }
            >
              {progress.data?.tasks ? t('labeling.doneText') : t('labeling.noTasks')}
            </EmptyState>
          )}
        </div>
        <aside className="labeling-side" aria-label={t('labeling.progress')}>
          {progress.data && <ProgressCard progress={progress.data} labeler={labeler} />}
        </aside>
      </div>
      {adding && (
        <AddTasks
          onClose={() => setAdding(false)}
          onAdded={() => {
            setAdding(false)
            reload()
          }}
        />
      )}
    </Frame>
  )
}

function NameForm() {
  const t = useT()
  const [name, setName] = useState('')
  return (
    <Card title={t('labeling.whoTitle')}>
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault()
          if (name.trim()) labelerName.set(name.trim())
        }}
      >
        <TextField
          label={t('labeling.name')}
          hint={t('labeling.nameHint')}
          value={name}
          maxLength={64}
          autoComplete="nickname"
          onChange={(event) => setName(event.target.value)}
        />
        <div className="row row-end">
          <Button variant="primary" type="submit" disabled={!name.trim()}>
            {t('labeling.begin')}
          </Button>
        </div>
      </form>
    </Card>
  )
}

interface TaskProps {
  readonly task: LabelTask
  readonly labeler: string
  readonly onDone: () => void
}

function Task({ task, labeler, onDone }: TaskProps) {
  const t = useT()
  const [judgement, setJudgement] = useState<Judgement>()
  const [busy, setBusy] = useState(false)
  const send = async (path: 'answers' | 'skip', body: object) => {
    setBusy(true)
    try {
      await api.post(`api/labeling/tasks/${encodeURIComponent(task.id)}/${path}`, { labeler, ...body })
      onDone()
    } catch (error) {
      notify(errorText(error, t), 'bad')
      setBusy(false)
    }
  }
  const save = () => judgement && !busy && void send('answers', judgement)
  const skip = () => !busy && void send('skip', {})
  useShortcuts({ k: skip, 'mod+Enter': () => save() })
  // The next task begins at its top, for eyes and for screen readers.
  useEffect(() => {
    document.getElementById('label-task')?.focus({ preventScroll: false })
  }, [])
  return (
    <Card className="label-card">
      <section className="label-prompt" aria-label={t('labeling.prompt')} id="label-task" tabIndex={-1}>
        {task.prompt.map((message, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: the prompt of a task never changes
          <p key={index} className={`label-turn label-${message.role}`}>
            <span className="label-role">
              {message.role === 'user'
                ? t('labeling.person')
                : message.role === 'assistant'
                  ? t('chat.assistant')
                  : t('options.system')}
            </span>
            {message.content}
          </p>
        ))}
      </section>
      <TaskForm task={task} onJudgement={setJudgement} />
      <div className="row row-end">
        <Button icon="skip" onClick={skip} disabled={busy}>
          {t('labeling.skip')}
        </Button>
        <Button variant="primary" onClick={save} busy={busy} disabled={!judgement}>
          {t('labeling.saveNext')}
        </Button>
      </div>
    </Card>
  )
}

function ProgressCard({ progress, labeler }: { readonly progress: LabelProgress; readonly labeler: string }) {
  const t = useT()
  const format = useFormats()
  const agreement = agreementOf(progress.agreement)
  return (
    <Card title={t('labeling.progress')}>
      <div className="stack">
        <div>
          <p className="small">{t('labeling.done', { done: progress.done, n: progress.tasks })}</p>
          <Progress
            label={t('labeling.progress')}
            value={progress.tasks === 0 ? 0 : progress.done / progress.tasks}
          />
        </div>
        {agreement !== undefined && (
          <p className="small">
            {t('labeling.agreement', { value: format.percent(agreement) })}
            <span className="field-hint"> {t('labeling.agreementHint')}</span>
          </p>
        )}
        {progress.labelers.length > 0 && (
          <ul className="labelers small">
            {progress.labelers.map(({ labeler: name, judged, skipped }) => (
              <li key={name}>
                <span className="grow">{name === labeler ? t('labeling.you', { name }) : name}</span>
                <span className="soft">
                  {t('labeling.judged', { n: judged })}
                  {skipped > 0 && ` · ${t('labeling.skipped', { n: skipped })}`}
                </span>
              </li>
            ))}
          </ul>
        )}
        {labeler !== '' && (
          <Button small onClick={() => labelerName.set('')}>
            {t('labeling.otherName')}
          </Button>
        )}
      </div>
    </Card>
  )
}

/** One number of whatever the server says of agreement: the mean over the kinds of tasks. */
function agreementOf(value: LabelProgress['agreement']): number | undefined {
  if (typeof value === 'number') return value
  const numbers = Object.values(value ?? {}).filter((each): each is number => typeof each === 'number')
  return numbers.length === 0 ? undefined : numbers.reduce((sum, each) => sum + each, 0) / numbers.length
}
