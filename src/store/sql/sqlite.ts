import { open } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type Client, createClient, type InValue, LibsqlError, type Transaction } from '@libsql/client'
import {
  type CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type QueryResult,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely'
import { makeDirectory, StorageError, toStorageError } from '../../atomic.js'
import { StoreError } from '../errors.js'

/** How long another process may hold the database before a write gives up. */
const BUSY_MILLISECONDS = 30_000

/** The folder and an empty file that only this user reads, where there is none yet. SQLite gives its other files the same rights. */
export async function prepareFile(path: string): Promise<void> {
  await makeDirectory(dirname(path))
  try {
    await (await open(path, 'a', 0o600)).close()
  } catch (error) {
    throw toStorageError(error, 'open the database', path)
  }
}

/** `file:` with a path: absolute as in URLs, or as it is from the working directory. */
export function sqlitePath(url: string): string {
  const rest = url.slice('file:'.length)
  try {
    return rest.startsWith('/') ? fileURLToPath(`file://${rest.replace(/^\/\/+(?=\/)/, '')}`) : resolve(rest)
  } catch (error) {
    throw new StoreError('url', `${url} is not a file on this machine; write file:/path/to/athanor.db`, {
      cause: error,
    })
  }
}

export interface SqliteOptions {
  /** `:memory:` or a path. */
  readonly path: string
  /** The largest the database may become; for tests of a full disk. */
  readonly maxPages?: number
  /** Sees the database as it is when its transaction begins, and holds up nobody. */
  readonly snapshot?: boolean
  /** Throws where the caller stands in a transaction already, and would wait for itself for ever. */
  readonly checkCaller?: () => void
}

/** SQLite through libsql, whose calls are synchronous: one connection, which is used by one at a time. */
export class SqliteDialect implements Dialect {
  constructor(private readonly options: SqliteOptions) {}
  createDriver = () => new SqliteDriver(this.options)
  createAdapter = () => new SqliteAdapter()
  createQueryCompiler = () => new SqliteQueryCompiler()
  createIntrospector = (db: ConstructorParameters<typeof SqliteIntrospector>[0]) => new SqliteIntrospector(db)
}

class SqliteDriver implements Driver {
  readonly #options: SqliteOptions
  readonly #connection: SqliteConnection
  #client: Client | undefined
  #queue: Promise<void> = Promise.resolve()
  #release: (() => void) | undefined

  constructor(options: SqliteOptions) {
    this.#options = options
    this.#connection = new SqliteConnection(options.path)
  }

  async init(): Promise<void> {
    const { path } = this.#options
    try {
      const url = path === ':memory:' ? path : `file:${encodeURI(path).replace(/[?#]/g, encodeURIComponent)}`
      this.#client = createClient({ url, concurrency: 1 })
    } catch (error) {
      throw translate(error, path)
    }
    this.#connection.client = this.#client
    await this.#connection.execute('PRAGMA journal_mode = WAL')
  }

  async acquireConnection(): Promise<DatabaseConnection> {
    this.#options.checkCaller?.()
    const before = this.#queue
    let release = () => {}
    this.#queue = new Promise((resolve) => {
      release = resolve
    })
    await before
    this.#release = release
    try {
      await this.#connection.prepare(this.#options)
    } catch (error) {
      release()
      throw error
    }
    return this.#connection
  }

  beginTransaction = () => this.#connection.begin(this.#options.snapshot ? 'deferred' : 'write')
  commitTransaction = () => this.#connection.commit()
  rollbackTransaction = () => this.#connection.rollback()

  async releaseConnection(): Promise<void> {
    this.#release?.()
  }

  async destroy(): Promise<void> {
    await this.#queue
    this.#client?.close()
  }
}

class SqliteConnection implements DatabaseConnection {
  client: Client | undefined
  #transaction: Transaction | undefined
  #prepared = false

  constructor(private readonly path: string) {}

