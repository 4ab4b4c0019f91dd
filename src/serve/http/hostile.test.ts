/** Clients that lie, stall, leave, or are very many, over real connections. */
import { connect, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { createHarness, type Harness, type HarnessOptions } from '../testing/harness.js'
import type { HttpServer } from './server.js'

let harness: Harness
let server: HttpServer
const start = async (options: HarnessOptions = {}) => {
  harness = await createHarness(options)
  server = await harness.listen()
}
afterEach(() => harness.close())

const body = JSON.stringify({ model: 'fake', messages: [{ role: 'user', content: 'hi' }] })
const head = (...lines: string[]) =>
  [
    'POST /v1/chat/completions HTTP/1.1',
    'host: localhost',
    'content-type: application/json',
    ...lines,
    '',
    '',
  ].join('\r\n')

/** Sends bytes and gives what comes back until the server closes the connection, or nothing comes for a while. */
async function raw(bytes: string | Uint8Array, { wait = 2000, end = false } = {}): Promise<string> {
  const socket = connect(server.port, '127.0.0.1')
  let text = ''
  socket.on('data', (data) => (text += data.toString('latin1')))
  socket.on('error', () => {})
  socket.write(bytes)
  if (end) socket.end()
  await Promise.race([
    new Promise((resolve) => socket.once('close', resolve)),
    quiet(() => text.length, wait),
  ])
  socket.destroy()
  return text
}

/** Until `size` has been above 0 and unchanged for a while, or the time is over. */
async function quiet(size: () => number, time: number): Promise<void> {
  for (let [last, waited] = [0, 0]; waited < time; waited += 50) {
    await delay(50)
    if (size() > 0 && size() === last) return
    last = size()
  }
}

const parse = (text: string) => ({
  status: Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1]),
  json: JSON.parse(text.slice(text.indexOf('{'), text.lastIndexOf('}') + 1)) as {
    error: Record<string, string>
  },
})
const isAlive = async () => expect((await fetch(`http://127.0.0.1:${server.port}/health`)).status).toBe(200)
const until = async (condition: () => boolean, time = 5000) => {
  for (let waited = 0; !condition() && waited < time; waited += 20) await delay(20)
  expect(condition()).toBe(true)
}
const post = (text: string | Uint8Array, init: RequestInit = {}) =>
  fetch(`http://127.0.0.1:${server.port}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: text as BodyInit,
    ...init,
  })
const errorOf = async (response: Response) => ({
  status: response.status,
  ...((await response.json()) as { error: { code: string; message: string } }).error,
})

describe('a body', () => {
  it('that says it is too large is refused unread; one that does not say so, when it is', async () => {
    await start({ config: { limits: { bodyBytes: 2048 } } })
    const said = parse(await raw(head('content-length: 10000000')))
    expect(said).toMatchObject({ status: 413, json: { error: { code: 'request_too_large' } } })
    const chunk = `${(4096).toString(16)}\r\n${' '.repeat(4096)}\r\n`
    const unsaid = parse(await raw(`${head('transfer-encoding: chunked')}${chunk}0\r\n\r\n`))
    expect(unsaid).toMatchObject({ status: 413, json: { error: { code: 'request_too_large' } } })
    await isAlive()
  })

  it('of ten megabytes gets a clear answer', async () => {
    await start()
    const content = 'word '.repeat(2_000_000)
    const response = await post(JSON.stringify({ model: 'fake', messages: [{ role: 'user', content }] }))
    expect(await errorOf(response)).toMatchObject({ status: 413, code: 'request_too_large' })
    await isAlive()
  })

  it('longer than it says is not taken for another request that is answered', async () => {
    await start()
    const text = await raw(`${head(`content-length: ${body.length - 5}`)}${body}`)
    expect(text).toMatch(/^HTTP\/1\.1 400 /)
    expect(harness.engine.requests).toHaveLength(0)
    await isAlive()
  })

  it('shorter than it says is waited for, and then given up', async () => {
    await start({ config: { limits: { requestSeconds: 1, headersSeconds: 1 } } })
    const { status } = parse(
      await raw(`${head(`content-length: ${body.length + 5}`)}${body}`, { wait: 8000 }),
    )
    expect(status).toBe(408)
    await isAlive()
  })

  it('that breaks off leaves nothing behind', async () => {
    await start()
    await raw(`${head('content-length: 1000')}{"model"`, { end: true, wait: 300 })
    expect(harness.engine.requests).toHaveLength(0)
    await isAlive()
  })

  it('with two lengths, or a length and chunks, is refused', async () => {
    await start()
    expect(await raw(`${head('content-length: 5', 'content-length: 7')}${body}`)).toMatch(/^HTTP\/1\.1 400/)
    expect(await raw(`${head('content-length: 5', 'transfer-encoding: chunked')}0\r\n\r\n`)).toMatch(
      /^HTTP\/1\.1 400/,
    )
    await isAlive()
  })

  it.each([
    ['bytes that are not UTF-8', Buffer.from([0x22, 0xff, 0xfe, 0x22]), 'invalid_encoding'],
    ['half a character at its end', Buffer.from([0x22, 0xe2, 0x82]), 'invalid_encoding'],
    ['no JSON', '{"model": fake}', 'invalid_json'],
    ['nothing', '', 'invalid_json'],
    ['arrays in arrays', '['.repeat(100_000), 'too_deep'],
    ['a deep message', `{"messages":${'[{"a":'.repeat(200)}1${'}]'.repeat(200)}}`, 'too_deep'],
    ['a list', '[]', 'invalid_value'],
    ['a number', '1e400', 'invalid_value'],
  ])('with %s is refused with a reason', async (_, text, code) => {
    await start()
    expect(await errorOf(await post(text))).toMatchObject({ status: 400, code })
    await isAlive()
  })

  it('with keys of JavaScript’s own objects changes none of them', async () => {
    await start()
    const text =
      '{"model":"fake","messages":[{"role":"user","content":"hi","__proto__":{"x":1}}],"__proto__":{"x":1}}'
    const response = await post(text)
    expect([200, 400]).toContain(response.status)
    expect(({} as Record<string, unknown>).x).toBeUndefined()
  })

  it('that is not said to be JSON is refused, so that no web page can send one without asking', async () => {
    await start()
    const response = await post(body, { headers: { 'content-type': 'text/plain' } })
    expect(await errorOf(response)).toMatchObject({ status: 415, code: 'unsupported_media_type' })
  })
})

describe('a schema', () => {
  const withSchema = (schema: unknown) => ({
    ...(JSON.parse(body) as object),
    response_format: { type: 'json_schema', json_schema: { name: 'x', schema } },
  })

  it('that is huge is refused', async () => {
    await start()
    const properties = Object.fromEntries(
      Array.from({ length: 10_000 }, (_, i) => [`name${i}`, { type: 'string' }]),
    )
    const response = await post(JSON.stringify(withSchema({ type: 'object', properties })))
    expect(await errorOf(response)).toMatchObject({ status: 400, code: 'schema_too_large' })
  })
})

describe('what is no request', () => {
  it.each([
    ['noise', 'hello\r\n\r\n', 400],
    ['TLS', Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01]), 400],
    ['no host', 'GET /health HTTP/1.1\r\n\r\n', 400],
    ['a host that is none', 'GET /health HTTP/1.1\r\nhost: a b\r\n\r\n', 400],
    ['a proxy’s request', 'CONNECT example.com:443 HTTP/1.1\r\nhost: example.com\r\n\r\n', 405],
    ['large headers', `GET /health HTTP/1.1\r\nhost: localhost\r\nx: ${'x'.repeat(40_000)}\r\n\r\n`, 431],
  ])('is told so: %s', async (_, bytes, status) => {
    await start()
    expect(await raw(bytes)).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `))
    await isAlive()
  })

  it('headers that never end are given up', async () => {
    await start({ config: { limits: { headersSeconds: 1, requestSeconds: 2 } } })
    expect(parse(await raw('GET /health HTTP/1.1\r\nhost: localhost\r\nx', { wait: 6000 })).status).toBe(408)
    await isAlive()
  })
})

