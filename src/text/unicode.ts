import { TokenizerError } from './errors.js'

const encoder = new TextEncoder()

/** UTF-8 bytes of `text`. */
export const encodeUtf8 = (text: string): Uint8Array => encoder.encode(text)

/** `text` with every lone surrogate replaced by U+FFFD, as UTF-8 encoders do. */
export const wellFormed = (text: string): string =>
  /\p{Surrogate}/u.test(text) ? text.replace(/\p{Surrogate}/gu, '\ufffd') : text

/** `U+4E2D "中"`: a character as error messages name it. */
export function describeChar(char: string): string {
  const code = (char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')
  return `U+${code} ${JSON.stringify(char)}`
}

/**
 * Decodes bytes that should be UTF-8; a leading byte order mark is dropped.
 *
 * @param name what the bytes are called in the error message: a path or a URL
 * @throws TokenizerError `text_not_utf8` naming the offset of the first wrong byte
 */
export function decodeUtf8(bytes: Uint8Array, name: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw notUtf8(name, invalidUtf8Offset(bytes), bytes)
  }
}

/** The error of {@link decodeUtf8} for bytes whose first fault is at `at`; `base` is where `bytes` starts in the file. */
export function notUtf8(name: string, at: number, bytes: Uint8Array, base = 0): TokenizerError {
  const found =
    at < bytes.length ? `0x${bytes[at]?.toString(16).padStart(2, '0')}` : 'the end inside a character'
  const binary = bytes.subarray(0, 4096).includes(0) ? ' It looks like a binary file.' : ''
  return new TokenizerError(
    'text_not_utf8',
    `${name} is not UTF-8 text: byte ${base + at} is ${found}.${binary} Convert it to UTF-8 or leave it out.`,
  )
}

/** Where `bytes` stops being UTF-8: the offset of the first bad sequence, or -1 (Unicode 15, table 3-7). */
export function invalidUtf8Offset(bytes: Uint8Array): number {
  let i = 0
  while (i < bytes.length) {
    const length = sequenceLength(bytes, i)
    if (length === 0) return i
    i += length
  }
  return -1
}

/** Length of the well-formed sequence at `i`, or 0. */
function sequenceLength(bytes: Uint8Array, i: number): number {
  const lead = bytes[i]!
  if (lead < 0x80) return 1
  const length = lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0
  if (length === 0 || i + length > bytes.length) return 0
  for (let k = 1; k < length; k++) if ((bytes[i + k]! & 0xc0) !== 0x80) return 0
  const second = bytes[i + 1]!
  if (lead === 0xe0 && second < 0xa0) return 0 // overlong
  if (lead === 0xed && second > 0x9f) return 0 // surrogate
  if (lead === 0xf0 && second < 0x90) return 0 // overlong
  if (lead === 0xf4 && second > 0x8f) return 0 // past U+10FFFF
  return length
}

/**
 * How many of the last bytes start a character that later bytes could still complete (0 to 3).
 * Bytes that no continuation can repair count as complete: a decoder shows U+FFFD for them at once.
 */
export function incompleteTail(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back]!
    if ((byte & 0xc0) === 0x80) continue
    const tail = [...bytes.subarray(bytes.length - back)]
    const length = byte < 0xc2 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : byte < 0xf5 ? 4 : 1
    if (length <= back) return 0
    // The second byte's range depends on the first; any later one is free.
    if (back === 1) tail.push(byte === 0xe0 ? 0xa0 : byte === 0xf0 ? 0x90 : 0x80)
    while (tail.length < length) tail.push(0x80)
    return sequenceLength(Uint8Array.from(tail), 0) > 0 ? back : 0
  }
  return 0
}

/**
 * GPT-2's printable stand-in for each byte: printable Latin-1 characters stand for themselves, the other 68 bytes for
 * U+0100 and up (Radford et al. 2019, `bytes_to_unicode`). `byteToChar[b]` is a one-character string.
 */
export const byteToChar: readonly string[] = (() => {
  const printable = (b: number) => (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174
  let next = 256
  return Array.from({ length: 256 }, (_, b) => String.fromCharCode(printable(b) ? b : next++))
})()

/** The inverse of {@link byteToChar}. */
export const charToByte: ReadonlyMap<string, number> = new Map(byteToChar.map((char, byte) => [char, byte]))
