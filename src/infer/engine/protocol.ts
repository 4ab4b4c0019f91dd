/** What the two sides of the engine say to each other. */
import { AthanorError } from '../../errors.js'
import { InferError, type InferErrorCode } from '../errors.js'
import type { CheckedRequest } from './request.js'
import type {
  DetokenizeRequest,
  Embeddings,
  EmbedRequest,
  EngineModel,
  EngineOptions,
  EngineStats,
  GenerationEvent,
  ModelSource,
  ScoreRequest,
  Scores,
  TokenizeRequest,
} from './types.js'

/** What can be called, with its argument and its result. */
export interface Calls {
  start: [options: EngineOptions, result: undefined]
  add: [source: ModelSource, result: EngineModel]
  remove: [id: string, result: undefined]
  load: [id: string, result: EngineModel]
  unload: [id: string, result: undefined]
  embed: [request: EmbedRequest, result: Embeddings]
  score: [request: ScoreRequest, result: Scores]
  tokenize: [request: TokenizeRequest, result: number[]]
  detokenize: [request: DetokenizeRequest, result: string]
  stats: [nothing: undefined, result: Omit<EngineStats, 'restarts'>]
  close: [options: { readonly drain?: boolean }, result: undefined]
}

export type CallName = keyof Calls

export type ToEngine =
  | { readonly type: 'call'; readonly id: number; readonly name: CallName; readonly argument: unknown }
  | { readonly type: 'generate'; readonly id: number; readonly request: CheckedRequest }
  | { readonly type: 'cancel'; readonly id: number }

export type FromEngine =
  | { readonly type: 'result'; readonly id: number; readonly value: unknown }
  | { readonly type: 'error'; readonly id: number; readonly error: ErrorData }
  /** What happened in one step, to any number of requests; an 'end' is a request's last. */
  | { readonly type: 'events'; readonly events: readonly (readonly [id: number, event: GenerationEvent])[] }
  | { readonly type: 'models'; readonly models: readonly EngineModel[] }

export interface ErrorData {
  readonly code: string
  readonly message: string
  /** Where it came from, of errors that nobody expected. */
  readonly stack?: string
}

export function errorData(error: unknown): ErrorData {
  if (error instanceof AthanorError) return { code: error.code, message: error.message }
  const { message, stack } = error instanceof Error ? error : new Error(String(error))
  return { code: 'infer/engine', message: `the engine failed: ${message}`, ...(stack ? { stack } : {}) }
}

export function errorFrom({ code, message, stack }: ErrorData): AthanorError {
  if (!code.startsWith('infer/')) return new AthanorError(code, message)
  if (stack === undefined) return new InferError(code as InferErrorCode, message)
  const cause = new Error(message)
  cause.stack = stack
  return new InferError(code as InferErrorCode, message, { cause })
}
