/**
 * What was kept so far, to tell duplicates by: the keys of every document in flat arrays, and one hash table per key position that
 * holds document numbers only. 8 bytes a key and about 6 to 12 bytes a table entry: a quarter of a kilobyte per document
 * with 14 bands.
 */

const BLOCK_DOCUMENTS = 1 << 14

export class DuplicateIndex {
  /** Keys of a document: 64 bits each, as two words. */
  readonly #keysEach: number
  /** Keys of documents, so many to a block: growing never copies. */
  readonly #blocks: Int32Array[] = []
  readonly #tables: Uint32Array[]
  #count = 0

  /** @param keysEach how many keys a document has; two documents are duplicates when they agree in any of them */
  constructor(keysEach: number) {
    this.#keysEach = keysEach
    this.#tables = Array.from({ length: keysEach }, () => new Uint32Array(1 << 10))
  }

  /** Documents in the index. */
  get size(): number {
    return this.#count
  }

  /** The number of the first document found that shares a key, or -1. @param keys `2 * keysEach` words from `at` */
  find(keys: Int32Array, at = 0): number {
    for (let key = 0; key < this.#keysEach; key++) {
      const table = this.#tables[key]!
      const low = keys[at + 2 * key]!
      const high = keys[at + 2 * key + 1]!
      const mask = table.length - 1
      for (let slot = low & mask; table[slot] !== 0; slot = (slot + 1) & mask) {
        const document = table[slot]! - 1
        const block = this.#blocks[Math.floor(document / BLOCK_DOCUMENTS)]!
        const from = 2 * ((document % BLOCK_DOCUMENTS) * this.#keysEach + key)
        if (block[from] === low && block[from + 1] === high) return document
      }
    }
    return -1
  }

  /** Adds a document and returns its number. */
  add(keys: Int32Array, at = 0): number {
    const document = this.#count++
    const inBlock = document % BLOCK_DOCUMENTS
    if (inBlock === 0) this.#blocks.push(new Int32Array(2 * BLOCK_DOCUMENTS * this.#keysEach))
    const block = this.#blocks[this.#blocks.length - 1]!
    block.set(keys.subarray(at, at + 2 * this.#keysEach), 2 * inBlock * this.#keysEach)
    for (let key = 0; key < this.#keysEach; key++) {
      if (this.#count * 4 > this.#tables[key]!.length * 3) this.#grow(key)
      this.#insert(this.#tables[key]!, keys[at + 2 * key]!, document)
    }
    return document
  }

  /** A number for a document that has no keys, so that numbers stay those of the documents kept. */
  skip(): number {
    const document = this.#count++
    if (document % BLOCK_DOCUMENTS === 0)
      this.#blocks.push(new Int32Array(2 * BLOCK_DOCUMENTS * this.#keysEach))
    return document
  }

  #insert(table: Uint32Array, low: number, document: number): void {
    const mask = table.length - 1
    let slot = low & mask
    while (table[slot] !== 0) slot = (slot + 1) & mask
    table[slot] = document + 1
  }

  #grow(key: number): void {
    const old = this.#tables[key]!
    const table = new Uint32Array(2 * old.length)
    for (const entry of old) {
      if (entry === 0) continue
      const document = entry - 1
      const block = this.#blocks[Math.floor(document / BLOCK_DOCUMENTS)]!
      this.#insert(table, block[2 * ((document % BLOCK_DOCUMENTS) * this.#keysEach + key)]!, document)
    }
    this.#tables[key] = table
  }
}
