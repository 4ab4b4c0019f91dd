/** The database's form, step by step. A step that was released is never changed: what is new comes in another one. */
import { type Kysely, sql } from 'kysely'
import { StoreError } from '../errors.js'
import type { Schema } from './tables.js'

export type DialectName = 'sqlite' | 'postgres'

interface Types {
  readonly text: string
  readonly int: string
  readonly blob: string
  /** Behind the last bracket of a table. */
  readonly end: string
}

const TYPES: Readonly<Record<DialectName, Types>> = {
  sqlite: { text: 'TEXT', int: 'INTEGER', blob: 'BLOB', end: ' STRICT' },
  // "C" sorts and compares bytes, as SQLite does.
  postgres: { text: 'TEXT COLLATE "C"', int: 'BIGINT', blob: 'BYTEA', end: '' },
}

interface Migration {
  readonly name: string
  statements(types: Types): readonly string[]
}

const initial: Migration = {
  name: 'initial',
  statements: ({ text, int, blob, end }) => [
    `CREATE TABLE conversations (
      id ${text} PRIMARY KEY, "user" ${text} NOT NULL, title ${text} NOT NULL, model ${text}, preset ${text},
      collection ${text}, settings ${text}, created ${int} NOT NULL, updated ${int} NOT NULL)${end}`,
    'CREATE INDEX "conversationsByUser" ON conversations ("user", updated, id)',
    'CREATE INDEX "conversationsByTime" ON conversations (updated, id)',
    // Checked at the end of the transaction, so that trees can be written in any order.
    `CREATE TABLE messages (
      id ${text} PRIMARY KEY, conversation ${text} NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
      "user" ${text} NOT NULL, parent ${text} REFERENCES messages (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
      role ${text} NOT NULL, content ${text} NOT NULL, name ${text}, "toolCalls" ${text}, "toolCallId" ${text},
      model ${text}, "modelVersion" ${text}, sampling ${text}, usage ${text}, citations ${text}, finish ${text},
      created ${int} NOT NULL)${end}`,
    'CREATE INDEX "messagesByConversation" ON messages (conversation, created, id)',
    'CREATE INDEX "messagesByParent" ON messages (parent)',
    'CREATE INDEX "messagesByUser" ON messages ("user")',
    `CREATE TABLE feedback (
      id ${text} PRIMARY KEY, kind ${text} NOT NULL, "user" ${text} NOT NULL, labeler ${text} NOT NULL,
      conversation ${text}, message ${text}, prompt ${text} NOT NULL, answers ${text} NOT NULL, value ${text} NOT NULL,
      reason ${text}, comparison ${text}, task ${text}, round ${text}, created ${int} NOT NULL)${end}`,
    'CREATE INDEX "feedbackByTime" ON feedback (created, id)',
    'CREATE INDEX "feedbackByUser" ON feedback ("user", created, id)',
    'CREATE INDEX "feedbackByMessage" ON feedback (message)',
    'CREATE INDEX "feedbackByConversation" ON feedback (conversation)',
    'CREATE INDEX "feedbackByRound" ON feedback (round)',
    'CREATE INDEX "feedbackByTask" ON feedback (task)',
    `CREATE TABLE comparisons (
      id ${text} PRIMARY KEY, "user" ${text} NOT NULL, prompt ${text} NOT NULL, answers ${text} NOT NULL,
      ranks ${text}, ranked ${int}, created ${int} NOT NULL)${end}`,
    'CREATE INDEX "comparisonsByUser" ON comparisons ("user")',
    `CREATE TABLE "labelTasks" (
      id ${text} PRIMARY KEY, kind ${text} NOT NULL, prompt ${text} NOT NULL, answers ${text} NOT NULL,
      category ${text}, overlap ${int} NOT NULL, priority ${int} NOT NULL, "user" ${text} NOT NULL,
      conversation ${text}, created ${int} NOT NULL)${end}`,
    'CREATE INDEX "labelTasksByPriority" ON "labelTasks" (priority, created, id)',
    `CREATE TABLE "labelJudgements" (
      id ${text} PRIMARY KEY, task ${text} NOT NULL REFERENCES "labelTasks" (id) ON DELETE CASCADE,
      "user" ${text} NOT NULL, labeler ${text} NOT NULL, skipped ${int} NOT NULL, "values" ${text}, reason ${text},
      created ${int} NOT NULL, UNIQUE (task, labeler))${end}`,
    `CREATE TABLE "labelLeases" (
      task ${text} NOT NULL REFERENCES "labelTasks" (id) ON DELETE CASCADE, labeler ${text} NOT NULL,
      "until" ${int} NOT NULL, PRIMARY KEY (task, labeler))${end}`,
    `CREATE TABLE presets (
      name ${text} PRIMARY KEY, title ${text}, description ${text}, system ${text}, template ${text} NOT NULL,
      parameters ${text} NOT NULL, model ${text}, sampling ${text}, extra ${text}, "user" ${text},
      created ${int} NOT NULL, updated ${int} NOT NULL)${end}`,
    `CREATE TABLE "apiKeys" (
      id ${text} PRIMARY KEY, name ${text} NOT NULL, "user" ${text} NOT NULL, scopes ${text} NOT NULL,
      hint ${text} NOT NULL, hash ${text} NOT NULL UNIQUE, limits ${text}, created ${int} NOT NULL, expires ${int},
      revoked ${int}, "lastUsed" ${int})${end}`,
    `CREATE TABLE usage (
      day ${text} NOT NULL, key ${text} NOT NULL, "user" ${text} NOT NULL, model ${text} NOT NULL,
      "modelVersion" ${text} NOT NULL, requests ${int} NOT NULL, errors ${int} NOT NULL, "promptTokens" ${int} NOT NULL,
      "cachedTokens" ${int} NOT NULL, "completionTokens" ${int} NOT NULL,
      PRIMARY KEY (day, key, "user", model, "modelVersion"))${end}`,
    `CREATE TABLE audit (
      id ${text} PRIMARY KEY, "user" ${text} NOT NULL, key ${text}, action ${text} NOT NULL, target ${text},
      details ${text}, request ${text}, created ${int} NOT NULL)${end}`,
    'CREATE INDEX "auditByTime" ON audit (created, id)',
    `CREATE TABLE runs (
      id ${text} PRIMARY KEY, stage ${text} NOT NULL, name ${text} NOT NULL, dir ${text} NOT NULL UNIQUE,
      settings ${text} NOT NULL, state ${text} NOT NULL, pid ${int}, error ${text}, result ${text}, "user" ${text},
      created ${int} NOT NULL, started ${int}, ended ${int}, updated ${int} NOT NULL)${end}`,
    'CREATE INDEX "runsByTime" ON runs (created, id)',
    `CREATE TABLE models (
      name ${text} PRIMARY KEY, live ${text}, traffic ${text}, created ${int} NOT NULL, updated ${int} NOT NULL)${end}`,
    `CREATE TABLE "modelVersions" (
      model ${text} NOT NULL REFERENCES models (name) ON DELETE CASCADE, version ${text} NOT NULL, dir ${text} NOT NULL,
      kind ${text} NOT NULL, lineage ${text}, scores ${text}, run ${text}, round ${text}, note ${text},
      created ${int} NOT NULL, PRIMARY KEY (model, version))${end}`,
    `CREATE TABLE "modelEvents" (
      id ${text} PRIMARY KEY, model ${text} NOT NULL REFERENCES models (name) ON DELETE CASCADE, action ${text} NOT NULL,
      "from" ${text}, "to" ${text}, traffic ${text}, "user" ${text}, reason ${text}, created ${int} NOT NULL)${end}`,
    'CREATE INDEX "modelEventsByTime" ON "modelEvents" (model, created, id)',
    `CREATE TABLE collections (
      name ${text} PRIMARY KEY, description ${text}, "user" ${text}, settings ${text}, revision ${int} NOT NULL,
      created ${int} NOT NULL, updated ${int} NOT NULL)${end}`,
    `CREATE TABLE documents (
      id ${text} PRIMARY KEY, collection ${text} NOT NULL REFERENCES collections (name) ON DELETE CASCADE,
      title ${text} NOT NULL, source ${text}, mime ${text} NOT NULL, bytes ${int} NOT NULL, sha256 ${text} NOT NULL,
      text ${text}, "user" ${text}, created ${int} NOT NULL)${end}`,
    'CREATE INDEX "documentsByCollection" ON documents (collection, created, id)',
    `CREATE TABLE passages (
      id ${text} PRIMARY KEY, collection ${text} NOT NULL,
      document ${text} NOT NULL REFERENCES documents (id) ON DELETE CASCADE, "index" ${int} NOT NULL,
      text ${text} NOT NULL, heading ${text}, "start" ${int}, "end" ${int}, embedding ${blob}, embedder ${text})${end}`,
    'CREATE UNIQUE INDEX "passagesByPlace" ON passages (collection, document, "index")',
    'CREATE INDEX "passagesByDocument" ON passages (document)',
    `CREATE TABLE rounds (
      id ${text} PRIMARY KEY, model ${text} NOT NULL, "from" ${text}, "to" ${text}, state ${text} NOT NULL, run ${text},
      counts ${text}, result ${text}, error ${text}, "user" ${text}, created ${int} NOT NULL, ended ${int})${end}`,
    'CREATE INDEX "roundsByTime" ON rounds (created, id)',
    `CREATE TABLE "roundFeedback" (
      round ${text} NOT NULL REFERENCES rounds (id) ON DELETE CASCADE, feedback ${text} NOT NULL, "use" ${text} NOT NULL,
      reason ${text}, PRIMARY KEY (round, feedback))${end}`,
    'CREATE INDEX "roundFeedbackByFeedback" ON "roundFeedback" (feedback)',
    `CREATE TABLE settings (name ${text} PRIMARY KEY, value ${text} NOT NULL, updated ${int} NOT NULL)${end}`,
  ],
}

