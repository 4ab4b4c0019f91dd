/** Shards of clean documents: JSON lines, plain or gzipped, that appear whole. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { type FileHandle, open, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { createGunzip, gzip } from 'node:zlib'
import { renameOver, syncDirectory, temporaryName, toStorageError, writeFully } from '../../atomic.js'
import { splitLines } from '../../lines.js'
import type { StoredDocument } from './batch.js'
import type { DocumentShard } from './state.js'

export function documentsFile(shard: number, compress: boolean): string {
  return join('documents', `documents-${String(shard).padStart(5, '0')}.jsonl${compress ? '.gz' : ''}`)
}

/** Lines are gathered to blocks of this size; each is a member of the gzip file. */
const BLOCK_BYTES = 1 << 20

/** Writes one shard under a temporary name. */
export class DocumentShardWriter {
  readonly #path: string
  readonly #temporary: string
  readonly #compress: boolean
  readonly #hash = createHash('sha256')
  #handle: FileHandle | undefined
  #block: Uint8Array[] = []
  #blockBytes = 0
  #written = 0
  documents = 0
  /** Before compression. */
  bytes = 0

  constructor(path: string, compress: boolean) {
    this.#path = path
    this.#temporary = temporaryName(path)
    this.#compress = compress
  }

  async write(line: Uint8Array): Promise<void> {
    this.#block.push(line)
    this.#blockBytes += line.length
    this.bytes += line.length
    this.documents++
    if (this.#blockBytes >= BLOCK_BYTES) await this.#flush()
  }

  /** Puts the file in its place. */
  async finish(): Promise<DocumentShard> {
    try {
      await this.#flush()
      await this.#handle!.sync()
      await this.#handle!.close()
      await renameOver(this.#temporary, this.#path)
      await syncDirectory(dirname(this.#path))
    } catch (error) {
      throw toStorageError(error, 'write', this.#path)
    }
    const file = join('documents', basename(this.#path)).replaceAll('\\', '/')
    return { file, documents: this.documents, bytes: this.bytes, sha256: this.#hash.digest('hex') }
  }

  async abandon(): Promise<void> {
    await this.#handle?.close().catch(() => undefined)
    await rm(this.#temporary, { force: true }).catch(() => undefined)
  }

  async #flush(): Promise<void> {
    try {
      this.#handle ??= await open(this.#temporary, 'wx')
      if (this.#blockBytes === 0) return
      const plain = Buffer.concat(this.#block)
      const bytes = this.#compress ? await promisify(gzip)(plain, { level: 6 }) : plain
      this.#block = []
      this.#blockBytes = 0
      this.#hash.update(bytes)
      await writeFully(this.#handle, bytes, this.#written)
      this.#written += bytes.length
    } catch (error) {
      throw toStorageError(error, 'write', this.#path)
    }
  }
}

/** The documents of a shard. */
export async function* readDocuments(path: string, signal?: AbortSignal): AsyncGenerator<StoredDocument> {
  const file = createReadStream(path, { highWaterMark: 1 << 20, signal })
  try {
    const stream = path.endsWith('.gz') ? file.pipe(createGunzip()) : file
    file.on('error', (error) => stream.destroy(error))
    for await (const { bytes, complete } of splitLines(stream))
      if (complete) yield JSON.parse(bytes.toString('utf8')) as StoredDocument
  } catch (error) {
    signal?.throwIfAborted()
    throw toStorageError(error, 'read', path)
  } finally {
    file.destroy()
  }
}
