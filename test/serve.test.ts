/** `athanor serve` and `athanor keys` as processes, over small real models. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { Ajv } from 'ajv'
import OpenAI from 'openai'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { writeDecoder, writeRewardModel } from '../src/infer/engine/testing/tiny-models.ts'

const command = resolve(import.meta.dirname, '../bin/athanor.mjs')
let dir: string
const children = new Set<ChildProcess>()

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'athanor-serve-'))
  await writeDecoder(join(dir, 'tiny'), { contextLength: 2048 })
  await writeRewardModel(join(dir, 'judge'))
})
afterEach(() => {
  for (const child of children) child.kill('SIGKILL')
  children.clear()
})
afterAll(() => rm(dir, { recursive: true, force: true }))

function athanor(args: readonly string[], env: Record<string, string> = {}) {
  const child = spawn(process.execPath, [command, ...args], {
    cwd: dir,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  children.add(child)
  const output = { stdout: '', stderr: '' }
  child.stdout.on('data', (data) => (output.stdout += data))
  child.stderr.on('data', (data) => (output.stderr += data))
  const ended = once(child, 'close').then(([code, signal]) => {
    children.delete(child)
    return { code: code as number | null, signal: signal as string | null }
  })
  return { child, output, ended }
}

async function run(args: readonly string[]) {
  const { output, ended } = athanor(args)
  return { ...output, ...(await ended), ...output }
}

interface Address {
  readonly url: string
  readonly port: number
  readonly models: string[]
}

async function serve(more: readonly string[] = [], env: Record<string, string> = {}) {
  const models = ['--model', 'tiny', 'judge', '--threads', '1', '--port', '0', '--json']
  const started = athanor(['serve', ...models, ...more], env)
  const { output, ended } = started
  const address = await Promise.race([
    (async () => {
      while (!output.stdout.includes('\n')) await new Promise((resolve) => setTimeout(resolve, 50))
      return JSON.parse(output.stdout) as Address
    })(),
    ended.then(({ code }) => {
      throw new Error(`ended with ${code}: ${output.stderr}`)
    }),
  ])
  const client = new OpenAI({ baseURL: `${address.url}/v1`, apiKey: 'none', maxRetries: 0 })
  return { ...started, ...address, client }
}

const database = (name: string) => ['--database', `file:${join(dir, name)}`]
const messages = [{ role: 'user' as const, content: 'Hello!' }]

describe('athanor serve', { timeout: 300_000 }, () => {
  it('answers chats, completions, embeddings and scores, and ends well when it is told to', async () => {
    const server = await serve(database('one.db'))
    const { client, url } = server
    expect(server.models).toEqual(['tiny', 'judge'])
    expect(await (await fetch(`${url}/health`)).json()).toMatchObject({ status: 'ok' })

    // The same seed, alone and among others.
    const ask = (seed: number) =>
      client.chat.completions.create({ model: 'tiny', messages, seed, max_tokens: 20, logprobs: true })
    const alone = await ask(7)
    const among = await Promise.all([ask(7), ask(8), ask(9)])
    expect(among[0]!.choices[0]!.message).toEqual(alone.choices[0]!.message)
    expect(among[0]!.choices[0]!.logprobs!.content).toHaveLength(among[0]!.usage!.completion_tokens)

    const schema = {
      type: 'object',
      properties: {
        name: { type: 'string', maxLength: 5 },
        age: { type: 'integer', minimum: 0, maximum: 99 },
      },
      required: ['name', 'age'],
      additionalProperties: false,
    }
    const json = await client.chat.completions.create({
      model: 'tiny',
      messages,
      seed: 1,
      max_tokens: 200,
      response_format: { type: 'json_schema', json_schema: { name: 'person', schema, strict: true } },
    })
    expect(json.choices[0]!.finish_reason).toBe('stop')
    expect(new Ajv().validate(schema, JSON.parse(json.choices[0]!.message.content!))).toBe(true)

    const call = await client.chat.completions.create({
      model: 'tiny',
      messages,
      seed: 1,
      max_tokens: 300,
      tools: [{ type: 'function', function: { name: 'add', parameters: schema } }],
      tool_choice: { type: 'function', function: { name: 'add' } },
    })
    const [tool] = call.choices[0]!.message.tool_calls ?? []
    expect(tool).toMatchObject({ type: 'function', function: { name: 'add' } })
    expect(
      new Ajv().validate(
        schema,
        JSON.parse((tool as { function: { arguments: string } }).function.arguments),
      ),
    ).toBe(true)

    const text = await client.completions.create({
      model: 'tiny',
      prompt: 'ab',
      max_tokens: 4,
      echo: true,
      seed: 1,
    })
    expect(text.choices[0]!.text).toMatch(/^ab/)
    const { data } = await client.embeddings.create({ model: 'tiny', input: ['one', 'two'] })
    const [one] = data.map(({ embedding }) => Math.hypot(...embedding))
    expect(one).toBeCloseTo(1, 4)
    const scores = await fetch(`${url}/score`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'judge', messages: [...messages, { role: 'assistant', content: 'Hi' }] }),
    })
    expect(await scores.json()).toMatchObject({ data: [{ score: expect.any(Number) as number }] })

    // What looks like a special token in a message is letters.
    const tokens = async (content: string) => {
      const response = await fetch(`${url}/tokenize`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ model: 'tiny', messages: [{ role: 'user', content }] }),
      })
      return ((await response.json()) as { tokens: number[] }).tokens
    }
    const special = '<|im_end|>'
    expect(await tokens(special)).toHaveLength((await tokens('')).length + special.length)

    // A stream under way is finished; nobody else comes in.
    const stream = await client.chat.completions.create({
      model: 'tiny',
      messages,
      stream: true,
      max_tokens: 200,
      seed: 3,
    })
    server.child.kill('SIGTERM')
    const finishes: unknown[] = []
    for await (const { choices } of stream)
      if (choices[0]?.finish_reason) finishes.push(choices[0].finish_reason)
    expect(finishes).toHaveLength(1)
    expect(await server.ended).toEqual({ code: 0, signal: null })
    expect(server.output.stderr).not.toContain('Hello!')
  })

  it('keeps what it said is kept, though it is killed', async () => {
    const first = await serve(database('two.db'))
    const saved = await first.client.chat.completions
      .create({ model: 'tiny', messages, store: true, max_tokens: 5, seed: 1 })
      .withResponse()
    const conversation = saved.response.headers.get('x-conversation-id')!
    first.child.kill('SIGKILL')
    await first.ended
    const second = await serve(database('two.db'))
    const response = await fetch(`${second.url}/api/conversations/${conversation}`)
    expect(response.status).toBe(200)
    const text = JSON.stringify(await response.json())
    expect(text).toContain(saved.data.id)
    expect(text).toContain('Hello!')
  })

  it('checks keys that are made and revoked beside it, for two servers on one database', async () => {
    const made = await run([
      'keys',
      'create',
      '--name',
      'me',
      '--scope',
      'admin',
      '--json',
      ...database('three.db'),
    ])
    expect(made.code).toBe(0)
    const { secret, id } = JSON.parse(made.stdout) as { secret: string; id: string }
    const servers = [await serve(database('three.db')), await serve(database('three.db'))]
    const status = async (url: string, key?: string) =>
      (
        await fetch(`${url}/v1/models`, {
          headers: key === undefined ? {} : { authorization: `Bearer ${key}` },
        })
      ).status
    for (const { url } of servers) {
      expect(await status(url)).toBe(401)
      expect(await status(url, secret)).toBe(200)
    }
    const list = await run(['keys', 'list', ...database('three.db')])
    expect(list.stdout).toContain(id)
    expect(list.stdout).not.toContain(secret)
    expect((await run(['keys', 'revoke', id, ...database('three.db')])).code).toBe(0)
    for (const { url } of servers) expect(await status(url, secret)).toBe(401)
  })

  it('says what stands in its way', async () => {
    const open = await run(['serve', '--host', '0.0.0.0', '--port', '0', ...database('four.db')])
    expect(open).toMatchObject({ code: 1, stderr: expect.stringContaining('there is no API key') as string })
    const first = await serve(database('four.db'))
    const second = await run(['serve', '--port', String(first.port), ...database('four.db')])
    expect(second).toMatchObject({ code: 1, stderr: expect.stringContaining('is in use') as string })
    const wrong = await run(['serve', '--model', 'nothing', '--port', '0', ...database('four.db')])
    expect(wrong.code).toBe(1)
    expect(wrong.stderr).toMatch(/athanor: .*nothing/)
    expect((await run(['keys', 'revoke', 'key_nobody', ...database('four.db')])).code).toBe(1)
  })
})
