/** Streams an answer of POST /v1/chat/completions. */
import { ApiError, events } from './client.js'
import type { Citation, PromptMessage, Sampling } from './types.js'

export interface ChatRequest extends Sampling {
  readonly model: string
  readonly messages: readonly PromptMessage[]
  readonly store?: boolean
  readonly conversation?: string
  /** The saved message that the new ones follow. */
  readonly parent?: string
  readonly preset?: string
  readonly parameters?: Readonly<Record<string, string>>
  readonly collection?: string
}

/** A piece of the answer; what is not news is left out. */
export interface ChatPiece {
  readonly id?: string
  readonly conversation?: string
  readonly model?: string
  readonly version?: string
  readonly text?: string
  readonly finish?: string
  readonly citations?: readonly Citation[]
  readonly usage?: { readonly promptTokens: number; readonly completionTokens: number }
}

interface Chunk {
  readonly id?: string
  readonly model?: string
  readonly system_fingerprint?: string
  readonly choices?: readonly {
    readonly delta?: { readonly content?: string | null }
    readonly finish_reason?: string | null
  }[]
  readonly citations?: readonly Citation[]
  readonly usage?: { readonly prompt_tokens: number; readonly completion_tokens: number } | null
  readonly error?: { readonly message: string; readonly code?: string; readonly type?: string }
}

/** @throws ApiError, also when the server reports a failure in the middle of the stream */
export async function* streamChat(request: ChatRequest, signal: AbortSignal): AsyncGenerator<ChatPiece> {
  const body = { ...request, stream: true, stream_options: { include_usage: true } }
  let ended = false
  for await (const { data, response } of events('v1/chat/completions', { body, signal })) {
    if (data === '[DONE]') {
      ended = true
      break
    }
    const chunk = JSON.parse(data) as Chunk
    if (chunk.error) throw new ApiError(chunk.error.message, 200, chunk.error.code ?? chunk.error.type)
    yield pieceOf(chunk, response.headers.get('x-conversation-id') ?? undefined)
  }
  if (!ended && !signal.aborted) throw new ApiError('the answer broke off', 0, 'network')
}

/** Public for its test. */
export function pieceOf(chunk: Chunk, conversation: string | undefined): ChatPiece {
  const choice = chunk.choices?.[0]
  return {
    ...(chunk.id && { id: chunk.id }),
    ...(conversation && { conversation }),
    ...(chunk.model && { model: chunk.model }),
    ...(chunk.system_fingerprint && { version: chunk.system_fingerprint }),
    ...(choice?.delta?.content && { text: choice.delta.content }),
    ...(choice?.finish_reason && { finish: choice.finish_reason }),
    ...(chunk.citations && { citations: chunk.citations }),
    ...(chunk.usage && {
      usage: { promptTokens: chunk.usage.prompt_tokens, completionTokens: chunk.usage.completion_tokens },
    }),
  }
}
