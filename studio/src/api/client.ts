/** Talks to the server that the page came from. Every failure is an `ApiError` that says what happened. */
import { apiKey, wantKey } from './key.js'
import { readEvents, type ServerEvent } from './sse.js'

export class ApiError extends Error {
  constructor(
    message: string,
    /** The HTTP status; 0 when the server was not reached. */
    readonly status: number,
    readonly code?: string,
    readonly requestId?: string,
  ) {
    super(message)
    this.name = 'ApiError'
  }
}

export interface RequestOptions {
  readonly signal?: AbortSignal
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>
}

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

/** Sends a request and returns the answer once its head is there; throws unless it is a success. */
export async function send(
  method: Method,
  path: string,
  body?: unknown,
  { signal, query = {} }: RequestOptions = {},
): Promise<Response> {
  // Relative to the page, so that a proxy may put the studio under a path of its own.
  const url = new URL(path.replace(/^\//, ''), document.baseURI)
  url.hash = ''
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== '') url.searchParams.set(name, String(value))
  }
  const headers = new Headers()
  const key = apiKey.get()
  if (key) headers.set('authorization', `Bearer ${key}`)
  const isForm = body instanceof FormData || body instanceof Blob
  if (body !== undefined && !isForm) headers.set('content-type', 'application/json')
  const response = await fetch(url, {
    method,
    headers,
    signal: signal ?? null,
    body: body === undefined ? null : isForm ? body : JSON.stringify(body),
    credentials: 'omit',
    cache: 'no-store',
  }).catch((error: unknown) => {
    if (signal?.aborted) throw error
    throw new ApiError('the server cannot be reached', 0, 'network')
  })
  if (response.ok) return response
  if (response.status === 401) wantKey()
  throw await errorOf(response)
}

async function errorOf(response: Response): Promise<ApiError> {
  const text = await response.text().catch(() => '')
  const requestId = response.headers.get('x-request-id') ?? undefined
  try {
    const { error } = JSON.parse(text) as { error?: { message?: string; code?: string; type?: string } }
    const message = error?.message ?? response.statusText
    return new ApiError(message, response.status, error?.code ?? error?.type ?? undefined, requestId)
  } catch {
    return new ApiError(text.slice(0, 300) || response.statusText, response.status, undefined, requestId)
  }
}

async function json<T>(method: Method, path: string, body?: unknown, options?: RequestOptions): Promise<T> {
  const response = await send(method, path, body, options)
  const text = await response.text()
  return (text === '' ? undefined : JSON.parse(text)) as T
}

/** JSON in, JSON out. The type of the answer is what the caller says it is: the server's contract. */
export const api = {
  get: <T>(path: string, options?: RequestOptions) => json<T>('GET', path, undefined, options),
  post: <T>(path: string, body?: unknown, options?: RequestOptions) => json<T>('POST', path, body, options),
  put: <T>(path: string, body?: unknown, options?: RequestOptions) => json<T>('PUT', path, body, options),
  patch: <T>(path: string, body?: unknown, options?: RequestOptions) => json<T>('PATCH', path, body, options),
  delete: <T>(path: string, options?: RequestOptions) => json<T>('DELETE', path, undefined, options),
}

/** The events of a streamed answer; `body` makes it a POST. Ends with the stream or with `signal`. */
export async function* events(
  path: string,
  { body, ...options }: RequestOptions & { readonly body?: unknown } = {},
): AsyncGenerator<ServerEvent & { readonly response: Response }> {
  const response = await send(body === undefined ? 'GET' : 'POST', path, body, options)
  if (!response.body) return
  for await (const event of readEvents(response.body)) yield { ...event, response }
}
