/** npm `openai`, unchanged. */
import OpenAI, {
  APIUserAbortError,
  AuthenticationError,
  BadRequestError,
  NotFoundError,
  RateLimitError,
} from 'openai'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type ClientServer, citySchema, startServer, until } from './harness.ts'

let server: ClientServer
let client: OpenAI
const open = async (options: Parameters<typeof startServer>[0] = {}) => {
  await server?.close()
  server = await startServer(options)
  client = new OpenAI({ baseURL: server.baseURL, apiKey: 'none', maxRetries: 0 })
}
beforeEach(() => open())
afterEach(() => server.close())

const messages = [{ role: 'user' as const, content: 'hello there' }]

describe('npm openai', () => {
  it('chats', async () => {
    const answer = await client.chat.completions.create({ model: 'fake', messages })
    expect(answer.choices[0]!.message.content).toBe('You said: hello there')
    expect(answer.usage).toMatchObject({ prompt_tokens: 2, prompt_tokens_details: { cached_tokens: 1 } })
    expect(answer._request_id).toMatch(/^req_/)
  })

  it('streams, with usage', async () => {
    const stream = await client.chat.completions.create({
      model: 'fake',
      messages,
      stream: true,
      stream_options: { include_usage: true },
    })
    let [text, tokens] = ['', 0]
    const finishes: unknown[] = []
    for await (const { choices, usage } of stream) {
      text += choices[0]?.delta.content ?? ''
      if (choices[0]?.finish_reason) finishes.push(choices[0].finish_reason)
      tokens = usage?.completion_tokens ?? tokens
    }
    expect({ text, finishes, tokens }).toEqual({
      text: 'You said: hello there',
      finishes: ['stop'],
      tokens: 4,
    })
  })

  it('streams through its own collector, several answers at once', async () => {
    const runner = client.chat.completions.stream({ model: 'fake', messages, n: 2 })
    const { choices } = await runner.finalChatCompletion()
    expect(choices.map(({ message }) => message.content)).toEqual(Array(2).fill('You said: hello there'))
  })

  it('aborts, and the work for it ends', async () => {
    await open({ delay: 20 })
    server.engine.reply = () => 'word '.repeat(500)
    const stream = await client.chat.completions.create({ model: 'fake', messages, stream: true })
    for await (const _ of stream) break
    stream.controller.abort()
    expect(await until(() => server.engine.running.size === 0)).toBe(true)
    const controller = new AbortController()
    const whole = client.chat.completions.create({ model: 'fake', messages }, { signal: controller.signal })
    expect(await until(() => server.engine.running.size === 1)).toBe(true)
    controller.abort()
    await expect(whole).rejects.toBeInstanceOf(APIUserAbortError)
    expect(await until(() => server.engine.running.size === 0)).toBe(true)
    expect(server.engine.cancelled).toBe(2)
  })

  it('runs tools by itself until there is an answer', async () => {
    const asked: unknown[] = []
    const runner = client.chat.completions.runTools({
      model: 'fake',
      messages: [{ role: 'user', content: 'the weather?' }],
      tools: [
        {
          type: 'function',
          function: {
            name: 'weather',
            description: 'of a city',
            parse: JSON.parse,
            parameters: { type: 'object', properties: { city: { type: 'string' } } },
            function: (given: object) => {
              asked.push(given)
              return 'sunny'
            },
          },
        },
      ],
    })
    expect(await runner.finalContent()).toBe('You said: sunny')
    expect(asked).toEqual([{ city: 'Lima' }])
  })

  it('streams calls of tools', async () => {
    const runner = client.chat.completions.stream({
      model: 'fake',
      messages,
      tools: [
        { type: 'function', function: { name: 'weather', parameters: { type: 'object', properties: {} } } },
      ],
      tool_choice: { type: 'function', function: { name: 'weather' } },
    })
    const { choices } = await runner.finalChatCompletion()
    expect(choices[0]).toMatchObject({
      finish_reason: 'tool_calls',
      message: { tool_calls: [{ function: { name: 'weather', arguments: '{"city":"Lima"}' } }] },
    })
  })

  it('parses answers with a JSON schema', async () => {
    const answer = await client.chat.completions.parse({
      model: 'fake',
      messages,
      response_format: {
        type: 'json_schema',
        json_schema: { name: 'city', strict: true, schema: citySchema },
      },
    })
    expect(JSON.parse(answer.choices[0]!.message.content!)).toEqual({ city: 'Lima', population: 10_092_000 })
    expect(server.engine.requests[0]!.format).toEqual({
      type: 'json_schema',
      schema: citySchema,
      strict: true,
    })
  })

  it('gives log-probabilities', async () => {
    const { choices } = await client.chat.completions.create({
      model: 'fake',
      messages,
      logprobs: true,
      top_logprobs: 2,
    })
    const { content } = choices[0]!.logprobs!
    expect(content!.map(({ token }) => token).join('')).toBe('You said: hello there')
    expect(content![0]!.top_logprobs).toHaveLength(2)
  })

  it('embeds, decoding base64 as it does on its own', async () => {
    const { data, usage } = await client.embeddings.create({ model: 'fake', input: ['one', 'two three'] })
    expect(
      data.map(({ embedding }) => Array.from(embedding, (value) => Math.round(value * 10) / 10)),
    ).toEqual([
      [0.6, 0.8, 0],
      [0.6, 0.8, 0],
    ])
    expect(usage.prompt_tokens).toBe(3)
    const floats = await client.embeddings.create({ model: 'fake', input: [1, 2], encoding_format: 'float' })
    expect(floats.data[0]!.embedding).toEqual([0.6, 0.8, 0.5].map(Math.fround))
  })

  it('completes text, with a prompt before it, for several prompts', async () => {
    const { choices } = await client.completions.create({
      model: 'fake',
      prompt: ['one', 'two'],
      max_tokens: 3,
      echo: true,
      logprobs: 1,
      n: 2,
    })
    expect(choices.map(({ text }) => text)).toEqual(
      ['one', 'one', 'two', 'two'].map((word) => `${word}You said: ${word}`),
    )
    const stream = await client.completions.create({ model: 'fake', prompt: 'one', stream: true })
    let text = ''
    for await (const chunk of stream) text += chunk.choices[0]?.text ?? ''
    expect(text).toBe('You said: one')
  })

  it('lists models', async () => {
    const ids: string[] = []
    for await (const { id } of client.models.list()) ids.push(id)
    expect(ids).toEqual(['fake', 'judge'])
    expect(await client.models.retrieve('fake')).toMatchObject({
      id: 'fake',
      object: 'model',
      owned_by: 'athanor',
    })
  })

  it('throws its own errors', async () => {
    const ask = (body: object, api = client) =>
      api.chat.completions.create({ model: 'fake', messages, ...body } as never) as Promise<unknown>
    await expect(ask({ model: 'nobody' })).rejects.toBeInstanceOf(NotFoundError)
    await expect(ask({ temperature: 7 })).rejects.toMatchObject({ status: 400, param: 'temperature' })
    await expect(ask({ messages: [] })).rejects.toBeInstanceOf(BadRequestError)
    const { secret } = await server.key(['admin', 'chat'], { limits: { requestsPerMinute: 1 } })
    server.clock.time += 2000
    await expect(ask({})).rejects.toBeInstanceOf(AuthenticationError)
    const keyed = new OpenAI({ baseURL: server.baseURL, apiKey: secret, maxRetries: 0 })
    await ask({}, keyed)
    await expect(ask({}, keyed)).rejects.toBeInstanceOf(RateLimitError)
  })

  it('throws an error that comes in the middle of a stream', async () => {
    server.engine.failure = { code: 'infer/logits', message: 'not a number', afterTokens: 2 }
    const stream = await client.chat.completions.create({ model: 'fake', messages, stream: true })
    const read = async () => {
      for await (const _ of stream);
    }
    await expect(read()).rejects.toThrow(/failed to answer/)
  })

  it('tries again when the server is full', async () => {
    server.engine.failure = { code: 'infer/queue-full', message: 'full' }
    const patient = new OpenAI({ baseURL: server.baseURL, apiKey: 'none', maxRetries: 1 })
    const answer = await patient.chat.completions.create({ model: 'fake', messages })
    expect(answer.choices[0]!.message.content).toBe('You said: hello there')
  })
})
