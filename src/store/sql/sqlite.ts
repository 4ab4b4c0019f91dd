import { open } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
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
import Database from 'libsql/promise'
import { makeDirectory, StorageError, toStorageError } from '../../atomic.js'
import { AthanorError } from '../../errors.js'
import { StoreError } from '../errors.js'

/** How long others may hold the database before a write gives up. */
const PATIENCE = 30_000

/**
 * The folder and an empty file that only this user reads, where there is none yet. SQLite gives its other files the same rights. A file
 * that is there is not opened: closing it would end all locks that this process holds on it for SQLite, and other processes could write
 * under its connections (https://sqlite.org/howtocorrupt.html, 2.2).
 */
export async function prepareFile(path: string): Promise<void> {
  await makeDirectory(dirname(path))
  try {
    await (await open(path, 'wx', 0o600)).close()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST')
      throw toStorageError(error, 'open the database', path)
  }
}

/** Of `file:///as/in%20URLs.db`, or `file:` and a path as it is. @throws StoreError `store/url` */
export function sqlitePath(url: string): string {
  const rest = url.slice('file:'.length)
  if (rest === '') throw new StoreError('url', 'file: needs a path; write file:/path/to/athanor.db')
  if (!rest.startsWith('//')) return resolve(rest)
  try {
    return fileURLToPath(url)
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

/** SQLite through libsql: one connection, which is used by one at a time. */
export class SqliteDialect implements Dialect {
  constructor(private readonly options: SqliteOptions) {}
  createDriver = () => new SqliteDriver(this.options)
  createAdapter = () => new SqliteAdapter()
  createQueryCompiler = () => new SqliteQueryCompiler()
  createIntrospector = (db: ConstructorParameters<typeof SqliteIntrospector>[0]) => new SqliteIntrospector(db)
}

class SqliteDriver implements Driver {
  readonly #options: SqliteOptions
  #connection: SqliteConnection | undefined
  #queue: Promise<void> = Promise.resolve()
  #release: (() => void) | undefined

  constructor(options: SqliteOptions) {
    this.#options = options
  }

  async init(): Promise<void> {
    this.#connection = await SqliteConnection.open(this.#options)
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
    return this.#connection!
  }

  beginTransaction = () => this.#connection!.begin()
  commitTransaction = () => this.#connection!.commit()
  rollbackTransaction = () => this.#connection!.rollback()

  async releaseConnection(): Promise<void> {
    this.#release?.()
  }

  async destroy(): Promise<void> {
    await this.#queue
    this.#connection?.close()
  }
}

/** The part of libsql that is used. `exec` works on another thread, statements on this one. */
interface Libsql {
  readonly inTransaction: boolean
  exec(sql: string): Promise<void>
  prepare(sql: string): Promise<{
    readonly reader: boolean
    all(parameters: readonly unknown[]): Promise<unknown[]>
    run(parameters: readonly unknown[]): Promise<{ readonly changes: number }>
  }>
  close(): void
}

/** Again and again while another process holds the database. */
async function patiently(work: () => Promise<void>): Promise<void> {
  const start = performance.now()
  for (let pause = 1; ; pause = Math.min(20, pause * 2)) {
    try {
      return await work()
    } catch (error) {
      const isBusy = [BUSY, LOCKED].includes(resultOf(error))
      if (!isBusy || performance.now() - start > PATIENCE) throw error
      await delay(pause)
    }
  }
}

const WRITES = ['InsertQueryNode', 'UpdateQueryNode', 'DeleteQueryNode']

class SqliteConnection implements DatabaseConnection {
  private constructor(
    private readonly db: Libsql,
    private readonly options: SqliteOptions,
  ) {}

  static async open(options: SqliteOptions): Promise<SqliteConnection> {
    try {
      const db = new Database(options.path, {}) as unknown as Libsql
      // Short, because it keeps one of libsql's few threads; the longer wait is in `patiently`.
      await db.exec('PRAGMA busy_timeout = 20')
      if (!options.snapshot) await patiently(() => db.exec('PRAGMA journal_mode = WAL'))
      // A transaction is on the disk when its COMMIT returns.
      await db.exec('PRAGMA synchronous = FULL')
      await db.exec('PRAGMA foreign_keys = ON')
      if (options.maxPages !== undefined) await db.exec(`PRAGMA max_page_count = ${options.maxPages}`)
      return new SqliteConnection(db, options)
    } catch (error) {
      throw translate(error, options.path)
    }
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    if (this.db.inTransaction || !WRITES.includes(query.query.kind)) return this.#run(query)
    // A write on its own, too, waits for other processes and for the disk where it holds up nobody: in BEGIN and COMMIT.
    await this.begin()
    try {
      const result = await this.#run<R>(query)
      await this.commit()
      return result
    } catch (error) {
      await this.rollback()
      throw error
    }
  }

  async #run<R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> {
    try {
      const statement = await this.db.prepare(sql)
      if (statement.reader) return { rows: (await statement.all(parameters)) as R[] }
      const { changes } = await statement.run(parameters)
      return { rows: [], numAffectedRows: BigInt(changes) }
    } catch (error) {
      throw translate(error, this.options.path)
    }
  }

  /** IMMEDIATE: who reads and then writes must not find that another process wrote in between. */
  begin = () => this.#exec(this.options.snapshot ? 'BEGIN' : 'BEGIN IMMEDIATE')
  commit = () => this.#exec('COMMIT')

  async rollback(): Promise<void> {
    // Some errors, such as a full disk, end the transaction by themselves.
    if (this.db.inTransaction) await this.#exec('ROLLBACK')
  }

  async #exec(sql: string): Promise<void> {
    try {
      await patiently(() => this.db.exec(sql))
    } catch (error) {
      throw translate(error, this.options.path)
    }
  }

  // biome-ignore lint/correctness/useYield: the store reads by pages
  async *streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new StoreError('failed', 'queries are not streamed; read by pages')
  }

  close(): void {
    this.db.close()
  }
}

