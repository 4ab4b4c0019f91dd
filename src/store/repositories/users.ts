import { sql } from 'kysely'
import type { Session } from '../session.js'
import { fromRow, toColumns } from '../sql/tables.js'
import type { Counts, Users } from '../types.js'

/** Where somebody's name stands on what is theirs alone. */
const OWNED = ['conversations', 'feedback', 'comparisons', 'labelTasks', 'apiKeys', 'usage', 'audit'] as const

export function usersOf(session: Session): Users {
  return {
    async list() {
      const { rows } = await sql<{ user: string }>`SELECT DISTINCT "user" FROM (${sql.join(
        OWNED.map((table) => sql`SELECT "user" FROM ${sql.table(table)}`),
        sql` UNION `,
      )}) AS names WHERE "user" <> '' ORDER BY "user"`.execute(session.db)
      return rows.map(({ user }) => user)
    },

    remove: (user) => session.transaction((inside) => removeUser(inside, user)),
  }
}

/**
 * Goes: conversations and messages, feedback that they gave, feedback of others on their words, comparisons, labeling tasks made of
 * their prompts, what they judged, documents that they brought, keys, usage, their lines in the audit log. Stays without their name:
 * that there was an admin key, runs, rounds, presets, changes of models, and collections in which others have documents.
 */
async function removeUser(session: Session, user: string): Promise<Counts> {
  const { db } = session
  const counts: Record<string, number> = {}
  const count = (kind: string, { numDeletedRows }: { readonly numDeletedRows: bigint }) => {
    counts[kind] = (counts[kind] ?? 0) + Number(numDeletedRows)
  }
  const conversations = db.selectFrom('conversations').select('id').where('user', '=', user)
  const comparisons = db.selectFrom('comparisons').select('id').where('user', '=', user)
  const tasks = db
    .selectFrom('labelTasks')
    .select('id')
    .where((where) => where.or([where('user', '=', user), where('conversation', 'in', conversations)]))
  const messages = db.selectFrom('messages').select('id').where('user', '=', user)
  const feedback = db
    .selectFrom('feedback')
    .select('id')
    .where((where) =>
      where.or([
        where('user', '=', user),
        where('labeler', '=', user),
        where('conversation', 'in', conversations),
        where('message', 'in', messages),
        where('comparison', 'in', comparisons),
        where('task', 'in', tasks),
      ]),
    )
  await db.deleteFrom('roundFeedback').where('feedback', 'in', feedback).execute()
  count('feedback', await db.deleteFrom('feedback').where('id', 'in', feedback).executeTakeFirst())
  count(
    'judgements',
    await db
      .deleteFrom('labelJudgements')
      .where((where) =>
        where.or([where('user', '=', user), where('labeler', '=', user), where('task', 'in', tasks)]),
      )
      .executeTakeFirst(),
  )
  await db.deleteFrom('labelLeases').where('labeler', '=', user).execute()
  count('tasks', await db.deleteFrom('labelTasks').where('id', 'in', tasks).executeTakeFirst())
  count('comparisons', await db.deleteFrom('comparisons').where('user', '=', user).executeTakeFirst())
  // Children go with their parents and would not be counted.
  const { number } = await db
    .selectFrom('messages')
    .select(sql<number>`count(*)`.as('number'))
    .where('user', '=', user)
    .executeTakeFirstOrThrow()
  counts.messages = Number(number)
  await db.deleteFrom('messages').where('user', '=', user).execute()
  count('conversations', await db.deleteFrom('conversations').where('user', '=', user).executeTakeFirst())

  const changed = db.selectFrom('documents').select('collection').where('user', '=', user)
  await db
    .updateTable('collections')
    .set({ revision: sql<number>`revision + 1` })
    .where('name', 'in', changed)
    .execute()
  count('documents', await db.deleteFrom('documents').where('user', '=', user).executeTakeFirst())
  count(
    'collections',
    await db
      .deleteFrom('collections')
      .where('user', '=', user)
      .where('name', 'not in', db.selectFrom('documents').select('collection'))
      .executeTakeFirst(),
  )
  counts.keys = await removeKeys(session, user)
  count('usage', await db.deleteFrom('usage').where('user', '=', user).executeTakeFirst())
  count('audit', await db.deleteFrom('audit').where('user', '=', user).executeTakeFirst())
  for (const table of ['collections', 'presets', 'runs', 'rounds', 'modelEvents'] as const)
    await db.updateTable(table).set({ user: null }).where('user', '=', user).execute()
  return counts
}

/** Admin keys stay, revoked and nameless: a server that once asked for keys must not open because its last admin is gone. */
async function removeKeys({ db, ticks }: Session, user: string): Promise<number> {
  const rows = await db.selectFrom('apiKeys').selectAll().where('user', '=', user).execute()
  const keys = rows.map((row) => fromRow('apiKeys', row))
  for (const { id, scopes, revoked } of keys) {
    if (scopes.includes('admin')) {
      const nobody = { name: '', user: '', lastUsed: null, revoked: revoked ?? ticks() }
      await db.updateTable('apiKeys').set(toColumns('apiKeys', nobody)).where('id', '=', id).execute()
    } else await db.deleteFrom('apiKeys').where('id', '=', id).execute()
  }
  return keys.length
}
