/** One call of an OpenAI-compatible chat endpoint, with patience for what passes and a clear word on what does not. */
import { setTimeout as delay } from 'node:timers/promises'
import { z } from 'zod'
import { EvaluationError } from '../errors.js'

export interface EndpointOptions {
  /** Such as https://api.openai.com/v1 or http://127.0.0.1:8000/v1. */
  readonly baseUrl: string
  readonly model: string
  readonly apiKey?: string
  /** Seconds for one request. Default 60. */
  readonly timeout?: number
  /** Tries after the first. Default 4. */
  readonly retries?: number
  /** Seconds before the first retry, twice as many before each later one. Default 1. */
  readonly backoff?: number
  readonly maxTokens?: number
  /** Takes the place of the global fetch. */
  readonly fetch?: typeof fetch
}

export interface ChatUsage {
  readonly promptTokens: number
  readonly completionTokens: number
}

const MAX_REPLY_BYTES = 1 << 20
const count = z.number().int().min(0).catch(0)
const completionSchema = z.looseObject({
  choices: z.array(z.looseObject({ message: z.looseObject({ content: z.string() }) })).min(1),
  usage: z
    .looseObject({ prompt_tokens: count, completion_tokens: count })
    .catch({ prompt_tokens: 0, completion_tokens: 0 })
    .optional(),
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
 * Asks for one completion. Network failures, timeouts, 408, 409, 429 and 5xx are tried again, after as long as the server asks for
 * (a minute at most).
 *
 * @throws EvaluationError `eval/judge`, or the signal's reason
 */
export async function completeChat(
  options: EndpointOptions,
  body: Readonly<Record<string, unknown>>,
  signal?: AbortSignal,
): Promise<{ content: string; usage: ChatUsage; requests: number }> {
  const { retries = 4, backoff = 1 } = options
  for (let attempt = 0; ; attempt++) {
    try {
      return { ...(await request(options, body, signal)), requests: attempt + 1 }
    } catch (error) {
      signal?.throwIfAborted()
      if (!(error instanceof PassingError)) throw error
      if (attempt >= retries) {
        throw judgeError(
          `${options.baseUrl} gave no answer in ${attempt + 1} tries: ${error.message}; check that it runs, then start again (answers in the cache are not asked for again)`,
          error,
        )
      }
      const seconds = Math.min(60, error.after ?? backoff * 2 ** attempt)
      await delay(1000 * seconds, undefined, { signal: signal ?? new AbortController().signal }).catch(() =>
        signal?.throwIfAborted(),
      )
    }
  }
}

async function request(
  { baseUrl, apiKey, timeout = 60, fetch: send = fetch }: EndpointOptions,
  body: Readonly<Record<string, unknown>>,
  signal: AbortSignal | undefined,
): Promise<{ content: string; usage: ChatUsage }> {
  const url = `${baseUrl.replace(/\/+$/, '')}/chat/completions`
  const limit = AbortSignal.timeout(1000 * timeout)
  let status: number
  let retryAfter: string | null
  let text: string
  try {
    const response = await send(url, {
      method: 'POST',
      // A key is not carried on to another host.
      redirect: 'error',
      headers: {
        'content-type': 'application/json',
        ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
      },
      body: JSON.stringify(body),
      signal: signal ? AbortSignal.any([signal, limit]) : limit,
    })
    status = response.status
    retryAfter = response.headers.get('retry-after')
    text = await readLimited(response)
  } catch (error) {
    if (error instanceof EvaluationError) throw error
    if (limit.aborted) throw new PassingError(`no answer within ${timeout} seconds`, { cause: error })
    throw new PassingError(`the connection failed (${reasonOf(error)})`, { cause: error })
  }
  if (status === 408 || status === 409 || status === 429 || status >= 500) {
    const after = Number(retryAfter ?? Number.NaN)
    throw new PassingError(`HTTP ${status}`, { after: after >= 0 ? after : undefined })
  }
  if (status === 401 || status === 403)
    throw judgeError(`${baseUrl} refused the key (HTTP ${status}); set the key of this endpoint`)
  if (status !== 200) throw judgeError(`${baseUrl} answered HTTP ${status}: ${text.slice(0, 200)}`)
  return parse(baseUrl, text)
}

function parse(baseUrl: string, text: string): { content: string; usage: ChatUsage } {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw judgeError(
      `${baseUrl} answered with something that is not JSON (${JSON.stringify(text.slice(0, 60))}); is it an OpenAI-compatible endpoint?`,
      error,
    )
  }
  const parsed = completionSchema.safeParse(value)
  if (!parsed.success) {
    throw judgeError(
      `${baseUrl} answered without choices[0].message.content; is it an OpenAI-compatible chat endpoint?`,
      parsed.error,
    )
  }
  const { choices, usage } = parsed.data
  return {
    content: choices[0]!.message.content,
    usage: { promptTokens: usage?.prompt_tokens ?? 0, completionTokens: usage?.completion_tokens ?? 0 },
  }
}

async function readLimited(response: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    size += chunk.length
    if (size > MAX_REPLY_BYTES)
      throw judgeError(
        `the judge's reply is longer than ${MAX_REPLY_BYTES} bytes; is this the right endpoint?`,
      )
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined
  if (cause instanceof Error) return 'code' in cause ? String(cause.code) : cause.message
  return error instanceof Error ? error.message : String(error)
}

const judgeError = (message: string, cause?: unknown) =>
  new EvaluationError('eval/judge', message, cause === undefined ? undefined : { cause })
