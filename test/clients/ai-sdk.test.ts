/** npm `ai` with `@ai-sdk/openai-compatible`, unchanged. */
import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import { APICallError, embedMany, generateText, jsonSchema, Output, stepCountIs, streamText, tool } from 'ai'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type ClientServer, citySchema, startServer, until } from './harness.ts'

let server: ClientServer
const open = async (options: Parameters<typeof startServer>[0] = {}) => {
  await server?.close()
  server = await startServer(options)
}
beforeEach(() => open())
afterEach(() => server.close())

const provider = () =>
  createOpenAICompatible({
    name: 'athanor',
    baseURL: server.baseURL,
    includeUsage: true,
    supportsStructuredOutputs: true,
  })
const prompt = 'hello there'

describe('npm ai with @ai-sdk/openai-compatible', () => {
  it('generates text', async () => {
    const { text, usage, finishReason } = await generateText({
      model: provider()('fake'),
      prompt,
      system: 'be brief',
    })
    expect({ text, finishReason }).toEqual({ text: 'You said: hello there', finishReason: 'stop' })
    expect(usage).toMatchObject({ inputTokens: 4, outputTokens: 4, cachedInputTokens: 1 })
  })

  it('streams text, with usage', async () => {
    const result = streamText({ model: provider()('fake'), prompt, temperature: 0.3, stopSequences: ['zzz'] })
    let text = ''
    for await (const piece of result.textStream) text += piece
    expect(text).toBe('You said: hello there')
    expect(await result.usage).toMatchObject({ inputTokens: 2, outputTokens: 4 })
  })

  it('aborts, and the work for it ends', async () => {
    await open({ delay: 20 })
    server.engine.reply = () => 'word '.repeat(500)
    const controller = new AbortController()
    const { textStream } = streamText({ model: provider()('fake'), prompt, abortSignal: controller.signal })
    const reading = (async () => {
      for await (const _ of textStream) controller.abort()
    })().catch(() => {})
    await reading
    expect(await until(() => server.engine.running.size === 0)).toBe(true)
    expect(server.engine.cancelled).toBe(1)
  })

  it('runs tools, streamed and not', async () => {
    const weather = tool({
      description: 'the weather of a city',
      inputSchema: jsonSchema<{ city: string }>({ type: 'object', properties: { city: { type: 'string' } } }),
      execute: async ({ city }) => `sunny in ${city}`,
    })
    const options = { prompt: 'the weather?', tools: { weather }, stopWhen: stepCountIs(3) }
    const whole = await generateText({ model: provider()('fake'), ...options })
    expect(whole.steps[0]!.toolCalls[0]).toMatchObject({ toolName: 'weather', input: { city: 'Lima' } })
    expect(whole.text).toContain('sunny in Lima')
    expect(await streamText({ model: provider()('fake'), ...options }).text).toContain('sunny in Lima')
  })

  it('generates objects by a JSON schema', async () => {
    const { output } = await generateText({
      model: provider()('fake'),
      prompt,
      output: Output.object({ schema: jsonSchema<{ city: string }>(citySchema) }),
    })
    expect(output).toEqual({ city: 'Lima', population: 10_092_000 })
    expect(server.engine.requests[0]!.format).toMatchObject({ type: 'json_schema' })
  })

  it('embeds', async () => {
    const { embeddings, usage } = await embedMany({
      model: provider().embeddingModel('fake'),
      values: ['one', 'two three'],
    })
    expect(embeddings).toHaveLength(2)
    expect(usage.tokens).toBe(3)
  })

  it('completes text', async () => {
    const { text } = await generateText({
      model: provider().completionModel('fake'),
      prompt: 'one',
      maxOutputTokens: 9,
    })
    expect(text).toContain('You said:')
  })

  it('understands errors', async () => {
    const ask = generateText({ model: provider()('nobody'), prompt, maxRetries: 0 })
    await expect(ask).rejects.toSatisfy(
      (error) =>
        APICallError.isInstance(error) &&
        error.statusCode === 404 &&
        error.message.includes('does not exist'),
    )
  })
})
