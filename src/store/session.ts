import { type Kysely, type SelectQueryBuilder, sql } from 'kysely'
import { StoreError } from './errors.js'
import { type IdPrefix, newId } from './ids.js'
import type { DialectName } from './sql/migrations.js'
import { fromRow, type Schema, type Stored, type TableName, toRow, UNNAMEABLE } from './sql/tables.js'
import type { Access, Page, PageQuery } from './types.js'

/** Times that only grow, so that what was said later also sorts later. */
export type Ticks = () => number

export function createTicks(now: () => number): Ticks {
  let last = 0
  return () => {
    last = Math.max(Math.floor(now()), last + 1)
    return last
  }
}

/** Tables by names that are known only when the program runs. */
type AnySchema = Record<string, Record<string, unknown>>

/** The database as the repositories see it: on its own, or within a transaction. */
export class Session {
  constructor(
    readonly db: Kysely<Schema>,
    readonly dialect: DialectName,
    readonly ticks: Ticks,
    private readonly inTransaction: <T>(work: (session: Session) => Promise<T>) => Promise<T>,
  ) {}

  get any(): Kysely<AnySchema> {
    return this.db as unknown as Kysely<AnySchema>
  }

  /** All of `work` or nothing; within a transaction, a part of it. */
  transaction<T>(work: (session: Session) => Promise<T>): Promise<T> {
    return this.inTransaction(work)
  }

  /** Until the transaction ends, whoever else locks this name waits. (SQLite lets in one writing transaction at a time anyway.) */
  async lock(name: string): Promise<void> {
    if (this.dialect === 'postgres')
      await sql`SELECT pg_advisory_xact_lock(hashtextextended(${name}, 0))`.execute(this.db)
  }

  /** What is new about a record. */
  stamp(
    prefix: IdPrefix,
    given: { readonly id?: string; readonly created?: number },
  ): { id: string; created: number } {
    const created = given.created ?? this.ticks()
    return { id: given.id ?? newId(prefix, created), created }
  }

  /** Adds rows, many at a time. `ifNew` passes over those that are there. Tells how many came. */
  async insert<Table extends TableName>(
    table: Table,
    records: readonly Stored[Table][],
    { ifNew = false } = {},
  ): Promise<number> {
    const rows = records.map((record) => toRow(table, record) as Record<string, unknown>)
    const size = Math.max(1, Math.floor(MAX_PARAMETERS / Object.keys(rows[0] ?? { x: 0 }).length))
    let added = 0
    for (let from = 0; from < rows.length; from += size) {
      let query = this.any.insertInto(table as string).values(rows.slice(from, from + size))
      if (ifNew) query = query.onConflict((conflict) => conflict.doNothing())
      const [result] = await query.execute()
      added += Number(result?.numInsertedOrUpdatedRows ?? 0)
    }
    return added
  }

  /** The record whose columns have these values. */
  async find<Table extends TableName>(
    table: Table,
    where: Readonly<Record<string, string>>,
  ): Promise<Stored[Table] | undefined> {
    let query = this.any.selectFrom(table as string).selectAll()
    for (const [column, value] of Object.entries(where)) query = query.where(column, '=', name(value))
    const row = await query.executeTakeFirst()
    return row && fromRow(table, row as never)
  }

  /** @throws StoreError `store/not-found`, naming `what` */
  async get<Table extends TableName>(
    table: Table,
    where: Readonly<Record<string, string>>,
    what: string,
  ): Promise<Stored[Table]> {
    const found = await this.find(table, where)
    if (found === undefined) throw notFound(what, Object.values(where).join('/'))
    return found
  }

  /** As `get`; what belongs to somebody else is not there. */
  async getOwn<Table extends TableName>(
    table: Table,
    id: string,
    access: Access,
    what: string,
  ): Promise<Stored[Table]> {
    return this.get(table, { id, ...ownerOf(access) }, what)
  }
}

const MAX_PARAMETERS = 10_000

const ownerOf = (access: Access): Readonly<Record<string, string>> =>
  access === 'anyone' ? {} : { user: access.user }

export const notFound = (what: string, id: string) =>
  new StoreError('not-found', `there is no ${what} ${JSON.stringify(id.slice(0, 100))}`)

/** A name as it may stand in a query: PostgreSQL refuses the character 0, and nothing is named with it. */
const name = (value: string) => (UNNAMEABLE.test(value) ? '\u{10FFFD}' : value)

interface Order<Table extends TableName> {
  readonly table: Table
  readonly by: 'created' | 'updated'
  readonly newestFirst?: boolean
}

type AnyQuery = SelectQueryBuilder<AnySchema, string, Record<string, unknown>>

/** One page of a query, by time and id: what comes or goes in between moves nothing. `query` selects all columns of the table. */
export async function page<Table extends TableName>(
  query: unknown,
  { cursor, limit = 50 }: PageQuery,
  { table, by, newestFirst = false }: Order<Table>,
): Promise<Page<Stored[Table]>> {
  if (!Number.isInteger(limit) || limit < 1 || limit > 1000)
    throw new StoreError('invalid', 'limit must be a whole number from 1 to 1000')
  const beyond = newestFirst ? '<' : '>'
  const [timeColumn, idColumn]: [string, string] = [`${table}.${by}`, `${table}.id`]
  let select = query as AnyQuery
  if (cursor !== undefined) {
    const { time, id } = readCursor(cursor)
    select = select.where((where) =>
      where.or([
        where(timeColumn, beyond, time),
        where.and([where(timeColumn, '=', time), where(idColumn, beyond, id)]),
      ]),
    )
  }
  const direction = newestFirst ? 'desc' : 'asc'
  const rows = await select
    .orderBy(timeColumn, direction)
    .orderBy(idColumn, direction)
    .limit(limit + 1)
    .execute()
  const items = rows.slice(0, limit).map((row) => fromRow(table, row as never))
  const last = items.at(-1) as { id: string; created: number; updated: number } | undefined
  return rows.length > limit && last
    ? { items, next: Buffer.from(`${last[by]}:${last.id}`).toString('base64url') }
    : { items }
}

function readCursor(cursor: string): { time: number; id: string } {
  const [, time, id] = /^(\d{1,15}):([\w-]{1,200})$/.exec(Buffer.from(cursor, 'base64url').toString()) ?? []
  if (time === undefined || id === undefined)
    throw new StoreError('invalid', 'this cursor is not one; leave it out to begin at the first page')
  return { time: Number(time), id }
}

/** A pattern for LIKE that finds `text` in JSON, whatever stands in it; the escape character is \. */
export function likeInJson(text: string): string {
  const json = JSON.stringify(text).slice(1, -1)
  return `%${json.replace(/[\\%_]/g, (character) => `\\${character}`)}%`
}
