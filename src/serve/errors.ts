/** What went wrong, as OpenAI's clients read it: `{"error": {"message", "type", "param", "code"}}` and an HTTP status. */
import { z } from '@hono/zod-openapi'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { AthanorError } from '../errors.js'

export type ApiErrorType =
  | 'invalid_request_error'
  | 'authentication_error'
  | 'permission_error'
  | 'not_found_error'
  | 'rate_limit_error'
  | 'api_error'

export interface ApiErrorOptions extends ErrorOptions {
  readonly type?: ApiErrorType
  /** The field of the request that is wrong: `messages[2].content`. */
  readonly param?: string | undefined
  /** For programs: `context_length_exceeded`. */
  readonly code?: string
  readonly headers?: Readonly<Record<string, string>>
}

/** An error that is the answer to a request. Its message is for the client: it names what is wrong and the way out. */
export class ApiError extends AthanorError {
  readonly status: ContentfulStatusCode
  readonly type: ApiErrorType
  readonly param: string | null
  /** The `code` that clients see; `code` itself is that of every AthanorError. */
  readonly apiCode: string | null
  readonly headers: Readonly<Record<string, string>>

  constructor(status: ContentfulStatusCode, message: string, options: ApiErrorOptions = {}) {
    super('serve/api', message, options)
    this.status = status
    this.type = options.type ?? typeOf(status)
    this.param = options.param ?? null
    this.apiCode = options.code ?? null
    this.headers = options.headers ?? {}
  }

  /** The body of the answer. */
  toJSON(): ApiErrorBody {
    return { error: { message: this.message, type: this.type, param: this.param, code: this.apiCode } }
  }
}

/** The server cannot start as it was told to. */
export class ServeError extends AthanorError {
  constructor(code: 'config' | 'address' | 'key-needed' | 'model', message: string, options?: ErrorOptions) {
    super(`serve/${code}`, message, options)
  }
}

export const apiErrorSchema = z
  .object({
    error: z.object({
      message: z.string(),
      type: z.enum([
        'invalid_request_error',
        'authentication_error',
        'permission_error',
        'not_found_error',
        'rate_limit_error',
        'api_error',
      ]),
      param: z.string().nullable(),
      code: z.string().nullable(),
    }),
  })
  .openapi('Error')
export type ApiErrorBody = z.infer<typeof apiErrorSchema>

/** For the `responses` of a route: the same form for every error. */
export const errorResponses = {
  default: {
    description: 'What is wrong, in the form of OpenAI’s API',
    content: { 'application/json': { schema: apiErrorSchema } },
  },
} as const

export const badRequest = (message: string, param?: string, code?: string): ApiError =>
  new ApiError(400, message, { param, ...(code === undefined ? {} : { code }) })

export const notFound = (message: string, param?: string, code = 'not_found'): ApiError =>
  new ApiError(404, message, { param, code })

function typeOf(status: number): ApiErrorType {
  if (status === 401) return 'authentication_error'
  if (status === 403) return 'permission_error'
  if (status === 404) return 'not_found_error'
  if (status === 429) return 'rate_limit_error'
  return status >= 500 ? 'api_error' : 'invalid_request_error'
}

/** What the request calls the parts that errors from below are about. */
export interface AskedFields {
  /** Default: `messages`. */
  readonly prompt?: string
  /** Default: `response_format`. */
  readonly schema?: string
}

interface Meaning {
  readonly status: ContentfulStatusCode
  readonly code?: string
  /** A field that every request calls so, or one of AskedFields. */
  readonly param?: string
  readonly about?: keyof AskedFields
  readonly headers?: Readonly<Record<string, string>>
}

