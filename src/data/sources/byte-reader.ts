/** Takes bytes from a stream as they are asked for. */
export class ByteReader {
  readonly #chunks: AsyncIterator<Buffer>
  #chunk: Buffer = Buffer.alloc(0)
  /** Of the next byte to be read. */
  offset: number

  constructor(chunks: AsyncIterable<Buffer>, offset = 0) {
    this.#chunks = chunks[Symbol.asyncIterator]()
    this.offset = offset
  }

  /** At least one byte and at most `limit`, as they lie ready; none at the end. */
  async some(limit: number): Promise<Buffer> {
    if (this.#chunk.length === 0) await this.#fill()
    const taken = this.#chunk.subarray(0, limit)
    this.#chunk = this.#chunk.subarray(taken.length)
    this.offset += taken.length
    return taken
  }

  /** So many bytes; fewer only at the end. */
  async read(count: number): Promise<Buffer> {
    const first = await this.some(count)
    if (first.length === count) return first
    const parts = [first]
    for (let length = first.length; length < count; ) {
      const part = await this.some(count - length)
      if (part.length === 0) break
      parts.push(part)
      length += part.length
    }
    return Buffer.concat(parts)
  }

  async skip(count: number): Promise<void> {
    for (let left = count; left > 0; ) {
      const { length } = await this.some(left)
      if (length === 0) return
      left -= length
    }
  }

  /**
   * A line without its end, or undefined at the end of the stream. Of a line that is longer than `limit` bytes only the
   * beginning is given, without its "\n" having been read.
   */
  async line(limit: number): Promise<{ bytes: Buffer; complete: boolean } | undefined> {
    const parts: Buffer[] = []
    let length = 0
    while (length < limit) {
      if (this.#chunk.length === 0 && !(await this.#fill())) break
      const end = this.#chunk.indexOf(10)
      const taken = await this.some(Math.min(end < 0 ? this.#chunk.length : end + 1, limit - length))
      parts.push(taken)
      length += taken.length
      if (taken.at(-1) === 10) {
        const all = Buffer.concat(parts)
        return { bytes: all.subarray(0, all.at(-2) === 13 ? -2 : -1), complete: true }
      }
    }
    return length === 0 ? undefined : { bytes: Buffer.concat(parts), complete: false }
  }

  async close(): Promise<void> {
    await this.#chunks.return?.()
  }

  async #fill(): Promise<boolean> {
    while (this.#chunk.length === 0) {
      const next = await this.#chunks.next()
      if (next.done) return false
      this.#chunk = next.value
    }
    return true
  }
}
