/** Short messages about what just happened; read out by screen readers, gone after a while. */
import { useT } from '../i18n/index.js'
import { createStore, useStore } from '../lib/store.js'
import { IconButton } from './button.js'

interface Toast {
  readonly id: number
  readonly text: string
  readonly tone: 'good' | 'bad'
}

const toasts = createStore<readonly Toast[]>([])
let count = 0

const dismiss = (id: number) => toasts.set((all) => all.filter((toast) => toast.id !== id))

export function notify(text: string, tone: Toast['tone'] = 'good'): void {
  const id = ++count
  toasts.set((all) => [...all.slice(-2), { id, text, tone }])
  setTimeout(() => dismiss(id), tone === 'bad' ? 12_000 : 4_000)
}

export function Toasts() {
  const t = useT()
  const all = useStore(toasts)
  return (
    <div className="toasts" role="status" aria-live="polite">
      {all.map((toast) => (
        <div key={toast.id} className={`toast toast-${toast.tone}`}>
          <span>{toast.text}</span>
          <IconButton icon="close" label={t('common.dismiss')} size={16} onClick={() => dismiss(toast.id)} />
        </div>
      ))}
    </div>
  )
}
