/** A conversation with a model: its turns, what of them the model still sees, and the keys and values that it has read already. */
import { AthanorError } from '../errors.js'
import { createGenerator, type Generator, type LanguageModel, sample } from '../infer/index.js'
import { Rng } from '../rng.js'
import { type ChatFormat, type ChatMessage, createDecoder, type Tokenizer } from '../text/index.js'

export interface ChatOptions {
  readonly system?: string
  readonly temperature?: number
  readonly topP?: number
  readonly topK?: number
  /** New tokens of an answer at most. */
  readonly maxTokens?: number
  /** Tokens that the conversation may fill. Default: the model's context, at most 4096, for every one of them takes memory. */
  readonly contextLength?: number
  readonly seed?: number
}

export interface ChatAnswer {
  readonly text: string
  /** 'stop': the model ended its turn. 'length': maxTokens. 'context': the context is full. 'interrupted': the signal. */
  readonly finish: 'stop' | 'length' | 'context' | 'interrupted'
  /** Tokens that the model saw before the answer, and how many of them it had read in earlier turns. */
  readonly promptTokens: number
  readonly cachedTokens: number
  /** Tokens written. */
  readonly tokens: number
  /** Earlier messages that the model no longer sees; how many of them since this turn. */
  readonly forgotten: number
  readonly newlyForgotten: number
}

export interface AskOptions {
  /** Called with the text as it becomes certain. */
  readonly onText?: (text: string) => void
  /** Ends the answer; what was written stays in the conversation. */
  readonly signal?: AbortSignal
}

/** What the command talks to. */
export interface Chat {
  /** The whole conversation, the system message first where there is one. */
  readonly messages: readonly ChatMessage[]
  readonly contextLength: number
  /** Adds a message of the user and the model's answer. @throws ChatSessionError `chat/too-long`; the conversation stays as it was */
  ask(text: string, options?: AskOptions): Promise<ChatAnswer>
  /** Takes the last question and its answer back. False where there is none. */
  undo(): boolean
  /** Begins anew; the system message stays. */
  reset(): void
  dispose(): Promise<void>
}

export class ChatSessionError extends AthanorError {
  constructor(code: 'no-format' | 'too-long' | 'options', message: string) {
    super(`chat/${code}`, message)
  }
}

const LARGEST_CONTEXT = 4096

/**
 * Begins a conversation.
 * @throws ChatSessionError `chat/no-format` for a model that only continues texts, `chat/options`; ChatError for a broken template
 */
export function openChat(model: LanguageModel, options: ChatOptions = {}): Chat {
  const { tokenizer, chat } = model
  if (!tokenizer || !chat) {
    const what = tokenizer ? 'no chat format: it continues texts and holds no conversations' : 'no tokenizer'
    throw new ChatSessionError(
      'no-format',
      `${model.dir || 'this model'} has ${what}; use athanor generate, or teach it to converse with athanor sft`,
    )
  }
  const longest = model.config.contextLength
  const contextLength = options.contextLength ?? Math.min(longest, LARGEST_CONTEXT)
  if (contextLength > longest)
    throw new ChatSessionError('options', `the model's context holds ${longest} tokens, not ${contextLength}`)
  return new Session(model, tokenizer, chat, { ...options, contextLength })
}

class Session implements Chat {
  readonly contextLength: number
  readonly #model: LanguageModel
  readonly #tokenizer: Tokenizer
  readonly #chat: ChatFormat
  readonly #options: ChatOptions
  readonly #generator: Generator
  readonly #rng: Rng
  readonly #system: readonly ChatMessage[]
  #turns: ChatMessage[] = []
  /** Turns before this one are no longer shown to the model. */
  #seenFrom = 0
  /** The tokens that the generator's row holds. */
  #read: number[] = []
  #asked = 0

  constructor(
    model: LanguageModel,
    tokenizer: Tokenizer,
    chat: ChatFormat,
    options: ChatOptions & { readonly contextLength: number },
  ) {
    this.#model = model
    this.#tokenizer = tokenizer
    this.#chat = chat
    this.#options = options
    this.contextLength = options.contextLength
    this.#generator = createGenerator(model, { capacity: options.contextLength })
    this.#rng = Rng.seed(options.seed ?? 0)
    this.#system = options.system === undefined ? [] : [{ role: 'system', content: options.system }]
  }

