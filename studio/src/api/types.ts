/** What the server's answers hold, as far as the studio reads them. Times are milliseconds since 1970. */

export interface PageOf<T> {
  readonly items: readonly T[]
  /** The cursor of what follows. */
  readonly next?: string | null
}

export type Role = 'system' | 'user' | 'assistant' | 'tool'

export interface PromptMessage {
  readonly role: Role
  readonly content: string
}

export interface Citation {
  readonly document: string
  readonly passage?: string
  readonly title?: string
  readonly text?: string
  readonly score?: number
}

export interface Conversation {
  readonly id: string
  readonly title: string
  readonly model?: string
  readonly preset?: string
  readonly collection?: string
  readonly created: number
  readonly updated: number
}

export interface Message extends PromptMessage {
  readonly id: string
  /** The message before it; none for the first. */
  readonly parent?: string | null
  readonly model?: string
  readonly modelVersion?: string
  readonly sampling?: Readonly<Record<string, unknown>>
  readonly usage?: { readonly promptTokens: number; readonly completionTokens: number }
  readonly citations?: readonly Citation[]
  /** Why it ends: stop, length, tool_calls, cancelled, error. */
  readonly finish?: string
  readonly created: number
}

export interface ConversationWithMessages extends Conversation {
  readonly messages: readonly Message[]
}

/** How the next token is chosen; what is left out is the server's default. Named as the request has it. */
export interface Sampling {
  readonly temperature?: number
  readonly top_p?: number
  readonly top_k?: number
  readonly min_p?: number
  readonly repetition_penalty?: number
  readonly presence_penalty?: number
  readonly frequency_penalty?: number
  readonly max_tokens?: number
  readonly seed?: number
}

export interface PresetParameter {
  readonly name: string
  readonly label?: string
  readonly description?: string
  readonly default?: string
  readonly required?: boolean
  readonly multiline?: boolean
  readonly options?: readonly string[]
}

export interface Preset {
  readonly name: string
  readonly title?: string
  readonly description?: string
  readonly parameters: readonly PresetParameter[]
  readonly extra?: {
    readonly [locale: string]:
      | {
          readonly title?: string
          readonly description?: string
          readonly parameters?: Readonly<
            Record<
              string,
              {
                readonly label?: string
                readonly description?: string
                readonly options?: Readonly<Record<string, string>>
              }
            >
          >
        }
      | undefined
  }
}

export interface Collection {
  readonly name: string
  readonly description?: string
}

/** Each from 0 to 1. */
export interface Rubric {
  readonly quality?: number
  readonly safety?: number
  readonly groundedness?: number
}

export type FeedbackKind = 'thumb' | 'ranking' | 'correction' | 'rubric'

export interface Feedback {
  readonly id: string
  readonly kind: FeedbackKind
  readonly message?: string
  readonly value: unknown
  readonly reason?: string
}

/** One of the answers of a comparison; who wrote it is told once they are ranked. */
export interface ComparedAnswer {
  readonly slot: string
  readonly text: string
  readonly model?: string
  readonly modelVersion?: string
  readonly sampling?: Readonly<Record<string, unknown>>
  readonly error?: string
}

export interface Comparison {
  readonly id: string
  readonly answers: readonly ComparedAnswer[]
}

export interface LabelTask {
  readonly id: string
  readonly kind: FeedbackKind
  readonly prompt: readonly PromptMessage[]
  readonly answers: readonly {
    readonly text: string
    readonly model?: string
    readonly modelVersion?: string
  }[]
  readonly category?: string
}

export interface LabelProgress {
  readonly tasks: number
  readonly done: number
  readonly labelers: readonly {
    readonly labeler: string
    readonly judged: number
    readonly skipped: number
  }[]
  /** How far two people who judge the same agree; 1 is always. */
  readonly agreement?: Readonly<Record<string, unknown>> | number | null
}
