import { isUtf8 } from 'node:buffer'
import { findInvalidUtf8, unfinishedUtf8 } from '../utf8.js'
import type { Input } from './input.js'
import { FileFault } from './item.js'

const BYTE_ORDER_MARK = Uint8Array.of(0xef, 0xbb, 0xbf)

/**
 * The text of an input in pieces, without a byte order mark, with "\n" at line ends.
 *
 * @throws FileFault at the first byte that is not UTF-8, or is zero
 */
export async function* readUtf8(input: Input): AsyncGenerator<string> {
  const { path } = input
  let carried = Buffer.alloc(0)
  /** Where `carried` begins in the file. */
  let offset = 0
  let pendingReturn = false
  for await (const chunk of input.open()) {
    const bytes = carried.length > 0 ? Buffer.concat([carried, chunk]) : chunk
    if (offset === 0) refuseOtherEncodings(bytes, path)
    const whole = bytes.subarray(0, bytes.length - unfinishedUtf8(bytes))
    checkText(whole, path, offset)
    const mark = offset === 0 && whole.subarray(0, 3).equals(BYTE_ORDER_MARK) ? 3 : 0
    let text: string = (pendingReturn ? '\r' : '') + whole.toString('utf8', mark)
    // The "\n" of a "\r\n" may stand in the next chunk.
    pendingReturn = text.endsWith('\r')
    if (pendingReturn) text = text.slice(0, -1)
    carried = Buffer.from(bytes.subarray(whole.length))
    offset += whole.length
    yield text.includes('\r') ? text.replaceAll('\r\n', '\n') : text
  }
  if (carried.length > 0) throw notText(path, offset, carried[0]!)
  if (pendingReturn) yield '\r'
}

function checkText(bytes: Buffer, path: string, offset: number): void {
  const invalid = isUtf8(bytes) ? -1 : findInvalidUtf8(bytes)
  if (invalid >= 0) throw notText(path, offset + invalid, bytes[invalid]!)
  const nul = bytes.indexOf(0)
  if (nul >= 0) throw notText(path, offset + nul, 0)
}

/** @throws FileFault */
export function refuseOtherEncodings(bytes: Buffer, path: string): void {
  const mark = bytes.subarray(0, 2).toString('latin1')
  if (mark === '\xff\xfe' || mark === '\xfe\xff')
    throw new FileFault(path, '', 'not-text', 'it is UTF-16 text; save it as UTF-8')
  if (mark === '\x1f\x8b')
    throw new FileFault(path, '', 'not-text', 'it is compressed (gzip); unpack it first')
}

function notText(path: string, offset: number, byte: number): FileFault {
  const hex = `0x${byte.toString(16).padStart(2, '0')}`
  const what = byte === 0 ? 'a zero byte, which text never has' : `not UTF-8 (byte ${hex})`
  return new FileFault(
    path,
    `byte ${offset}`,
    'not-text',
    `${what}; is it a text file? If so, save it as UTF-8`,
  )
}
