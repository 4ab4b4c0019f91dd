/**
 * The tables, and how records become rows. A column has the name of the record's field. Free text and everything nested is stored as
 * JSON text: what databases cannot hold in a text (the character 0, half a surrogate pair) comes back as it was.
 */
import { StoreError } from '../errors.js'
import type * as r from '../records.js'

/**
 * `text`: short, searchable by equality. `body`: free text. `json`: any JSON. `int`: whole numbers. `flag`: true or false. `floats`: a
 * Float32Array.
 */
export type ColumnType = 'text' | 'body' | 'json' | 'int' | 'flag' | 'floats'

/** The most bytes (UTF-8) of a value. The studio's and the API's limits lie below. */
export const LIMITS: Readonly<Record<ColumnType, number>> = {
  text: 2_000,
  body: 64 * 2 ** 20,
  json: 64 * 2 ** 20,
  int: 8,
  flag: 1,
  floats: 2 ** 20,
}

/** The character 0, which PostgreSQL refuses in a text, and half a surrogate pair, which UTF-8 cannot write. */
export const UNNAMEABLE = /\0|\p{Surrogate}/u

const ids = { id: 'text' } as const

export const COLUMNS = {
  conversations: {
    ...ids,
    user: 'text',
    title: 'body',
    model: 'text',
    preset: 'text',
    collection: 'text',
    settings: 'json',
    created: 'int',
    updated: 'int',
  },
  messages: {
    ...ids,
    conversation: 'text',
    user: 'text',
    parent: 'text',
    role: 'text',
    content: 'body',
    name: 'text',
    toolCalls: 'json',
    toolCallId: 'text',
    model: 'text',
    modelVersion: 'text',
    sampling: 'json',
    usage: 'json',
    citations: 'json',
    finish: 'text',
    created: 'int',
  },
  feedback: {
    ...ids,
    kind: 'text',
    user: 'text',
    labeler: 'text',
    conversation: 'text',
    message: 'text',
    prompt: 'json',
    answers: 'json',
    value: 'json',
    reason: 'body',
    comparison: 'text',
    task: 'text',
    round: 'text',
    created: 'int',
  },
  comparisons: {
    ...ids,
    user: 'text',
    prompt: 'json',
    answers: 'json',
    ranks: 'json',
    ranked: 'int',
    created: 'int',
  },
  labelTasks: {
    ...ids,
    kind: 'text',
    prompt: 'json',
    answers: 'json',
    category: 'text',
    overlap: 'int',
    priority: 'int',
    user: 'text',
    conversation: 'text',
    created: 'int',
  },
  labelJudgements: {
    ...ids,
    task: 'text',
    user: 'text',
    labeler: 'text',
    skipped: 'flag',
    values: 'json',
    reason: 'body',
    created: 'int',
  },
  labelLeases: { task: 'text', labeler: 'text', until: 'int' },
  presets: {
    name: 'text',
    title: 'body',
    description: 'body',
    system: 'body',
    template: 'body',
    parameters: 'json',
    model: 'text',
    sampling: 'json',
    extra: 'json',
    user: 'text',
    created: 'int',
    updated: 'int',
  },
  apiKeys: {
    ...ids,
    name: 'text',
    user: 'text',
    scopes: 'json',
    hint: 'text',
    hash: 'text',
    limits: 'json',
    created: 'int',
    expires: 'int',
    revoked: 'int',
    lastUsed: 'int',
  },
  usage: {
    day: 'text',
    key: 'text',
    user: 'text',
    model: 'text',
    modelVersion: 'text',
    requests: 'int',
    errors: 'int',
    promptTokens: 'int',
    cachedTokens: 'int',
    completionTokens: 'int',
  },
  audit: {
    ...ids,
    user: 'text',
    key: 'text',
    action: 'text',
    target: 'text',
    details: 'json',
    request: 'text',
    created: 'int',
  },
  runs: {
    ...ids,
    stage: 'text',
    name: 'text',
    dir: 'text',
    settings: 'json',
    state: 'text',
    pid: 'int',
    error: 'body',
    result: 'json',
    user: 'text',
    created: 'int',
    started: 'int',
    ended: 'int',
    updated: 'int',
  },
  models: { name: 'text', live: 'text', traffic: 'json', created: 'int', updated: 'int' },
  modelVersions: {
    model: 'text',
    version: 'text',
    dir: 'text',
    kind: 'text',
    lineage: 'json',
    scores: 'json',
    run: 'text',
    round: 'text',
    note: 'body',
    created: 'int',
  },
  modelEvents: {
    ...ids,
    model: 'text',
    action: 'text',
    from: 'text',
    to: 'text',
    traffic: 'json',
    user: 'text',
    reason: 'body',
    created: 'int',
  },
  collections: {
    name: 'text',
    description: 'body',
    user: 'text',
    settings: 'json',
    revision: 'int',
    created: 'int',
    updated: 'int',
  },
  documents: {
    ...ids,
    collection: 'text',
    title: 'body',
    source: 'body',
    mime: 'text',
    bytes: 'int',
    sha256: 'text',
    text: 'body',
    user: 'text',
    created: 'int',
  },
  passages: {
    ...ids,
    collection: 'text',
    document: 'text',
    index: 'int',
    text: 'body',
    heading: 'body',
    start: 'int',
    end: 'int',
    embedding: 'floats',
    embedder: 'text',
  },
  rounds: {
    ...ids,
    model: 'text',
    from: 'text',
    to: 'text',
    state: 'text',
    run: 'text',
    counts: 'json',
    result: 'json',
    error: 'body',
    user: 'text',
    created: 'int',
    ended: 'int',
  },
  roundFeedback: { round: 'text', feedback: 'text', use: 'text', reason: 'body' },
  settings: { name: 'text', value: 'json', updated: 'int' },
} as const satisfies Readonly<Record<string, Readonly<Record<string, ColumnType>>>>

