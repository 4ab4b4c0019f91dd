/** The passages of a collection, ready to be searched by words (BM25) and by meaning (vectors), the two fused by rank. */
import { setImmediate as breathe } from 'node:timers/promises'
import MiniSearch from 'minisearch'
import type { Passage } from '../../store/index.js'
import { askedTerms, termsOf } from './terms.js'

export type IndexedPassage = Pick<Passage, 'id' | 'document' | 'text' | 'heading' | 'index'> & {
  readonly title: string
}

export interface Found {
  readonly passage: IndexedPassage
  /** The share of the question's words that the passage has, each counted by its rarity: 0 to 1. */
  readonly coverage: number
  /** By meaning, where that is known. */
  readonly cosine?: number
  /** By reciprocal rank fusion: for the order, not comparable between questions. */
  readonly fused: number
}

/** Vectors of passages, by their ids; of length 1, with the mean of all taken away. */
export interface PassageVectors {
  readonly embedder: string
  readonly ids: readonly string[]
  /** [passage][dimension] */
  readonly values: Float32Array
  readonly mean: Float32Array
}

/** Of reciprocal rank fusion (Cormack, Clarke and Büttcher, SIGIR 2009). */
const RANK_CONSTANT = 60
/** Rarity among fewer passages says nothing yet. */
const FEW = 20
const CANDIDATES = 100
const BATCH = 100

export class PassageIndex {
  readonly #passages = new Map<string, IndexedPassage>()
  readonly #frequencies = new Map<string, number>()
  readonly #search = new MiniSearch<IndexedPassage>({
    fields: ['text', 'heading', 'title'],
    tokenize: termsOf,
    processTerm: (term) => term,
    searchOptions: { boost: { heading: 1.5, title: 1.2 } },
  })

  /** Other work goes on between passages. */
  static async of(passages: AsyncIterable<IndexedPassage>): Promise<PassageIndex> {
    const index = new PassageIndex()
    for await (const passage of passages) {
      index.#add(passage)
      if (index.size % BATCH === 0) await breathe()
    }
    return index
  }

  get size(): number {
    return this.#passages.size
  }

  #add(passage: IndexedPassage): void {
    this.#passages.set(passage.id, passage)
    this.#search.add({ ...passage, heading: passage.heading ?? '' })
    const words = `${passage.text} ${passage.heading ?? ''} ${passage.title}`
    for (const term of new Set(termsOf(words)))
      this.#frequencies.set(term, (this.#frequencies.get(term) ?? 0) + 1)
  }

  /**
   * The passages that a question is likely to mean, best first.
   * @param meaning the question's vector beside those of the passages, and what its ranks count
   */
  find(
    question: string,
    meaning?: { readonly vectors: PassageVectors; readonly query: Float32Array; readonly weight: number },
  ): Found[] {
    const terms = askedTerms(question)
    const weights = new Map(terms.map((term) => [term, this.#rarity(term)]))
    const total = [...weights.values()].reduce((sum, weight) => sum + weight, 0)
    const fused = new Map<string, number>()
    const coverage = new Map<string, number>()
    const byWords = this.#search.search({ queries: terms, combineWith: 'OR' }).slice(0, CANDIDATES)
    for (const [rank, { id, queryTerms }] of byWords.entries()) {
      const found = new Set(queryTerms)
      const share = terms.reduce((sum, term) => sum + (found.has(term) ? weights.get(term)! : 0), 0)
      coverage.set(id, total === 0 ? 0 : share / total)
      fused.set(id, 1 / (RANK_CONSTANT + rank + 1))
    }
    const cosines = meaning ? cosinesOf(meaning.vectors, meaning.query) : new Map<string, number>()
    const byMeaning = [...cosines].sort((a, b) => b[1] - a[1]).slice(0, CANDIDATES)
    for (const [rank, [id]] of byMeaning.entries()) {
      fused.set(id, (fused.get(id) ?? 0) + (meaning?.weight ?? 0) / (RANK_CONSTANT + rank + 1))
    }
    return [...fused]
      .sort((a, b) => b[1] - a[1])
      .flatMap(([id, score]) => {
        const passage = this.#passages.get(id)
        const cosine = cosines.get(id)
        if (!passage) return []
        return [
          {
            passage,
            coverage: coverage.get(id) ?? 0,
            fused: score,
            ...(cosine === undefined ? {} : { cosine }),
          },
        ]
      })
  }

  /** BM25's inverse document frequency; highest for words that no passage has. */
  #rarity(term: string): number {
    const count = this.#frequencies.get(term) ?? 0
    const size = Math.max(this.size, FEW)
    return Math.log(1 + (size - count + 0.5) / (count + 0.5))
  }
}

/**
 * Vectors of language models all point much the same way; without what they share, their angles tell more
 * (Mu and Viswanath, "All-but-the-Top", ICLR 2018).
 */
export function centred(
  embedder: string,
  passages: readonly { readonly id: string; readonly embedding: Float32Array }[],
): PassageVectors {
  const width = passages[0]?.embedding.length ?? 0
  const mean = new Float32Array(width)
  for (const { embedding } of passages)
    for (let i = 0; i < width; i++) mean[i]! += embedding[i]! / passages.length
  // The mean of a few says more of these few than of all.
  if (passages.length < 8) mean.fill(0)
  const values = new Float32Array(passages.length * width)
  for (const [at, { embedding }] of passages.entries()) values.set(unit(embedding, mean), at * width)
  return { embedder, ids: passages.map(({ id }) => id), values, mean }
}

function cosinesOf({ ids, values, mean }: PassageVectors, query: Float32Array): Map<string, number> {
  if (query.length !== mean.length) return new Map()
  const asked = unit(query, mean)
  return new Map(
    ids.map((id, at) => {
      let dot = 0
      for (let i = 0; i < asked.length; i++) dot += asked[i]! * values[at * asked.length + i]!
      return [id, dot]
    }),
  )
}

function unit(vector: Float32Array, mean: Float32Array): Float32Array {
  const out = vector.map((value, i) => value - mean[i]!)
  const length = Math.hypot(...out)
  return length === 0 ? out : out.map((value) => value / length)
}
