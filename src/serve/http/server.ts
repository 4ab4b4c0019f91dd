/** The HTTP server below the routes: connections, slow clients, what is no HTTP at all, and its end. */
import { createServer, type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { getRequestListener } from '@hono/node-server'
import type { ServeContext } from '../context.js'
import { ApiError, ServeError } from '../errors.js'

type Fetch = Parameters<typeof getRequestListener>[0]

export interface HttpServer {
  readonly port: number
  /** `http://localhost:8000` */
  readonly url: string
  /**
   * Takes no new requests and waits for those under way; after `seconds` they are cut off.
   * @returns whether all of them were finished
   */
  close(seconds: number): Promise<boolean>
}

const CHECK = 2000

/** @throws ServeError `serve/address` where the port is taken or the address is not this machine's */
export async function listen(
  fetch: Fetch,
  { config, metrics, log }: Pick<ServeContext, 'config' | 'metrics' | 'log'>,
): Promise<HttpServer> {
  const { limits, host, port } = config
  const server = createServer(
    {
      maxHeaderSize: limits.headerBytes,
      headersTimeout: limits.headersSeconds * 1000,
      requestTimeout: limits.requestSeconds * 1000,
      keepAliveTimeout: limits.idleSeconds * 1000,
      connectionsCheckingInterval: Math.min(CHECK, limits.headersSeconds * 500),
      highWaterMark: 64 << 10,
      noDelay: true,
    },
    getRequestListener(fetch, { overrideGlobalObjects: false, errorHandler: (error) => answerBadUrl(error) }),
  )
  const connections = new Connections(limits.connections, limits.sendSeconds * 1000)
  server.maxConnections = limits.connections + 256
  server.on('connection', (socket) => {
    connections.add(socket)
    metrics.connections.set(connections.size)
    socket.once('close', () => metrics.connections.set(connections.size))
  })
  server.on('request', (_, response: ServerResponse) => connections.begin(response))
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => refuse(socket, meaningOf(error)))
  // An answer in place of a connection that closes without a word.
  server.on('connect', (_: IncomingMessage, socket: Duplex) => refuse(socket, 405))
  await bind(server, host, port)
  server.on('error', (error) => log.error({ err: error }, 'the server cannot take connections'))
  const address = server.address() as AddressInfo
  return {
    port: address.port,
    url: urlOf(host, address.port),
    close: (seconds) => close(server, connections, seconds * 1000),
  }
}

/** Open sockets, and whether those that are written to still read. */
class Connections {
  readonly #sockets = new Map<Socket, { waiting: number; since: number; requests: number }>()
  readonly #limit: number
  readonly #timer: NodeJS.Timeout
  #closing = false

  constructor(limit: number, patience: number) {
    this.#limit = limit
    this.#timer = setInterval(() => this.#check(patience), Math.min(CHECK, patience / 2))
    this.#timer.unref()
  }

  get size(): number {
    return this.#sockets.size
  }

  add(socket: Socket): void {
    if (this.#sockets.size >= this.#limit) {
      refuse(socket, 503)
      return
    }
    this.#sockets.set(socket, { waiting: 0, since: performance.now(), requests: 0 })
    socket.once('close', () => this.#sockets.delete(socket))
  }

  /** A request came; its connection is idle again when its answer has ended. */
  begin(response: ServerResponse): void {
    const socket = response.socket!
    const state = this.#sockets.get(socket)
    if (state === undefined) return
    state.requests++
    if (this.#closing) response.setHeader('connection', 'close')
    response.once('close', () => {
      state.requests--
      if (this.#closing && state.requests === 0) socket.end()
    })
  }

  /** Connections without a request are ended, others by their last answer. */
  close(): void {
    this.#closing = true
    for (const [socket, { requests }] of this.#sockets) if (requests === 0) socket.destroy()
  }

  destroy(): number {
    const open = this.#sockets.size
    for (const socket of this.#sockets.keys()) socket.destroy()
    clearInterval(this.#timer)
    return open
  }

  /** A client that has room for nothing for too long is given up, and with it the work for it. */
  #check(patience: number): void {
    const now = performance.now()
    for (const [socket, state] of this.#sockets) {
      const waiting = socket.writableLength
      if (waiting === 0 || waiting !== state.waiting) {
        state.waiting = waiting
        state.since = now
      } else if (now - state.since > patience) socket.destroy()
    }
  }
}

async function bind(server: Server, host: string, port: number): Promise<void> {
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen({ host: host.replace(/^\[|\]$/g, ''), port, backlog: 1024 }, () => {
        server.off('error', reject)
        resolve()
      })
    })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const where = `${host}:${port}`
    const why: Readonly<Record<string, string>> = {
      EADDRINUSE: `port ${port} is in use, perhaps by another athanor serve; choose another with --port (0 takes a free one)`,
      EADDRNOTAVAIL: `${host} is not an address of this machine; choose another with --host`,
      ENOTFOUND: `there is no host ${host}; choose another with --host`,
      EACCES: `port ${port} is not for everyone; choose one above 1023 with --port`,
    }
    throw new ServeError('address', why[code ?? ''] ?? `cannot listen on ${where} (${code})`, {
      cause: error,
    })
  }
}

async function close(server: Server, connections: Connections, milliseconds: number): Promise<boolean> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  connections.close()
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<'late'>((resolve) => {
    timer = setTimeout(() => resolve('late'), milliseconds)
  })
  const outcome = await Promise.race([closed, late])
  clearTimeout(timer)
  const open = connections.destroy()
  if (outcome === 'late') server.closeAllConnections()
  await closed
  return outcome !== 'late' || open === 0
}

const urlOf = (host: string, port: number) => {
  const name = host === '127.0.0.1' || host === '0.0.0.0' || host === '::' ? 'localhost' : host
  return `http://${name.includes(':') && !name.startsWith('[') ? `[${name}]` : name}:${port}`
}

/** What Node's parser found, as a status. */
function meaningOf({ code }: NodeJS.ErrnoException): 400 | 408 | 431 | undefined {
  if (code === 'ECONNRESET' || code === 'EPIPE') return undefined
  if (code === 'HPE_HEADER_OVERFLOW') return 431
  return code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 408 : 400
}

const messages = {
  400: 'this is not a well-formed HTTP request',
  405: 'this server is no proxy',
  408: 'the request did not come in time',
  431: 'the headers of the request are too large',
  503: 'the server has as many connections as it takes; try again later',
} as const

/** Answers on a connection that has no request to answer, and ends it. */
function refuse(socket: Duplex, status: keyof typeof messages | undefined): void {
  if (status === undefined || !socket.writable) {
    socket.destroy()
    return
  }
  const body = JSON.stringify(new ApiError(status, messages[status]))
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(body)}`,
    ...(status === 503 ? ['retry-after: 5'] : []),
    'connection: close',
  ]
  socket.on('error', () => {})
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy())
}

/** For requests that never reach the routes: a URL or host that cannot be read. */
function answerBadUrl(error: unknown): Response {
  const message = error instanceof Error ? error.message : 'it cannot be read'
  return Response.json(
    new ApiError(400, `the address of the request is wrong: ${message}`, { code: 'invalid_url' }),
    {
      status: 400,
    },
  )
}
