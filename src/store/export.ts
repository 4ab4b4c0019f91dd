/**
 * The whole store as JSON Lines: a header `{"athanor":"store","version":1,…}`, a line `{"type":"messages","record":{…}}` for each
 * record, in an order in which everything comes after what it names, and `{"type":"end","records":n}`, so that half a file is known.
 */
import { type SqlBool, sql } from 'kysely'
import { StoreError } from './errors.js'
import { dayOf } from './repositories/usage.js'
import { type ExportedTable, recordSchemas } from './schemas.js'
import type { Session } from './session.js'
import { fromRow } from './sql/tables.js'
import type { ExportOptions } from './types.js'

export const EXPORT_VERSION = 1

export const EXPORTED_TABLES = Object.keys(recordSchemas) as ExportedTable[]

/** What the rows of a table are sorted by, which is different for every two. */
const ORDER: { readonly [Table in ExportedTable]: readonly string[] } = {
  settings: ['name'],
  models: ['name'],
  modelVersions: ['model', 'version'],
  modelEvents: ['created', 'id'],
  runs: ['created', 'id'],
  rounds: ['created', 'id'],
  presets: ['name'],
  apiKeys: ['created', 'id'],
  usage: ['day', 'key', 'user', 'model', 'modelVersion'],
  audit: ['created', 'id'],
  conversations: ['created', 'id'],
  // Parents are older than their children.
  messages: ['created', 'id'],
  comparisons: ['created', 'id'],
  labelTasks: ['created', 'id'],
  labelJudgements: ['created', 'id'],
  feedback: ['created', 'id'],
  roundFeedback: ['round', 'feedback'],
  collections: ['name'],
  documents: ['created', 'id'],
  passages: ['id'],
}

/** The time by which `since` chooses: a conversation is as new as its newest message. What is not named here is always exported. */
const SINCE: Partial<Record<ExportedTable, string>> = {
  conversations: 'updated',
  messages: 'created',
  feedback: 'created',
  comparisons: 'created',
  labelTasks: 'created',
  labelJudgements: 'created',
  audit: 'created',
  usage: 'day',
}

const PAGE = 200

export async function* exportStore(
  session: Session,
  { only, since }: ExportOptions = {},
  now: number,
): AsyncGenerator<string> {
  const unknown = only?.find((table) => !(EXPORTED_TABLES as readonly string[]).includes(table))
  if (unknown !== undefined) {
    throw new StoreError(
      'invalid',
      `there are no records ${JSON.stringify(unknown)}; there are ${EXPORTED_TABLES.join(', ')}`,
    )
  }
  const tables = EXPORTED_TABLES.filter((table) => only?.includes(table) ?? true)
  const header = { athanor: 'store', version: EXPORT_VERSION, exported: new Date(now).toISOString(), tables }
  yield `${JSON.stringify(header)}\n`
  let records = 0
  for (const table of tables) {
    for await (const record of rowsOf(session, table, since)) {
      records++
      yield `${JSON.stringify({ type: table, record: writable(record) })}\n`
    }
  }
  yield `${JSON.stringify({ type: 'end', records })}\n`
}

async function* rowsOf(session: Session, table: ExportedTable, since: number | undefined) {
  const columns = ORDER[table].map((column) => sql.ref(column))
  const time = SINCE[table]
  for (let last: Record<string, unknown> | undefined; ; ) {
    let select = session.any.selectFrom(table as string).selectAll()
    if (time !== undefined && since !== undefined)
      select = select.where(time, '>=', time === 'day' ? dayOf(since) : since)
    if (last) {
      const values = ORDER[table].map((column) => last![column])
      select = select.where(sql<SqlBool>`(${sql.join(columns)}) > (${sql.join(values)})`)
    }
    for (const column of columns) select = select.orderBy(column)
    const rows = await select.limit(PAGE).execute()
    for (const row of rows) yield fromRow(table, row as never)
    if (rows.length < PAGE) return
    last = rows.at(-1)
  }
}

/** Embeddings as base64 of their bytes. */
function writable(record: object): object {
  const floats = Object.entries(record).filter(([, value]) => value instanceof Float32Array) as [
    string,
    Float32Array,
  ][]
  return floats.length === 0
    ? record
    : {
        ...record,
        ...Object.fromEntries(
          floats.map(([name, { buffer, byteOffset, byteLength }]) => [
            name,
            Buffer.from(buffer, byteOffset, byteLength).toString('base64'),
          ]),
        ),
      }
}
