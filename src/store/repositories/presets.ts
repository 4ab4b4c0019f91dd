import { notFound, type Session } from '../session.js'
import { fromRow, toRow } from '../sql/tables.js'
import type { Preset, Presets } from '../types.js'

export function presetsOf(session: Session): Presets {
  const { db } = session
  return {
    get: (name) => session.get('presets', { name }, 'preset'),
    find: (name) => session.find('presets', { name }),

    async list() {
      const rows = await db.selectFrom('presets').selectAll().orderBy('name').execute()
      return rows.map((row) => fromRow('presets', row))
    },

    async put(given) {
      const now = session.ticks()
      const preset: Preset = { ...given, created: given.created ?? now, updated: now }
      const { name: _, created: __, ...changed } = toRow('presets', preset)
      const row = await db
        .insertInto('presets')
        .values(toRow('presets', preset))
        .onConflict((conflict) => conflict.column('name').doUpdateSet(changed))
        .returningAll()
        .executeTakeFirstOrThrow()
      return fromRow('presets', row)
    },

    async remove(name) {
      const { numDeletedRows } = await db.deleteFrom('presets').where('name', '=', name).executeTakeFirst()
      if (numDeletedRows === 0n) throw notFound('preset', name)
    },
  }
}
