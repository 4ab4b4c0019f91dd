import { page, type Session } from '../session.js'
import type { Audit, AuditEntry } from '../types.js'

export function auditOf(session: Session): Audit {
  return {
    async add(given) {
      const entry: AuditEntry = { ...given, ...session.stamp('audit', given) }
      await session.insert('audit', [entry])
      return entry
    },

    async list({ action, user, ...query } = {}) {
      let select = session.db.selectFrom('audit').selectAll()
      if (action !== undefined) select = select.where('action', '=', action)
      if (user !== undefined) select = select.where('user', '=', user)
      return page(select, query, { table: 'audit', by: 'created', newestFirst: true })
    },
  }
}