/** The first byte of SQLite's result codes: https://sqlite.org/rescode.html */
const PERM = 3
const BUSY = 5
const LOCKED = 6
const READONLY = 8
const IOERR = 10
const CORRUPT = 11
const FULL = 13
const CANTOPEN = 14
const TOOBIG = 18
const CONSTRAINT = 19
const NOTADB = 26

const resultOf = (error: unknown): number => ((error as { rawCode?: number }).rawCode ?? 0) & 0xff

/** What an error of SQLite means. */
function translate(error: unknown, path: string): unknown {
  if (error instanceof AthanorError || !(error instanceof Error)) return error
  const because = { cause: error }
  const { code } = error as { code?: string }
  switch (resultOf(error)) {
    case FULL:
      return new StorageError(
        'full',
        path,
        `cannot write to the database ${path}: the disk is full; free some space, nothing that was saved is lost`,
        because,
      )
    case IOERR:
      return new StorageError(
        'failed',
        path,
        `cannot use the database ${path}: the disk reports an error (${code}); check its space and health, nothing that was saved is lost`,
        because,
      )
    case READONLY:
      return new StorageError(
        'read-only',
        path,
        `cannot write to the database ${path}: it is read-only`,
        because,
      )
    case CANTOPEN:
    case PERM:
      return new StorageError(
        'denied',
        path,
        `cannot open the database ${path}: check that the folder is there and that you may write to it`,
        because,
      )
    case NOTADB:
    case CORRUPT:
      return new StoreError(
        'not-a-database',
        `${path} is not a database of SQLite, or it is damaged; choose another file, or put a copy of it back`,
        because,
      )
    case BUSY:
    case LOCKED:
      return new StoreError('busy', `the database ${path} is held by another process; try again`, because)
    case CONSTRAINT:
      return /UNIQUE|PRIMARYKEY/.test(code ?? '')
        ? new StoreError('conflict', 'there is such a record already', because)
        : new StoreError('invalid', `the record does not fit what is there (${code})`, because)
    case TOOBIG:
      return new StoreError('too-large', 'the record is larger than the database takes', because)
    default:
      return /closed|not open/i.test(error.message)
        ? new StoreError('closed', 'the database is closed', because)
        : new StoreError('failed', `the database ${path} failed: ${error.message}`, because)
  }
}
