import { createHash } from 'node:crypto'
import { closeSync, fstatSync, openSync, readdirSync, readSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import { toStorageError, writeDirectoryAtomic, writeFully } from '../atomic.js'
import {
  bytesPerTokenFor,
  encodeShardHeader,
  parseShardHeader,
  SHARD_HEADER_BYTES,
  ShardError,
  type ShardHeader,
} from './shard-format.js'
import { checkRange, type TokenSource } from './token-source.js'

export interface WriteShardsOptions {
  readonly vocabSize: number
  /** Put after every document (an end-of-text token); left out, documents run together. */
  readonly separator?: number
  /** Default 100 million. */
  readonly maxTokensPerShard?: number
  readonly signal?: AbortSignal
}

export interface ShardsSummary {
  readonly files: readonly string[]
  readonly tokens: number
  readonly documents: number
  readonly bytesPerToken: 2 | 4
}

const BUFFER_TOKENS = 1 << 16

/**
 * Tokenized documents into a folder of shards (`tokens-00000.bin`, ...), streaming, in constant memory. The folder appears
 * whole or not at all, and replaces an older one. A document may begin in one shard and end in the next.
 *
 * @param documents the ids of one document after the other
 * @throws ShardError for an id outside the vocabulary or when there are no tokens; StorageError
 */
export async function writeShards(
  directory: string,
  documents: AsyncIterable<ArrayLike<number>> | Iterable<ArrayLike<number>>,
  options: WriteShardsOptions,
): Promise<ShardsSummary> {
  const { vocabSize, separator, maxTokensPerShard = 100_000_000, signal } = options
  if (!Number.isInteger(vocabSize) || vocabSize < 1 || vocabSize > 2 ** 31) {
    throw new ShardError(directory, `a vocabulary has 1 to 2^31 tokens, not ${vocabSize}`)
  }
  if (!Number.isSafeInteger(maxTokensPerShard) || maxTokensPerShard < 1) {
    throw new ShardError(
      directory,
      `maxTokensPerShard must be a whole number from 1 on, not ${maxTokensPerShard}`,
    )
  }
  const files: string[] = []
  let tokens = 0
  let documentCount = 0
  await writeDirectoryAtomic(directory, async (folder) => {
    let writer: ShardWriter | undefined
    const room = async (): Promise<ShardWriter> => {
      if (writer !== undefined && writer.count < maxTokensPerShard) return writer
      await writer?.finish()
      const name = `tokens-${String(files.length).padStart(5, '0')}.bin`
      files.push(name)
      writer = await openShardWriter(join(folder, name), vocabSize, separator)
      return writer
    }
    try {
      for await (const ids of documents) {
        signal?.throwIfAborted()
        for (let i = 0; i < ids.length; ) {
          const shard = await room()
          const end = Math.min(ids.length, i + maxTokensPerShard - shard.count)
          await shard.write(ids, i, end, documentCount)
          tokens += end - i
          i = end
        }
        if (separator !== undefined) {
          await (await room()).write([separator], 0, 1, documentCount)
          tokens++
        }
        if (writer) writer.documents++
        documentCount++
      }
      if (tokens === 0)
        throw new ShardError(directory, 'there are no tokens to write; check that the data is not empty')
      await writer?.finish()
    } catch (error) {
      await writer?.abandon()
      throw error
    }
  })
  return { files, tokens, documents: documentCount, bytesPerToken: bytesPerTokenFor(vocabSize) }
}

interface ShardWriter {
  count: number
  documents: number
  write(ids: ArrayLike<number>, start: number, end: number, document: number): Promise<void>
  finish(): Promise<void>
  abandon(): Promise<void>
}

async function openShardWriter(
  path: string,
  vocabSize: number,
  separator: number | undefined,
): Promise<ShardWriter> {
  const bytesPerToken = bytesPerTokenFor(vocabSize)
  const handle: FileHandle = await open(path, 'wx')
  const hash = createHash('sha256')
  const buffer = bytesPerToken === 2 ? new Uint16Array(BUFFER_TOKENS) : new Uint32Array(BUFFER_TOKENS)
  let filled = 0
  let written = SHARD_HEADER_BYTES
  const flush = async () => {
    const bytes = new Uint8Array(buffer.buffer, 0, filled * bytesPerToken)
    hash.update(bytes)
    await writeFully(handle, bytes, written)
    written += bytes.byteLength
    filled = 0
  }
  const writer: ShardWriter = {
    count: 0,
    documents: 0,
    async write(ids, start, end, document) {
      for (let i = start; i < end; i++) {
        const id = ids[i]!
        if (!Number.isInteger(id) || id < 0 || id >= vocabSize) {
          throw new ShardError(
            path,
            `document ${document} has the token ${id}, outside the vocabulary of ${vocabSize}; is it the right tokenizer?`,
          )
        }
        buffer[filled++] = id
        if (filled === BUFFER_TOKENS) await flush()
      }
      writer.count += end - start
    },
    async finish() {
      await flush()
      const { count, documents } = writer
      const header = { bytesPerToken, count, vocabSize, separator, documents, sha256: hash.digest('hex') }
      await writeFully(handle, encodeShardHeader(header), 0)
      await handle.close()
    },
    abandon: () => handle.close().catch(() => undefined),
  }
  return writer
}

export interface TokenShards extends TokenSource {
  readonly headers: readonly ShardHeader[]
  readonly vocabSize: number
  readonly separator: number | undefined
  readonly documents: number
  /** Reads everything once and compares the checksums. @throws ShardError naming the damaged file */
  verify(signal?: AbortSignal): Promise<void>
  close(): void
}

const READ_BYTES = 1 << 16

/**
 * Opens a folder of shards as one row of tokens. Only headers are read; `read` then fetches exactly what it is asked for, and
 * the system's page cache does what a memory map would, so the corpus may be larger than the memory.
 *
 * @throws ShardError when there is no shard, one is damaged or they do not belong together; StorageError
 */
export function openShards(directory: string): TokenShards {
  let names: string[]
  try {
    names = readdirSync(directory)
      .filter((name) => /^tokens-\d{5,}\.bin$/.test(name))
      .sort((a, b) => a.length - b.length || (a < b ? -1 : 1))
  } catch (error) {
    throw toStorageError(error, 'open the shards in', directory)
  }
  if (names.length === 0)
    throw new ShardError(directory, 'holds no token shards (tokens-00000.bin, ...); prepare the data first')
  const shards: OpenShard[] = []
  const close = () => {
    for (const { descriptor } of shards.splice(0)) closeSync(descriptor)
  }
  try {
    let start = 0
    for (const [index, name] of names.entries()) {
      const expected = `tokens-${String(index).padStart(5, '0')}.bin`
      if (name !== expected)
        throw new ShardError(directory, `${expected} is missing; copy or prepare the data again`)
      const shard = openShard(join(directory, name), start)
      shards.push(shard)
      start += shard.header.count
      const first = shards[0]!.header
      if (shard.header.vocabSize !== first.vocabSize || shard.header.separator !== first.separator) {
        throw new ShardError(
          shard.path,
          'was made with another vocabulary than the first shard; prepare the data again',
        )
      }
    }
    return shardsSource(directory, shards, start, close)
  } catch (error) {
    close()
    throw error
  }
}

interface OpenShard {
  readonly path: string
  readonly descriptor: number
  readonly header: ShardHeader
  /** The position of its first token in the whole row. */
  readonly start: number
}

function openShard(path: string, start: number): OpenShard {
  let descriptor: number | undefined
  try {
    descriptor = openSync(path, 'r')
    const bytes = new Uint8Array(SHARD_HEADER_BYTES)
    readSync(descriptor, bytes, 0, SHARD_HEADER_BYTES, 0)
    return { path, descriptor, header: parseShardHeader(bytes, fstatSync(descriptor).size, path), start }
  } catch (error) {
    if (descriptor !== undefined) closeSync(descriptor)
    throw toStorageError(error, 'open', path)
  }
}

function shardsSource(
  directory: string,
  shards: OpenShard[],
  length: number,
  close: () => void,
): TokenShards {
  const headers = shards.map(({ header }) => header)
  const { vocabSize, separator } = headers[0]!
  const scratch = new ArrayBuffer(READ_BYTES)
  return {
    length,
    headers,
    vocabSize,
    separator,
    documents: headers.reduce((sum, { documents }) => sum + documents, 0),
    close,
    read(start, count, target, at) {
      checkRange(start, count, length)
      if (shards.length === 0) throw new ShardError(directory, 'was closed; open it again')
      let index = findShard(shards, start)
      for (let done = 0; done < count; index++) {
        const shard = shards[index]!
        const from = start + done - shard.start
        const here = Math.min(count - done, shard.header.count - from)
        readTokens(shard, from, here, target, at + done, scratch)
        done += here
      }
    },
    async verify(signal) {
      for (const shard of shards) await verifyShard(shard, signal)
    },
  }
}

/** The last shard that begins at or before `position` (empty shards are never written). */
function findShard(shards: readonly OpenShard[], position: number): number {
  let low = 0
  let high = shards.length - 1
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if (shards[middle]!.start <= position) low = middle
    else high = middle - 1
  }
  return low
}

