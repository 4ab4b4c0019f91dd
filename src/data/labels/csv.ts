/** Tables as spreadsheets read and write them (RFC 4180). */

export interface CsvRow {
  /** Of the file, from 1; where the row begins. */
  readonly line: number
  readonly cells: Readonly<Record<string, string>>
}

export interface CsvTable {
  readonly columns: readonly string[]
  readonly rows: readonly CsvRow[]
  readonly problems: readonly { readonly line: number; readonly reason: string }[]
}

/** With a byte order mark, without which spreadsheets do not know UTF-8. */
export function writeCsv(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `${cells.map(quoted).join(',')}\r\n`
  return `\ufeff${line(columns)}${rows.map(line).join('')}`
}

/** A cell that a spreadsheet shows and never runs: a formula gets an apostrophe in front. */
export const inert = (text: string): string => (/^[=+\-@\t\r]/.test(text) ? `'${text}` : text)

/** Undoes {@link inert}. */
export const active = (cell: string): string => cell.replace(/^'(?=[=+\-@\t\r])/, '')

const quoted = (cell: string) => (/[",;\t\r\n]|^\s|\s$/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell)

/** The rows under the header; commas, semicolons and tabs are told apart by the header. Wrong rows are named, the others kept. */
export function parseCsv(text: string): CsvTable {
  const source = text.replace(/^\ufeff/, '')
  const header = source.slice(0, source.search(/[\r\n]|$/))
  const delimiter = [',', ';', '\t'].toSorted((a, b) => header.split(b).length - header.split(a).length)[0]!
  const rows: CsvRow[] = []
  const problems: { line: number; reason: string }[] = []
  let columns: string[] | undefined
  let line = 1
  for (let at = 0; at < source.length; ) {
    const row = readRow(source, at, delimiter)
    const here = line
    line += source.slice(at, row.next).split(/\r\n|\r|\n/).length - 1
    at = row.next
    if (row.wrong !== undefined) problems.push({ line: here, reason: row.wrong })
    else if (row.cells.every((cell) => cell.trim() === '')) continue
    else if (!columns) columns = row.cells.map((name) => name.trim().toLowerCase())
    else if (row.cells.length > columns.length && row.cells.slice(columns.length).some((cell) => cell !== ''))
      problems.push({
        line: here,
        reason: `it has ${row.cells.length} cells, and the header ${columns.length}; put text with commas in quotes`,
      })
    else {
      const { cells } = row
      rows.push({ line: here, cells: Object.fromEntries(columns.map((name, i) => [name, cells[i] ?? ''])) })
    }
  }
  return { columns: columns ?? [], rows, problems }
}

function readRow(
  text: string,
  start: number,
  delimiter: string,
): { cells: string[]; next: number; wrong?: string } {
  const cells: string[] = []
  const lineEnd = (from: number) => {
    const end = /\r\n|\r|\n/g
    end.lastIndex = from
    const found = end.exec(text)
    return found ? found.index + found[0].length : text.length
  }
  let at = start
  for (;;) {
    if (text[at] === '"') {
      let cell = ''
      let end = at
      for (;;) {
        const close = text.indexOf('"', end + 1)
        if (close < 0) {
          return { cells, next: lineEnd(start), wrong: 'a quote that is never closed begins in this row' }
        }
        cell += text.slice(end + 1, close)
        if (text[close + 1] !== '"') {
          at = close + 1
          break
        }
        cell += '"'
        end = close + 1
      }
      cells.push(cell)
      const next = text[at]
      if (next !== undefined && next !== delimiter && next !== '\r' && next !== '\n')
        return { cells, next: lineEnd(at), wrong: 'text stands behind a closing quote' }
    } else {
      const from = at
      while (at < text.length && text[at] !== delimiter && text[at] !== '\r' && text[at] !== '\n') at++
      cells.push(text.slice(from, at))
    }
    if (text[at] !== delimiter) return { cells, next: lineEnd(at) }
    at++
  }
}
