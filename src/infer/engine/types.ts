/** What the engine is asked and what it answers: plain data, so that it can cross to another thread. */
import type { ChatMessage, ChatTool } from '../../text/index.js'

export type Quantization = 'none' | 'q8' | 'q4'

export interface EngineOptions {
  /** CPU threads for arithmetic. Default: all cores. */
  readonly threads?: number
  /** Bytes that loaded models (weights and caches) may take together; the idle are evicted for others. Default: half of the memory. */
  readonly memoryBudget?: number
  /** Requests that one model answers at the same time. Default 16. */
  readonly slots?: number
  /** Requests that wait for a slot, of all models together; one more is refused with `infer/queue-full`. Default 256. */
  readonly maxQueue?: number
  /** Bytes for keys and values of finished requests kept apart from the slots, per model. Default: as much as the slots. 0: slots only. */
  readonly prefixCacheBytes?: number
  /** Tokens of a slot. Default: the model's context, at most 8192. */
  readonly contextLimit?: number
  /** Prompt tokens read between two steps of the running texts: the less, the steadier these. Default 256. */
  readonly prefillTokens?: number
  /** Models known from the start. */
  readonly models?: readonly ModelSource[]
}

export interface ModelSource {
  /** The name requests use. */
  readonly id: string
  /** A folder in the layout of Hugging Face, or a run directory. */
  readonly dir: string
  readonly quantization?: Quantization
}

export type ModelState = 'idle' | 'loading' | 'ready' | 'failed'

export interface EngineModel {
  readonly id: string
  readonly dir: string
  /** Decoders generate and embed, reward models score. */
  readonly kind: 'decoder' | 'reward'
  /** 'idle': known and loaded at the first request. */
  readonly state: ModelState
  /** Why it failed. */
  readonly error?: string
  readonly contextLength?: number
  readonly vocabSize?: number
  readonly parameters?: number
  /** Memory it takes now; absent while it is not loaded. */
  readonly bytes?: number
  readonly quantization: Quantization
  /** The first 16 hexadecimal digits of the SHA-256 of its weights, configuration and tokenizer. */
  readonly version: string
  /** When its weights were written, in Unix seconds. */
  readonly created: number
}

export type RequestPrompt =
  /** A dialogue in the model's chat format, ending where its reply begins. */
  | { readonly messages: readonly ChatMessage[]; readonly tools?: readonly ChatTool[] }
  /** Text to go on with. Special tokens that it spells are letters. */
  | { readonly text: string }
  | { readonly ids: readonly number[] }

export type ResponseFormat =
  | { readonly type: 'text' }
  | { readonly type: 'json_object' }
  | { readonly type: 'json_schema'; readonly schema: unknown; readonly strict?: boolean }

export type ToolChoice = 'auto' | 'none' | 'required' | { readonly name: string }

export interface GenerationRequest {
  readonly model: string
  readonly prompt: RequestPrompt
  /** New tokens at most; 0 only reads the prompt. Default: as many as fit in the context. */
  readonly maxTokens?: number
  /** 0 always takes the likeliest token. Default 1. */
  readonly temperature?: number
  readonly topP?: number
  readonly topK?: number
  readonly minP?: number
  readonly repetitionPenalty?: number
  readonly presencePenalty?: number
  readonly frequencyPenalty?: number
  /** Added to the logits of tokens, by id; an id that the model does not have is refused. */
  readonly logitBias?: Readonly<Record<string, number>>
  /** The same seed gives the same text, whatever else is in the batch. Default: a random one. */
  readonly seed?: number
  /** The text ends before the first of these. */
  readonly stop?: readonly string[]
  /** Log-probabilities of the chosen tokens and of so many alternatives (0 to 20). Default: none at all. */
  readonly logprobs?: number
  readonly format?: ResponseFormat
  /** Default 'auto' where the prompt has tools. */
  readonly toolChoice?: ToolChoice
  /**
   * A prompt that does not fit: refused with `infer/context` (default), or made to fit without its oldest turns (never the system
   * message, never the last turn); a raw text loses its beginning.
   */
  readonly overflow?: 'error' | 'truncate'
  /** Begin the answer with the prompt's text; with `logprobs`, with those of its tokens too, and nothing of it is taken from the cache. */
  readonly echo?: boolean
  /** Whether one answer may call several tools. Default true. */
  readonly parallelToolCalls?: boolean
  /** Whether the model's end tokens end the text. Default true. */
  readonly stopAtEos?: boolean
  /** Whose request it is: waiting requests are taken in turn from each key. Default ''. */
  readonly fairKey?: string
}

export interface AlternativeLogprob {
  readonly token: string
  readonly id: number
  readonly bytes: readonly number[]
  /** ln of the probability under the model itself, before temperature, penalties and filters. */
  readonly logprob: number
}

