import { ChatError } from './errors.js'

export const CHAT_ROLES = ['system', 'user', 'assistant', 'tool'] as const
export type ChatRole = (typeof CHAT_ROLES)[number]

/** A function that the assistant asks for. */
export interface ToolCall {
  readonly id?: string
  readonly name: string
  readonly arguments: Readonly<Record<string, unknown>>
}

/** A function that the assistant may ask for, as OpenAI describes one: `{ type: 'function', function: { name, … } }`. */
export type ChatTool = Readonly<Record<string, unknown>>

export interface ChatMessage {
  readonly role: ChatRole
  readonly content: string
  /** Who speaks, or which tool answers; for templates that say so. */
  readonly name?: string
  readonly toolCalls?: readonly ToolCall[]
  /** Of a tool's message: the call that it answers. */
  readonly toolCallId?: string
  /** 0 for what the assistant said but should not learn to say, such as a mistake that it then corrects. Default 1. */
  readonly weight?: 0 | 1
}

/** Where a message begins among the tokens. */
export interface ChatTurn {
  readonly role: ChatRole
  readonly start: number
}

export interface EncodedChat {
  readonly ids: Int32Array
  /** 1 where the assistant wrote the token (in a message whose weight is not 0), the end of its turn included. As long as `ids`. */
  readonly mask: Uint8Array
  /**
   * The beginnings of messages, in order, so that a dialogue can be cut between two of them. With a model's own template only those
   * that it writes apart: the first, the one after the system message, and each that follows the assistant's.
   */
  readonly turns?: readonly ChatTurn[]
}

export interface EncodeChatOptions {
  /** End where the assistant's next reply begins. */
  readonly addGenerationPrompt?: boolean
  readonly tools?: readonly ChatTool[]
  /** More for a model's own template, such as `enable_thinking`. */
  readonly variables?: Readonly<Record<string, unknown>>
}

/** Messages to token ids, with what the assistant said marked. */
export interface ChatFormat {
  /**
   * The content of messages is text and nothing else: where it spells a special token, it is encoded as the letters that are there.
   * The first token of a reply is never merged with what precedes it, so training sees the tokens that generation makes.
   * @throws ChatError where a message or the template is wrong, or the template refuses this order of messages; TokenizerError
   */
  encode(messages: readonly ChatMessage[], options?: EncodeChatOptions): EncodedChat
  /** Ids that end the assistant's turn: first the one that the format writes there, then the end of a document. */
  readonly stopIds: readonly number[]
  /** Jinja source, for `chat_template` in `tokenizer_config.json`. */
  readonly template: string
}

/** @throws ChatError `chat_message` for what is not a message (from code without types) */
export function checkMessages(messages: readonly ChatMessage[]): void {
  for (const [index, { role, content }] of messages.entries()) {
    const wrong = !CHAT_ROLES.includes(role)
      ? `has the role ${JSON.stringify(role)}; roles are ${CHAT_ROLES.join(', ')}`
      : typeof content !== 'string'
        ? 'has no text in "content"; an empty one is ""'
        : undefined
    if (wrong) throw new ChatError('chat_message', `message ${index + 1} of ${messages.length} ${wrong}`)
  }
}
