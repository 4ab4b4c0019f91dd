import { isUtf8 } from 'node:buffer'
import { type FieldOptions, readRecord } from './fields.js'
import type { Input } from './input.js'
import type { Item } from './item.js'
import { refuseOtherEncodings } from './utf8-text.js'

const BYTE_ORDER_MARK = Uint8Array.of(0xef, 0xbb, 0xbf)
const LINE_END = 10

export interface JsonLinesOptions extends FieldOptions {
  readonly maxRecordBytes: number
}

/** One document for each line. A position is the line's number and where the next line begins, so that reading goes on there. */
export async function* readJsonLines(input: Input, options: JsonLinesOptions): AsyncGenerator<Item[]> {
  const { path } = input
  const [line = '0', start = '0'] = (input.after[0] ?? '').split('@')
  let lineNumber = Number(line)
  /** Of the chunk's first byte. */
  let offset = Number(start)
  let carried: Buffer[] = []
  let carriedLength = 0

  const parse = (bytes: Buffer, from: number, to: number, end: number): Item | undefined => {
    lineNumber++
    if (to > from && bytes[to - 1] === 13) to--
    if (lineNumber === 1) {
      refuseOtherEncodings(bytes, path)
      if (bytes.subarray(from, 3).equals(BYTE_ORDER_MARK)) from += 3
    }
    const skip = (code: 'malformed' | 'not-text' | 'no-text' | 'empty', reason: string): Item => ({
      file: path,
      where: `line ${lineNumber}`,
      code,
      reason,
    })
    // Blank lines are usual between records, and at the end.
    if (isBlank(bytes, from, to)) return undefined
    let value: unknown
    try {
      value = JSON.parse(bytes.toString('utf8', from, to))
    } catch (error) {
      return skip('malformed', `not valid JSON (${(error as Error).message})`)
    }
    const record = readRecord(value, options)
    if (typeof record === 'string') return skip('no-text', record)
    if (!/\S/.test(record.text)) return skip('empty', 'the text is empty')
    const position = `${input.at}/${lineNumber}@${end}`
    return { title: input.title, ...record, id: `${input.id}:${lineNumber}`, position }
  }
  const tooLarge = (): Item => {
    lineNumber++
    const reason = `the line has more than ${options.maxRecordBytes} bytes (maxRecordBytes)`
    return { file: path, where: `line ${lineNumber}`, code: 'too-large', reason }
  }
  const notUtf8 = (): Item => {
    lineNumber++
    return { file: path, where: `line ${lineNumber}`, code: 'not-text', reason: 'not UTF-8' }
  }
  const addLine = (
    items: Item[],
    bytes: Buffer,
    from: number,
    to: number,
    end: number,
    valid: boolean,
  ): void => {
    let item: Item | undefined
    if (to - from > options.maxRecordBytes) item = tooLarge()
    else if (!valid && !isUtf8(bytes.subarray(from, to))) {
      if (lineNumber === 0) refuseOtherEncodings(bytes.subarray(from, to), path)
      item = notUtf8()
    } else item = parse(bytes, from, to, end)
    if (item) items.push(item)
  }

  for await (const chunk of input.open(offset)) {
    const items: Item[] = []
    let from = 0
    if (carriedLength > 0) {
      const end = chunk.indexOf(LINE_END)
      if (end >= 0) {
        carriedLength += end
        // What is too long has not been kept.
        if (carriedLength > options.maxRecordBytes) items.push(tooLarge())
        else {
          const bytes = Buffer.concat([...carried, chunk.subarray(0, end)])
          addLine(items, bytes, 0, bytes.length, offset + end + 1, false)
        }
        carried = []
        carriedLength = 0
        from = end + 1
      }
    }
    if (carriedLength === 0) {
      const last = chunk.lastIndexOf(LINE_END)
      const valid = last >= from && isUtf8(chunk.subarray(from, last + 1))
      while (from <= last) {
        const end = chunk.indexOf(LINE_END, from)
        addLine(items, chunk, from, end, offset + end + 1, valid)
        from = end + 1
      }
    }
    if (from < chunk.length) {
      carriedLength += chunk.length - from
      if (carriedLength > options.maxRecordBytes) carried = []
      else carried.push(chunk.subarray(from))
    }
    offset += chunk.length
    if (items.length > 0) yield items
  }
  if (carriedLength === 0) return
  const items: Item[] = []
  if (carriedLength > options.maxRecordBytes) items.push(tooLarge())
  else addLine(items, Buffer.concat(carried), 0, carriedLength, offset, false)
  yield items
}

function isBlank(bytes: Buffer, from: number, to: number): boolean {
  for (let i = from; i < to; i++) {
    const byte = bytes[i]!
    if (byte !== 32 && byte !== 9 && byte !== 13) return false
  }
  return true
}
