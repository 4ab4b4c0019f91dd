/** What the sections of the page are built of: numbered figures, tables, notes. */
import { html, type Markup } from './markup.js'
import type { ReportData } from './schema.js'

export interface Section {
  readonly id: string
  readonly title: string
  readonly body: Markup
}

export interface FigureParts {
  /** Draws with an id that nothing else on the page has. */
  readonly plot: (id: string) => Markup
  readonly caption: Markup | string
  readonly legend?: Markup | undefined
  /** The same numbers as a table, for those who cannot see the plot. */
  readonly table?: Markup | undefined
}

/** Figures in the order in which they are made. */
export class Figures {
  #made = 0

  figure({ plot, caption, legend, table }: FigureParts): Markup {
    const number = ++this.#made
    const id = `figure-${number}`
    return html`<figure id="${id}">${legend}${plot(id)}<figcaption><b>Figure ${number}.</b> ${caption}</figcaption>${
      table && html`<details><summary>The numbers of figure ${number}</summary>${table}</details>`
    }</figure>`
  }
}

export interface TableParts {
  /** Says what the table holds; read aloud, and above the table where `showLabel`. */
  readonly label: string
  readonly showLabel?: boolean
  readonly head: readonly (Markup | string)[]
  readonly rows: readonly (Markup | readonly (Markup | string | undefined)[])[]
  /** Of words, set to the left and no wider than they are. */
  readonly texts?: boolean
}

/** A table that scrolls by itself where the page is narrow. A row of plain cells begins with its name. */
export function table({ label, showLabel = false, head, rows, texts = false }: TableParts): Markup {
  const body = rows.map((row) =>
    'text' in row
      ? row
      : html`<tr>${row.map((cell, i) => (i === 0 ? html`<th scope="row">${cell}</th>` : html`<td>${cell ?? '–'}</td>`))}</tr>`,
  )
  return html`<div class="scroll" role="region" aria-label="${label}" tabindex="0"><table${texts ? html` class="texts narrow"` : undefined}>${
    showLabel && html`<caption>${label}</caption>`
  }<thead><tr>${head.map((cell) => html`<th scope="col">${cell}</th>`)}</tr></thead><tbody>${body}</tbody></table></div>`
}

/** A paragraph, where there is a text. */
export function paragraph(text: string | undefined): Markup | undefined {
  return text === undefined || text === '' ? undefined : html`<p>${text}</p>`
}

/** Gives each stage one colour in all of the report. */
export function stageStyles(data: ReportData): (stage: string) => number {
  const names = [
    ...(data.scores?.stages ?? []),
    ...(data.wins?.stages ?? []),
    ...data.stages.map(({ name }) => name),
    ...data.samples.flatMap(({ answers }) => answers.map(({ stage }) => stage)),
  ]
  const order = [...new Set(names)]
  return (stage) => Math.max(0, order.indexOf(stage)) % 6
}
