import { type FieldOptions, findTextFields, readRecord, wanted } from './fields.js'
import type { Input } from './input.js'
import { FileFault, type Item } from './item.js'
import { readUtf8 } from './utf8-text.js'

export interface CsvOptions extends FieldOptions {
  readonly maxRecordBytes: number
  readonly delimiter?: string | undefined
  readonly columns?: readonly string[] | undefined
  readonly quotes?: boolean | undefined
}

/** One row: its cells, or what is wrong with it, and where the next one begins; undefined when the text ends before it does. */
type Row = { cells: string[]; next: number; wrong?: string } | undefined

/**
 * One document for each row (RFC 4180; cells may hold line ends and doubled quotes). A row that is broken, or whose cells are
 * not as many as the columns, is skipped; after a quote that never closes reading goes on with the next line.
 */
export async function* readCsv(input: Input, options: CsvOptions): AsyncGenerator<Item[]> {
  const { path } = input
  const after = Number(input.after[0] ?? 0)
  let columns = options.columns
  let delimiter = options.delimiter
  let quotes = options.quotes
  let rest = ''
  let line = 1
  let count = 0
  /** What comes until the next line end belongs to a row that was given up. */
  let dropping = false
  let items: Item[] = []

  const skip = (code: 'malformed' | 'no-text' | 'too-large' | 'empty', reason: string): void => {
    if (count > after) items.push({ file: path, where: `line ${line}`, code, reason })
  }
  const take = (cells: string[]): void => {
    if (!columns) {
      columns = cells.map((cell) => cell.trim())
      if (!findTextFields(columns, options)) {
        const there = `the columns are ${columns.slice(0, 8).join(', ')}`
        throw new FileFault(path, 'line 1', 'no-text', `no column for ${wanted(options)} (${there})`)
      }
      return
    }
    count++
    if (count <= after) return
    if (cells.length !== columns.length) {
      skip('malformed', `${cells.length} cells where there are ${columns.length} columns`)
      return
    }
    const record = readRecord(Object.fromEntries(columns.map((name, i) => [name, cells[i]])), options)
    if (typeof record === 'string') skip('no-text', record)
    else if (record.text.trim() === '') skip('empty', 'the text is empty')
    else {
      const id = `${input.id}:${count}`
      items.push({ title: input.title, ...record, id, position: `${input.at}/${count}` })
    }
  }
  const read = (isLast: boolean): void => {
    let at = 0
    if (dropping) {
      const end = rest.indexOf('\n')
      at = end < 0 ? rest.length : end + 1
      dropping = end < 0
      if (!dropping) line++
    }
    while (at < rest.length) {
      if (delimiter === undefined || quotes === undefined) {
        const end = rest.indexOf('\n')
        if (end < 0 && !isLast && rest.length < options.maxRecordBytes) break
        delimiter ??= guessDelimiter(end < 0 ? rest : rest.slice(0, end))
        quotes ??= delimiter !== '\t'
      }
      let row = readRow(rest, at, delimiter, quotes, isLast)
      if (!row) {
        if (rest.length - at <= options.maxRecordBytes) break
        const end = rest.indexOf('\n', at)
        dropping = end < 0
        row = { cells: [], next: end < 0 ? rest.length : end + 1, wrong: 'too-large' }
      }
      if (row.wrong === 'too-large' || row.next - at > options.maxRecordBytes) {
        count++
        skip('too-large', `the row has more than ${options.maxRecordBytes} bytes (maxRecordBytes)`)
      } else if (row.wrong !== undefined) {
        count++
        skip('malformed', row.wrong)
      } else if (row.cells.length > 1 || row.cells[0] !== '') take(row.cells)
      line += countLines(rest, at, row.next)
      at = row.next
    }
    rest = rest.slice(at)
  }

  for await (const chunk of readUtf8(input)) {
    rest += chunk
    read(false)
    if (items.length > 0) yield items
    items = []
  }
  read(true)
  yield items
}

function readRow(text: string, start: number, delimiter: string, quotes: boolean, isLast: boolean): Row {
  const separator = delimiter.charCodeAt(0)
  const cells: string[] = []
  let at = start
  for (;;) {
    if (quotes && text.charCodeAt(at) === 34) {
      let end = at
      let doubled = false
      for (;;) {
        end = text.indexOf('"', end + 1)
        if (end < 0 || text.charCodeAt(end + 1) !== 34) break
        doubled = true
        end++
      }
      // Whether a quote at the very end of a chunk is doubled is seen with the next one.
      if (!isLast && (end < 0 || end + 1 >= text.length)) return undefined
      if (end < 0) {
        return {
          cells,
          next: afterLine(text, start),
          wrong: 'a quote that is never closed begins in this row',
        }
      }
      const cell = text.slice(at + 1, end)
      cells.push(doubled ? cell.replaceAll('""', '"') : cell)
      at = end + 1
      const next = text.charCodeAt(at)
      if (at < text.length && next !== separator && next !== 10) {
        return { cells, next: afterLine(text, at), wrong: 'text stands behind a closing quote' }
      }
    } else {
      const from = at
      while (at < text.length) {
        const code = text.charCodeAt(at)
        if (code === separator || code === 10) break
        at++
      }
      if (at >= text.length && !isLast) return undefined
      cells.push(text.slice(from, at))
    }
    if (at >= text.length) return { cells, next: at }
    if (text.charCodeAt(at++) === 10) return { cells, next: at }
  }
}

function afterLine(text: string, from: number): number {
  const end = text.indexOf('\n', from)
  return end < 0 ? text.length : end + 1
}

function countLines(text: string, from: number, to: number): number {
  let lines = 0
  for (let at = text.indexOf('\n', from); at >= 0 && at < to; at = text.indexOf('\n', at + 1)) lines++
  return lines
}

/** The one that stands most often outside quotes in the first line. */
function guessDelimiter(line: string): string {
  const plain = line.replaceAll(/"[^"]*"/g, '')
  const counts = [',', '\t', ';'].map((mark) => [plain.split(mark).length - 1, mark] as const)
  return counts.reduce((best, next) => (next[0] > best[0] ? next : best))[1]
}
