/**
 * Byte pair encoding (Sennrich et al. 2016): in a sequence of symbols, merge the adjacent pair of lowest rank, the
 * leftmost first, until no pair has a rank.
 */
export class MergeTable {
  /** Left id -> right id -> rank. Two small maps are faster than one with keys too large for a machine integer. */
  readonly #ranks: (Map<number, number> | undefined)[] = []
  /** Rank -> the id that the pair becomes. */
  readonly #merged: number[] = []
  readonly #scratch = new Int32Array(shortWord)

  /** @param merges (left id, right id, merged id), in order of rank */
  constructor(merges: Iterable<readonly [number, number, number]>) {
    for (const [left, right, merged] of merges) {
      let ranks = this.#ranks[left]
      if (!ranks) {
        ranks = new Map()
        this.#ranks[left] = ranks
      }
      ranks.set(right, this.#merged.length)
      this.#merged.push(merged)
    }
  }

  /** Merges `symbols` (n ids) in place and returns how many are left.  */
  merge(symbols: Int32Array): number {
    if (symbols.length < 2 || this.#merged.length === 0) return symbols.length
    return symbols.length <= shortWord ? this.#mergeShort(symbols) : this.#mergeLong(symbols)
  }

  #rank(left: number, right: number): number {
    return this.#ranks[left]?.get(right) ?? none
  }

  /** Scans for the best pair again after every merge: quadratic, and the fastest way for words. */
  #mergeShort(symbols: Int32Array): number {
    let n = symbols.length
    const ranks = this.#scratch // ranks[i] belongs to the pair (i, i + 1)
    for (let i = 0; i + 1 < n; i++) ranks[i] = this.#rank(symbols[i]!, symbols[i + 1]!)
    for (;;) {
      let best = 0
      for (let i = 1; i + 1 < n; i++) if (ranks[i]! < ranks[best]!) best = i
      const rank = ranks[best]!
      if (n < 2 || rank === none) return n
      symbols[best] = this.#merged[rank]!
      symbols.copyWithin(best + 1, best + 2, n)
      ranks.copyWithin(best, best + 1, n - 1)
      n--
      if (best > 0) ranks[best - 1] = this.#rank(symbols[best - 1]!, symbols[best]!)
      if (best + 1 < n) ranks[best] = this.#rank(symbols[best]!, symbols[best + 1]!)
    }
  }

  /** A linked list and a heap of (rank, place): n log n, for the text without spaces that hostile input is made of. */
  #mergeLong(symbols: Int32Array): number {
    const n = symbols.length
    const previous = new Int32Array(n)
    const next = new Int32Array(n)
    const rankAt = new Int32Array(n).fill(none) // of the pair that starts here; none also when merged away
    const heap: number[] = [] // rank * n + place
    for (let i = 0; i < n; i++) {
      previous[i] = i - 1
      next[i] = i + 1 < n ? i + 1 : -1
      if (i + 1 < n) rankAt[i] = this.#rank(symbols[i]!, symbols[i + 1]!)
      if (rankAt[i] !== none) heap.push(rankAt[i]! * n + i)
    }
    for (let i = (heap.length >> 1) - 1; i >= 0; i--) siftDown(heap, i)

    const rerank = (place: number, neighbour: number) => {
      rankAt[place] = neighbour < 0 ? none : this.#rank(symbols[place]!, symbols[neighbour]!)
      if (rankAt[place] !== none) heapPush(heap, rankAt[place]! * n + place)
    }
    while (heap.length > 0) {
      const top = heapPop(heap)
      const place = top % n
      const rank = (top - place) / n
      if (rankAt[place] !== rank) continue // the pair has changed since
      const right = next[place]!
      symbols[place] = this.#merged[rank]!
      rankAt[right] = none
      const after = next[right]!
      next[place] = after
      if (after >= 0) previous[after] = place
      rerank(place, after)
      const before = previous[place]!
      if (before >= 0) rerank(before, place)
    }
    let length = 0
    for (let i = 0; i >= 0; i = next[i]!) symbols[length++] = symbols[i]!
    return length
  }
}

/** Up to this many symbols the simple way is the faster one. */
const shortWord = 96

/** The rank of a pair that does not merge: above all others. */
const none = 0x7fffffff

/** Two ids below 2^22 as one exact number. */
export const pairKey = (left: number, right: number): number => left * 0x400000 + right

/** Adds to a binary min-heap. */
export function heapPush(heap: number[], value: number): void {
  let i = heap.length
  heap.push(value)
  while (i > 0) {
    const parent = (i - 1) >> 1
    if (heap[parent]! <= value) break
    heap[i] = heap[parent]!
    i = parent
  }
  heap[i] = value
}

/** Removes and returns the least value of a non-empty binary min-heap. */
export function heapPop(heap: number[]): number {
  const top = heap[0]!
  const last = heap.pop()!
  if (heap.length > 0) {
    heap[0] = last
    siftDown(heap, 0)
  }
  return top
}

function siftDown(heap: number[], start: number): void {
  const value = heap[start]!
  let i = start
  for (;;) {
    let child = 2 * i + 1
    if (child >= heap.length) break
    if (child + 1 < heap.length && heap[child + 1]! < heap[child]!) child++
    if (heap[child]! >= value) break
    heap[i] = heap[child]!
    i = child
  }
  heap[i] = value
}