/** What errors from below mean to a client. Exact codes first, then what stands before the slash. */
const meanings: Readonly<Record<string, Meaning>> = {
  'infer/context': { status: 400, code: 'context_length_exceeded', about: 'prompt' },
  'infer/prompt': { status: 400, code: 'invalid_prompt', about: 'prompt' },
  'infer/schema': { status: 400, code: 'invalid_schema', about: 'schema' },
  'infer/options': { status: 400, code: 'invalid_value' },
  'infer/tokenizer': { status: 400, code: 'invalid_value' },
  'infer/model-not-found': { status: 404, code: 'model_not_found', param: 'model' },
  'infer/queue-full': { status: 503, code: 'overloaded', headers: { 'retry-after': '1' } },
  'infer/cancelled': { status: 503, code: 'cancelled' },
  'infer/closed': { status: 503, code: 'shutting_down', headers: { 'retry-after': '5' } },
  'store/not-found': { status: 404, code: 'not_found' },
  'store/invalid': { status: 400, code: 'invalid_value' },
  'store/exists': { status: 409, code: 'already_exists' },
  'store/conflict': { status: 409, code: 'conflict' },
  'store/too-large': { status: 413, code: 'too_large' },
  'store/import': { status: 400, code: 'invalid_import' },
  'store/busy': { status: 503, code: 'busy', headers: { 'retry-after': '1' } },
  'store/unavailable': { status: 503, code: 'database_unavailable', headers: { 'retry-after': '5' } },
  'storage-full': { status: 507, code: 'disk_full' },
  chat_message: { status: 400, code: 'invalid_messages', about: 'prompt' },
  chat_template: { status: 400, code: 'invalid_messages', about: 'prompt' },
}

/** What a client is told of an error, whatever it was. An unforeseen one says nothing of the inside; the log has it. */
export function toApiError(error: unknown, asked: AskedFields = {}): ApiError {
  if (error instanceof ApiError) return error
  if (error instanceof AthanorError) {
    const meaning = meanings[error.code]
    if (meaning) {
      const fields = { prompt: 'messages', schema: 'response_format', ...asked }
      const param = meaning.about === undefined ? meaning.param : fields[meaning.about]
      return new ApiError(meaning.status, error.message, { ...meaning, param, cause: error })
    }
  }
  return new ApiError(500, 'the server failed to answer; its log says why, under this request’s id', {
    code: 'internal_error',
    cause: error,
  })
}

/** What zod found, in the words of the request: the first problem, where it is, and the field as `param`. */
export function fromZodError(error: z.ZodError): ApiError {
  const { path, message, code } = firstIssue(error.issues)
  const param = pathOf(path)
  const where = param === '' ? 'the body of the request' : param
  const more = error.issues.length > 1 ? ` (and ${error.issues.length - 1} more)` : ''
  return new ApiError(400, `${where}: ${message}${more}`, {
    param: param === '' ? undefined : param,
    code: code === 'unrecognized_keys' ? 'unknown_parameter' : 'invalid_value',
    cause: error,
  })
}

type Issue = z.core.$ZodIssue
type Problem = Pick<Issue, 'path' | 'message' | 'code'>

/** The first problem; of a key or of alternatives, what was wrong with it or with the one that came furthest. */
function firstIssue(issues: readonly Issue[], path: readonly PropertyKey[] = []): Problem {
  const [issue] = issues
  if (issue === undefined) return { path: [...path], message: 'is not valid', code: 'custom' }
  const whole = [...path, ...issue.path]
  if (issue.code === 'invalid_key') return { ...firstIssue(issue.issues), path: whole }
  if (issue.code === 'invalid_union' && issue.message === 'Invalid input') {
    const problems = issue.errors.map((each) => firstIssue(each, whole))
    const furthest = problems.reduce<Problem | undefined>(
      (best, each) => (best === undefined || each.path.length > best.path.length ? each : best),
      undefined,
    )
    if (furthest) return furthest
  }
  return { path: whole, message: issue.message, code: issue.code }
}

const MAX_PARAM = 200

function pathOf(path: readonly PropertyKey[]): string {
  const text = path
    .map((part, index) =>
      typeof part === 'number' ? `[${part}]` : `${index === 0 ? '' : '.'}${String(part)}`,
    )
    .join('')
  return text.length > MAX_PARAM ? `${text.slice(0, MAX_PARAM)}…` : text
}
