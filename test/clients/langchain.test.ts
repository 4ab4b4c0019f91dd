/** npm `@langchain/openai`, unchanged. */
import { HumanMessage, SystemMessage, ToolMessage } from '@langchain/core/messages'
import { tool } from '@langchain/core/tools'
import { ChatOpenAI, OpenAI, OpenAIEmbeddings } from '@langchain/openai'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type ClientServer, citySchema, startServer, until } from './harness.ts'

let server: ClientServer
const open = async (options: Parameters<typeof startServer>[0] = {}) => {
  await server?.close()
  server = await startServer(options)
}
beforeEach(() => open())
afterEach(() => server.close())

const options = () => ({ apiKey: 'none', maxRetries: 0, configuration: { baseURL: server.baseURL } })
const chat = (more: object = {}) => new ChatOpenAI({ model: 'fake', ...options(), ...more })

describe('npm @langchain/openai', () => {
  it('chats', async () => {
    const answer = await chat({ temperature: 0.2, topP: 0.9 }).invoke([
      new SystemMessage('be brief'),
      new HumanMessage('hello there'),
    ])
    expect(answer.text).toBe('You said: hello there')
    expect(answer.usage_metadata).toMatchObject({ input_tokens: 4, output_tokens: 4 })
  })

  it('streams, with usage', async () => {
    let [text, tokens] = ['', 0]
    for await (const piece of await chat().stream('hello there')) {
      text += piece.text
      tokens += piece.usage_metadata?.output_tokens ?? 0
    }
    expect({ text, tokens }).toEqual({ text: 'You said: hello there', tokens: 4 })
  })

  it('aborts, and the work for it ends', async () => {
    await open({ delay: 20 })
    server.engine.reply = () => 'word '.repeat(500)
    const controller = new AbortController()
    const read = async () => {
      for await (const _ of await chat().stream('hello', { signal: controller.signal })) controller.abort()
    }
    await read().catch(() => {})
    expect(await until(() => server.engine.running.size === 0)).toBe(true)
    expect(server.engine.cancelled).toBe(1)
  })

  it('calls tools and takes their results', async () => {
    const weather = tool(async () => 'sunny', {
      name: 'weather',
      description: 'the weather of a city',
      schema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
    })
    const model = chat().bindTools([weather])
    const question = new HumanMessage('the weather?')
    const call = await model.invoke([question])
    expect(call.tool_calls).toMatchObject([{ name: 'weather', args: { city: 'Lima' }, id: 'call_1' }])
    const result = new ToolMessage({ content: 'sunny', tool_call_id: 'call_1' })
    expect((await model.invoke([question, call, result])).text).toBe('You said: sunny')
  })

  it('answers by a JSON schema', async () => {
    const model = chat().withStructuredOutput(citySchema, {
      name: 'city',
      method: 'jsonSchema',
      strict: true,
    })
    expect(await model.invoke('a city')).toEqual({ city: 'Lima', population: 10_092_000 })
  })

  it('gives log-probabilities', async () => {
    const answer = await chat({ logprobs: true, topLogprobs: 1 }).invoke('hello')
    const { logprobs } = answer.response_metadata as { logprobs: { content: object[] } }
    expect(logprobs.content).toHaveLength(3)
  })

  it('embeds', async () => {
    const embeddings = new OpenAIEmbeddings({ model: 'fake', ...options() })
    expect(await embeddings.embedDocuments(['one', 'two'])).toHaveLength(2)
    expect(await embeddings.embedQuery('one')).toHaveLength(3)
  })

  it('completes text', async () => {
    const model = new OpenAI({ model: 'fake', ...options(), maxTokens: 10 })
    expect(await model.invoke('one')).toContain('You said: one')
  })

  it('understands errors', async () => {
    await expect(chat({ model: 'nobody' }).invoke('hello')).rejects.toMatchObject({ status: 404 })
  })
})
