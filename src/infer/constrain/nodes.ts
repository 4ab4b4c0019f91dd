/**
 * A grammar as a graph of nodes over leaves. A leaf is a deterministic automaton over bytes whose states are made when they are
 * first needed; nodes put leaves in sequence, in alternation, and in recursion.
 */
import type { Vocabulary } from './types.js'

/** A state of a leaf's automaton. One state is one object: equal objects are equal states. */
export interface LeafState {
  /** Undefined where no text of the leaf goes on with this byte. */
  next(byte: number): LeafState | undefined
  /** Whether the leaf's text may end here. */
  readonly accepting: boolean
  /**
   * States of equal `class` object allow the same tokens, except for the count that `class` leaves out. Default: the state itself.
   * The longest token must not be able to tell them apart.
   */
  classFor(vocabulary: Vocabulary): object
  /** Fewest tokens of the vocabulary with which the leaf's text can end; Infinity where it cannot be spelt. */
  remaining(vocabulary: Vocabulary): number
}

export type Node = LeafNode | SequenceNode | ChoiceNode | ReferenceNode

interface NodeBase {
  /** Position in the grammar, from 0. */
  readonly id: number
}
export interface LeafNode extends NodeBase {
  readonly kind: 'leaf'
  readonly start: LeafState
}
/** `first`, then `rest`. */
export interface SequenceNode extends NodeBase {
  readonly kind: 'sequence'
  readonly first: Node
  readonly rest: Node
}
/** One of them; none of them: nothing matches. */
export interface ChoiceNode extends NodeBase {
  readonly kind: 'choice'
  readonly options: readonly Node[]
}
/** What is not known yet when it is named: recursion. */
export interface ReferenceNode extends NodeBase {
  readonly kind: 'reference'
  target: Node | undefined
}