export interface TokenLogprob extends AlternativeLogprob {
  /** The likeliest tokens, likeliest first. */
  readonly top: readonly AlternativeLogprob[]
}

/** Of a token of the prompt: what the model gave it there; null for the first one, which follows nothing. */
export interface PromptLogprob extends Omit<TokenLogprob, 'logprob'> {
  readonly logprob: number | null
}

export interface GenerationUsage {
  readonly promptTokens: number
  /** Of these, how many were not computed again. */
  readonly cachedTokens: number
  /** The end token included. */
  readonly completionTokens: number
}

export type GenerationEvent =
  /** The prompt's place in the batch is found and reading it begins. */
  | { readonly type: 'start'; readonly promptTokens: number; readonly cachedTokens: number }
  /** The prompt, where it is asked for together with its log-probabilities. */
  | { readonly type: 'prompt'; readonly text: string; readonly logprobs: readonly PromptLogprob[] }
  | { readonly type: 'text'; readonly text: string; readonly logprobs?: readonly TokenLogprob[] }
  /** `id` and `name` are those of the call in each of its pieces; `arguments` is the next piece of its JSON. */
  | {
      readonly type: 'toolCall'
      readonly index: number
      readonly id: string
      readonly name: string
      readonly arguments: string
    }
  | {
      readonly type: 'end'
      readonly reason: FinishReason
      readonly usage: GenerationUsage
      /** The stop string that ended the text. */
      readonly stopString?: string
    }

export type FinishReason = 'stop' | 'length' | 'toolCalls'

export interface EmbedRequest {
  readonly model: string
  /** Texts or token ids. */
  readonly inputs: readonly (string | readonly number[])[]
  readonly overflow?: 'error' | 'truncate'
}

export interface Embeddings {
  /** The mean of the last hidden states, of length 1. */
  readonly vectors: readonly Float32Array[]
  readonly tokens: number
}

export interface ScoreRequest {
  /** A reward model. */
  readonly model: string
  /** Each ends with the answer that is judged. */
  readonly dialogues: readonly (readonly ChatMessage[])[]
}

export interface Scores {
  /** One for each dialogue; higher is better. */
  readonly scores: Float32Array
  /** Tokens that were read for them. */
  readonly tokens: number
}

export type TokenizeRequest = { readonly model: string } & (
  | { readonly text: string }
  | { readonly messages: readonly ChatMessage[]; readonly tools?: readonly ChatTool[] }
)

export interface DetokenizeRequest {
  readonly model: string
  readonly ids: readonly number[]
}

export interface ModelStats {
  readonly id: string
  readonly state: ModelState
  readonly slots: number
  readonly busy: number
  readonly queued: number
  readonly promptTokens: number
  readonly cachedTokens: number
  readonly completionTokens: number
  readonly requests: number
  readonly bytes: number
}

export interface EngineStats {
  /** Of the loaded models together. */
  readonly slots: number
  /** Requests that are being answered. */
  readonly busy: number
  /** Requests that wait for a slot. */
  readonly queued: number
  /** Since the engine started, as all that follows. */
  readonly promptTokens: number
  readonly cachedTokens: number
  readonly completionTokens: number
  readonly requests: number
  /** Memory of the loaded models, with their caches. */
  readonly bytes: number
  /** Times that the worker was started again after it had ended by itself. */
  readonly restarts: number
  readonly models: readonly ModelStats[]
}

export interface CallOptions {
  /** Aborting ends the work at once; the call then throws the signal's reason. */
  readonly signal?: AbortSignal
}

/**
 * Models behind one door. Work happens elsewhere (a worker thread); every method is asynchronous.
 * All throw InferError; `infer/model-not-found` for an id that is not known, `infer/engine` when the worker has ended.
 */
export interface Engine {
  /** The models as they are now. */
  models(): EngineModel[]
  /** Makes a model known; it is loaded when it is needed. @throws InferError `infer/options` where the id is taken by another folder */
  add(source: ModelSource): Promise<EngineModel>
  /** Forgets a model; its requests end with `infer/cancelled`. */
  remove(id: string): Promise<void>
  load(id: string): Promise<EngineModel>
  /** Frees its memory once its requests are done. */
  unload(id: string): Promise<void>
  /** Leaving the loop early cancels the request. @throws InferError; the signal's reason where it was aborted */
  generate(request: GenerationRequest, options?: CallOptions): AsyncIterable<GenerationEvent>
  embed(request: EmbedRequest, options?: CallOptions): Promise<Embeddings>
  score(request: ScoreRequest, options?: CallOptions): Promise<Scores>
  tokenize(request: TokenizeRequest): Promise<number[]>
  detokenize(request: DetokenizeRequest): Promise<string>
  stats(): Promise<EngineStats>
  /** Refuses new work and ends the worker; with `drain` after the requests under way are done. */
  close(options?: { readonly drain?: boolean }): Promise<void>
}
