/** HTML that is escaped by construction: only what this file's template made is markup, everything else becomes text. */
import { visible } from './format.js'

export class Markup {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

type Value = Markup | string | number | undefined | false | readonly Value[]

/** A template whose values are escaped, for text and for attributes in double quotes; arrays are joined, undefined is ''. */
export function html(strings: TemplateStringsArray, ...values: readonly Value[]): Markup {
  return new Markup(
    strings.reduce((text, part, i) => text + part + (i < values.length ? show(values[i]) : ''), ''),
  )
}

function show(value: Value): string {
  if (value === undefined || value === false) return ''
  if (value instanceof Markup) return value.text
  if (typeof value === 'object') return value.map(show).join('')
  return escapeHtml(String(value))
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

export function escapeHtml(text: string): string {
  return visible(text).replace(/[&<>"']/g, (char) => entities[char]!)
}
