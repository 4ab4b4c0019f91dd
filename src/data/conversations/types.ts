import type { ChatMessage, ChatTool } from '../../text/index.js'

interface Labelled {
  readonly id?: string
  readonly category?: string
  readonly source?: string
}

/** A demonstration: what the assistant says in it is learnt. */
export interface Dialogue extends Labelled {
  readonly messages: readonly ChatMessage[]
  readonly tools?: readonly ChatTool[]
}

/** What is to be answered: a dialogue whose last message is from the user, or from a tool. */
export interface Prompt extends Dialogue {
  /** What a reward function or a judge needs to know; any JSON. */
  readonly check?: unknown
}

/** Two answers of which people preferred one. */
export interface Pair extends Labelled {
  readonly prompt: readonly ChatMessage[]
  readonly chosen: string
  readonly rejected: string
  /** By how much, where people said so. */
  readonly margin?: number
  readonly check?: unknown
}

/** K answers in the order that a person gave them. */
export interface Ranking extends Labelled {
  readonly prompt: readonly ChatMessage[]
  readonly answers: readonly string[]
  /** 1 is best; equal ranks are ties. */
  readonly ranks: readonly number[]
  readonly labeler?: string
  /** Of a ranking that was a pair; see {@link Pair}. */
  readonly margin?: number
  readonly check?: unknown
}
