/**
 * A grammar as a graph of nodes over leaves. A leaf is a deterministic automaton over bytes whose states are made when they are
 * first needed; nodes put leaves in sequence, in alternation and in recursion.
 */
import { InferError } from '../errors.js'
import type { Grammar, Vocabulary } from './types.js'
import { words } from './words.js'

/** A state of a leaf's automaton. One state is one object: different objects are different states. */
export interface LeafState {
  /** Whether the leaf's text may end here. */
  readonly accepting: boolean
  /** Undefined where no text of the leaf goes on with this byte. */
  next(byte: number): LeafState | undefined
  /** Fewest tokens with which the leaf's text can end (an upper bound); Infinity where they cannot spell it. */
  remaining(vocabulary: Vocabulary): number
  /** A state that allows the same texts of up to `longest` bytes: counts that cannot run out within them do not matter. */
  kin(longest: number): LeafState
}

export type Node =
  | { readonly kind: 'empty'; readonly id: number }
  | { readonly kind: 'leaf'; readonly id: number; readonly start: LeafState }
  /** `first`, then `rest`. */
  | { readonly kind: 'sequence'; readonly id: number; readonly first: Node; readonly rest: Node }
  /** One of them. Of no options: nothing at all matches. */
  | { readonly kind: 'choice'; readonly id: number; readonly options: readonly Node[] }
  | ReferenceNode

/** What is named before it is known: recursion. */
export interface ReferenceNode {
  readonly kind: 'reference'
  readonly id: number
  target: Node | undefined
}

export class GrammarBuilder {
  readonly #limit: number
  readonly #nodes: Node[] = []
  readonly empty: Node = this.#add({ kind: 'empty', id: 0 })
  /** Matches nothing. */
  readonly never: Node = this.#add({ kind: 'choice', id: 1, options: [] })

  /** @param limit the most nodes */
  constructor(limit: number) {
    this.#limit = limit
  }

  #add<N extends Node>(node: N): N {
    if (this.#nodes.length > this.#limit) {
      throw new InferError(
        'infer/schema',
        `the schema becomes a grammar of more than ${this.#limit} nodes; make it smaller (fewer properties, smaller minItems and maxItems, fewer combinations of anyOf)`,
      )
    }
    this.#nodes.push(node)
    return node
  }

  leaf(start: LeafState): Node {
    return this.#add({ kind: 'leaf', id: this.#nodes.length, start })
  }

  /** Any one of these texts. */
  words(texts: readonly string[]): Node {
    return texts.length === 0 ? this.never : this.leaf(words(texts))
  }

  sequence(...parts: readonly Node[]): Node {
    const real = parts.filter((part) => part !== this.empty)
    if (real.includes(this.never)) return this.never
    const last = real.at(-1)
    if (!last) return this.empty
    return real
      .slice(0, -1)
      .reduceRight(
        (rest, first) => this.#add({ kind: 'sequence', id: this.#nodes.length, first, rest }),
        last,
      )
  }

  choice(options: readonly Node[]): Node {
    const real = [...new Set(options)].filter((option) => option !== this.never)
    if (real.length < 2) return real[0] ?? this.never
    return this.#add({ kind: 'choice', id: this.#nodes.length, options: real })
  }

  reference(): ReferenceNode {
    return this.#add({ kind: 'reference', id: this.#nodes.length, target: undefined })
  }

  grammar(root: Node): Grammar {
    return { root, nodes: this.#nodes, matchers: new WeakMap() }
  }
}
