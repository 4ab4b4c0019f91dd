/**
 * A grammar run over a vocabulary. A place in a text is a set of configurations; a configuration is the state of the leaf that is
 * being read and the stack of nodes that come after it. Sets and stacks are interned, so what was worked out at a place once
 * (the next place for a byte, the allowed tokens) is known whenever the same place comes again.
 *
 * Most tokens stay within the leaf they begin in (the inside of a string), whatever comes after it. So a mask is the leaf's own
 * mask, worked out once for each state, and the few tokens that leave the leaf, followed with the real stack (after XGrammar,
 * Dong et al. 2024).
 */
import type { LeafState, Node } from './nodes.js'
import type { Grammar, Vocabulary } from './types.js'

/** A leaf's state with what this vocabulary makes of it. */
interface Leaf {
  readonly id: number
  readonly state: LeafState
  readonly remaining: number
  /** By byte, as far as it was asked for; null where nothing follows. */
  readonly next: (Leaf | null | undefined)[]
  local?: LocalMask
}

interface LocalMask {
  readonly mask: Uint32Array
  /** Nodes of the trie where the leaf may have ended before the token does. */
  readonly exits: Int32Array
  /** By how much more may remain of the leaf after any of these tokens than before. */
  readonly worst: number
  /** The tokens after which at most so much more remains than before. */
  readonly within: Map<number, Uint32Array>
}

/** What comes after the leaf: a stack, shared between all that have it. Undefined stands for the empty one. */
interface Stack {
  readonly id: number
  readonly node: Node
  readonly below: Stack | undefined
  readonly distance: number
  readonly above: Map<number, Stack>
  entry?: Place
}

interface Configuration {
  readonly leaf: Leaf
  readonly stack: Stack | undefined
}

/** All that the text so far may be in the middle of. */
export interface Place {
  readonly configurations: readonly Configuration[]
  readonly canEnd: boolean
  readonly distance: number
  readonly next: Map<number, Place | undefined>
  mask?: Mask
}

export interface Mask {
  readonly bits: Uint32Array
  /** An upper bound of the distance after any of these tokens. */
  readonly worst: number
}

/** Alternatives beyond this are dropped, the last first: the text stays in the grammar, which becomes narrower. */
const MAX_CONFIGURATIONS = 512
/** Interned objects and masks before the matcher forgets what it knows. */
const MAX_INTERNED = 100_000
const MAX_MASK_WORDS = 4_000_000

export class Matcher {
  readonly vocabulary: Vocabulary
  readonly start: Place
  readonly #distances: Float64Array
  #leaves = new Map<LeafState, Leaf>()
  #bottom = new Map<number, Stack>()
  #places = new Map<string, Place>()
  #interned = 0
  #maskWords = 0
  #ids = 0

  constructor(grammar: Grammar, vocabulary: Vocabulary) {
    this.vocabulary = vocabulary
    this.#distances = distances(grammar, vocabulary)
    this.start = this.#enter(grammar.root, undefined)
  }

  /** The place after one more byte; undefined where the grammar does not go on so. */
  step(place: Place, byte: number): Place | undefined {
    if (place.next.has(byte)) return place.next.get(byte)
    const found = new Found()
    for (const { leaf, stack } of place.configurations) {
      const next = this.#nextOf(leaf, byte)
      if (next) this.#arrive(next, stack, found)
    }
    const result = this.#intern(found)
    place.next.set(byte, result)
    return result
  }

  /** Whether anything but the end can follow. */
  goesOn(place: Place): boolean {
    // A leaf that was read to its end stays a configuration until the next byte.
    return place.configurations.some(({ leaf, stack }) => {
      if (stack || !leaf.state.accepting) return true
      for (let byte = 0; byte < 256; byte++) if (this.#nextOf(leaf, byte)) return true
      return false
    })
  }

  /** The tokens that may come at this place. */
  mask(place: Place): Mask {
    if (place.mask) return place.mask
    let worst = 0
    const bits = this.#collect(
      place,
      (leaf, local, below) => {
        worst = Math.max(worst, leaf.remaining + local.worst + below)
        return local.mask
      },
      (after) => {
        worst = Math.max(worst, after.distance)
        return true
      },
    )
    place.mask = { bits, worst }
    this.#maskWords += bits.length
    if (this.#maskWords > MAX_MASK_WORDS) this.#forget()
    return place.mask
  }

  /** The tokens after which at most `limit` more can complete the text. */
  maskWithin(place: Place, limit: number): Uint32Array {
    return this.#collect(
      place,
      (leaf, local, below) => this.#localWithin(leaf, local, limit - below - leaf.remaining),
      (after) => after.distance <= limit,
    )
  }

