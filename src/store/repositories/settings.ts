import { StoreError } from '../errors.js'
import type { Session } from '../session.js'
import { fromRow, toRow } from '../sql/tables.js'
import type { Settings } from '../types.js'

export function settingsOf(session: Session): Settings {
  const { db } = session
  return {
    get: async (name) => (await session.find('settings', { name }))?.value,

    async all() {
      const rows = await db.selectFrom('settings').selectAll().orderBy('name').execute()
      return rows.map((row) => fromRow('settings', row))
    },

    async set(name, value) {
      if (value === undefined) {
        await db.deleteFrom('settings').where('name', '=', name).execute()
        return
      }
      if (value === null) throw new StoreError('invalid', `the setting ${name} cannot be null`)
      const row = toRow('settings', { name, value, updated: session.ticks() })
      await db
        .insertInto('settings')
        .values(row)
        .onConflict((conflict) =>
          conflict.column('name').doUpdateSet({ value: row.value, updated: row.updated }),
        )
        .execute()
    },
  }
}
