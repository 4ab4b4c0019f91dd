import { useId, useState } from 'react'
import { api } from '../../api/client.js'
import type { Feedback } from '../../api/types.js'
import { Button, IconButton } from '../../components/button.js'
import { Dialog } from '../../components/dialog.js'
import { TextArea } from '../../components/fields.js'
import { FormDialog } from '../../components/form-dialog.js'
import { errorText } from '../../components/states.js'
import { notify } from '../../components/toasts.js'
import { type PlainKey, useT } from '../../i18n/index.js'
import type { ChatMessage } from './session.js'

interface FeedbackProps {
  readonly message: ChatMessage
  /** What has been said of this message before. */
  readonly given: readonly Feedback[]
  readonly onGiven: () => void
}

/** What is often meant by a thumb; each goes into the reason. */
const reasons: Readonly<Record<1 | -1, readonly PlainKey[]>> = {
  1: ['reason.correct', 'reason.clear', 'reason.kind'],
  [-1]: ['reason.wrong', 'reason.unclear', 'reason.unsafe', 'reason.offTopic'],
}

/** A thumb with a reason for those who want to give one, and the way to a better answer. */
export function FeedbackButtons({ message, given, onGiven }: FeedbackProps) {
  const t = useT()
  const [asking, setAsking] = useState<1 | -1>()
  const [writing, setWriting] = useState(false)
  /** Shown until the server's word is there; null is no thumb. */
  const [said, setSaid] = useState<1 | -1 | null>()
  const before = given.findLast(({ kind }) => kind === 'thumb')
  const thumb = said === undefined ? before?.value : said
  const corrected = given.some(({ kind }) => kind === 'correction')

  const give = async (value: 1 | -1, reason?: string) => {
    setSaid(value)
    try {
      const body = { kind: 'thumb', message: message.id, value, ...(reason ? { reason } : {}) }
      await api.post('api/feedback', body)
      onGiven()
      return true
    } catch (error) {
      setSaid(undefined)
      notify(errorText(error, t), 'bad')
      return false
    }
  }
  const press = async (value: 1 | -1) => {
    if (thumb === value && before) await takeBack(before.id)
    else if (await give(value)) setAsking(value)
  }
  const takeBack = async (id: string) => {
    setSaid(null)
    try {
      await api.delete(`api/feedback/${encodeURIComponent(id)}`)
      onGiven()
    } catch (error) {
      setSaid(undefined)
      notify(errorText(error, t), 'bad')
    }
  }

  return (
    <>
      <IconButton
        icon="up"
        size={16}
        label={t('feedback.good')}
        pressed={thumb === 1}
        onClick={() => void press(1)}
      />
      <IconButton
        icon="down"
        size={16}
        label={t('feedback.bad')}
        pressed={thumb === -1}
        onClick={() => void press(-1)}
      />
      <IconButton
        icon="pen"
        size={16}
        label={t('feedback.correct')}
        pressed={corrected}
        onClick={() => setWriting(true)}
      />
      {asking && (
        <Reason
          value={asking}
          onClose={() => setAsking(undefined)}
          onReason={async (reason) => {
            if (await give(asking, reason)) notify(t('feedback.thanks'))
            setAsking(undefined)
          }}
        />
      )}
      {writing && (
        <Correction message={message} given={given} onClose={() => setWriting(false)} onGiven={onGiven} />
      )}
    </>
  )
}

interface ReasonProps {
  readonly value: 1 | -1
  readonly onReason: (reason: string) => void
  readonly onClose: () => void
}

function Reason({ value, onReason, onClose }: ReasonProps) {
  const t = useT()
  const form = useId()
  const [picked, setPicked] = useState<readonly PlainKey[]>([])
  const [text, setText] = useState('')
  const reason = [...picked.map((key) => t(key)), text.trim()].filter(Boolean).join('; ')
  return (
    <Dialog
      title={value === 1 ? t('feedback.whyGood') : t('feedback.whyBad')}
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>{t('feedback.noReason')}</Button>
          <Button variant="primary" type="submit" form={form} disabled={reason === ''}>
            {t('common.send')}
          </Button>
        </>
      }
    >
      <form
        id={form}
        className="stack"
        onSubmit={(event) => {
          event.preventDefault()
          onReason(reason)
        }}
      >
        <p className="soft">{t('feedback.saved')}</p>
        <fieldset className="chips">
          <legend className="visually-hidden">{t('feedback.reasons')}</legend>
          {reasons[value].map((key) => (
            <label key={key} className="chip">
              <input
                type="checkbox"
                checked={picked.includes(key)}
                onChange={(event) =>
                  setPicked((old) =>
                    event.target.checked ? [...old, key] : old.filter((each) => each !== key),
                  )
                }
              />
              <span className="chip-text">{t(key)}</span>
            </label>
          ))}
        </fieldset>
        <TextArea
          label={t('feedback.ownWords')}
          value={text}
          rows={3}
          maxLength={2000}
          onChange={(event) => setText(event.target.value)}
        />
      </form>
    </Dialog>
  )
}

function Correction({ message, given, onGiven, onClose }: FeedbackProps & { readonly onClose: () => void }) {
  const t = useT()
  const before = given.findLast(({ kind }) => kind === 'correction')?.value
  const [text, setText] = useState(typeof before === 'string' ? before : message.content)
  const save = async () => {
    await api.post('api/feedback', { kind: 'correction', message: message.id, value: text.trim() })
    onGiven()
    notify(t('feedback.thanksCorrection'))
    onClose()
  }
  return (
    <FormDialog
      title={t('feedback.correct')}
      action={t('feedback.saveCorrection')}
      ready={text.trim() !== '' && text.trim() !== message.content.trim()}
      wide
      onSubmit={save}
      onClose={onClose}
    >
      <TextArea
        label={t('feedback.betterAnswer')}
        hint={t('feedback.correctionHint')}
        value={text}
        rows={12}
        onChange={(event) => setText(event.target.value)}
      />
    </FormDialog>
  )
}
