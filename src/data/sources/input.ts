import { open } from 'node:fs/promises'
import { basename } from 'node:path'
import { errorCode, toStorageError } from '../../atomic.js'
import { FileFault } from './item.js'

const CHUNK_BYTES = 1 << 20

/** A file that can be read at any place. */
export interface RandomAccess {
  readonly size: number
  read(start: number, end: number): Promise<Buffer>
  close(): Promise<void>
}

/** Bytes to be read as one format: a file, an entry of an archive, what a compressed file unfolds to. */
export interface Input {
  /** For people: `corpus/a.zip!/b.jsonl`. */
  readonly path: string
  /** The beginning of its documents' ids. */
  readonly id: string
  readonly title: string
  /** The beginning of its documents' positions. */
  readonly at: string
  /** What is left of the position to go on after, for this input. */
  readonly after: readonly string[]
  /** The bytes from an offset on. */
  open(from?: number): AsyncIterable<Buffer>
  /** Only where the bytes lie in a file as they are. */
  readonly random?: () => Promise<RandomAccess>
}

/** An input within another: an entry of an archive, or the content of a compressed file. */
export function nested(outer: Input, name: string, index: string, open: () => AsyncIterable<Buffer>): Input {
  return {
    path: `${outer.path}!/${name}`,
    id: `${outer.id}!/${name}`,
    title: basename(name),
    at: `${outer.at}/${index}`,
    after: outer.after[0] === index ? outer.after.slice(1) : [],
    open: (from = 0) => dropBytes(open(), from),
  }
}

/** @throws FileFault when the file cannot be read */
export function openFile(
  path: string,
  place: Pick<Input, 'id' | 'at' | 'after'>,
  signal?: AbortSignal,
): Input {
  return {
    ...place,
    path,
    title: basename(path),
    open: (from = 0) => readFile(path, from, signal),
    random: () => openRandom(path, signal),
  }
}

async function* readFile(path: string, from: number, signal?: AbortSignal): AsyncGenerator<Buffer> {
  let position = from
  try {
    const handle = await open(path, 'r')
    try {
      for (;;) {
        signal?.throwIfAborted()
        const chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES)
        const { bytesRead } = await handle.read(chunk, 0, CHUNK_BYTES, position)
        if (bytesRead === 0) return
        position += bytesRead
        yield chunk.subarray(0, bytesRead)
      }
    } finally {
      await handle.close()
    }
  } catch (error) {
    signal?.throwIfAborted()
    throw unreadable(path, error)
  }
}

export async function openRandom(path: string, signal?: AbortSignal): Promise<RandomAccess> {
  try {
    const handle = await open(path, 'r')
    const { size } = await handle.stat()
    return {
      size,
      read: async (start, end) => {
        signal?.throwIfAborted()
        const buffer = Buffer.allocUnsafeSlow(Math.max(0, end - start))
        let filled = 0
        while (filled < buffer.length) {
          const { bytesRead } = await handle.read(buffer, filled, buffer.length - filled, start + filled)
          if (bytesRead === 0)
            throw new FileFault(path, `byte ${start + filled}`, 'malformed', 'the file ends here')
          filled += bytesRead
        }
        return buffer
      },
      close: () => handle.close(),
    }
  } catch (error) {
    throw unreadable(path, error)
  }
}

function unreadable(path: string, error: unknown): unknown {
  if (errorCode(error) === undefined) return error
  const known = toStorageError(error, 'read', path)
  return new FileFault(path, '', 'unreadable', (known as Error).message, { cause: error })
}

export async function* dropBytes(chunks: AsyncIterable<Buffer>, count: number): AsyncGenerator<Buffer> {
  let left = count
  for await (const chunk of chunks) {
    if (left >= chunk.length) left -= chunk.length
    else {
      yield left > 0 ? chunk.subarray(left) : chunk
      left = 0
    }
  }
}

/**
 * The first bytes, to see what it is, and the input with all its bytes still to come: what comes out of an archive can be
 * read only once.
 */
export async function peek(
  input: Input,
  count: number,
): Promise<{ head: Buffer; input: Input; close(): Promise<void> }> {
  const chunks = input.open()[Symbol.asyncIterator]()
  const parts: Buffer[] = []
  for (let length = 0; length < count; ) {
    const next = await chunks.next()
    if (next.done) break
    parts.push(next.value)
    length += next.value.length
  }
  const all = async function* (): AsyncGenerator<Buffer> {
    while (parts.length > 0) yield parts.shift()!
    for (let next = await chunks.next(); !next.done; next = await chunks.next()) yield next.value
  }
  return {
    head: Buffer.concat(parts).subarray(0, count),
    input: { ...input, open: (from = 0) => dropBytes(all(), from) },
    close: async () => {
      await chunks.return?.()
    },
  }
}

/** All bytes of a small input. @throws FileFault when there are more than `limit` */
export async function readAll(input: Input, limit: number): Promise<Buffer> {
  const parts: Buffer[] = []
  let length = 0
  for await (const chunk of input.open()) {
    length += chunk.length
    if (length > limit) throw new FileFault(input.path, '', 'too-large', `it has more than ${limit} bytes`)
    parts.push(chunk)
  }
  return Buffer.concat(parts)
}

/** The same text in UTF-8. @throws FileFault where the bytes are not of the encoding */
export function transcode(input: Input, encoding: string): Input {
  const decode = async function* (): AsyncGenerator<Buffer> {
    const decoder = new TextDecoder(encoding, { fatal: true })
    let offset = 0
    const next = (chunk?: Buffer): Buffer => {
      try {
        return Buffer.from(chunk ? decoder.decode(chunk, { stream: true }) : decoder.decode())
      } catch (error) {
        const where = `bytes from ${offset}`
        throw new FileFault(input.path, where, 'not-text', `they are not ${encoding}`, { cause: error })
      }
    }
    for await (const chunk of input.open()) {
      yield next(chunk)
      offset += chunk.length
    }
    yield next()
  }
  const { random: _, ...rest } = input
  return { ...rest, open: (from = 0) => dropBytes(decode(), from) }
}
