/** One call of an OpenAI-compatible chat endpoint, with patience for what passes and a clear word on what does not. */
import { setTimeout as delay } from 'node:timers/promises'
import { z } from 'zod'
import { EndpointError, type EndpointErrorKind } from './errors.js'

export interface EndpointOptions {
  /** Such as https://api.openai.com/v1 or http://127.0.0.1:8000/v1. */
  readonly baseUrl: string
  readonly model: string
  readonly apiKey?: string
  /** Seconds for one request. Default 60. */
  readonly timeout?: number
  /** Tries after the first. Default 4. */
  readonly retries?: number
  /** Seconds before the first retry, twice as many before each later one, with jitter. Default 1. */
  readonly backoff?: number
  /** Seconds to wait before a retry at most; an endpoint that asks for more is given up. Default 120. */
  readonly longestWait?: number
  readonly maxTokens?: number
  /** Called before each request, retries included; what it throws ends the call. */
  readonly onRequest?: () => void
  /** Takes the place of the global fetch. */
  readonly fetch?: typeof fetch
}

export interface ChatUsage {
  readonly promptTokens: number
  readonly completionTokens: number
}

export interface ChatReply {
  readonly content: string
  /** Why it ended, as the endpoint says: 'stop', 'length', 'content_filter'... */
  readonly finish: string | undefined
  /** Undefined where the endpoint does not count, or counts what cannot be. */
  readonly usage: ChatUsage | undefined
  /** Requests that it took. */
  readonly requests: number
}

const MAX_REPLY_BYTES = 1 << 20
const count = z.number().int().min(0)
const completionSchema = z.looseObject({
  choices: z
    .array(
      z.looseObject({
        message: z.looseObject({ content: z.string() }),
        finish_reason: z.string().optional().catch(undefined),
      }),
    )
    .min(1),
  usage: z.looseObject({ prompt_tokens: count, completion_tokens: count }).optional().catch(undefined),
})

/** What may be gone at the next try. */
class PassingError extends Error {
  readonly after: number | undefined

  constructor(
    message: string,
    options: { readonly after?: number | undefined; readonly cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause })
    this.after = options.after
  }
}

/**
 * Asks for one completion. Network failures, timeouts, 408, 409, 429, 5xx and JSON that breaks off are tried again, after as long
 * as the server asks for (`Retry-After`, in seconds or as a date).
 *
 * @throws EndpointError, the signal's reason, or what `onRequest` throws
 */
export async function completeChat(
  options: EndpointOptions,
  body: Readonly<Record<string, unknown>>,
  signal?: AbortSignal,
): Promise<ChatReply> {
  const { retries = 4, backoff = 1, longestWait = 120 } = options
  for (let attempt = 0; ; attempt++) {
    options.onRequest?.()
    try {
      return { ...(await request(options, body, signal)), requests: attempt + 1 }
    } catch (error) {
      signal?.throwIfAborted()
      if (!(error instanceof PassingError)) throw error
      const { after, message } = error
      if (attempt >= retries) {
        throw failed(
          'dead',
          `${options.baseUrl} gave no answer in ${attempt + 1} tries: ${message}; check that it runs, then start again (answers in the cache are not asked for again)`,
          error,
        )
      }
      if (after !== undefined && after > longestWait) {
        throw failed(
          'dead',
          `${options.baseUrl} (${message}) asks to come back in ${Math.ceil(after)} seconds; start again then (answers in the cache are not asked for again)`,
          error,
        )
      }
      // Many clients that failed together should not come back together.
      const seconds = Math.min(longestWait, after ?? backoff * 2 ** attempt) * (1 + Math.random() / 4)
      await delay(1000 * seconds, undefined, signal ? { signal } : {}).catch(() => signal?.throwIfAborted())
    }
  }
}

async function request(
  { baseUrl, apiKey, timeout = 60, fetch: send = fetch }: EndpointOptions,
  body: Readonly<Record<string, unknown>>,
  signal: AbortSignal | undefined,
): Promise<Omit<ChatReply, 'requests'>> {
  const url = `${baseUrl.replace(/\/+$/, '')}/chat/completions`
  const limit = AbortSignal.timeout(1000 * timeout)
  let response: Response
  let text: string
  try {
    response = await send(url, {
      method: 'POST',
      // A key is not carried on to another host.
      redirect: 'error',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json',
        ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
      },
      body: JSON.stringify(body),
      signal: signal ? AbortSignal.any([signal, limit]) : limit,
    })
    text = await readLimited(baseUrl, response)
  } catch (error) {
    if (error instanceof EndpointError) throw error
    if (limit.aborted) throw new PassingError(`no answer within ${timeout} seconds`, { cause: error })
    throw new PassingError(`the connection failed (${reasonOf(error)})`, { cause: error })
  }
  const { status, headers } = response
  // An account without money is not helped by patience.
  const spent = status === 402 || (status === 429 && /insufficient_quota|billing/.test(text))
  if (!spent && (status === 408 || status === 409 || status === 429 || status >= 500))
    throw new PassingError(`HTTP ${status}`, { after: secondsIn(headers.get('retry-after')) })
  if (status === 401 || status === 403)
    throw failed('refused', `${baseUrl} refused the key (HTTP ${status}); set the key of this endpoint`)
  if (status !== 200) {
    const kind = status === 400 || status === 413 || status === 422 ? 'request' : 'refused'
    throw failed(kind, `${baseUrl} answered HTTP ${status}: ${text.slice(0, 200)}`)
  }
  return parse(baseUrl, text, headers.get('content-type'))
}

function parse(baseUrl: string, text: string, type: string | null): Omit<ChatReply, 'requests'> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    if (/^\s*\{/.test(text)) throw new PassingError('its JSON breaks off or is broken', { cause: error })
    throw failed(
      'reply',
      `${baseUrl} answered with something that is not JSON (${type ?? 'no content type'}: ${JSON.stringify(text.slice(0, 60))}); is it an OpenAI-compatible endpoint?`,
      error,
    )
  }
  const parsed = completionSchema.safeParse(value)
  if (!parsed.success) {
    throw failed(
      'reply',
      `${baseUrl} answered without choices[0].message.content; is it an OpenAI-compatible chat endpoint?`,
      parsed.error,
    )
  }
  const { choices, usage } = parsed.data
  return {
    content: choices[0]!.message.content,
    finish: choices[0]!.finish_reason,
    usage: usage && { promptTokens: usage.prompt_tokens, completionTokens: usage.completion_tokens },
  }
}

/** Of a `Retry-After`: a number of seconds or a date. */
function secondsIn(header: string | null): number | undefined {
  if (header === null || header.trim() === '') return undefined
  const seconds = Number(header)
  if (Number.isFinite(seconds)) return Math.max(0, seconds)
  const date = Date.parse(header)
  return Number.isNaN(date) ? undefined : Math.max(0, (date - Date.now()) / 1000)
}

async function readLimited(baseUrl: string, response: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    size += chunk.length
    if (size > MAX_REPLY_BYTES) {
      throw failed(
        'reply',
        `the reply of ${baseUrl} is longer than ${MAX_REPLY_BYTES} bytes; is this the right endpoint?`,
      )
    }
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined
  if (cause instanceof Error) return 'code' in cause ? String(cause.code) : cause.message
  return error instanceof Error ? error.message : String(error)
}

const failed = (kind: EndpointErrorKind, message: string, cause?: unknown) =>
  new EndpointError(kind, message, cause === undefined ? undefined : { cause })