export type TableName = keyof typeof COLUMNS

interface Values {
  text: string | null
  body: string | null
  json: string | null
  int: number | null
  flag: number | null
  floats: Uint8Array | null
}
export type Row<Table extends TableName> = {
  -readonly [Column in keyof (typeof COLUMNS)[Table]]: Values[(typeof COLUMNS)[Table][Column] & ColumnType]
}
export type Schema = { [Table in TableName]: Row<Table> }

/** What a row of a table is outside. */
export interface Stored {
  conversations: r.Conversation
  messages: r.Message
  feedback: r.Feedback
  comparisons: r.Comparison
  labelTasks: r.LabelTask
  labelJudgements: r.LabelJudgement
  labelLeases: { readonly task: string; readonly labeler: string; readonly until: number }
  presets: r.Preset
  apiKeys: r.ApiKey & { readonly hash: string }
  usage: r.Usage
  audit: r.AuditEntry
  runs: r.Run
  models: r.Model
  modelVersions: r.ModelVersion
  modelEvents: r.ModelEvent
  collections: r.Collection
  documents: r.Document
  passages: r.Passage
  rounds: r.Round
  roundFeedback: r.RoundFeedback
  settings: r.Setting
}

/** A record as the row of its table. @throws StoreError `store/invalid` or `store/too-large`, naming the field */
export function toRow<Table extends TableName>(table: Table, record: Stored[Table]): Row<Table> {
  return valuesOf(table, record, Object.keys(COLUMNS[table])) as Row<Table>
}

/** Some fields as columns; `null` empties them, undefined leaves them alone. */
export function toColumns<Table extends TableName>(
  table: Table,
  fields: { readonly [Name in keyof Stored[Table]]?: Stored[Table][Name] | null },
): Partial<Row<Table>> {
  const given = Object.entries(fields).flatMap(([name, value]) => (value === undefined ? [] : [name]))
  return valuesOf(table, fields, given) as Partial<Row<Table>>
}

function valuesOf(table: TableName, record: object, names: readonly string[]): Record<string, unknown> {
  const columns: Readonly<Record<string, ColumnType>> = COLUMNS[table]
  const fields = record as Readonly<Record<string, unknown>>
  return Object.fromEntries(
    names.map((name) => [name, toValue(columns[name]!, fields[name], `${name} of ${table}`)]),
  )
}

function toValue(type: ColumnType, value: unknown, where: string): unknown {
  if (value === undefined || value === null) return null
  const wrong = (problem: string) => new StoreError('invalid', `${where} ${problem}`)
  const bounded = (text: string) => {
    // A character takes one to three bytes per UTF-16 unit, so the count is only needed near the limit.
    if (text.length * 3 > LIMITS[type] && Buffer.byteLength(text) > LIMITS[type])
      throw new StoreError('too-large', `${where} is longer than ${LIMITS[type]} bytes; shorten it`)
    return text
  }
  switch (type) {
    case 'text':
      if (typeof value !== 'string') throw wrong('is not a text')
      if (UNNAMEABLE.test(value))
        throw wrong('holds a character that names cannot have (the character 0, or half a surrogate pair)')
      return bounded(value)
    case 'body':
      if (typeof value !== 'string') throw wrong('is not a text')
      return bounded(JSON.stringify(value))
    case 'json':
      return bounded(toJson(value, wrong))
    case 'int':
      if (!Number.isSafeInteger(value)) throw wrong(`is ${value}, not a whole number`)
      return value
    case 'flag':
      return value === true ? 1 : 0
    case 'floats': {
      if (!(value instanceof Float32Array)) throw wrong('is not a Float32Array')
      if (value.byteLength > LIMITS.floats) throw new StoreError('too-large', `${where} has too many numbers`)
      return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
    }
  }
}

function toJson(value: unknown, wrong: (problem: string) => StoreError): string {
  try {
    const json = JSON.stringify(value)
    if (json !== undefined) return json
  } catch (error) {
    if (!(error instanceof RangeError || error instanceof TypeError)) throw error
  }
  throw wrong('cannot be written as JSON, or is nested too deeply')
}

/** A row as its record: without the fields that are not there. */
export function fromRow<Table extends TableName>(table: Table, row: Partial<Row<Table>>): Stored[Table] {
  const columns: Readonly<Record<string, ColumnType>> = COLUMNS[table]
  const record: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(row)) {
    if (value !== null && columns[name] !== undefined) record[name] = fromValue(columns[name], value)
  }
  return record as unknown as Stored[Table]
}

function fromValue(type: ColumnType, value: unknown): unknown {
  switch (type) {
    case 'text':
      return value
    case 'body':
    case 'json':
      return JSON.parse(value as string)
    case 'int':
      return Number(value)
    case 'flag':
      return Number(value) === 1
    case 'floats': {
      // SQLite gives an ArrayBuffer, PostgreSQL a Buffer, which may begin anywhere in its memory.
      const bytes = value instanceof ArrayBuffer ? new Uint8Array(value) : (value as Uint8Array)
      return new Float32Array(Uint8Array.from(bytes).buffer)
    }
  }
}
