import { type FormEvent, type ReactNode, useId, useState } from 'react'
import { useT } from '../i18n/index.js'
import { Button } from './button.js'
import { Dialog } from './dialog.js'
import { ErrorNotice } from './states.js'

interface Props {
  readonly title: string
  /** On the button that does it. */
  readonly action: string
  /** Everything that is needed is filled in. */
  readonly ready: boolean
  /** Does it; what it throws is shown, and the form stays. */
  readonly onSubmit: () => Promise<void>
  readonly onClose: () => void
  readonly children: ReactNode
  readonly wide?: boolean
}

/** A few fields in a window, and what is done with them: by the button, or by Enter in a field. */
export function FormDialog({ title, action, ready, onSubmit, onClose, children, wide = false }: Props) {
  const t = useT()
  const form = useId()
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<unknown>()
  const submit = async (event: FormEvent) => {
    event.preventDefault()
    if (!ready || busy) return
    setBusy(true)
    setError(undefined)
    await onSubmit().catch(setError)
    setBusy(false)
  }
  return (
    <Dialog
      title={title}
      wide={wide}
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>{t('common.cancel')}</Button>
          <Button variant="primary" type="submit" form={form} busy={busy} disabled={!ready}>
            {action}
          </Button>
        </>
      }
    >
      <form id={form} className="stack" onSubmit={(event) => void submit(event)}>
        {children}
        {error !== undefined && <ErrorNotice error={error} />}
      </form>
    </Dialog>
  )
}
