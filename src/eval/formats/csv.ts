/** CSV as RFC 4180 has it: quoted fields may hold delimiters, line ends and doubled quotes. */

export interface CsvRow {
  /** Line that the row begins on, from 1. */
  readonly line: number
  readonly fields: readonly string[]
  readonly broken?: string
}

/** The rows of a text; empty lines are no rows. A quote that is never closed breaks the row, and reading goes on after its line. */
export function* parseCsv(text: string, delimiter = ','): Generator<CsvRow> {
  let at = text.startsWith('\ufeff') ? 1 : 0
  let line = 1
  while (at < text.length) {
    const row = readRow(text, at, delimiter)
    const isEmpty = row.fields.length === 1 && row.fields[0] === '' && !row.broken
    if (!isEmpty) yield { line, fields: row.fields, ...(row.broken ? { broken: row.broken } : {}) }
    line += countLines(text, at, row.end)
    at = row.end
  }
}

function readRow(
  text: string,
  start: number,
  delimiter: string,
): { fields: string[]; end: number; broken?: string } {
  const fields: string[] = []
  let at = start
  for (;;) {
    let field = ''
    if (text[at] === '"') {
      for (;;) {
        const close = text.indexOf('"', at + 1)
        if (close < 0) return { fields: [], end: nextLine(text, start), broken: 'a quote is never closed' }
        field += text.slice(at + 1, close)
        at = close + 1
        if (text[at] !== '"') break
        field += '"'
      }
      const after = text[at]
      if (after !== undefined && after !== delimiter && after !== '\n' && after !== '\r')
        return { fields: [], end: nextLine(text, at), broken: 'text stands behind a closing quote' }
    } else {
      const begin = at
      while (at < text.length && text[at] !== delimiter && text[at] !== '\n' && text[at] !== '\r') at++
      field = text.slice(begin, at)
    }
    fields.push(field)
    if (text[at] === delimiter) at++
    else return { fields, end: nextLine(text, at) }
  }
}

/** Where the next line begins. */
function nextLine(text: string, at: number): number {
  for (let i = at; i < text.length; i++) {
    if (text[i] === '\n') return i + 1
    if (text[i] === '\r') return text[i + 1] === '\n' ? i + 2 : i + 1
  }
  return text.length
}

function countLines(text: string, start: number, end: number): number {
  let lines = 0
  for (let i = start; i < end; i++)
    if (text[i] === '\n' || (text[i] === '\r' && text[i + 1] !== '\n')) lines++
  return lines
}