describe('a client that leaves', () => {
  it('in the middle of a stream ends the work for it at once', async () => {
    await start({ delay: 30 })
    const controller = new AbortController()
    harness.engine.reply = () => 'word '.repeat(500)
    const response = await post(JSON.stringify({ ...JSON.parse(body), stream: true }), {
      signal: controller.signal,
    })
    await response.body!.getReader().read()
    expect(harness.engine.running.size).toBe(1)
    controller.abort()
    await until(() => harness.engine.running.size === 0, 1000)
    expect(harness.engine.cancelled).toBe(1)
    await isAlive()
  })

  it('before a whole answer ends the work too', async () => {
    await start({ delay: 30 })
    harness.engine.reply = () => 'word '.repeat(500)
    const controller = new AbortController()
    const answer = post(JSON.stringify({ ...JSON.parse(body), n: 3 }), { signal: controller.signal }).catch(
      () => {},
    )
    await until(() => harness.engine.running.size === 3)
    controller.abort()
    await answer
    await until(() => harness.engine.running.size === 0, 1000)
    const usage = await harness.store.usage.sum({ by: 'model' })
    expect(usage).toMatchObject([{ group: 'fake', requests: 1, errors: 0 }])
  })

  it('or that stops reading is given up, and its work with it', async () => {
    await start({ config: { limits: { sendSeconds: 1 } } })
    // Endless, and more than the system's buffers between the two take.
    harness.engine.reply = () => 'x'.repeat(100_000).concat(' ').repeat(400)
    const socket: Socket = connect(server.port, '127.0.0.1')
    socket.on('error', () => {})
    const stream = JSON.stringify({ ...JSON.parse(body), stream: true })
    socket.write(`${head(`content-length: ${stream.length}`)}${stream}`)
    socket.pause()
    await until(() => harness.engine.requests.length === 1)
    await until(() => harness.engine.running.size === 0, 15_000)
    expect(harness.engine.cancelled).toBe(1)
    socket.destroy()
    await isAlive()
  }, 30_000)
})