  /**
   * @param within the tokens of a leaf that stay in it @param leaving whether a token that leaves its leaf is one of those wanted
   */
  #collect(
    { configurations, canEnd }: Place,
    within: (leaf: Leaf, local: LocalMask, below: number) => Uint32Array,
    leaving: (after: Place) => boolean,
  ): Uint32Array {
    const { size, endIds, trie } = this.vocabulary
    const bits = new Uint32Array((size + 31) >> 5)
    for (const { leaf, stack } of configurations) {
      const local = this.#local(this.#leafOf(leaf.state.kin(trie.longest)))
      const staying = within(leaf, local, stack?.distance ?? 0)
      for (let i = 0; i < bits.length; i++) bits[i]! |= staying[i]!
      if (!stack || local.exits.length === 0) continue
      stack.entry ??= this.#enter(stack.node, stack.below)
      const { entry } = stack
      for (const exit of local.exits) {
        this.#follow(exit, entry, (node, after) => {
          if (leaving(after)) setTokens(bits, trie, node)
        })
      }
    }
    if (canEnd) for (const id of endIds) setBit(bits, id)
    return bits
  }

  /** Visits the nodes below `root` at which a token ends, with the place that it leads to from `place`. */
  #follow(root: number, place: Place, visit: (node: number, after: Place) => void): void {
    const { bytes, depths, skip, tokenStart } = this.vocabulary.trie
    const base = depths[root]!
    const end = skip[root]!
    const path: Place[] = [place]
    for (let node = root + 1; node < end; ) {
      const depth = depths[node]! - base
      const after = this.step(path[depth - 1]!, bytes[node]!)
      if (!after) {
        node = skip[node]!
        continue
      }
      path[depth] = after
      if (tokenStart[node]! < tokenStart[node + 1]!) visit(node, after)
      node++
    }
  }

  /** The tokens that stay within the leaf, and where others leave it. */
  #local(leaf: Leaf): LocalMask {
    if (leaf.local) return leaf.local
    const { trie, size } = this.vocabulary
    const { skip, tokenStart } = trie
    const mask = new Uint32Array((size + 31) >> 5)
    const exits: number[] = []
    let worst = -leaf.remaining
    this.#walk(leaf, (node, after) => {
      if (tokenStart[node]! < tokenStart[node + 1]!) {
        setTokens(mask, trie, node)
        worst = Math.max(worst, after.remaining - leaf.remaining)
      }
      if (after.state.accepting && skip[node]! > node + 1) exits.push(node)
    })
    this.#maskWords += mask.length
    leaf.local = { mask, exits: Int32Array.from(exits), worst, within: new Map() }
    return leaf.local
  }

  /** Those tokens that stay within the leaf and make what remains of it no more than `more` larger. */
  #localWithin({ state }: Leaf, local: LocalMask, more: number): Uint32Array {
    if (more >= local.worst) return local.mask
    const known = local.within.get(more)
    if (known) return known
    const { trie, size } = this.vocabulary
    const leaf = this.#leafOf(state.kin(trie.longest))
    const mask = new Uint32Array((size + 31) >> 5)
    this.#walk(leaf, (node, after) => {
      if (after.remaining - leaf.remaining <= more) setTokens(mask, trie, node)
    })
    local.within.set(more, mask)
    this.#maskWords += mask.length
    return mask
  }

  /** Visits the nodes of the trie that are reached within the leaf. */
  #walk(leaf: Leaf, visit: (node: number, after: Leaf) => void): void {
    const { bytes, depths, skip } = this.vocabulary.trie
    const path: Leaf[] = [leaf]
    for (let node = 1; node < bytes.length; ) {
      const depth = depths[node]!
      const after = this.#nextOf(path[depth - 1]!, bytes[node]!)
      if (!after) {
        node = skip[node]!
        continue
      }
      path[depth] = after
      visit(node, after)
      node++
    }
  }

  #leafOf(state: LeafState): Leaf {
    let leaf = this.#leaves.get(state)
    if (!leaf) {
      leaf = { id: this.#ids++, state, remaining: state.remaining(this.vocabulary), next: [] }
      this.#leaves.set(state, leaf)
      this.#interned++
    }
    return leaf
  }

  /** States from which the vocabulary cannot reach the end count as none. */
  #nextOf(leaf: Leaf, byte: number): Leaf | null {
    const known = leaf.next[byte]
    if (known !== undefined) return known
    const state = leaf.state.next(byte)
    const next = state && this.#leafOf(state)
    const result = next && next.remaining < Number.POSITIVE_INFINITY ? next : null
    leaf.next[byte] = result
    return result
  }

  #push(node: Node, below: Stack | undefined): Stack {
    const known = below ? below.above : this.#bottom
    let stack = known.get(node.id)
    if (!stack) {
      const distance = this.#distances[node.id]! + (below?.distance ?? 0)
      stack = { id: this.#ids++, node, below, distance, above: new Map() }
      known.set(node.id, stack)
      this.#interned++
    }
    return stack
  }

  #enter(node: Node, stack: Stack | undefined): Place {
    const found = new Found()
    this.#expand(node, stack, found)
    return this.#intern(found) ?? { configurations: [], canEnd: false, distance: 0, next: new Map() }
  }

  /** The leaves that can come first in `node`, and in what follows where it may be empty. */
  #expand(node: Node, stack: Stack | undefined, found: Found): void {
    const waiting: [Node, Stack | undefined][] = [[node, stack]]
    for (let item = waiting.pop(); item; item = waiting.pop()) {
      const [at, below] = item
      if (this.#distances[at.id] === Number.POSITIVE_INFINITY) continue
      if (at.kind === 'leaf') {
        const leaf = this.#leafOf(at.start)
        found.add(leaf, below)
        if (!at.start.accepting) continue
      } else if (at.kind === 'sequence') {
        waiting.push([at.first, this.#push(at.rest, below)])
        continue
      } else if (at.kind === 'choice') {
        if (found.enters(at, below)) {
          for (let i = at.options.length - 1; i >= 0; i--) waiting.push([at.options[i]!, below])
        }
        continue
      } else if (at.kind === 'reference') {
        if (at.target && found.enters(at, below)) waiting.push([at.target, below])
        continue
      }
      if (below) waiting.push([below.node, below.below])
      else found.canEnd = true
    }
  }

  #arrive(leaf: Leaf, stack: Stack | undefined, found: Found): void {
    found.add(leaf, stack)
    if (!leaf.state.accepting) return
    if (stack) this.#expand(stack.node, stack.below, found)
    else found.canEnd = true
  }

  #intern({ configurations, keys, canEnd }: Found): Place | undefined {
    if (configurations.length === 0 && !canEnd) return undefined
    const key = `${canEnd}|${[...keys].sort().join('|')}`
    const known = this.#places.get(key)
    if (known) return known
    const distance = configurations.reduce(
      (least, { leaf, stack }) => Math.min(least, leaf.remaining + (stack?.distance ?? 0)),
      canEnd ? 0 : Number.POSITIVE_INFINITY,
    )
    const place: Place = { configurations, canEnd, distance, next: new Map() }
    if (++this.#interned > MAX_INTERNED) this.#forget()
    this.#places.set(key, place)
    return place
  }

  /** Old places stay good for the texts that stand there; ids are never used again. */
  #forget(): void {
    for (const place of this.#places.values()) {
      delete place.mask
      place.next.clear()
    }
    this.#places = new Map()
    this.#bottom = new Map()
    for (const leaf of this.#leaves.values()) {
      delete leaf.local
      leaf.next.length = 0
    }
    this.#leaves = new Map()
    this.#interned = 0
    this.#maskWords = 0
    this.start.next.clear()
    for (const { stack } of this.start.configurations) {
      for (let at = stack; at; at = at.below) {
        at.above.clear()
        delete at.entry
      }
    }
  }
}

