import type { RawDocument } from './item.js'

/** Where in a record the text is, and what goes with it. */
export interface FieldOptions {
  readonly field?: string | readonly string[] | undefined
  readonly titleField: string
  readonly urlField: string
  readonly licenceField: string
  readonly languageField: string
}

export const TEXT_FIELDS = ['text', 'content', 'body'] as const

/** The names of the fields that hold the text, of those that are there; undefined when none is. */
export function findTextFields(
  there: readonly string[],
  { field }: FieldOptions,
): readonly string[] | undefined {
  if (field === undefined) {
    const found = TEXT_FIELDS.find((name) => there.includes(name))
    return found === undefined ? undefined : [found]
  }
  const wanted = typeof field === 'string' ? [field] : field
  return wanted.every((name) => there.includes(name)) ? wanted : undefined
}

/** A document's text and origin, or the reason why there is no text. */
export function readRecord(
  value: unknown,
  options: FieldOptions,
): (Omit<RawDocument, 'id' | 'title' | 'position'> & { title?: string }) | string {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return `no text in ${wanted(options)} (it is not an object with fields)`
  const record = value as Record<string, unknown>
  const text = textOf(record, options)
  if (text === undefined) {
    const keys = Object.keys(record).slice(0, 8)
    const there = keys.length > 0 ? `it has ${keys.join(', ')}` : 'it has no fields'
    return `no text in ${wanted(options)} (${there})`
  }
  const title = stringAt(record, options.titleField)
  const url = stringAt(record, options.urlField)
  const licence = stringAt(record, options.licenceField) ?? stringAt(record, 'licence')
  const language = stringAt(record, options.languageField)
  return {
    text,
    ...(title !== undefined && { title }),
    ...(url !== undefined && { url }),
    ...(licence !== undefined && { licence }),
    ...(language !== undefined && { language }),
  }
}

export function wanted({ field }: FieldOptions): string {
  if (field === undefined) return `the fields ${TEXT_FIELDS.join(', ')}; name another one with "field"`
  return typeof field === 'string'
    ? `the field "${field}"`
    : `the fields ${field.map((f) => `"${f}"`).join(', ')}`
}

function textOf(record: Record<string, unknown>, { field }: FieldOptions): string | undefined {
  if (typeof field === 'string') return textAt(record, field)
  if (field === undefined) {
    for (const name of TEXT_FIELDS) {
      const text = textAt(record, name)
      if (text !== undefined) return text
    }
    return undefined
  }
  const parts: string[] = []
  for (const name of field) {
    const text = textAt(record, name)
    if (text === undefined) return undefined
    if (text !== '') parts.push(text)
  }
  return parts.join('\n\n')
}

function textAt(record: Record<string, unknown>, name: string): string | undefined {
  const value = Object.hasOwn(record, name) ? record[name] : undefined
  return typeof value === 'string' ? value : undefined
}

function stringAt(record: Record<string, unknown>, name: string): string | undefined {
  const value = textAt(record, name)
  return value === undefined || value === '' ? undefined : value
}
