import { createHash, randomUUID } from 'node:crypto'
import { StoreError } from '../errors.js'
import type { Session } from '../session.js'
import { fromRow, toColumns } from '../sql/tables.js'
import type { ChangeNote, Model, ModelEvent, Models } from '../types.js'

export function modelsOf(session: Session): Models {
  const { db } = session
  const get = (name: string) => session.get('models', { name }, 'model')
  const version = (name: string, one: string) =>
    session.get('modelVersions', { model: name, version: one }, `version of ${name}`)
  const history = (name: string) => historyOf(session, name)

  /** Changes a model that nobody else changes meanwhile. */
  const change = <T>(name: string, work: (inside: Session, model: Model) => Promise<T>): Promise<T> =>
    session.transaction(async (inside) => {
      await inside.lock(`model ${name}`)
      return work(inside, await inside.get('models', { name }, 'model'))
    })

  return {
    get,
    version,
    history,
    find: (name) => session.find('models', { name }),

    async list() {
      const rows = await db.selectFrom('models').selectAll().orderBy('name').execute()
      return rows.map((row) => fromRow('models', row))
    },

    async versions(name) {
      await get(name)
      const select = db.selectFrom('modelVersions').selectAll().where('model', '=', name)
      const rows = await select.orderBy('created').orderBy('version').execute()
      return rows.map((row) => fromRow('modelVersions', row))
    },

    addVersion: (given, note = {}) =>
      session.transaction(async (inside) => {
        const name = given.model
        await inside.lock(`model ${name}`)
        const created = given.created ?? inside.ticks()
        await inside.insert('models', [{ name, created, updated: created }], { ifNew: true })
        const added = { ...given, created }
        if ((await inside.insert('modelVersions', [added], { ifNew: true })) === 0) {
          const row = await inside.db
            .updateTable('modelVersions')
            .set({ dir: given.dir })
            .where('model', '=', name)
            .where('version', '=', given.version)
            .returningAll()
            .executeTakeFirstOrThrow()
          return fromRow('modelVersions', row)
        }
        const isFirst = (await inside.get('models', { name }, 'model')).live === undefined
        await record(inside, name, { action: 'add', ...note, to: isFirst ? given.version : undefined })
        if (isFirst) await setModel(inside, name, { live: given.version })
        return added
      }),

    updateVersion: (name, one, fields) =>
      session.transaction(async (inside) => {
        await inside.get('modelVersions', { model: name, version: one }, `version of ${name}`)
        const columns = toColumns('modelVersions', fields)
        if (Object.keys(columns).length > 0) {
          await inside.db
            .updateTable('modelVersions')
            .set(columns)
            .where('model', '=', name)
            .where('version', '=', one)
            .execute()
        }
        return inside.get('modelVersions', { model: name, version: one }, `version of ${name}`)
      }),

    removeVersion: (name, one, note = {}) =>
      change(name, async (inside, model) => {
        await inside.get('modelVersions', { model: name, version: one }, `version of ${name}`)
        if (model.live === one || model.traffic?.[one]) {
          throw new StoreError(
            'conflict',
            `${one} of ${name} answers requests; promote another version before it is removed`,
          )
        }
        await inside.db
          .deleteFrom('modelVersions')
          .where('model', '=', name)
          .where('version', '=', one)
          .execute()
        await record(inside, name, { action: 'remove', ...note, from: one })
      }),

    promote: (name, one, { expect, ...note } = {}) =>
      change(name, async (inside, model) => {
        await inside.get('modelVersions', { model: name, version: one }, `version of ${name}`)
        if (expect !== undefined && model.live !== expect) {
          throw new StoreError(
            'conflict',
            `${model.live} of ${name} is live, not ${expect}: somebody changed it`,
          )
        }
        if (model.live === one && model.traffic === undefined) return model
        await record(inside, name, { action: 'promote', ...note, from: model.live, to: one })
        return setModel(inside, name, { live: one, traffic: null })
      }),

    rollback: (name, note = {}) =>
      change(name, async (inside, model) => {
        const versions = await inside.db
          .selectFrom('modelVersions')
          .select('version')
          .where('model', '=', name)
          .execute()
        const there = new Set(versions.map((row) => row.version))
        const before = liveBefore(await historyOf(inside, name), (one) => there.has(one))
        if (before === undefined) throw new StoreError('conflict', `no version of ${name} was live before`)
        await record(inside, name, { action: 'rollback', ...note, from: model.live, to: before })
        return setModel(inside, name, { live: before, traffic: null })
      }),

    setTraffic: (name, shares, note = {}) =>
      change(name, async (inside, model) => {
        const given = Object.entries(shares).filter(([, share]) => share !== 0)
        for (const [one, share] of given) {
          await inside.get('modelVersions', { model: name, version: one }, `version of ${name}`)
          if (!(share > 0 && Number.isFinite(share)))
            throw new StoreError('invalid', `the share of ${one} must be a number from 0`)
        }
        const sum = given.reduce((total, [, share]) => total + share, 0)
        const traffic =
          given.length === 0 ? undefined : Object.fromEntries(given.map(([one, share]) => [one, share / sum]))
        await record(inside, name, { action: 'traffic', ...note, from: model.live, to: model.live, traffic })
        return setModel(inside, name, { traffic: traffic ?? null })
      }),

    async resolve(name, key) {
      const { live, traffic } = await get(name)
      const chosen = traffic ? pickByShare(traffic, key ?? randomUUID()) : live
      if (chosen === undefined) throw new StoreError('not-found', `the model ${name} has no version`)
      return version(name, chosen)
    },
  }
}

