/** One of several fixed texts: a trie over their bytes. */
import type { LeafState } from './nodes.js'
import type { Vocabulary } from './types.js'

const encoder = new TextEncoder()

class WordState implements LeafState {
  readonly index: number
  accepting = false
  readonly children = new Map<number, WordState>()
  readonly #costs: Costs

  constructor(index: number, costs: Costs) {
    this.index = index
    this.#costs = costs
  }

  next(byte: number): WordState | undefined {
    return this.children.get(byte)
  }

  remaining(vocabulary: Vocabulary): number {
    return this.#costs.of(vocabulary)[this.index]!
  }

  kin(): WordState {
    return this
  }
}

/** For every state the fewest tokens to the end of a word, by vocabulary. */
class Costs {
  readonly #texts: readonly string[]
  readonly #known = new WeakMap<Vocabulary, Float64Array>()
  #states: readonly WordState[] = []

  constructor(texts: readonly string[]) {
    this.#texts = texts
  }

  of(vocabulary: Vocabulary): Float64Array {
    let costs = this.#known.get(vocabulary)
    if (!costs) {
      costs = new Float64Array(this.#states.length).fill(Number.POSITIVE_INFINITY)
      for (const text of this.#texts) this.#count(text, vocabulary, costs)
      this.#known.set(vocabulary, costs)
    }
    return costs
  }

  /** Within a character the cost is that from its beginning, at most 3 too high. */
  #count(text: string, vocabulary: Vocabulary, costs: Float64Array): void {
    const characters = Array.from(text, (character) => ({
      bytes: encoder.encode(character).length,
      cost: vocabulary.cost(character.codePointAt(0)!),
    }))
    // An unspellable character makes what is left infinite up to it, and what follows it finite again.
    const after = new Float64Array(characters.length + 1)
    for (let i = characters.length - 1; i >= 0; i--) after[i] = after[i + 1]! + characters[i]!.cost
    const bytes = encoder.encode(text)
    let state = this.#states[0]!
    let at = 0
    for (const [i, { bytes: length }] of characters.entries()) {
      const left = after[i]!
      for (let k = 0; k < length; k++) {
        costs[state.index] = Math.min(costs[state.index]!, left)
        state = state.children.get(bytes[at++]!)!
      }
    }
    costs[state.index] = 0
  }

  set states(states: readonly WordState[]) {
    this.#states = states
  }
}

/** The state before any of these texts; one may begin with another. */
export function words(texts: readonly string[]): LeafState {
  const costs = new Costs(texts)
  const states = [new WordState(0, costs)]
  for (const text of texts) {
    let state = states[0]!
    for (const byte of encoder.encode(text)) {
      let child = state.children.get(byte)
      if (!child) {
        child = new WordState(states.length, costs)
        states.push(child)
        state.children.set(byte, child)
      }
      state = child
    }
    state.accepting = true
  }
  costs.states = states
  return states[0]!
}
