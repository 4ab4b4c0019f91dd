import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { Readable } from 'node:stream'
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib'
import { type AddressPolicy, AddressRefused } from './address.js'

export interface RequestOptions {
  readonly policy: AddressPolicy
  readonly userAgent: string
  /** Milliseconds, for all of it. */
  readonly timeout: number
  readonly maxBytes: number
  /** A body that is longer is cut there instead of being refused. */
  readonly truncate?: boolean
  readonly signal: AbortSignal
  /** Whether the body is wanted. */
  readonly accepts: (status: number, headers: IncomingHttpHeaders) => boolean
}

export interface Response {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  /** Unpacked; undefined when it was not wanted. */
  readonly body?: Buffer
}

export class TooLarge extends Error {}

/**
 * One GET, no redirects followed, to an address that the policy has checked.
 *
 * @throws AddressRefused, TooLarge, and what Node throws for a network that fails
 */
export async function get(url: URL, options: RequestOptions): Promise<Response> {
  const addresses = await options.policy.resolve(url.hostname)
  const signal = AbortSignal.any([options.signal, AbortSignal.timeout(options.timeout)])
  const message = await new Promise<IncomingMessage>((done, fail) => {
    const request = (url.protocol === 'https:' ? httpsRequest : httpRequest)(url, {
      agent: false,
      signal,
      headers: {
        'User-Agent': options.userAgent,
        'Accept-Encoding': 'gzip, deflate, br',
        Accept: 'text/html,application/xhtml+xml,text/plain;q=0.9,*/*;q=0.1',
      },
      // The socket is given what was checked above, not what the name resolves to by now.
      lookup: (_host, lookup, callback) => {
        if (lookup.all) callback(null, addresses)
        else callback(null, addresses[0]!.address, addresses[0]!.family)
      },
    })
    request.on('response', done)
    request.on('error', fail)
    request.end()
  })
  try {
    const remote = message.socket.remoteAddress
    if (remote !== undefined && !addresses.some(({ address }) => sameAddress(address, remote))) {
      throw new AddressRefused(`${url.hostname} was connected to at ${remote}, which was not checked`)
    }
    const status = message.statusCode ?? 0
    if (!options.accepts(status, message.headers)) return { status, headers: message.headers }
    return { status, headers: message.headers, body: await readBody(message, options) }
  } finally {
    message.destroy()
  }
}

/** On a socket for both families an IPv4 address has a prefix; the text of an IPv6 address has many forms. */
function sameAddress(a: string, b: string): boolean {
  const plain = b.replace(/^::ffff:(?=\d+\.)/i, '')
  return a === plain || (a.includes(':') && plain.includes(':'))
}

async function readBody(message: IncomingMessage, options: RequestOptions): Promise<Buffer> {
  const stream = unpack(message)
  const parts: Buffer[] = []
  let length = 0
  for await (const part of stream as AsyncIterable<Buffer>) {
    parts.push(part)
    length += part.length
    if (length > options.maxBytes) {
      if (options.truncate) break
      throw new TooLarge(`it has more than ${options.maxBytes} bytes (maxBytes)`)
    }
  }
  return Buffer.concat(parts).subarray(0, options.maxBytes)
}

function unpack(message: IncomingMessage): Readable {
  const encoding = message.headers['content-encoding']?.trim().toLowerCase() ?? ''
  const unpacker = /^(x-)?gzip$/.test(encoding)
    ? createGunzip()
    : encoding === 'deflate'
      ? createInflate()
      : encoding === 'br'
        ? createBrotliDecompress()
        : undefined
  if (!unpacker) return message
  message.on('error', (error) => unpacker.destroy(error))
  return message.pipe(unpacker)
}
