import { createHash, randomBytes } from 'node:crypto'
import { StoreError } from '../errors.js'
import { newId } from '../ids.js'
import { notFound, type Session } from '../session.js'
import { fromRow, type Stored } from '../sql/tables.js'
import type { ApiKey, Keys } from '../types.js'

/** A random secret of 256 bits cannot be guessed, so a fast hash without salt hides it. */
export const hashSecret = (secret: string): string => createHash('sha256').update(secret).digest('hex')

/** Whether a key opens anything at this time. */
export function keyState(key: ApiKey, now: number): 'valid' | 'revoked' | 'expired' {
  if (key.revoked !== undefined) return 'revoked'
  return key.expires !== undefined && key.expires <= now ? 'expired' : 'valid'
}

const MINUTE = 60_000

export function keysOf(session: Session): Keys {
  const { db } = session
  return {
    async create(given) {
      if (given.scopes.length === 0)
        throw new StoreError('invalid', 'a key needs at least one scope: chat, feedback or admin')
      // What it begins with lets scanners of secrets find it.
      const secret = `ath_${randomBytes(32).toString('base64url')}`
      const created = session.ticks()
      const id = newId('key', created)
      const key: ApiKey = { ...given, id, hint: `${secret.slice(0, 10)}…`, created }
      await session.insert('apiKeys', [{ ...key, hash: hashSecret(secret) }])
      return { key, secret }
    },

    async find(secret) {
      const key = await session.find('apiKeys', { hash: hashSecret(secret) })
      return key && withoutHash(key)
    },

    get: async (id) => withoutHash(await session.get('apiKeys', { id }, 'API key')),

    async list() {
      const rows = await db.selectFrom('apiKeys').selectAll().orderBy('created').orderBy('id').execute()
      return rows.map((row) => withoutHash(fromRow('apiKeys', row)))
    },

    async any() {
      const row = await db
        .selectFrom('apiKeys')
        .select('id')
        .where('revoked', 'is', null)
        .where((where) => where.or([where('expires', 'is', null), where('expires', '>', session.ticks())]))
        .limit(1)
        .executeTakeFirst()
      return row !== undefined
    },

    async revoke(id) {
      const row = await db
        .updateTable('apiKeys')
        .set((set) => ({ revoked: set.fn.coalesce('revoked', set.val(session.ticks())) }))
        .where('id', '=', id)
        .returningAll()
        .executeTakeFirst()
      if (row === undefined) throw notFound('API key', id)
      return withoutHash(fromRow('apiKeys', row))
    },

    async touch(id) {
      const now = session.ticks()
      const minute = now - (now % MINUTE)
      await db
        .updateTable('apiKeys')
        .set({ lastUsed: minute })
        .where('id', '=', id)
        .where((where) => where.or([where('lastUsed', 'is', null), where('lastUsed', '<', minute)]))
        .execute()
    },
  }
}

function withoutHash({ hash: _, ...key }: Stored['apiKeys']): ApiKey {
  return key
}
