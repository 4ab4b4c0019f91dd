/** First come, first served within a key; the keys take turns. */
export class FairQueue<T> {
  /** In the order of their turns. */
  readonly #waiting = new Map<string, Set<T>>()
  #size = 0

  get size(): number {
    return this.#size
  }

  push(key: string, item: T): void {
    const items = this.#waiting.get(key)
    if (items) items.add(item)
    else this.#waiting.set(key, new Set([item]))
    this.#size++
  }

  /** The next item; its key goes to the end of the line. */
  take(): T | undefined {
    const [first] = this.#waiting
    if (!first) return undefined
    const [key, items] = first
    const [item] = items as unknown as [T]
    items.delete(item)
    this.#size--
    this.#waiting.delete(key)
    if (items.size > 0) this.#waiting.set(key, items)
    return item
  }

  /** Whether the item was there. */
  remove(key: string, item: T): boolean {
    const items = this.#waiting.get(key)
    if (!items?.delete(item)) return false
    if (items.size === 0) this.#waiting.delete(key)
    this.#size--
    return true
  }

  *[Symbol.iterator](): Iterator<T> {
    for (const items of this.#waiting.values()) yield* items
  }
}