  get messages(): readonly ChatMessage[] {
    return [...this.#system, ...this.#turns]
  }

  async ask(text: string, { onText = () => {}, signal }: AskOptions = {}): Promise<ChatAnswer> {
    const before = this.#seenFrom
    const turns: ChatMessage[] = [...this.#turns, { role: 'user', content: text }]
    const { ids, from } = this.#fit(turns)
    const answer = await this.#answer(ids, this.#rng.fork(this.#asked++), onText, signal)
    // Stopped before the first word, the question was not answered: it is as if it had not been asked.
    if (answer.finish !== 'interrupted' || answer.text !== '') {
      this.#turns = [...turns, { role: 'assistant', content: answer.text }]
      this.#seenFrom = from
    }
    return {
      ...answer,
      promptTokens: ids.length,
      forgotten: from,
      newlyForgotten: Math.max(0, from - before),
    }
  }

  undo(): boolean {
    if (this.#turns.length === 0) return false
    this.#turns = this.#turns.slice(0, -2)
    this.#seenFrom = Math.min(this.#seenFrom, Math.max(0, this.#turns.length - 2))
    return true
  }

  reset(): void {
    this.#turns = []
    this.#seenFrom = 0
  }

  async dispose(): Promise<void> {
    this.#generator.dispose()
    await this.#model.dispose()
  }

  /** The tokens of the conversation, without its oldest turns where it would leave no room for an answer. */
  #fit(turns: readonly ChatMessage[]): { ids: Int32Array; from: number } {
    const { maxTokens = 256 } = this.#options
    const room = this.contextLength - Math.min(maxTokens, Math.ceil(this.contextLength / 4))
    for (let from = this.#seenFrom; ; from += 2) {
      const { ids } = this.#chat.encode([...this.#system, ...turns.slice(from)], {
        addGenerationPrompt: true,
      })
      const alone = from >= turns.length - 1
      if (ids.length <= room || (alone && ids.length < this.contextLength)) return { ids, from }
      if (alone) {
        throw new ChatSessionError(
          'too-long',
          `the message takes ${ids.length} tokens with what belongs around it, and the context holds ${this.contextLength}; shorten it`,
        )
      }
    }
  }

  async #answer(ids: Int32Array, rng: Rng, onText: (text: string) => void, signal: AbortSignal | undefined) {
    const { temperature = 0.7, topP, topK, maxTokens = 256 } = this.#options
    const sampling = { temperature, topP, topK, minP: undefined, repetitionPenalty: 1 }
    const stops = new Set(this.#chat.stopIds)
    const decoder = createDecoder(this.#tokenizer, { continuation: true })
    let [text, tokens] = ['', 0]
    const say = (piece: string) => {
      text += piece
      if (piece !== '') onText(piece)
    }
    const end = (finish: ChatAnswer['finish']) => {
      say(decoder.flush())
      return { text, finish, tokens, cachedTokens }
    }
    // What it has read already, and still stands there, need not be read again; the last token gives the logits.
    let cachedTokens = 0
    while (cachedTokens < ids.length - 1 && ids[cachedTokens] === this.#read[cachedTokens]) cachedTokens++
    this.#generator.truncate(0, cachedTokens)
    let logits: Float32Array
    try {
      logits = await this.#generator.extend(0, ids.subarray(cachedTokens), { signal })
    } catch (error) {
      if (signal?.aborted && error === signal.reason) return end('interrupted')
      throw error
    } finally {
      this.#read = Array.from(ids.subarray(0, this.#generator.lengths[0]))
    }
    for (;;) {
      // Lets signals and the terminal have their turn.
      await new Promise((resolve) => setImmediate(resolve))
      if (signal?.aborted) return end('interrupted')
      // Rows that only fill the embedding up to a round size are no tokens.
      const token = sample(logits.subarray(0, this.#tokenizer.vocabSize), sampling, rng)
      if (stops.has(token)) return end('stop')
      tokens++
      say(decoder.push(token))
      if (tokens >= maxTokens) return end('length')
      if (this.#read.length >= this.contextLength) return end('context')
      logits = (await this.#generator.decode([token]))[0]!
      this.#read.push(token)
    }
  }
}
