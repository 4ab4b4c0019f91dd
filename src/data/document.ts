import { AthanorError } from '../errors.js'
import { Rng } from '../rng.js'

/** A text with a name of its own: the unit of held-out splits, of deduplication and of separators between tokens. */
export interface Document {
  /** Unique in its collection and stable, such as `europe/fr` or `notes.jsonl:17`. */
  readonly id: string
  readonly title: string
  readonly text: string
}

export type DataErrorCode =
  | 'data-missing'
  | 'data-empty'
  | 'data-not-text'
  | 'data-malformed'
  | 'data-unreadable'
  | 'data-too-small'
  | 'data-option'

/** Data that cannot be used, or a request that makes no sense for it. */
export class DataError extends AthanorError {
  declare readonly code: DataErrorCode

  constructor(code: DataErrorCode, message: string, options?: ErrorOptions) {
    super(code, message, options)
  }
}

/**
 * Holds out whole documents. Which ones depends on the seed and the documents' ids only, so the order of the documents
 * does not matter, and adding some moves few of the others. Both parts keep the order given.
 *
 * @throws DataError when one of the parts would be empty
 */
export function splitHeldOut<D extends { readonly id: string }>(
  documents: readonly D[],
  options: ({ readonly fraction: number } | { readonly count: number }) & { readonly seed: number },
): { train: D[]; heldOut: D[] } {
  const total = documents.length
  if ('fraction' in options && !(options.fraction > 0 && options.fraction < 1)) {
    throw new DataError(
      'data-option',
      `the held-out fraction must lie between 0 and 1, not be ${options.fraction}`,
    )
  }
  const count = 'count' in options ? options.count : Math.max(1, Math.round(options.fraction * total))
  if (!Number.isInteger(count) || count < 1 || count >= total) {
    throw new DataError(
      'data-too-small',
      `cannot hold out ${count} of ${total} documents and keep some to train on; hold out fewer, or bring more documents`,
    )
  }
  const root = Rng.seed(options.seed).fork('held-out')
  const ranked = documents
    .map((document, index) => ({ index, rank: root.fork(document.id).uniform() }))
    .sort((a, b) => a.rank - b.rank || a.index - b.index)
  const chosen = new Set(ranked.slice(0, count).map(({ index }) => index))
  return {
    train: documents.filter((_, index) => !chosen.has(index)),
    heldOut: documents.filter((_, index) => chosen.has(index)),
  }
}