export const MIGRATIONS: readonly Migration[] = [initial]

/**
 * Brings the database to the newest form, in one transaction: servers that start at once wait for each other.
 * @throws StoreError `store/newer` for one that a later Athanor has changed
 */
export async function migrate(
  db: Kysely<Schema>,
  dialect: DialectName,
  migrations: readonly Migration[] = MIGRATIONS,
): Promise<void> {
  const types = TYPES[dialect]
  await db.transaction().execute(async (transaction) => {
    const run = (statement: string) => sql.raw(statement).execute(transaction)
    // SQLite's transactions exclude each other.
    if (dialect === 'postgres') await run(`SELECT pg_advisory_xact_lock(${MIGRATION_LOCK})`)
    await run(
      `CREATE TABLE IF NOT EXISTS migrations (
        number ${types.int} PRIMARY KEY, name ${types.text} NOT NULL, applied ${types.int} NOT NULL)${types.end}`,
    )
    const { rows } = await sql<{ done: number | null }>`SELECT max(number) AS done FROM migrations`.execute(
      transaction,
    )
    const done = Number(rows[0]?.done ?? 0)
    if (done > migrations.length) {
      throw new StoreError(
        'newer',
        `the database has form ${done}, this Athanor knows forms up to ${migrations.length}; update Athanor, or choose another database`,
      )
    }
    for (const [index, migration] of migrations.entries()) {
      if (index < done) continue
      for (const statement of migration.statements(types)) await run(statement)
      await sql`INSERT INTO migrations (number, name, applied) VALUES (${index + 1}, ${migration.name}, ${Date.now()})`.execute(
        transaction,
      )
    }
  })
}

/** Any number that others are unlikely to lock: "athanor" in the letters' places. */
const MIGRATION_LOCK = 1_208_011_415
