import { sql } from 'kysely'
import { StoreError } from '../errors.js'
import { likeInJson, notFound, page, type Session } from '../session.js'
import { fromRow, toColumns } from '../sql/tables.js'
import type { Access, Conversations, Message, Messages } from '../types.js'

export function conversationsOf(session: Session): Conversations {
  const get = (id: string, access: Access) => session.getOwn('conversations', id, access, 'conversation')
  return {
    get,

    async create({ title = '', ...given }) {
      const { id, created } = session.stamp('conv', given)
      const conversation = { ...given, id, title, created, updated: created }
      await session.insert('conversations', [conversation])
      return conversation
    },

    async list(access, { q, ...query } = {}) {
      let select = session.db.selectFrom('conversations').selectAll()
      if (access !== 'anyone') select = select.where('conversations.user', '=', access.user)
      if (q !== undefined && q !== '') {
        const like = session.dialect === 'postgres' ? sql.raw('ILIKE') : sql.raw('LIKE')
        const pattern = likeInJson(q)
        select = select.where((where) =>
          where.or([
            sql<boolean>`conversations.title ${like} ${pattern} ESCAPE '\\'`,
            where.exists(
              where
                .selectFrom('messages')
                .select('messages.id')
                .whereRef('messages.conversation', '=', 'conversations.id')
                .where(sql<boolean>`messages.content ${like} ${pattern} ESCAPE '\\'`),
            ),
          ]),
        )
      }
      return page(select, query, { table: 'conversations', by: 'updated', newestFirst: true })
    },

    update: (id, change, access) =>
      session.transaction(async (inside) => {
        await inside.getOwn('conversations', id, access, 'conversation')
        const row = await inside.db
          .updateTable('conversations')
          .set({ ...toColumns('conversations', change), updated: inside.ticks() })
          .where('id', '=', id)
          .returningAll()
          .executeTakeFirstOrThrow()
        return fromRow('conversations', row)
      }),

    remove: (id, access) =>
      session.transaction(async (inside) => {
        await inside.getOwn('conversations', id, access, 'conversation')
        await removeConversations(inside, [id])
      }),
  }
}

/** With everything that holds their words: messages, feedback on them, labeling tasks made of them. */
export async function removeConversations({ db }: Session, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return
  const feedback = db.selectFrom('feedback').select('id').where('conversation', 'in', ids)
  await db.deleteFrom('roundFeedback').where('feedback', 'in', feedback).execute()
  await db.deleteFrom('feedback').where('conversation', 'in', ids).execute()
  await db.deleteFrom('labelTasks').where('conversation', 'in', ids).execute()
  await db.deleteFrom('conversations').where('id', 'in', ids).execute()
}

export function messagesOf(session: Session): Messages {
  const get = (id: string, access: Access) => session.getOwn('messages', id, access, 'message')
  const list = async (conversation: string, access: Access) => {
    await session.getOwn('conversations', conversation, access, 'conversation')
    const rows = await session.db
      .selectFrom('messages')
      .selectAll()
      .where('conversation', '=', conversation)
      .orderBy('created')
      .orderBy('id')
      .execute()
    return rows.map((row) => fromRow('messages', row))
  }
  return {
    get,
    list,

    add: (...given) =>
      session.transaction(async (inside) => {
        const added = new Map<string, Message>()
        for (const one of given) {
          const parent =
            one.parent === undefined
              ? undefined
              : (added.get(one.parent) ?? (await inside.find('messages', { id: one.parent })))
          if (one.parent !== undefined && parent?.conversation !== one.conversation) {
            throw new StoreError(
              'invalid',
              `the message ${JSON.stringify(one.parent)}, which is to stand before the new one, is not in this conversation`,
            )
          }
          const { id, created } = inside.stamp('msg', one)
          // After its parent, also where another server's clock runs ahead.
          added.set(id, { ...one, id, created: Math.max(created, (parent?.created ?? 0) + 1) })
        }
        const messages = [...added.values()]
        if (messages.length !== given.length)
          throw new StoreError('conflict', 'two messages have the same id')
        for (const [conversation, user] of new Map(messages.map((one) => [one.conversation, one.user]))) {
          const { numUpdatedRows } = await inside.db
            .updateTable('conversations')
            .set({ updated: inside.ticks() })
            .where('id', '=', conversation)
            .where('user', '=', user)
            .executeTakeFirst()
          if (numUpdatedRows === 0n) throw notFound('conversation', conversation)
        }
        const strange = messages.find(({ conversation, user }) =>
          messages.some((other) => other.conversation === conversation && other.user !== user),
        )
        if (strange) throw notFound('conversation', strange.conversation)
        await inside.insert('messages', messages)
        return messages
      }),

    async path(id, access) {
      const last = await get(id, access)
      const byId = new Map((await list(last.conversation, access)).map((one) => [one.id, one]))
      const path = [last]
      // A parent is older than its child, so this ends.
      for (let at = last; at.parent !== undefined; ) {
        const parent = byId.get(at.parent)
        if (parent === undefined || parent.created >= at.created) break
        path.unshift(parent)
        at = parent
      }
      return path
    },
  }
}