/**
 * One of the names, each for its share of the keys and always the same for a key. When shares change, only the keys move that must:
 * weighted rendezvous hashing (the smallest of -ln(u) / share wins, with u from a hash of name and key).
 */
export function pickByShare(shares: Readonly<Record<string, number>>, key: string): string | undefined {
  let [best, least]: [string | undefined, number] = [undefined, Number.POSITIVE_INFINITY]
  for (const [name, share] of Object.entries(shares)) {
    const hash = createHash('sha256').update(`${name}\0${key}`).digest()
    const u = (hash.readUIntBE(0, 6) + 0.5) / 2 ** 48
    const cost = -Math.log(u) / share
    if (cost < least) [best, least] = [name, cost]
  }
  return best
}

/** The version that was live before the one that is. Going back twice goes back two steps. */
function liveBefore(
  events: readonly ModelEvent[],
  isThere: (version: string) => boolean,
): string | undefined {
  const stack: string[] = []
  for (const { action, to } of events) {
    if (to === undefined) continue
    if (action === 'add' || (action === 'promote' && stack.at(-1) !== to)) stack.push(to)
    // What was removed in between was passed over.
    if (action === 'rollback') while (stack.length > 0 && stack.at(-1) !== to) stack.pop()
  }
  const live = stack.pop()
  return stack.findLast((one) => one !== live && isThere(one))
}

async function historyOf({ db }: Session, name: string): Promise<ModelEvent[]> {
  const select = db.selectFrom('modelEvents').selectAll().where('model', '=', name)
  const rows = await select.orderBy('created').orderBy('id').execute()
  return rows.map((row) => fromRow('modelEvents', row))
}

async function record(
  session: Session,
  model: string,
  event: Pick<ModelEvent, 'action' | 'from' | 'to' | 'traffic'> & ChangeNote,
): Promise<void> {
  await session.insert('modelEvents', [{ ...event, model, ...session.stamp('mev', {}) }])
}

async function setModel(
  { db, ticks }: Session,
  name: string,
  change: Parameters<typeof toColumns<'models'>>[1],
): Promise<Model> {
  const row = await db
    .updateTable('models')
    .set({ ...toColumns('models', change), updated: ticks() })
    .where('name', '=', name)
    .returningAll()
    .executeTakeFirstOrThrow()
  return fromRow('models', row)
}
