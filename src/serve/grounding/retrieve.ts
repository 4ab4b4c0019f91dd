/** Collections kept ready for questions: their indexes, their embeddings, and what is found in them. */
import type { Collection, Store } from '../../store/index.js'
import { StoreError } from '../../store/index.js'
import type { ChatMessage } from '../../text/index.js'
import type { ServeContext } from '../context.js'
import { notFound } from '../errors.js'
import { resolveModel } from '../live-models.js'
import {
  centred,
  type Found,
  type IndexedPassage,
  PassageIndex,
  type PassageVectors,
} from './passage-index.js'
import { type CollectionSettings, settingsOf } from './settings.js'

type Parts = Pick<ServeContext, 'engine' | 'store' | 'config' | 'log'> &
  Partial<Pick<ServeContext, 'startup'>>

/** Indexes in memory at the same time. */
const KEPT = 16
/** Passages that are embedded in one call. */
const BATCH = 32

export interface Retrieved {
  readonly collection: Collection
  readonly settings: CollectionSettings
  /** Best first. */
  readonly found: readonly (Found & { readonly isFound: boolean })[]
}

interface Ready {
  readonly revision: number
  readonly index: Promise<PassageIndex>
}

export class Retriever {
  readonly #parts: Parts
  readonly #indexes = new Map<string, Ready>()
  readonly #vectors = new Map<string, { readonly revision: number; readonly vectors: PassageVectors }>()
  readonly #embedding = new Map<string, Promise<void>>()

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /**
   * The passages for the last question of a dialogue. Where it finds nothing by itself, it is asked again together with the one before:
   * "And its currency?"
   * @throws ApiError 404 where there is no such collection
   */
  async retrieve(
    name: string,
    messages: readonly ChatMessage[],
    { k, signal }: { readonly k?: number; readonly signal?: AbortSignal } = {},
  ): Promise<Retrieved> {
    const collection = await findCollection(this.#parts.store, name)
    const settings = settingsOf(collection.settings)
    const index = await this.#indexOf(collection)
    const asked = messages.filter(({ role }) => role === 'user').map(({ content }) => content)
    const questions = [asked.at(-1) ?? '', ...(asked.length > 1 ? [asked.slice(-2).join('\n')] : [])]
    let found: Retrieved['found'] = []
    for (const question of questions) {
      signal?.throwIfAborted()
      const meaning = await this.#meaningOf(collection, settings, question, signal)
      const all = index.find(question, meaning).map((one) => ({ ...one, isFound: isFound(one, settings) }))
      found = [...all.filter((one) => one.isFound), ...all.filter((one) => !one.isFound)]
      if (found[0]?.isFound) break
    }
    return { collection, settings, found: found.slice(0, k ?? settings.passages ?? 4) }
  }

  /** Embeds what is new in a collection, in the background. */
  prepare(name: string): void {
    void this.#embedMissing(name).catch((error: unknown) => {
      this.#parts.log.warn(
        { err: error, collection: name },
        'passages could not be embedded; they are found by their words',
      )
    })
  }

  /** Until nothing is being embedded. */
  async idle(): Promise<void> {
    while (this.#embedding.size > 0) await Promise.allSettled(this.#embedding.values())
  }

  #indexOf(collection: Collection): Promise<PassageIndex> {
    const { name, revision } = collection
    const known = this.#indexes.get(name)
    this.#indexes.delete(name)
    const ready =
      known?.revision === revision ? known : { revision, index: PassageIndex.of(this.#passages(collection)) }
    this.#indexes.set(name, ready)
    ready.index.catch(() => this.#indexes.delete(name))
    const [oldest] = this.#indexes.keys()
    if (this.#indexes.size > KEPT) {
      this.#indexes.delete(oldest!)
      this.#vectors.delete(oldest!)
    }
    return ready.index
  }

  async *#passages({ name }: Collection): AsyncGenerator<IndexedPassage> {
    const { collections } = this.#parts.store
    const titles = new Map((await collections.documents(name)).map(({ id, title }) => [id, title]))
    for await (const { id, document, text, heading, index } of collections.passages(name)) {
      const title = titles.get(document) ?? ''
      yield { id, document, text, index, title, ...(heading === undefined ? {} : { heading }) }
    }
  }

  /** The question's place among the passages by meaning; undefined where there is none yet, or the embedder cannot be asked. */
  async #meaningOf(
    collection: Collection,
    settings: CollectionSettings,
    question: string,
    signal: AbortSignal | undefined,
  ): Promise<Parameters<PassageIndex['find']>[1]> {
    try {
      const model = await this.#embedderOf(settings)
      if (model === undefined) return undefined
      const vectors = await this.#vectorsOf(collection, model)
      if (!vectors) {
        this.prepare(collection.name)
        return undefined
      }
      const { engine } = this.#parts
      const asked = await engine.embed(
        { model, inputs: [question], overflow: 'truncate' },
        signal ? { signal } : {},
      )
      return { vectors, query: asked.vectors[0]!, weight: settings.vectorWeight }
    } catch (error) {
      signal?.throwIfAborted()
      this.#parts.log.warn(
        { err: error, collection: collection.name },
        'a question could not be embedded; its words are looked for',
      )
      return undefined
    }
  }

  async #embedderOf({ embedder, vectorWeight }: CollectionSettings): Promise<string | undefined> {
    const { startup } = this.#parts
    const name = embedder === undefined ? startup?.model : embedder
    if (name === undefined || name === null || vectorWeight === 0) return undefined
    return (await resolveModel(this.#parts, name, { kind: 'decoder', sticky: '' })).id
  }

  /** Undefined while some passage has no embedding of this model. */
  async #vectorsOf({ name, revision }: Collection, embedder: string): Promise<PassageVectors | undefined> {
    const known = this.#vectors.get(name)
    if (known?.revision === revision && known.vectors.embedder === embedder) return known.vectors
    const embedded: { id: string; embedding: Float32Array }[] = []
    for await (const { id, embedding, embedder: by } of this.#parts.store.collections.passages(name)) {
      if (by !== embedder || !embedding) return undefined
      embedded.push({ id, embedding })
    }
    if (embedded.length === 0) return undefined
    const vectors = centred(embedder, embedded)
    this.#vectors.set(name, { revision, vectors })
    return vectors
  }

  /** One at a time for each collection. */
  #embedMissing(name: string): Promise<void> {
    const running = this.#embedding.get(name)
    if (running) return running
    const job = this.#embed(name).finally(() => this.#embedding.delete(name))
    this.#embedding.set(name, job)
    return job
  }

  async #embed(name: string): Promise<void> {
    const { engine, store } = this.#parts
    const { settings } = await findCollection(store, name)
    const model = await this.#embedderOf(settingsOf(settings))
    if (model === undefined) return
    for (;;) {
      const batch: { id: string; text: string }[] = []
      for await (const { id, text, heading } of store.collections.passages(name, { missing: model })) {
        batch.push({ id, text: heading ? `${heading}\n${text}` : text })
        if (batch.length === BATCH) break
      }
      if (batch.length === 0) return
      const inputs = batch.map(({ text }) => text)
      const { vectors } = await engine.embed({ model, inputs, overflow: 'truncate' })
      await store.collections.setEmbeddings(
        model,
        batch.map(({ id }, i) => ({ id, embedding: vectors[i]! })),
      )
    }
  }
}

function isFound({ coverage, cosine }: Found, { floor, vectorFloor }: CollectionSettings): boolean {
  // A floor of 0 takes whatever there is.
  return coverage >= floor || (vectorFloor !== undefined && cosine !== undefined && cosine >= vectorFloor)
}

/** @throws ApiError 404 */
export async function findCollection(store: Store, name: string): Promise<Collection> {
  try {
    return await store.collections.get(name)
  } catch (error) {
    if (!(error instanceof StoreError) || error.reason !== 'not-found') throw error
    throw notFound(
      `there is no collection ${JSON.stringify(name.slice(0, 100))}; GET /api/collections lists them`,
      'collection',
      'collection_not_found',
    )
  }
}
