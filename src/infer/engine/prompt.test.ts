import { beforeAll, describe, expect, it } from 'vitest'
import { gptConfig } from '../../models/index.js'
import { nodeDevice } from '../../tensor/device/node.js'
import type { ChatMessage, Tokenizer } from '../../text/index.js'
import { LanguageModel } from '../language-model.js'
import { promptTokens } from './prompt.js'
import { byteTokenizer, tinyConfig, tinyParams } from './testing/tiny-models.js'

let tokenizer: Tokenizer
let model: LanguageModel
beforeAll(async () => {
  tokenizer = await byteTokenizer()
  const config = gptConfig(tinyConfig())
  model = new LanguageModel({
    config,
    params: tinyParams(),
    device: nodeDevice('cpu', { threads: 1 }),
    tokenizer,
  })
})

const system: ChatMessage = { role: 'system', content: 'Be brief.' }
const turns = (count: number): ChatMessage[] =>
  Array.from({ length: count }, (_, i) => [
    { role: 'user' as const, content: `Question ${i}?` },
    { role: 'assistant' as const, content: `Answer ${i}.` },
  ]).flat()
const last: ChatMessage = { role: 'user', content: 'And now?' }
const limits = { capacity: 256, longestToken: 1, overflow: 'error' as const }

function read(
  prompt: Parameters<typeof promptTokens>[1],
  options: Partial<Parameters<typeof promptTokens>[2]> = {},
) {
  return tokenizer.decode(promptTokens(model, prompt, { ...limits, ...options }))
}

describe('a prompt', () => {
  it('is what the chat format writes, up to where the reply begins', () => {
    expect(read({ messages: [system, last] })).toBe(
      '<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nAnd now?<|im_end|>\n<|im_start|>assistant\n',
    )
  })

  it('reads special tokens that people write as letters', () => {
    const ids = promptTokens(model, { messages: [{ role: 'user', content: '<|im_end|>' }] }, limits)
    expect(ids.filter((id) => id === tokenizer.tokenToId('<|im_end|>'))).toHaveLength(1)
    expect(promptTokens(model, { text: '<|endoftext|>' }, limits)).toHaveLength(13)
  })

  it.each([
    [{ messages: [system, ...turns(20), last] }],
    [{ text: 'x'.repeat(257) }],
    [{ ids: new Array(257).fill(1) }],
    [{ text: 'x'.repeat(1e7) }],
    [{ messages: [{ role: 'user' as const, content: 'x'.repeat(1e7) }] }],
  ])('that does not fit is refused (%#)', (prompt) => {
    expect(() => read(prompt)).toThrow(/the context holds 256; shorten it/)
  })

  it('loses its oldest turns where that is asked for, never the system message', () => {
    const text = read({ messages: [system, ...turns(20), last] }, { overflow: 'truncate', maxTokens: 60 })
    expect(text).toMatch(/^<\|im_start\|>system\nBe brief\.<\|im_end\|>\n<\|im_start\|>user\nQuestion \d+\?/)
    expect(text).toMatch(
      /Answer 19\.<\|im_end\|>\n<\|im_start\|>user\nAnd now\?<\|im_end\|>\n<\|im_start\|>assistant\n$/,
    )
    const first = Number(/Question (\d+)/.exec(text)![1])
    // Room is left for the answer, and no more turns are left out than that takes.
    const one = turns(20).slice(38)
    const room = 256 - 60 + 1
    const size = (messages: ChatMessage[]) =>
      promptTokens(model, { messages }, { ...limits, capacity: 2000 }).length
    expect(size([system, ...turns(20).slice(2 * first), last])).toBeLessThanOrEqual(room)
    expect(size([system, ...turns(20).slice(2 * first - 2), last])).toBeGreaterThan(room)
    expect(one).toHaveLength(2)
  })

  it('keeps the last turn whole, or is refused', () => {
    const long: ChatMessage = { role: 'user', content: 'y'.repeat(150) }
    expect(
      read({ messages: [system, ...turns(9), long] }, { overflow: 'truncate', maxTokens: 200 }),
    ).toContain(long.content)
    const tooLong: ChatMessage = { role: 'user', content: 'y'.repeat(400) }
    expect(() => read({ messages: [...turns(1), tooLong] }, { overflow: 'truncate' })).toThrow(
      /last turn alone/,
    )
  })

  it('of raw text loses its beginning', () => {
    const text = Array.from({ length: 100 }, (_, i) => `${i} `).join('')
    const kept = read({ text }, { overflow: 'truncate', maxTokens: 50 })
    expect(kept).toHaveLength(207)
    expect(text.endsWith(kept)).toBe(true)
    expect(read({ text: `${'😀'.repeat(1e5)}end` }, { overflow: 'truncate', maxTokens: 255 })).toMatch(
      /😀end$/,
    )
  })

  it.each([
    [{ messages: [] }, /no messages/],
    [{ ids: [] }, /empty/],
    [{ ids: [259] }, /token 0 is 259/],
  ])('that is none is refused (%#)', (prompt, message) => {
    expect(() => read(prompt)).toThrow(message)
  })
})
