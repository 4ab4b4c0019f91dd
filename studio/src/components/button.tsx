import type { ButtonHTMLAttributes, ReactNode, Ref } from 'react'
import { cx } from '../lib/class-names.js'
import { Icon, type IconName } from './icon.js'

interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  readonly variant?: 'plain' | 'primary' | 'quiet' | 'danger'
  readonly icon?: IconName
  readonly small?: boolean
  /** Shows that the work goes on, and takes no second click meanwhile. */
  readonly busy?: boolean
  readonly children?: ReactNode
  readonly ref?: Ref<HTMLButtonElement>
}

export function Button({ variant = 'plain', icon, small, busy, children, className, ...rest }: ButtonProps) {
  return (
    <button
      type="button"
      className={cx('button', `button-${variant}`, small && 'button-small', className)}
      {...rest}
      disabled={rest.disabled || busy}
      aria-busy={busy || undefined}
    >
      {busy ? (
        <span className="spinner" aria-hidden="true" />
      ) : (
        icon && <Icon name={icon} size={small ? 16 : 18} />
      )}
      {children}
    </button>
  )
}

interface IconButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  readonly icon: IconName
  /** What it does: its name for screen readers, and its tooltip. */
  readonly label: string
  readonly size?: number
  readonly pressed?: boolean
  readonly ref?: Ref<HTMLButtonElement>
}

export function IconButton({ icon, label, size = 18, pressed, className, ...rest }: IconButtonProps) {
  return (
    <button
      type="button"
      className={cx('icon-button', className)}
      aria-label={label}
      title={label}
      aria-pressed={pressed}
      {...rest}
    >
      <Icon name={icon} size={size} />
    </button>
  )
}