  /** Settings that belong to a connection: the client opens another one after some errors. */
  async prepare({ maxPages }: SqliteOptions): Promise<void> {
    if (this.#prepared) return
    // FULL: a transaction is on the disk when its COMMIT returns. The wait for other processes is below, where it blocks nobody.
    await this.execute('PRAGMA synchronous = FULL')
    await this.execute('PRAGMA foreign_keys = ON')
    await this.execute('PRAGMA busy_timeout = 20')
    if (maxPages !== undefined) await this.execute(`PRAGMA max_page_count = ${maxPages}`)
    this.#prepared = true
  }

  async executeQuery<R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> {
    const { rows, rowsAffected } = await this.execute(sql, parameters as InValue[])
    return { rows: rows as R[], numAffectedRows: BigInt(rowsAffected) }
  }

  async execute(sql: string, args: InValue[] = []) {
    const target = this.#transaction ?? this.client
    if (target === undefined) throw new StoreError('closed', 'the database is closed')
    // Within a transaction nobody else writes, so waiting would not help.
    return this.#attempt(() => target.execute({ sql, args }), target === this.client)
  }

  async begin(mode: 'write' | 'deferred'): Promise<void> {
    this.#transaction = await this.#attempt(() => this.client!.transaction(mode), true)
  }

  async commit(): Promise<void> {
    await this.#attempt(() => this.#transaction!.commit(), false)
    this.#transaction = undefined
  }

  async rollback(): Promise<void> {
    const transaction = this.#transaction
    this.#transaction = undefined
    // Closing rolls back, also where the error has ended the transaction already.
    transaction?.close()
  }

  // biome-ignore lint/correctness/useYield: the store reads by pages
  async *streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new StoreError('failed', 'queries are not streamed; read by pages')
  }

  async #attempt<T>(work: () => Promise<T>, waits: boolean): Promise<T> {
    const start = performance.now()
    for (let pause = 2; ; pause = Math.min(50, pause * 2)) {
      try {
        return await work()
      } catch (error) {
        const isBusy = error instanceof LibsqlError && /^SQLITE_(BUSY|LOCKED)/.test(error.code)
        if (!isBusy || !waits || performance.now() - start > BUSY_MILLISECONDS) {
          this.#prepared = false
          throw translate(error, this.path)
        }
        await delay(pause)
      }
    }
  }
}

/** What an error of SQLite means. */
function translate(error: unknown, path: string): unknown {
  if (!(error instanceof LibsqlError)) return error
  const because = { cause: error }
  const extended = error.extendedCode ?? error.code
  switch (error.code) {
    case 'SQLITE_FULL':
      return new StorageError(
        'full',
        path,
        `cannot write to the database ${path}: the disk is full; free some space, nothing that was saved is lost`,
        because,
      )
    case 'SQLITE_IOERR':
      return new StorageError(
        'failed',
        path,
        `cannot use the database ${path}: the disk reports an error (${extended}); check its space and health, nothing that was saved is lost`,
        because,
      )
    case 'SQLITE_READONLY':
      return new StorageError(
        'read-only',
        path,
        `cannot write to the database ${path}: it is read-only`,
        because,
      )
    case 'SQLITE_CANTOPEN':
    case 'SQLITE_PERM':
      return new StorageError(
        'denied',
        path,
        `cannot open the database ${path}: check that the folder is there and that you may write to it`,
        because,
      )
    case 'SQLITE_NOTADB':
    case 'SQLITE_CORRUPT':
      return new StoreError(
        'not-a-database',
        `${path} is not a database of SQLite, or it is damaged; choose another file, or put a copy of it back`,
        because,
      )
    case 'SQLITE_BUSY':
    case 'SQLITE_LOCKED':
      return new StoreError('busy', `the database ${path} is held by another process; try again`, because)
    case 'SQLITE_CONSTRAINT':
      return /UNIQUE|PRIMARYKEY/.test(extended)
        ? new StoreError('conflict', 'there is such a record already', because)
        : new StoreError('invalid', `the record does not fit what is there (${extended})`, because)
    case 'SQLITE_TOOBIG':
      return new StoreError('too-large', 'the record is larger than the database takes', because)
    case 'CLIENT_CLOSED':
    case 'TRANSACTION_CLOSED':
      return new StoreError('closed', 'the database is closed', because)
    default:
      return new StoreError('failed', `the database ${path} failed: ${error.message}`, because)
  }
}
