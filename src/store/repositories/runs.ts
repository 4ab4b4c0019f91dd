import { notFound, page, type Session } from '../session.js'
import { fromRow, toColumns } from '../sql/tables.js'
import type { Run, Runs } from '../types.js'

export function runsOf(session: Session): Runs {
  const { db } = session
  return {
    get: (id) => session.get('runs', { id }, 'run'),
    at: (dir) => session.find('runs', { dir }),

    async create(given) {
      const { id, created } = session.stamp('run', given)
      const run: Run = { state: 'queued', ...given, id, created, updated: created }
      await session.insert('runs', [run])
      return run
    },

    async list({ stage, state, ...query } = {}) {
      let select = db.selectFrom('runs').selectAll()
      if (stage !== undefined) select = select.where('stage', '=', stage)
      if (state !== undefined) select = select.where('state', '=', state)
      return page(select, query, { table: 'runs', by: 'created', newestFirst: true })
    },

    async update(id, change) {
      const row = await db
        .updateTable('runs')
        .set({ ...toColumns('runs', change), updated: session.ticks() })
        .where('id', '=', id)
        .returningAll()
        .executeTakeFirst()
      if (row === undefined) throw notFound('run', id)
      return fromRow('runs', row)
    },

    async remove(id) {
      const { numDeletedRows } = await db.deleteFrom('runs').where('id', '=', id).executeTakeFirst()
      if (numDeletedRows === 0n) throw notFound('run', id)
    },
  }
}
