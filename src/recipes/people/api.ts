/** What people can do with an assistant: ask it, and say what they think. */
import type { ChatMessage } from '../../text/index.js'

export interface AssistantApi {
  /** An answer, and the id that it was saved under. */
  ask(
    person: string,
    messages: readonly ChatMessage[],
  ): Promise<{ readonly id: string; readonly text: string }>
  /** Several answers to rank. */
  compare(
    person: string,
    messages: readonly ChatMessage[],
    count: number,
  ): Promise<{ readonly id: string; readonly answers: readonly string[] }>
  rank(person: string, comparison: string, ranks: readonly number[]): Promise<void>
  thumb(person: string, message: string, value: 1 | -1): Promise<void>
  correct(person: string, message: string, text: string): Promise<void>
}
