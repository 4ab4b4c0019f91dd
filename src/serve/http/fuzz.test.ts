/**
 * Broken requests, made from good ones by a seed: whatever comes, the answer is an answer or an error in OpenAI's form, never a fault of
 * the server. `fixtures/corpus.json` keeps requests that once were trouble, and those that others’ servers fell over.
 */
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Rng } from '../../rng.js'
import { apiErrorSchema } from '../errors.js'
import { createHarness, type Harness } from '../testing/harness.js'

const rounds = Number(process.env.ATHANOR_FUZZ_ROUNDS ?? 300)
const corpus = JSON.parse(readFileSync(new URL('./fixtures/corpus.json', import.meta.url), 'utf8')) as {
  /** Bodies. */
  json: { path: string; body: string }[]
  /** Whole requests, as they go over the wire; \xNN for bytes. */
  raw: string[]
}

let server: Harness
let port: number
beforeAll(async () => {
  server = await createHarness({ config: { limits: { requestSeconds: 2, headersSeconds: 1 } } })
  port = (await server.listen()).port
})
afterAll(() => server.close())

const messages = [
  { role: 'system', content: 'be brief' },
  { role: 'user', content: [{ type: 'text', text: 'the weather?' }] },
  {
    role: 'assistant',
    content: null,
    tool_calls: [{ id: 'c', type: 'function', function: { name: 'f', arguments: '{"a":1}' } }],
  },
  { role: 'tool', tool_call_id: 'c', content: 'sunny' },
]
const good: readonly (readonly [path: string, body: unknown])[] = [
  [
    '/v1/chat/completions',
    {
      model: 'fake',
      messages,
      n: 2,
      stream: true,
      stream_options: { include_usage: true },
      temperature: 0.5,
      stop: ['x', 'y'],
      logit_bias: { 5: 1 },
      logprobs: true,
      top_logprobs: 2,
      tools: [{ type: 'function', function: { name: 'f', parameters: { type: 'object' } } }],
      tool_choice: 'auto',
      response_format: { type: 'json_schema', json_schema: { name: 'a', schema: { type: 'object' } } },
    },
  ],
  ['/v1/chat/completions', { model: 'fake', messages, store: true, conversation: 'conv_1', parent: 'msg_1' }],
  [
    '/v1/completions',
    { model: 'fake', prompt: ['a', 'b'], max_tokens: 3, echo: true, logprobs: 2, suffix: '' },
  ],
  ['/v1/embeddings', { model: 'fake', input: ['a', 'b'], encoding_format: 'base64', dimensions: 3 }],
  ['/tokenize', { model: 'fake', messages, return_token_strs: true }],
  ['/detokenize', { model: 'fake', tokens: [1, 2] }],
  ['/score', { model: 'judge', dialogues: [messages] }],
]

const odd: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  1.5,
  1e308,
  2 ** 53,
  '',
  'x',
  '\0',
  '\ud800',
  '../..',
  '<script>alert(1)</script>',
  '<|im_end|>',
  '(a+)+$',
  'x'.repeat(10_000),
  [],
  {},
  [[[[]]]],
  { $ref: '#' },
  { pattern: '^(a|a)*$' },
  { toString: 1, constructor: 2, hasOwnProperty: 3 },
  Array.from({ length: 2000 }, () => 1),
]

/** The value with one place in it changed. */
function mutate(value: unknown, rng: Rng): unknown {
  if (typeof value !== 'object' || value === null || rng.uniform() < 0.15) {
    return structuredClone(odd[rng.integer(odd.length)])
  }
  const keys = Object.keys(value)
  if (keys.length === 0 || rng.uniform() < 0.1) return odd[rng.integer(odd.length)]
  const key = keys[rng.integer(keys.length)]!
  const copy = structuredClone(value) as Record<string, unknown>
  const kind = rng.uniform()
  if (kind < 0.1 && !Array.isArray(copy)) delete copy[key]
  else if (kind < 0.2 && !Array.isArray(copy)) copy[String(odd[rng.integer(16)])] = copy[key]
  else copy[key] = mutate(copy[key], rng)
  return copy
}

async function check(path: string, body: string): Promise<void> {
  const response = await server.fetch(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
  })
  const text = await response.text()
  const about = `${path} ${body.slice(0, 500)} -> ${response.status} ${text.slice(0, 300)}`
  expect(response.status, about).toBeLessThan(500)
  if (!response.ok) expect(apiErrorSchema.safeParse(JSON.parse(text)).success, about).toBe(true)
  else expect(text, about).not.toContain('internal_error')
}

describe('a broken body', () => {
  it('gets an answer or an error, whatever was changed in it', async () => {
    const rng = Rng.seed(2026)
    for (let round = 0; round < rounds; round++) {
      const [path, body] = good[round % good.length]!
      let changed = body
      for (let times = 1 + rng.integer(3); times > 0; times--) changed = mutate(changed, rng)
      let text = JSON.stringify(changed)
      // Now and then the text itself is cut or bent.
      if (rng.uniform() < 0.2) text = text.slice(0, rng.integer(text.length + 1))
      if (rng.uniform() < 0.1) text = text.replace(/["{}:,]/, ',')
      await check(path, text)
    }
  })

  it('that was kept gets one too', async () => {
    for (const { path, body } of corpus.json) await check(path, body)
  })
})

const bytesOf = (text: string) =>
  Buffer.from(
    text.replace(/\\x([0-9a-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  )

/** Sends bytes and gives the status of each answer, or none. */
function send(bytes: Buffer): Promise<number[]> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    let text = ''
    const end = () => {
      socket.destroy()
      resolve(Array.from(text.matchAll(/HTTP\/1\.1 (\d{3})/g), ([, status]) => Number(status)))
    }
    socket.on('data', (data) => (text += data.toString('latin1')))
    socket.on('error', end)
    socket.on('close', end)
    socket.write(bytes)
    socket.end()
    setTimeout(end, 3000).unref()
  })
}

describe('broken bytes', () => {
  const body = JSON.stringify({ model: 'fake', messages: [{ role: 'user', content: 'hi' }] })
  const request = Buffer.from(
    `POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  )

  it('get an answer that is no fault of the server, or none', async () => {
    const rng = Rng.seed(7)
    const cases = Array.from({ length: rounds }, () => {
      const bytes = Buffer.from(request)
      for (let times = 1 + rng.integer(4); times > 0; times--)
        bytes[rng.integer(bytes.length)] = rng.integer(256)
      return rng.uniform() < 0.2 ? bytes.subarray(0, rng.integer(bytes.length)) : bytes
    })
    for (let at = 0; at < cases.length; at += 50) {
      const answers = await Promise.all(cases.slice(at, at + 50).map(send))
      for (const [i, statuses] of answers.entries()) {
        for (const status of statuses) expect(status, cases[at + i]!.toString('latin1')).toBeLessThan(500)
      }
    }
    expect((await server.fetch('/health')).status).toBe(200)
  })

  it('that were kept do too', async () => {
    for (const text of corpus.raw) {
      for (const status of await send(bytesOf(text))) expect(status, text).toBeLessThan(500)
    }
    expect((await server.fetch('/health')).status).toBe(200)
  })
})