describe('a stream in which nothing happens', () => {
  it('is kept open by comments', async () => {
    await start({ delay: 400, config: { pingSeconds: 0.1 } })
    const text = await (await post(JSON.stringify({ ...JSON.parse(body), stream: true }))).text()
    expect(text).toContain(': ping\n\n')
    expect(text).toMatch(/data: \[DONE\]\n\n$/)
  })
})

describe('a thousand connections', () => {
  it('at the same time are all answered', async () => {
    await start()
    const sockets = Array.from({ length: 1000 }, () => connect(server.port, '127.0.0.1'))
    const answered = sockets.map(
      (socket) =>
        new Promise<boolean>((resolve) => {
          socket.once('data', (data) => resolve(data.toString('latin1').startsWith('HTTP/1.1 200')))
          socket.once('error', () => resolve(false))
        }),
    )
    for (const socket of sockets) socket.write(`${head(`content-length: ${body.length}`)}${body}`)
    const results = await Promise.all(answered)
    for (const socket of sockets) socket.destroy()
    expect(results.filter(Boolean)).toHaveLength(1000)
    await isAlive()
  })

  it('more than there may be are told so', async () => {
    await start({ config: { limits: { connections: 5 } } })
    const sockets = Array.from({ length: 5 }, () => connect(server.port, '127.0.0.1'))
    await Promise.all(sockets.map((socket) => new Promise((resolve) => socket.once('connect', resolve))))
    await delay(50)
    const text = await raw('GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n')
    expect(parse(text)).toMatchObject({ status: 503, json: { error: { type: 'api_error' } } })
    for (const socket of sockets) socket.destroy()
    await delay(50)
    await isAlive()
  })
})

describe('the end of the server', () => {
  it('waits for the stream under way, and lets nobody else in', async () => {
    await start({ delay: 20 })
    const response = await post(JSON.stringify({ ...JSON.parse(body), stream: true }))
    const text = response.text()
    const closed = server.close(10)
    expect(await closed).toBe(true)
    expect(await text).toMatch(/data: \[DONE\]\n\n$/)
    await expect(fetch(`http://127.0.0.1:${server.port}/health`)).rejects.toThrow()
  })

  it('cuts off what takes longer than it may', async () => {
    await start({ delay: 50 })
    harness.engine.reply = () => 'word '.repeat(1000)
    const response = await post(JSON.stringify({ ...JSON.parse(body), stream: true }))
    const text = response.text().catch(() => 'cut off')
    expect(await server.close(0.3)).toBe(false)
    expect(await text).toBe('cut off')
    await until(() => harness.engine.running.size === 0, 1000)
  })

  it('comes before its beginning where the port is taken', async () => {
    await start()
    await expect(
      createHarness({ config: { port: server.port } }).then(async (other) => {
        try {
          await other.listen()
        } finally {
          await other.close()
        }
      }),
    ).rejects.toMatchObject({ code: 'serve/address', message: expect.stringMatching(/is in use/) as string })
  })
})
