import { AsyncLocalStorage } from 'node:async_hooks'
import { Kysely, sql } from 'kysely'
import { StoreError } from './errors.js'
import { exportStore } from './export.js'
import { importStore } from './import.js'
import { auditOf } from './repositories/audit.js'
import { collectionsOf } from './repositories/collections.js'
import { conversationsOf, messagesOf } from './repositories/conversations.js'
import { comparisonsOf, feedbackOf } from './repositories/feedback.js'
import { keysOf } from './repositories/keys.js'
import { labelingOf } from './repositories/labeling.js'
import { modelsOf } from './repositories/models.js'
import { presetsOf } from './repositories/presets.js'
import { roundsOf } from './repositories/rounds.js'
import { runsOf } from './repositories/runs.js'
import { settingsOf } from './repositories/settings.js'
import { createUsageQueue, type UsageQueue, usageOf } from './repositories/usage.js'
import { usersOf } from './repositories/users.js'
import { createTicks, Session } from './session.js'
import { type DialectName, migrate } from './sql/migrations.js'
import { PostgresDialect } from './sql/postgres.js'
import { prepareFile, SqliteDialect, sqlitePath } from './sql/sqlite.js'
import type { Schema } from './sql/tables.js'
import type { Store } from './types.js'

export interface OpenStoreOptions {
  /** `file:/path/to/athanor.db` (made where there is none), `postgres://user:password@host/name`, or `:memory:`. */
  readonly url: string
  /** Milliseconds since 1970. Default: the system's clock. */
  readonly now?: () => number
  /** SQLite's largest number of pages of 4 KiB. Default: no limit but the disk. */
  readonly maxPages?: number
}

/**
 * Opens the database and brings it to the newest form. Several servers may have the same one open.
 * @throws StoreError `store/url`, `store/newer`, `store/not-a-database`, `store/unavailable`; StorageError where the disk refuses
 */
export async function openStore({ url, now = Date.now, maxPages }: OpenStoreOptions): Promise<Store> {
  const place = placeOf(url)
  if (place.kind === 'file') await prepareFile(place.path)
  const caller = new AsyncLocalStorage<{ isInside: boolean }>()
  const checkCaller = () => {
    if (caller.getStore()?.isInside)
      throw new StoreError('failed', 'within a transaction, use the store that it gives to its work')
  }
  const dialect: DialectName = place.kind === 'postgres' ? 'postgres' : 'sqlite'
  const connect = (snapshot: boolean) =>
    new Kysely<Schema>({
      dialect:
        place.kind === 'postgres'
          ? new PostgresDialect({ url, name: place.name, checkCaller, ...(snapshot && { connections: 1 }) })
          : new SqliteDialect({
              path: place.kind === 'file' ? place.path : ':memory:',
              maxPages,
              snapshot,
              checkCaller,
            }),
    })
  const db = connect(false)
  try {
    await migrate(db, dialect)
  } catch (error) {
    await db.destroy().catch(() => undefined)
    throw error
  }

  const ticks = createTicks(now)
  const begin = <T>(work: (session: Session) => Promise<T>): Promise<T> =>
    db.transaction().execute(async (transaction) => {
      const state = { isInside: true }
      const inside: Session = new Session(transaction, dialect, ticks, (more) => more(inside))
      try {
        return await caller.run(state, () => work(inside))
      } finally {
        state.isInside = false
      }
    })
  const session = new Session(db, dialect, ticks, begin)

  /** Reads as the database is at one moment, beside what others write. A database in memory has only one connection. */
  async function* atOneMoment<T>(read: (session: Session) => AsyncIterable<T>): AsyncGenerator<T> {
    if (place.kind === 'memory') {
      yield* read(session)
      return
    }
    const reader = connect(true)
    try {
      const transaction = await reader.startTransaction().setIsolationLevel('repeatable read').execute()
      try {
        yield* read(new Session(transaction, dialect, ticks, begin))
      } finally {
        await transaction.rollback().execute()
      }
    } finally {
      await reader.destroy()
    }
  }

  const whole: Whole = {
    url: place.name,
    export: (options) => atOneMoment((reader) => exportStore(reader, options, now())),
    import: (lines) => importStore(session, lines),
    close: () => db.destroy(),
  }
  return storeOf(session, whole, createUsageQueue())
}

/** What is not a group of records. */
type Whole = Pick<Store, 'url' | 'export' | 'import' | 'close'>

function storeOf(session: Session, whole: Whole, queue?: UsageQueue): Store {
  return {
    ...whole,
    conversations: conversationsOf(session),
    messages: messagesOf(session),
    feedback: feedbackOf(session),
    comparisons: comparisonsOf(session),
    labeling: labelingOf(session),
    presets: presetsOf(session),
    keys: keysOf(session),
    usage: usageOf(session, queue),
    audit: auditOf(session),
    runs: runsOf(session),
    models: modelsOf(session),
    collections: collectionsOf(session),
    rounds: roundsOf(session),
    settings: settingsOf(session),
    users: usersOf(session),
    transaction: (work) => session.transaction((inside) => work(storeOf(inside, whole))),
    async ping() {
      await sql`SELECT 1`.execute(session.db)
    },
  }
}

type Place =
  | { readonly kind: 'memory'; readonly name: string }
  | { readonly kind: 'file'; readonly name: string; readonly path: string }
  | { readonly kind: 'postgres'; readonly name: string }

/** @throws StoreError `store/url` */
function placeOf(url: string): Place {
  if (url === ':memory:') return { kind: 'memory', name: url }
  if (url.startsWith('file:')) return { kind: 'file', name: url, path: sqlitePath(url) }
  if (/^postgres(ql)?:/.test(url)) {
    try {
      const parsed = new URL(url)
      if (parsed.password !== '') parsed.password = '***'
      // Passwords may also stand behind the question mark.
      parsed.search = ''
      return { kind: 'postgres', name: parsed.href }
    } catch (error) {
      // The URL itself is not shown: it may hold a password.
      throw new StoreError('url', `the URL of the database cannot be read; ${FORMS}`, { cause: error })
    }
  }
  throw new StoreError(
    'url',
    `the database's URL ${JSON.stringify(url.slice(0, 20))}… is of no known kind; ${FORMS}`,
  )
}

const FORMS = 'write file:/path/to/athanor.db, postgres://user:password@host:5432/name, or :memory:'
