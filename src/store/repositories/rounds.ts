import { notFound, page, type Session } from '../session.js'
import { fromRow, toColumns } from '../sql/tables.js'
import type { Round, Rounds } from '../types.js'

export function roundsOf(session: Session): Rounds {
  const { db } = session
  return {
    get: (id) => session.get('rounds', { id }, 'round'),

    async create(given) {
      const round: Round = { state: 'running', ...given, ...session.stamp('round', given) }
      await session.insert('rounds', [round])
      return round
    },

    async list({ model, ...query } = {}) {
      let select = db.selectFrom('rounds').selectAll()
      if (model !== undefined) select = select.where('model', '=', model)
      return page(select, query, { table: 'rounds', by: 'created', newestFirst: true })
    },

    take: (round, feedback) =>
      session.transaction(async (inside) => {
        await inside.get('rounds', { id: round }, 'round')
        await inside.insert(
          'roundFeedback',
          feedback.map((one) => ({ ...one, round })),
          { ifNew: true },
        )
        for (let from = 0; from < feedback.length; from += CHUNK) {
          const ids = feedback.slice(from, from + CHUNK).map((one) => one.feedback)
          await inside.db
            .updateTable('feedback')
            .set({ round })
            .where('id', 'in', ids)
            .where('round', 'is', null)
            .execute()
        }
      }),

    async feedback(round) {
      const rows = await db
        .selectFrom('roundFeedback')
        .selectAll()
        .where('round', '=', round)
        .orderBy('feedback')
        .execute()
      return rows.map((row) => fromRow('roundFeedback', row))
    },

    async update(id, change) {
      const columns = toColumns('rounds', change)
      if (Object.keys(columns).length === 0) return session.get('rounds', { id }, 'round')
      const row = await db
        .updateTable('rounds')
        .set(columns)
        .where('id', '=', id)
        .returningAll()
        .executeTakeFirst()
      if (row === undefined) throw notFound('round', id)
      return fromRow('rounds', row)
    },
  }
}

const CHUNK = 1_000
