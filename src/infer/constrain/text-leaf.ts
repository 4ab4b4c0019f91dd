/** Any text up to and including a mark: the automaton of Knuth, Morris and Pratt. */
import type { LeafState } from './nodes.js'
import type { Vocabulary } from './types.js'

/**
 * @param mark ASCII
 * @returns `before`: any text that has no `mark` in it, which may end anywhere; `upTo`: any text that ends with the first `mark`
 */
export function textLeaves(mark: string): { before: LeafState; upTo: LeafState } {
  const bytes = new TextEncoder().encode(mark)
  const before = Array.from(bytes, (_, matched) => new TextState(bytes, matched, false))
  const upTo = Array.from({ length: bytes.length + 1 }, (_, matched) => new TextState(bytes, matched, true))
  for (const states of [before, upTo]) for (const state of states) state.states = states
  return { before: before[0]!, upTo: upTo[0]! }
}

class TextState implements LeafState {
  readonly accepting: boolean
  readonly #mark: Uint8Array
  readonly #matched: number
  states: readonly TextState[] = []

  constructor(mark: Uint8Array, matched: number, withMark: boolean) {
    this.#mark = mark
    this.#matched = matched
    this.accepting = withMark ? matched === mark.length : true
  }

  next(byte: number): TextState | undefined {
    if (this.#matched === this.#mark.length) return undefined
    let matched = this.#matched
    while (matched > 0 && this.#mark[matched] !== byte) matched = borderOf(this.#mark, matched)
    if (this.#mark[matched] === byte) matched++
    return this.states[matched]
  }

  remaining(vocabulary: Vocabulary): number {
    if (this.accepting) return 0
    const isSpelt = this.#mark.every((byte) => vocabulary.cost(byte) === 1)
    return isSpelt ? this.#mark.length - this.#matched : Number.POSITIVE_INFINITY
  }

  kin(): TextState {
    return this
  }
}

/** The longest proper beginning of `mark[0..length)` that is also its end. */
function borderOf(mark: Uint8Array, length: number): number {
  for (let border = length - 1; border > 0; border--) {
    if (mark.subarray(0, border).every((byte, i) => byte === mark[length - border + i])) return border
  }
  return 0
}
