import { sql } from 'kysely'
import { StoreError } from '../errors.js'
import { newId } from '../ids.js'
import { notFound, type Session } from '../session.js'
import { fromRow, toColumns } from '../sql/tables.js'
import type { Collection, Collections, Document, Passage } from '../types.js'

const PAGE = 500

export function collectionsOf(session: Session): Collections {
  const { db } = session
  const get = (name: string) => session.get('collections', { name }, 'collection')
  return {
    get,
    find: (name) => session.find('collections', { name }),
    document: (id) => session.get('documents', { id }, 'document'),
    passage: (id) => session.get('passages', { id }, 'passage'),

    async list() {
      const rows = await db.selectFrom('collections').selectAll().orderBy('name').execute()
      return rows.map((row) => fromRow('collections', row))
    },

    async create(given) {
      const created = given.created ?? session.ticks()
      const collection: Collection = { revision: 0, ...given, created, updated: created }
      if ((await session.insert('collections', [collection], { ifNew: true })) === 0)
        throw new StoreError('conflict', `there is a collection ${JSON.stringify(given.name)} already`)
      return collection
    },

    async update(name, change) {
      const row = await db
        .updateTable('collections')
        .set({ ...toColumns('collections', change), updated: session.ticks() })
        .where('name', '=', name)
        .returningAll()
        .executeTakeFirst()
      if (row === undefined) throw notFound('collection', name)
      return fromRow('collections', row)
    },

    async remove(name) {
      const { numDeletedRows } = await db
        .deleteFrom('collections')
        .where('name', '=', name)
        .executeTakeFirst()
      if (numDeletedRows === 0n) throw notFound('collection', name)
    },

    async documents(collection) {
      await get(collection)
      const rows = await db
        .selectFrom('documents')
        .select(['id', 'collection', 'title', 'source', 'mime', 'bytes', 'sha256', 'user', 'created'])
        .where('collection', '=', collection)
        .orderBy('created')
        .orderBy('id')
        .execute()
      return rows.map((row) => fromRow('documents', row))
    },

    addDocument: (given, texts) =>
      session.transaction(async (inside) => {
        const { collection } = given
        await changed(inside, collection)
        const document: Document = { ...given, ...inside.stamp('doc', given) }
        const passages = texts.map(
          (passage, index): Passage => ({
            ...passage,
            id: newId('pas', document.created),
            collection,
            document: document.id,
            index,
          }),
        )
        await inside.insert('documents', [document])
        await inside.insert('passages', passages)
        return { document, passages }
      }),

    removeDocument: (id) =>
      session.transaction(async (inside) => {
        const { collection } = await inside.get('documents', { id }, 'document')
        await inside.db.deleteFrom('documents').where('id', '=', id).execute()
        await changed(inside, collection)
      }),

    async *passages(collection, { missing } = {}) {
      await get(collection)
      for (let after: Passage | undefined; ; ) {
        let select = db.selectFrom('passages').selectAll().where('collection', '=', collection)
        if (missing !== undefined) {
          select = select.where((where) =>
            where.or([where('embedder', 'is', null), where('embedder', '<>', missing)]),
          )
        }
        const { document, index } = after ?? { document: '', index: -1 }
        const rows = await select
          .where((where) =>
            where.or([
              where('document', '>', document),
              where.and([where('document', '=', document), where('index', '>', index)]),
            ]),
          )
          .orderBy('document')
          .orderBy('index')
          .limit(PAGE)
          .execute()
        const passages = rows.map((row) => fromRow('passages', row))
        yield* passages
        if (passages.length < PAGE) return
        after = passages.at(-1)
      }
    },

    setEmbeddings: (embedder, embeddings) =>
      session.transaction(async (inside) => {
        for (const { id, embedding } of embeddings) {
          await inside.db
            .updateTable('passages')
            .set(toColumns('passages', { embedding, embedder }))
            .where('id', '=', id)
            .execute()
        }
      }),
  }
}

/** Moves the collection's revision. @throws StoreError `store/not-found` */
async function changed({ db, ticks }: Session, name: string): Promise<void> {
  const { numUpdatedRows } = await db
    .updateTable('collections')
    .set({ revision: sql<number>`revision + 1`, updated: ticks() })
    .where('name', '=', name)
    .executeTakeFirst()
  if (numUpdatedRows === 0n) throw notFound('collection', name)
}
