import type { ReactNode } from 'react'

/** A table that may be wider than the page: it scrolls by itself, with the keyboard too. */
export function TableFrame({ label, children }: { readonly label: string; readonly children: ReactNode }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: arrow keys scroll what has the focus
    <section className="table-frame" aria-label={label} tabIndex={0}>
      <table className="table">{children}</table>
    </section>
  )
}
