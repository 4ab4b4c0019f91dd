import { createReadStream } from 'node:fs'
import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import { toStorageError } from '../atomic.js'
import { splitLines } from '../lines.js'
import { StoreError } from './errors.js'
import { EXPORT_VERSION } from './export.js'
import { type ExportedTable, recordSchemas } from './schemas.js'
import type { Session } from './session.js'
import type { Stored } from './sql/tables.js'
import type { Counts } from './types.js'

/** The most bytes of a line: the longest text, with escapes. */
const MAX_LINE = 128 * 2 ** 20
const BATCH = 200

const headerSchema = z.object({ athanor: z.literal('store'), version: z.int() })
const lineSchema = z.object({ type: z.string(), record: z.unknown() })
const endSchema = z.object({ type: z.literal('end'), records: z.int() })

interface Line {
  readonly number: number
  readonly table: ExportedTable
  readonly record: Readonly<Record<string, unknown>>
}

/**
 * Adds what `exportStore` wrote. Everything is read and checked first, into a file beside, so that a slow sender holds nobody up and an
 * error writes nothing; then it is added in one transaction. Records that are there stay as they are.
 * @throws StoreError `store/import`, with the number of the line
 */
export async function importStore(
  session: Session,
  source: AsyncIterable<Uint8Array>,
): Promise<{ readonly added: Counts; readonly known: Counts }> {
  const folder = await mkdtemp(join(tmpdir(), 'athanor-import-')).catch((error: unknown) => {
    throw toStorageError(error, 'keep what is imported in', tmpdir())
  })
  try {
    const path = join(folder, 'records.jsonl')
    await checkAndKeep(source, path)
    return await session.transaction((inside) => addRecords(inside, createReadStream(path)))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function checkAndKeep(source: AsyncIterable<Uint8Array>, path: string): Promise<void> {
  const file = await open(path, 'wx', 0o600)
  async function* kept(): AsyncGenerator<Buffer> {
    for await (const chunk of source) {
      const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
      try {
        await file.write(bytes)
      } catch (error) {
        throw toStorageError(error, 'write', path)
      }
      yield bytes
    }
  }
  try {
    for await (const _ of readRecords(kept())) {
      // Read for what is wrong in it.
    }
  } finally {
    await file.close()
  }
}

async function* readRecords(source: AsyncIterable<Buffer>): AsyncGenerator<Line> {
  let number = 0
  let records = 0
  let ended = false
  const tooLong = () =>
    new StoreError(
      'import',
      `line ${number + 1} is longer than ${MAX_LINE} bytes: this is no export of a store`,
    )
  for await (const { bytes } of splitLines(source, { bytes: MAX_LINE, error: tooLong })) {
    number++
    const wrong = (problem: string) => new StoreError('import', `line ${number}: ${problem}`)
    const value = parse(bytes, wrong)
    if (number === 1) {
      const header = headerSchema.safeParse(value)
      if (!header.success) throw wrong('this is no export of a store: its header is missing')
      if (header.data.version !== EXPORT_VERSION) {
        throw wrong(
          `the export has form ${header.data.version}, this Athanor reads form ${EXPORT_VERSION}; update Athanor`,
        )
      }
      continue
    }
    if (ended) throw wrong('something follows the end of the export')
    const end = endSchema.safeParse(value)
    if (end.success) {
      if (end.data.records !== records)
        throw wrong(`the export should have ${end.data.records} records, and has ${records}`)
      ended = true
      continue
    }
    const line = lineSchema.safeParse(value)
    if (!line.success) throw wrong('it should have "type" and "record"')
    const { type, record } = line.data
    if (!Object.hasOwn(recordSchemas, type))
      throw wrong(`records ${JSON.stringify(type.slice(0, 40))} are unknown`)
    const table = type as ExportedTable
    const checked = recordSchemas[table].safeParse(record)
    if (!checked.success) {
      const { path, message } = checked.error.issues[0]!
      throw wrong(`${[table, ...path.map(String)].join('.')}: ${message}`)
    }
    records++
    yield { number, table, record: checked.data as Line['record'] }
  }
  if (!ended)
    throw new StoreError('import', `the export ends early, after line ${number}: its last lines are missing`)
}

function parse(bytes: Buffer, wrong: (problem: string) => StoreError): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    throw wrong('this is not JSON in UTF-8')
  }
}

async function addRecords(
  session: Session,
  source: AsyncIterable<Buffer>,
): Promise<{ readonly added: Counts; readonly known: Counts }> {
  const [added, known]: Record<string, number>[] = [{}, {}]
  let batch: Line[] = []
  const flush = async () => {
    const [first] = batch
    if (first === undefined) return
    const { table } = first
    try {
      await checkReferences(session, batch, (other) => other !== table)
      const came = await session.insert(
        table,
        batch.map(({ record }) => record) as unknown as Stored[typeof table][],
        {
          ifNew: true,
        },
      )
      await checkReferences(session, batch, (other) => other === table)
      added![table] = (added![table] ?? 0) + came
      known![table] = (known![table] ?? 0) + batch.length - came
    } catch (error) {
      if (!(error instanceof StoreError) || !['invalid', 'too-large'].includes(error.reason)) throw error
      const lines = `lines ${first.number} to ${batch.at(-1)!.number}`
      throw new StoreError('import', `${lines}: ${error.message}`, { cause: error })
    }
    batch = []
  }
  for await (const line of readRecords(source)) {
    if (batch.length === BATCH || (batch[0] && batch[0].table !== line.table)) await flush()
    batch.push(line)
  }
  await flush()
  return { added: added!, known: known! }
}

interface Reference {
  readonly column: string
  readonly table: ExportedTable
  readonly key: string
  /** A column that both must have alike. */
  readonly same?: string
}

const REFERENCES: { readonly [Table in ExportedTable]?: readonly Reference[] } = {
  messages: [
    { column: 'conversation', table: 'conversations', key: 'id', same: 'user' },
    { column: 'parent', table: 'messages', key: 'id', same: 'conversation' },
  ],
  labelJudgements: [{ column: 'task', table: 'labelTasks', key: 'id' }],
  modelVersions: [{ column: 'model', table: 'models', key: 'name' }],
  modelEvents: [{ column: 'model', table: 'models', key: 'name' }],
  roundFeedback: [{ column: 'round', table: 'rounds', key: 'id' }],
  documents: [{ column: 'collection', table: 'collections', key: 'name' }],
  passages: [{ column: 'document', table: 'documents', key: 'id', same: 'collection' }],
}

/** That what records name is there. The database would say so too, but not in which line. */
async function checkReferences(
  session: Session,
  batch: readonly Line[],
  isMeant: (table: ExportedTable) => boolean,
): Promise<void> {
  for (const { column, table, key, same = key } of REFERENCES[batch[0]!.table] ?? []) {
    if (!isMeant(table)) continue
    const wanted = [
      ...new Set(batch.map(({ record }) => record[column]).filter((value) => value !== undefined)),
    ]
    if (wanted.length === 0) continue
    const rows = await session.any
      .selectFrom(table as string)
      .select([key, same])
      .where(key, 'in', wanted)
      .execute()
    const found = new Map(rows.map((row) => [row[key], row[same]]))
    for (const { number, record } of batch) {
      const name = record[column]
      if (name === undefined) continue
      const fits = found.has(name) && (same === key || found.get(name) === record[same])
      if (fits) continue
      const what = `${column} ${JSON.stringify(name)}`
      throw new StoreError(
        'import',
        found.has(name)
          ? `line ${number}: its ${what} has another ${same}`
          : `line ${number}: its ${what} is neither in the export nor in the store`,
      )
    }
  }
}
