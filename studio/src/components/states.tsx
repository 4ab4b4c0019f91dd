/** What a page shows when there is nothing, not yet something, or a problem. */
import type { ReactNode } from 'react'
import { ApiError } from '../api/client.js'
import { type Translate, useT } from '../i18n/index.js'
import { Button } from './button.js'
import { Icon, type IconName } from './icon.js'

export function Spinner({ label }: { readonly label?: string }) {
  const t = useT()
  return (
    <p className="loading" role="status">
      <span className="spinner" aria-hidden="true" />
      {label ?? t('common.loading')}
    </p>
  )
}

interface EmptyProps {
  readonly icon: IconName
  readonly title: string
  readonly children?: ReactNode
  readonly action?: ReactNode
}

export function EmptyState({ icon, title, children, action }: EmptyProps) {
  return (
    <div className="empty">
      <span className="empty-icon">
        <Icon name={icon} size={28} />
      </span>
      <h2>{title}</h2>
      {children && <div className="empty-text">{children}</div>}
      {action && <div className="row row-center">{action}</div>}
    </div>
  )
}

/** Any failure in words a person can do something with. */
export function errorText(error: unknown, t: Translate): string {
  if (!(error instanceof ApiError)) return error instanceof Error ? error.message : String(error)
  if (error.status === 0) return t('error.network')
  if (error.status === 401) return t('error.key')
  if (error.status === 403) return t('error.forbidden', { message: error.message })
  if (error.status === 429) return t('error.busy', { message: error.message })
  return error.message || t('error.unknown', { status: error.status })
}

interface NoticeProps {
  readonly error: unknown
  readonly onRetry?: (() => void) | undefined
}

export function ErrorNotice({ error, onRetry }: NoticeProps) {
  const t = useT()
  return (
    <div className="notice notice-error" role="alert">
      <Icon name="warning" />
      <p>{errorText(error, t)}</p>
      {onRetry && (
        <Button small icon="retry" onClick={onRetry}>
          {t('common.retry')}
        </Button>
      )}
    </div>
  )
}

interface ProgressProps {
  readonly label: string
  /** 0 to 1; without it, it only shows that something goes on. */
  readonly value?: number | undefined
}

export function Progress({ label, value }: ProgressProps) {
  return <progress className="progress" aria-label={label} max={1} value={value} />
}

type Tone = 'neutral' | 'good' | 'bad' | 'accent'

export function Badge({
  children,
  tone = 'neutral',
}: {
  readonly children: ReactNode
  readonly tone?: Tone
}) {
  return <span className={`badge badge-${tone}`}>{children}</span>
}
