import type { ReactNode } from 'react'
import { cx } from '../lib/class-names.js'

interface PageProps {
  readonly title: string
  readonly description?: ReactNode
  /** Buttons at the right of the title. */
  readonly actions?: ReactNode
  readonly children: ReactNode
  readonly wide?: boolean
}

/** The frame of a page: title, a line about it, what can be done here, and the content. */
export function Page({ title, description, actions, children, wide }: PageProps) {
  return (
    <div className={cx('page', wide && 'page-wide')}>
      <header className="page-head">
        <div>
          <h1>{title}</h1>
          {description && <p className="page-description">{description}</p>}
        </div>
        {actions && <div className="page-actions">{actions}</div>}
      </header>
      {children}
    </div>
  )
}

interface CardProps {
  readonly title?: ReactNode
  readonly actions?: ReactNode
  readonly children: ReactNode
  readonly className?: string
}

export function Card({ title, actions, children, className }: CardProps) {
  return (
    <section className={cx('card', className)}>
      {(title || actions) && (
        <header className="card-head">
          {title && <h2>{title}</h2>}
          {actions && <div className="row">{actions}</div>}
        </header>
      )}
      {children}
    </section>
  )
}
