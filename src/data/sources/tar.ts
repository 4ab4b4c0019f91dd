import { ByteReader } from './byte-reader.js'
import { type Input, nested } from './input.js'
import { FileFault } from './item.js'

export interface TarEntry {
  readonly name: string
  readonly kind: 'file' | 'folder' | 'link' | 'other'
  readonly size: number
  readonly index: number
  /** The content; what is not read of it is passed over. */
  readonly input: Input
}

const BLOCK = 512
/** A name or an extended header that is longer than this is no name. */
const MAX_HEADER = 1 << 20

/**
 * The entries of a tar archive in their order (POSIX ustar and pax, GNU long names), read as a stream.
 *
 * @throws FileFault where it is damaged or ends too early
 */
export async function* readTar(input: Input): AsyncGenerator<TarEntry> {
  const reader = new ByteReader(input.open())
  try {
    let index = 0
    let longName: string | undefined
    let pax: Map<string, string> = new Map()
    for (;;) {
      const start = reader.offset
      const header = await reader.read(BLOCK)
      // Two blocks of zeros end an archive; some writers leave them out.
      if (header.length === 0 || isZero(header)) return
      if (header.length < BLOCK) throw ended(input, start)
      checkHeader(header, input, start)
      const type = String.fromCharCode(header[156]!)
      const size = pax.has('size') ? Number(pax.get('size')) : parseNumber(header, 124, 12)
      if (!Number.isSafeInteger(size) || size < 0) {
        throw new FileFault(
          input.path,
          `byte ${start}`,
          'malformed',
          'an entry of the archive has no true size',
        )
      }
      if (type === 'L' || type === 'K' || type === 'x' || type === 'g') {
        if (size > MAX_HEADER) {
          throw new FileFault(input.path, `byte ${start}`, 'malformed', 'a header of the archive is too long')
        }
        const content = await reader.read(size)
        if (content.length < size) throw ended(input, start)
        if (type === 'L') longName = untilZero(content)
        if (type === 'x') pax = parsePax(content)
      } else {
        const name = pax.get('path') ?? longName ?? headerName(header)
        const isSparse = type === 'S' || [...pax.keys()].some((key) => key.startsWith('GNU.sparse'))
        const end = reader.offset + size
        // Whoever reads the entry is told when it ends too early; that is told once.
        let isTold = false
        const open = async function* (): AsyncGenerator<Buffer> {
          try {
            while (reader.offset < end) {
              const chunk = await reader.some(end - reader.offset)
              if (chunk.length === 0) throw ended(input, start)
              yield chunk
            }
          } catch (error) {
            isTold = true
            throw error
          }
        }
        const entry = nested(input, name, String(index), open)
        yield { name, kind: isSparse ? 'other' : kindOf(type, name), size, index, input: entry }
        if (isTold) return
        await reader.skip(end - reader.offset)
        if (reader.offset < end) throw ended(input, start)
        index++
        longName = undefined
        pax = new Map()
      }
      await reader.skip((BLOCK - (size % BLOCK)) % BLOCK)
    }
  } finally {
    await reader.close()
  }
}

function ended(input: Input, start: number): FileFault {
  return new FileFault(
    input.path,
    `byte ${start}`,
    'malformed',
    'the archive ends in the entry that begins here',
  )
}

/** The sum of all bytes, the field of the sum itself taken as spaces. */
function checkHeader(header: Buffer, input: Input, start: number): void {
  let sum = 8 * 32
  for (let i = 0; i < BLOCK; i++) if (i < 148 || i >= 156) sum += header[i]!
  if (sum !== parseNumber(header, 148, 8)) {
    throw new FileFault(
      input.path,
      `byte ${start}`,
      'malformed',
      'not a header of a tar archive (wrong checksum)',
    )
  }
}

/** Octal digits, or (GNU) a big-endian number whose first bit is set. */
function parseNumber(header: Buffer, at: number, length: number): number {
  if (header[at]! & 0x80) {
    let value = header[at]! & 0x7f
    for (let i = 1; i < length; i++) value = value * 256 + header[at + i]!
    return value
  }
  const digits = untilZero(header.subarray(at, at + length)).trim()
  return /^[0-7]*$/.test(digits) ? Number.parseInt(digits || '0', 8) : Number.NaN
}

function headerName(header: Buffer): string {
  const name = untilZero(header.subarray(0, 100))
  const isPosix = header.toString('latin1', 257, 263) === 'ustar\0'
  const prefix = isPosix ? untilZero(header.subarray(345, 500)) : ''
  return prefix === '' ? name : `${prefix}/${name}`
}

/** Records of the form "length key=value\n", the length counting all of it in bytes. */
function parsePax(content: Buffer): Map<string, string> {
  const values = new Map<string, string>()
  for (let at = 0; at < content.length; ) {
    const space = content.indexOf(32, at)
    const length = space < 0 ? Number.NaN : Number(content.toString('latin1', at, space))
    if (!Number.isInteger(length) || length <= space - at) break
    const record = content.toString('utf8', space + 1, at + length - 1)
    const equals = record.indexOf('=')
    if (equals > 0) values.set(record.slice(0, equals), record.slice(equals + 1))
    at += length
  }
  return values
}

function kindOf(type: string, name: string): TarEntry['kind'] {
  if (type === '5' || name.endsWith('/')) return 'folder'
  if (type === '0' || type === '\0' || type === '7') return 'file'
  return type === '1' || type === '2' ? 'link' : 'other'
}

function untilZero(bytes: Buffer): string {
  const end = bytes.indexOf(0)
  return bytes.toString('utf8', 0, end < 0 ? bytes.length : end)
}

function isZero(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0)
}
