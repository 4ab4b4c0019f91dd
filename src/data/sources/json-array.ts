import { isUtf8 } from 'node:buffer'
import { readRecord } from './fields.js'
import type { Input } from './input.js'
import { FileFault, type Item, type SkipCode } from './item.js'
import type { JsonLinesOptions } from './json-lines.js'
import { refuseOtherEncodings } from './utf8-text.js'

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const OPEN_ARRAY = 0x5b
const CLOSE_ARRAY = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d

/**
 * One document for each element of a JSON array of objects, as Alpaca and its like are published. The file is read as a stream: in
 * memory is one element. A position is the element's number and where it ends, so that reading goes on there.
 *
 * @throws FileFault when it is not one whole array
 */
export async function* readJsonArray(input: Input, options: JsonLinesOptions): AsyncGenerator<Item[]> {
  const { path } = input
  const [number = '0', start = '0'] = (input.after[0] ?? '').split('@')
  let element = Number(number)
  let offset = Number(start)
  /** 0 before the array and after it, 1 between its elements' own brackets. */
  let depth = element > 0 ? 1 : 0
  let isOver = false
  let inString = false
  let escaped = false
  let carried: Buffer[] = []
  let length = 0

  const take = (end: number): Item | undefined => {
    const bytes = Buffer.concat(carried)
    const size = length
    carried = []
    length = 0
    element++
    const skip = (code: SkipCode, reason: string): Item => ({
      file: path,
      where: `element ${element}`,
      code,
      reason,
    })
    if (size > options.maxRecordBytes)
      return skip('too-large', `it has more than ${options.maxRecordBytes} bytes (maxRecordBytes)`)
    if (!isUtf8(bytes)) return skip('not-text', 'not UTF-8')
    const source = bytes.toString('utf8')
    let value: unknown
    try {
      value = JSON.parse(source)
    } catch (error) {
      return skip('malformed', `not valid JSON (${(error as Error).message})`)
    }
    const record = readRecord(value, options)
    if (typeof record === 'string') return skip('no-text', record)
    if (!/\S/.test(record.text)) return skip('empty', 'the text is empty')
    const position = `${input.at}/${element}@${end}`
    return { title: input.title, ...record, id: `${input.id}:${element}`, position }
  }
  const hold = (bytes: Buffer): void => {
    length += bytes.length
    if (length > options.maxRecordBytes) carried = []
    else if (bytes.length > 0) carried.push(bytes)
  }
  const broken = (at: number, reason: string): FileFault =>
    new FileFault(path, `byte ${at}`, 'malformed', reason)

  for await (const chunk of input.open(offset)) {
    const items: Item[] = []
    let fault: FileFault | undefined
    /** Where what belongs to the element begins in this chunk. */
    let from = 0
    let at = 0
    if (offset === 0) {
      refuseOtherEncodings(chunk, path)
      if (chunk[0] === 0xef && chunk[1] === 0xbb && chunk[2] === 0xbf) at = 3
    }
    for (; at < chunk.length && !fault; at++) {
      const byte = chunk[at]!
      if (inString) {
        if (escaped) escaped = false
        else if (byte === BACKSLASH) escaped = true
        else if (byte === QUOTE) inString = false
        continue
      }
      if (depth === 0) {
        if (isBlank(byte)) continue
        if (isOver) fault = broken(offset + at, 'there is more after the end of the array')
        else if (byte !== OPEN_ARRAY) fault = broken(offset + at, 'it is not a JSON array')
        depth = 1
        from = at + 1
      } else if (byte === QUOTE) inString = true
      else if (byte === OPEN_ARRAY || byte === OPEN_OBJECT) depth++
      else if (depth > 1) {
        if (byte === CLOSE_ARRAY || byte === CLOSE_OBJECT) depth--
      } else if (byte === COMMA || byte === CLOSE_ARRAY) {
        hold(chunk.subarray(from, at))
        from = at + 1
        const isEmpty = carried.every((bytes) => bytes.every(isBlank)) && length <= options.maxRecordBytes
        // Going on after an element begins at the comma that follows it.
        const item = isEmpty ? undefined : take(offset + at)
        if (item) items.push(item)
        carried = []
        length = 0
        if (byte === CLOSE_ARRAY) {
          depth = 0
          isOver = true
        }
      } else if (byte === CLOSE_OBJECT) fault = broken(offset + at, 'a bracket closes that never opened')
    }
    if (depth > 0) hold(chunk.subarray(from))
    offset += chunk.length
    // What was whole before the fault is good.
    if (items.length > 0) yield items
    if (fault) throw fault
  }
  if (!isOver) throw broken(offset, depth === 0 ? 'it is empty' : 'the file ends within the array')
}

function isBlank(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09
}