/** Configurations as they are found. */
class Found {
  readonly configurations: Configuration[] = []
  readonly keys = new Set<string>()
  readonly #entered = new Set<string>()
  canEnd = false

  add(leaf: Leaf, stack: Stack | undefined): void {
    const key = `${leaf.id},${stack?.id ?? ''}`
    if (this.keys.has(key) || this.configurations.length >= MAX_CONFIGURATIONS) return
    this.keys.add(key)
    this.configurations.push({ leaf, stack })
  }

  /** False where this node was entered with this stack before: a circle that reads nothing. */
  enters(node: Node, stack: Stack | undefined): boolean {
    const key = `${node.id},${stack?.id ?? ''}`
    if (this.#entered.has(key)) return false
    this.#entered.add(key)
    return true
  }
}

/** For every node the fewest tokens that match it; Infinity where none do. A shortest-path problem of context-free grammars. */
export function distances({ nodes }: Grammar, vocabulary: Vocabulary): Float64Array {
  const distance = new Float64Array(nodes.length).fill(Number.POSITIVE_INFINITY)
  const users: number[][] = nodes.map(() => [])
  for (const node of nodes) for (const part of partsOf(node)) users[part.id]!.push(node.id)
  const waiting: number[] = nodes.map(({ id }) => id)
  for (let at = 0; at < waiting.length; at++) {
    const node = nodes[waiting[at]!]!
    const now = distanceOf(node, distance, vocabulary)
    if (now >= distance[node.id]!) continue
    distance[node.id] = now
    waiting.push(...users[node.id]!)
  }
  return distance
}

function partsOf(node: Node): readonly Node[] {
  if (node.kind === 'sequence') return [node.first, node.rest]
  if (node.kind === 'choice') return node.options
  return node.kind === 'reference' && node.target ? [node.target] : []
}

function distanceOf(node: Node, known: Float64Array, vocabulary: Vocabulary): number {
  if (node.kind === 'empty') return 0
  if (node.kind === 'leaf') return node.start.remaining(vocabulary)
  if (node.kind === 'sequence') return known[node.first.id]! + known[node.rest.id]!
  return partsOf(node).reduce((least, { id }) => Math.min(least, known[id]!), Number.POSITIVE_INFINITY)
}

function setBit(bits: Uint32Array, token: number): void {
  bits[token >> 5]! |= 1 << (token & 31)
}

function setTokens(bits: Uint32Array, { tokenStart, tokens }: Vocabulary['trie'], node: number): void {
  for (let i = tokenStart[node]!; i < tokenStart[node + 1]!; i++) setBit(bits, tokens[i]!)
}
