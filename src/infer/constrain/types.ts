/** What the parts of constrained generation say to each other. Pure: no model, no platform code. */
import type { Matcher } from './matcher.js'
import type { Node } from './nodes.js'

/** A language that answers must belong to: compiled once, used by any number of texts and vocabularies. */
export interface Grammar {
  readonly root: Node
  /** All nodes, by id. */
  readonly nodes: readonly Node[]
  /** What is known of it by vocabulary, shared by all texts that follow it. */
  readonly matchers: WeakMap<Vocabulary, Matcher>
}

/** The tokens of a tokenizer as bytes, ready to be matched; made once per model by `createVocabulary`. */
export interface Vocabulary {
  /** Number of token ids: masks have one bit for each. */
  readonly size: number
  /** Tokens that end a text. */
  readonly endIds: readonly number[]
  readonly trie: TokenTrie
  /** What a token adds to the text; undefined for special tokens, which are no text. */
  bytes(token: number): Uint8Array | undefined
  /** Whether every single byte is a token, so that anything can be spelt. */
  readonly spellsBytes: boolean
  /** In how many tokens this character can be spelt on its own; Infinity where it cannot. */
  cost(codePoint: number): number
  /** The characters that are tokens, ascending, where not every byte is one. */
  readonly characters: readonly number[]
}

/** A trie of bytes, its nodes in preorder; node 0 is the root. A node's subtree is the nodes from it up to its `skip`. */
export interface TokenTrie {
  readonly bytes: Uint8Array
  readonly depths: Uint16Array
  readonly skip: Int32Array
  /** `tokens[tokenStart[n]] .. tokens[tokenStart[n + 1] - 1]` are the ids of the tokens that end at node n. */
  readonly tokenStart: Int32Array
  readonly tokens: Int32Array
  /** Bytes of the longest token. */
  readonly longest: number
}

/** One text on its way through a grammar. */
export interface Constraint {
  /**
   * The tokens that may come next, one bit each: token t is bit `t & 31` of word `t >> 5`; end tokens where the text may end here.
   * The array is shared: read it before the next call, and do not write to it. Never empty before the text is complete.
   *
   * @param left how many tokens may still be drawn, this one included (an end token needs none). Where given, tokens after which
   *   the text could no more be completed in time are left out; if it is too late already, those that end it soonest stay.
   */
  allowed(left?: number): Uint32Array
  /**
   * Goes on by a token. End tokens change nothing but `ended`.
   * @throws InferError `infer/schema` where the token is not allowed here
   */
  accept(token: number): void
  /** The text is complete and nothing may follow: stop without waiting for an end token. */
  readonly done: boolean
  /** The text is complete as it is (more may follow). */
  readonly canEnd: boolean
  /** Fewest further tokens that complete the text (an upper bound). */
  readonly distance: number
  /** An independent copy at the same place. */
  fork(): Constraint
}

/** Bounds of what a schema may ask for. Defaults in {@link DEFAULT_SCHEMA_LIMITS}. */
export interface SchemaLimits {
  /** Characters of the schema as JSON. */
  readonly length: number
  /** Nesting of the schema as JSON. */
  readonly depth: number
  /** Subschemas, combinations of them that `allOf` and `anyOf` make included. */
  readonly schemas: number
  /** Nodes of the compiled grammar. */
  readonly nodes: number
  /** States of one regular expression's automaton. */
  readonly states: number
  /** Characters of one regular expression. */
  readonly pattern: number
}

export const DEFAULT_SCHEMA_LIMITS: SchemaLimits = {
  length: 256 * 1024,
  depth: 64,
  schemas: 2_000,
  nodes: 50_000,
  states: 4_000,
  pattern: 1_000,
}

export type ToolChoice = 'auto' | 'none' | 'required' | { readonly name: string }

/** What a stream with calls of tools is made of. */
export type ToolCallEvent =
  | { readonly type: 'text'; readonly text: string }
  /** The first event of a call carries its name; `arguments` is the next piece of their JSON text. */
  | { readonly type: 'toolCall'; readonly index: number; readonly name?: string; readonly arguments: string }
