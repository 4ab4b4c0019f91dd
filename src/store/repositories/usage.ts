import { sql } from 'kysely'
import { StoreError } from '../errors.js'
import type { Session } from '../session.js'
import { toRow } from '../sql/tables.js'
import type { Usage, UsageCounts, UsageRepository } from '../types.js'

const COUNTS = ['requests', 'errors', 'promptTokens', 'cachedTokens', 'completionTokens'] as const

/** The day of a time, as usage counts it. */
export const dayOf = (time: number): string => new Date(time).toISOString().slice(0, 10)

/** What waits to be added, and the write that will take it: calls that come meanwhile share one transaction. */
export interface UsageQueue {
  readonly waiting: Map<string, Usage>
  write?: Promise<void>
}

export const createUsageQueue = (): UsageQueue => ({ waiting: new Map() })

/** @param queue none within a transaction, whose writes are its own */
export function usageOf(session: Session, queue?: UsageQueue): UsageRepository {
  const { db } = session
  return {
    async add(given) {
      const usage: Usage = {
        day: dayOf(session.ticks()),
        key: '',
        modelVersion: '',
        requests: 1,
        errors: 0,
        promptTokens: 0,
        cachedTokens: 0,
        completionTokens: 0,
        ...given,
      }
      checkDay(usage.day)
      if (COUNTS.some((name) => !Number.isSafeInteger(usage[name]) || usage[name] < 0))
        throw new StoreError('invalid', 'usage is counted in whole numbers from 0')
      if (!queue) return write(session, [usage])
      // What cannot be stored must fail alone, not with the others.
      toRow('usage', usage)
      const { day, key, user, model, modelVersion } = usage
      const place = JSON.stringify([day, key, user, model, modelVersion])
      const before = queue.waiting.get(place)
      queue.waiting.set(place, before ? { ...usage, ...added(before, usage) } : usage)
      queue.write ??= new Promise<void>((resolve) => setImmediate(resolve)).then(() => {
        const all = [...queue.waiting.values()]
        queue.waiting.clear()
        queue.write = undefined
        return session.transaction((inside) => write(inside, all))
      })
      return queue.write
    },

    async sum({ by, from, to, key, user }) {
      let select = db
        .selectFrom('usage')
        .select([`${by} as group`, ...COUNTS.map((name) => sql<number>`sum(${sql.ref(name)})`.as(name))])
        .groupBy(by)
        .orderBy(by)
      if (from !== undefined) select = select.where('day', '>=', checkDay(from))
      if (to !== undefined) select = select.where('day', '<=', checkDay(to))
      if (key !== undefined) select = select.where('key', '=', key)
      if (user !== undefined) select = select.where('user', '=', user)
      const rows = await select.execute()
      return rows.map((row) => ({
        group: row.group ?? '',
        ...(Object.fromEntries(COUNTS.map((name) => [name, Number(row[name])])) as unknown as UsageCounts),
      }))
    },

    async tokens(key, day = dayOf(session.ticks())) {
      const { tokens } = await db
        .selectFrom('usage')
        .select(sql<number>`coalesce(sum("promptTokens" + "completionTokens"), 0)`.as('tokens'))
        .where('day', '=', checkDay(day))
        .where('key', '=', key)
        .executeTakeFirstOrThrow()
      return Number(tokens)
    },
  }
}

const added = (a: UsageCounts, b: UsageCounts): UsageCounts =>
  Object.fromEntries(COUNTS.map((name) => [name, a[name] + b[name]])) as unknown as UsageCounts

/** In an order that all servers keep, so that none waits for another in a circle. */
async function write({ db }: Session, usages: readonly Usage[]): Promise<void> {
  const rows = usages.map((usage) => toRow('usage', usage))
  const placeOf = (row: (typeof rows)[number]) =>
    [row.day, row.key, row.user, row.model, row.modelVersion].join('\0')
  for (const row of rows.sort((a, b) => (placeOf(a) < placeOf(b) ? -1 : 1))) {
    await db
      .insertInto('usage')
      .values(row)
      .onConflict((conflict) =>
        conflict
          .columns(['day', 'key', 'user', 'model', 'modelVersion'])
          .doUpdateSet((set) =>
            Object.fromEntries(
              COUNTS.map((name) => [name, sql`${set.ref(`usage.${name}`)} + ${set.ref(`excluded.${name}`)}`]),
            ),
          ),
      )
      .execute()
  }
}

function checkDay(day: string): string {
  if (!/^\d{4}-\d\d-\d\d$/.test(day) || Number.isNaN(Date.parse(day)))
    throw new StoreError(
      'invalid',
      `${JSON.stringify(day.slice(0, 40))} is not a day; write it as 2026-01-31`,
    )
  return day
}