function readTokens(
  { path, descriptor, header }: OpenShard,
  from: number,
  count: number,
  target: Int32Array,
  at: number,
  scratch: ArrayBuffer,
): void {
  const { bytesPerToken, vocabSize } = header
  const perRead = READ_BYTES / bytesPerToken
  for (let done = 0; done < count; done += perRead) {
    const length = Math.min(perRead, count - done)
    const bytes = new Uint8Array(scratch, 0, length * bytesPerToken)
    readExactly(descriptor, bytes, SHARD_HEADER_BYTES + (from + done) * bytesPerToken, path)
    const ids =
      bytesPerToken === 2 ? new Uint16Array(scratch, 0, length) : new Uint32Array(scratch, 0, length)
    for (let i = 0; i < length; i++) {
      const id = ids[i]!
      if (id >= vocabSize) {
        throw new ShardError(
          path,
          `token ${from + done + i} is ${id}, outside its vocabulary of ${vocabSize}; the file is damaged`,
        )
      }
      target[at + done + i] = id
    }
  }
}

function readExactly(descriptor: number, bytes: Uint8Array, position: number, path: string): void {
  try {
    for (let done = 0; done < bytes.byteLength; ) {
      const got = readSync(descriptor, bytes, done, bytes.byteLength - done, position + done)
      if (got === 0) throw new ShardError(path, 'ended early; it was cut short while open')
      done += got
    }
  } catch (error) {
    throw toStorageError(error, 'read', path)
  }
}

async function verifyShard({ path, header }: OpenShard, signal?: AbortSignal): Promise<void> {
  const hash = createHash('sha256')
  try {
    const handle = await open(path, 'r')
    const stream = handle.createReadStream({ start: SHARD_HEADER_BYTES, highWaterMark: 1 << 20, signal })
    for await (const chunk of stream) hash.update(chunk)
  } catch (error) {
    signal?.throwIfAborted()
    throw toStorageError(error, 'read', path)
  }
  if (hash.digest('hex') !== header.sha256)
    throw new ShardError(path, 'is damaged (its SHA-256 differs); copy or prepare it again')
}
