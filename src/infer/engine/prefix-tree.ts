/**
 * Keys and values of texts that were there before, in blocks of tokens, so that a text with the same beginning need not be computed
 * again. A tree: a block hangs below the one that its text goes on from, so equal beginnings are kept once (as the radix
 * tree of Zheng et al. 2024, SGLang, and the block cache of Kwon et al. 2023, vLLM). Blocks are found by their tokens themselves, not by a hash of them.
 */
export interface Block {
  /** The keys and values; their layout is the owner's affair. */
  readonly data: Float32Array
  /** Whether the same tokens, read again as a prompt, give these very bits. */
  readonly exact: boolean
}

interface Node {
  data: Float32Array
  exact: boolean
  readonly key: string
  readonly parent: Node | undefined
  readonly children: Map<string, Node>
}

export interface PrefixTreeOptions {
  /** Tokens of a block. */
  readonly blockTokens: number
  /** Floats of a block. */
  readonly blockFloats: number
  /** Bytes of all blocks together. */
  readonly budget: number
}

export class PrefixTree {
  readonly blockTokens: number
  readonly #blockFloats: number
  readonly #limit: number
  readonly #roots = new Map<string, Node>()
  /** Least recently used first. A block is used after those below it, so the first one has none below it. */
  readonly #used = new Set<Node>()

  constructor({ blockTokens, blockFloats, budget }: PrefixTreeOptions) {
    this.blockTokens = blockTokens
    this.#blockFloats = blockFloats
    this.#limit = Math.floor(budget / (4 * blockFloats))
  }

  get blocks(): number {
    return this.#used.size
  }

  get bytes(): number {
    return 4 * this.#blockFloats * this.#used.size
  }

  /** The blocks that the first `limit` tokens begin with; only exact ones where asked for. */
  match(tokens: readonly number[], limit: number, exact: boolean): readonly Block[] {
    const path: Node[] = []
    let children = this.#roots
    for (let end = this.blockTokens; end <= limit; end += this.blockTokens) {
      const node = children.get(this.#key(tokens, end))
      if (!node || (exact && !node.exact)) break
      path.push(node)
      children = node.children
    }
    this.#touch(path)
    return path
  }

  /**
   * Keeps the whole blocks of the first `count` tokens, of which the first `exact` are exact. `fill` writes the data of the tokens from
   * `start` on; it is asked only for what is not known yet, or is better than what is.
   */
  insert(
    tokens: readonly number[],
    count: number,
    exact: number,
    fill: (start: number, data: Float32Array) => void,
  ): void {
    const path: Node[] = []
    let children = this.#roots
    for (let end = this.blockTokens; end <= count; end += this.blockTokens) {
      const key = this.#key(tokens, end)
      const isExact = end <= exact
      let node = children.get(key)
      if (!node) {
        const data = this.#memory(path)
        if (!data) break
        node = { data, exact: isExact, key, parent: path.at(-1), children: new Map() }
        fill(end - this.blockTokens, data)
        children.set(key, node)
        this.#used.add(node)
      } else if (isExact && !node.exact) {
        fill(end - this.blockTokens, node.data)
        node.exact = true
      }
      path.push(node)
      children = node.children
    }
    this.#touch(path)
  }

  clear(): void {
    this.#roots.clear()
    this.#used.clear()
  }

  /** Memory for one more block: fresh, or that of the least recently used one outside `path`. */
  #memory(path: readonly Node[]): Float32Array | undefined {
    if (this.#used.size < this.#limit) return new Float32Array(this.#blockFloats)
    this.#touch(path)
    const [oldest] = this.#used
    if (!oldest || path.includes(oldest)) return undefined
    this.#used.delete(oldest)
    ;(oldest.parent?.children ?? this.#roots).delete(oldest.key)
    return oldest.data
  }

  #touch(path: readonly Node[]): void {
    for (const node of path.toReversed()) {
      this.#used.delete(node)
      this.#used.add(node)
    }
  }

  #key(tokens: readonly number[], end: number): string {
    return tokens.slice(end - this.blockTokens, end).join()
  }
}
