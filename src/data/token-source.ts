import { DataError } from './document.js'

/** A long row of token ids, in memory or on disk. */
export interface TokenSource {
  readonly length: number
  /**
   * Copies `length` ids from `start` on into `target` at `at`. Synchronous: the reads are small, usually in the page
   * cache, and a promise for each would cost more than the read.
   */
  read(start: number, length: number, target: Int32Array, at: number): void
}

/** Ids that are in memory already; the array is used, not copied. */
export function tokensFromArray(ids: Int32Array | Uint16Array | Uint32Array): TokenSource {
  return {
    length: ids.length,
    read(start, length, target, at) {
      checkRange(start, length, ids.length)
      target.set(ids.subarray(start, start + length), at)
    },
  }
}

/** A part of another source: the first 90 percent to train on, say. */
export function sliceTokens(source: TokenSource, start: number, end = source.length): TokenSource {
  checkRange(start, end - start, source.length)
  return {
    length: end - start,
    read(from, length, target, at) {
      checkRange(from, length, end - start)
      source.read(start + from, length, target, at)
    },
  }
}

export function checkRange(start: number, length: number, total: number): void {
  if (
    !Number.isSafeInteger(start) ||
    !Number.isSafeInteger(length) ||
    start < 0 ||
    length < 0 ||
    start + length > total
  ) {
    throw new DataError('data-option', `cannot read tokens ${start} to ${start + length} of ${total}`)
  }
}
