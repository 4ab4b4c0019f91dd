import { type FileHandle, open, truncate } from 'node:fs/promises'
import { toStorageError } from '../../../atomic.js'
import { DataError } from '../../document.js'
import { ByteReader } from '../byte-reader.js'
import { openFile } from '../input.js'
import type { Page } from './fetcher.js'

/** A page as it stands in the log: with the address under which it was found. */
export interface LoggedPage extends Page {
  readonly asked: string
}

const MAX_LINE = 256 << 20

/**
 * The file that keeps a crawl: a line for each page in the order of the crawl, so that reading it again gives the same documents
 * without a request, and the crawl goes on where it ends. A line that was not finished is cut off.
 */
export class CrawlLog {
  readonly #path: string
  readonly #reader: ByteReader | undefined
  #handle: FileHandle | undefined

  private constructor(path: string, reader: ByteReader | undefined, handle: FileHandle | undefined) {
    this.#path = path
    this.#reader = reader
    this.#handle = handle
  }

  /** @throws DataError when the file belongs to another crawl, StorageError when it cannot be written */
  static async open(path: string, fingerprint: string, signal?: AbortSignal): Promise<CrawlLog> {
    const handle = await open(path, 'a').catch((error: unknown) => {
      throw toStorageError(error, 'write', path)
    })
    const log = new CrawlLog(
      path,
      new ByteReader(openFile(path, { id: '', at: '', after: [] }, signal).open()),
      handle,
    )
    const header = await log.#line()
    if (header === undefined) await log.#write({ crawl: fingerprint })
    else if ((header as { crawl?: unknown }).crawl !== fingerprint) {
      await log.close()
      throw new DataError(
        'data-option',
        `${path} is not the state of this crawl (its beginning, depth, allow-list or content types differ); name another file`,
      )
    }
    return log
  }

  /** The next page that was logged, or undefined when all have been read. */
  async next(): Promise<LoggedPage | undefined> {
    return (await this.#line()) as LoggedPage | undefined
  }

  async append(page: LoggedPage): Promise<void> {
    await this.#write(page)
  }

  async close(): Promise<void> {
    await this.#reader?.close()
    await this.#handle?.close()
    this.#handle = undefined
  }

  async #line(): Promise<unknown> {
    const start = this.#reader?.offset ?? 0
    const line = await this.#reader?.line(MAX_LINE)
    if (!line) return undefined
    try {
      if (line.complete) return JSON.parse(line.bytes.toString('utf8'))
    } catch {
      // As after a crash of the machine: nothing behind a torn line can be trusted.
    }
    await truncate(this.#path, start)
    await this.#reader?.close()
    return undefined
  }

  async #write(value: unknown): Promise<void> {
    try {
      await this.#handle?.writeFile(`${JSON.stringify(value)}\n`)
    } catch (error) {
      throw toStorageError(error, 'write', this.#path)
    }
  }
}
