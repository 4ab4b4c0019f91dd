import { afterAll, describe, expect, test } from 'vitest'
import { LanguageModel } from '../infer/index.js'
import { athanorConfig, initGpt } from '../models/index.js'
import { Rng } from '../rng.js'
import { nodeDevice } from '../tensor/device/node.js'
import { NDArray } from '../tensor/index.js'
import { CHATML_TOKENS, trainBpe, withSpecialTokens } from '../text/index.js'
import { type ChatOptions, openChat } from './chat-session.js'

const bpe = await trainBpe('user assistant system what is the capital of Iceland '.repeat(8), {
  vocabSize: 280,
})
const tokenizer = withSpecialTokens(bpe, CHATML_TOKENS)
const config = athanorConfig({
  vocabSize: tokenizer.vocabSize,
  contextLength: 128,
  nLayer: 2,
  nHead: 2,
  width: 32,
})
const rng = Rng.seed(4)
/** Not trained, but with an opinion of its own on every token. */
const params = Object.fromEntries(
  Object.entries(initGpt(config, rng.fork('init'))).map(([name, { shape, data }]) => [
    name,
    new NDArray(
      'f32',
      shape,
      Float32Array.from(data as Float32Array, (x) => x + 0.3 * (rng.uniform() - 0.5)),
    ),
  ]),
)
const model = () =>
  new LanguageModel({ config, params, tokenizer, device: nodeDevice('cpu', { threads: 1 }) })
const shared = model()
const open = (options: ChatOptions = {}) => openChat(shared, { temperature: 0, maxTokens: 8, ...options })
afterAll(() => shared.dispose())

describe('a conversation', () => {
  test('reads only what is new of a later turn, and answers as one that reads all of it', async () => {
    const chat = open()
    const first = await chat.ask('what is the capital')
    expect(first.cachedTokens).toBe(0)
    const second = await chat.ask('of Iceland')
    expect(second.cachedTokens).toBeGreaterThanOrEqual(first.promptTokens)
    expect(second.promptTokens).toBeGreaterThan(second.cachedTokens)

    const fresh = open()
    await fresh.ask('what is the capital')
    fresh.undo()
    await fresh.ask('Iceland')
    fresh.reset()
    await fresh.ask('what is the capital')
    const again = await fresh.ask('of Iceland')
    expect(again.text).toBe(second.text)
    expect(fresh.messages).toEqual(chat.messages)
  })

  test('streams the text that it returns, and keeps it', async () => {
    const chat = open({ system: 'be the capital' })
    let streamed = ''
    const { text, finish, tokens } = await chat.ask('what', { onText: (piece) => (streamed += piece) })
    expect(streamed).toBe(text)
    expect(finish === 'stop' || tokens === 8).toBe(true)
    expect(chat.messages.map(({ role }) => role)).toEqual(['system', 'user', 'assistant'])
    expect(chat.messages.at(-1)!.content).toBe(text)
  })

  test('draws the same with the same seed, and otherwise when asked once more', async () => {
    const options = { temperature: 1.5, maxTokens: 12, seed: 7 }
    const one = open(options)
    const first = await one.ask('what')
    expect((await open(options).ask('what')).text).toBe(first.text)
    expect((await open({ ...options, seed: 8 }).ask('what')).text).not.toBe(first.text)
    one.undo()
    expect((await one.ask('what')).text).not.toBe(first.text)
  })

  test('drops the oldest turns where they no longer fit, says so, and keeps them in its record', async () => {
    const chat = open({ system: 'the capital', maxTokens: 12 })
    let forgotten = 0
    for (let i = 0; i < 8; i++) {
      const answer = await chat.ask('what is the capital of Iceland')
      expect(answer.promptTokens + answer.tokens).toBeLessThanOrEqual(128)
      expect(answer.forgotten).toBe(forgotten + answer.newlyForgotten)
      forgotten = answer.forgotten
    }
    expect(forgotten).toBeGreaterThan(0)
    expect(forgotten % 2).toBe(0)
    expect(chat.messages).toHaveLength(17)
  })

  test('refuses a message that can never fit and stays as it was', async () => {
    const chat = open()
    await chat.ask('what')
    const before = chat.messages
    await expect(chat.ask('zebra '.repeat(200))).rejects.toMatchObject({ code: 'chat/too-long' })
    expect(chat.messages).toEqual(before)
  })

  test('keeps what was written when it is stopped, and nothing when it is stopped before', async () => {
    const chat = open({ maxTokens: 100, temperature: 2 })
    const controller = new AbortController()
    const { finish, text } = await chat.ask('what', {
      signal: controller.signal,
      onText: () => controller.abort(),
    })
    expect(finish).toBe('interrupted')
    expect(text.length).toBeGreaterThan(0)
    expect(chat.messages.at(-1)).toEqual({ role: 'assistant', content: text })
    await chat.ask('and then', { signal: AbortSignal.abort() })
    expect(chat.messages).toHaveLength(2)
    expect((await chat.ask('and then')).cachedTokens).toBeGreaterThan(0)
  })

  test('has nothing to take back at its beginning', () => {
    expect(open().undo()).toBe(false)
  })
})

test('a model that only continues texts is pointed to generate', () => {
  const base = new LanguageModel({ config, params, tokenizer: bpe, device: nodeDevice(), dir: 'runs/base' })
  expect(() => openChat(base)).toThrow('runs/base has no chat format')
  expect(() => openChat(base)).toThrow('athanor generate')
  expect(() => open({ contextLength: 4096 })).toThrow('holds 128 tokens')
})
