import { EventEmitter } from 'node:events'
import { Readable } from 'node:stream'
import { crc32 } from 'node:zlib'
import { type Entry, fromRandomAccessReaderPromise, RandomAccessReader, type ZipFile } from 'yauzl'
import { isZlibError, randomAccess } from './expansion.js'
import { type Input, nested, type RandomAccess } from './input.js'
import { FileFault } from './item.js'

export interface ZipEntry {
  readonly name: string
  readonly kind: 'file' | 'folder' | 'link' | 'encrypted' | 'other'
  readonly index: number
  readonly input: Input
}

/**
 * The entries of a zip archive in the order of its directory.
 *
 * @throws FileFault where it is damaged
 */
export async function* readZip(input: Input): AsyncGenerator<ZipEntry> {
  const access = await randomAccess(input)
  try {
    const damaged = (error: unknown): never => {
      if (error instanceof FileFault || !(error instanceof Error)) throw error
      throw new FileFault(input.path, '', 'malformed', `zip: ${error.message}`, { cause: error })
    }
    const zip = await fromRandomAccessReaderPromise(new Reader(access), access.size, {
      autoClose: false,
      lazyEntries: true,
      // Names are decoded and judged here: one bad name must not end the archive.
      decodeStrings: false,
    }).catch(damaged)
    const entries = zip.eachEntry()
    for (let index = 0; ; index++) {
      const next = await entries.next().catch(damaged)
      if (next.done) return
      const entry = next.value
      const name = decodeName(entry)
      yield {
        name,
        kind: kindOf(entry, name),
        index,
        input: nested(input, name, String(index), () => content(zip, entry, `${input.path}!/${name}`)),
      }
    }
  } finally {
    await access.close()
  }
}

async function* content(zip: ZipFile, entry: Entry, path: string): AsyncGenerator<Buffer> {
  let sum = 0
  try {
    const stream = await zip.openReadStreamPromise(entry)
    try {
      for await (const chunk of stream as AsyncIterable<Buffer>) {
        sum = crc32(chunk, sum)
        yield chunk
      }
    } finally {
      stream.destroy()
    }
  } catch (error) {
    if (error instanceof FileFault || !(error instanceof Error)) throw error
    const fromArchive = isZlibError(error) || !('code' in error)
    throw fromArchive
      ? new FileFault(path, '', 'malformed', `zip: ${error.message}`, { cause: error })
      : error
  }
  if (sum !== entry.crc32) throw new FileFault(path, '', 'malformed', 'its checksum is wrong')
}

/** UTF-8 where the entry says so or where it is; else the code page of DOS, of which only ASCII is certain. */
function decodeName(entry: Entry): string {
  const bytes = entry.fileNameRaw
  const text = bytes.toString('utf8')
  const name = text.includes('\ufffd') ? bytes.toString('latin1') : text
  return name.replaceAll('\\', '/')
}

function kindOf(entry: Entry, name: string): ZipEntry['kind'] {
  if (name.endsWith('/')) return 'folder'
  // The upper half holds the mode of Unix when the archive was made there.
  const mode = entry.versionMadeBy >>> 8 === 3 ? (entry.externalFileAttributes >>> 16) & 0xf000 : 0
  if (mode === 0xa000) return 'link'
  if (mode === 0x4000) return 'folder'
  if (entry.isEncrypted()) return 'encrypted'
  return entry.canDecodeFileData() && (mode === 0 || mode === 0x8000) ? 'file' : 'other'
}

class Reader extends RandomAccessReader {
  readonly #access: RandomAccess

  constructor(access: RandomAccess) {
    super()
    EventEmitter.call(this)
    this.#access = access
  }

  override _readStreamForRange(start: number, end: number): Readable {
    const access = this.#access
    const chunks = async function* (): AsyncGenerator<Buffer> {
      for (let at = start; at < end; ) {
        const next = Math.min(end, at + (1 << 18))
        yield await access.read(at, next)
        at = next
      }
    }
    return Readable.from(chunks(), { objectMode: false })
  }
}
