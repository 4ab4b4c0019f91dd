/** Reads the JSON of a request within limits: bytes, UTF-8, depth. What routes get has passed all of them. */
import type { MiddlewareHandler } from 'hono'
import type { ServeConfig } from '../config.js'
import type { ServeEnv } from '../context.js'
import { ApiError, badRequest } from '../errors.js'

type Limits = Pick<ServeConfig['limits'], 'bodyBytes' | 'uploadBytes' | 'jsonDepth'>

const withBody = new Set(['POST', 'PUT', 'PATCH', 'DELETE'])
const jsonType = /^application\/([\w.-]+\+)?json$/

/** Puts the parsed body where the validators of routes look for it. Other bodies than JSON must have their length in their header. */
export function readBody(limits: Limits): MiddlewareHandler<ServeEnv> {
  return async (c, next) => {
    const { req } = c
    if (!withBody.has(req.method)) return next()
    const length = Number(req.header('content-length') ?? Number.NaN)
    const chunked = req.header('transfer-encoding') !== undefined
    const type = (req.header('content-type') ?? '').split(';')[0]!.trim().toLowerCase()
    if (jsonType.test(type)) {
      const text = await readText(req.raw, length, limits.bodyBytes)
      const value = parseJson(text, limits.jsonDepth)
      req.json = async () => value as never
      req.text = async () => text
    } else if (type === 'multipart/form-data' || type === 'application/octet-stream') {
      if (Number.isNaN(length)) throw lengthRequired()
      if (length > limits.uploadBytes) throw tooLarge(length, limits.uploadBytes)
    } else if (length > 0 || chunked) {
      throw wrongMediaType()
    }
    await next()
  }
}

/** @throws ApiError 413 past `limit` bytes, 400 where it is not UTF-8 or breaks off */
async function readText(request: Request, length: number, limit: number): Promise<string> {
  if (length > limit) throw tooLarge(length, limit)
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let [text, read] = ['', 0]
  const reader = request.body?.getReader()
  if (reader === undefined) return ''
  try {
    for (;;) {
      const { done, value } = await reader.read().catch((error: unknown) => {
        throw new ApiError(400, 'the body of the request broke off', {
          code: 'incomplete_body',
          cause: error,
        })
      })
      if (done) break
      read += value.byteLength
      if (read > limit) throw tooLarge(Number.NaN, limit)
      text += decoder.decode(value, { stream: true })
    }
    return text + decoder.decode()
  } catch (error) {
    // What is left of the body is nobody's: without this it would be kept.
    reader.cancel().catch(() => {})
    if (error instanceof ApiError) throw error
    throw badRequest('the body of the request is not UTF-8', undefined, 'invalid_encoding')
  }
}

const tooLarge = (length: number, limit: number) =>
  new ApiError(
    413,
    `the body of the request ${Number.isNaN(length) ? 'is larger' : `has ${length} bytes, more`} than the ${limit} that are allowed`,
    { code: 'request_too_large', headers: { connection: 'close' } },
  )

const lengthRequired = () =>
  new ApiError(411, 'a request with a file must tell its length in the header Content-Length', {
    code: 'length_required',
    headers: { connection: 'close' },
  })

/** For routes that read JSON, and nothing else. */
export const wrongMediaType = () =>
  new ApiError(415, 'the body must be JSON with the header Content-Type: application/json', {
    code: 'unsupported_media_type',
  })

/** @throws ApiError 400 for what is not JSON, or too deep */
export function parseJson(text: string, maxDepth: number): unknown {
  // First, as what walks the values later on is recursive.
  if (isDeeper(text, maxDepth))
    throw badRequest(
      `the JSON has arrays or objects more than ${maxDepth} deep in one another`,
      undefined,
      'too_deep',
    )
  try {
    return JSON.parse(text)
  } catch (error) {
    throw badRequest(
      `the body of the request is not JSON: ${(error as SyntaxError).message.slice(0, 200)}`,
      undefined,
      'invalid_json',
    )
  }
}

/** One pass over the characters: brackets outside of strings. */
function isDeeper(text: string, maxDepth: number): boolean {
  let [depth, inString] = [0, false]
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (inString) {
      if (unit === 0x5c) i++
      else if (unit === 0x22) inString = false
    } else if (unit === 0x22) inString = true
    else if (unit === 0x5b || unit === 0x7b) {
      if (++depth > maxDepth) return true
    } else if (unit === 0x5d || unit === 0x7d) depth--
  }
  return false
}
