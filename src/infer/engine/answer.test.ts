import { beforeAll, describe, expect, it } from 'vitest'
import { Rng } from '../../rng.js'
import type { Tokenizer } from '../../text/index.js'
import { createToolCallParser } from '../constrain/index.js'
import { Answer } from './answer.js'
import { checkRequest } from './request.js'
import { byteTokenizer } from './testing/tiny-models.js'
import type { GenerationEvent, GenerationRequest } from './types.js'

let tokenizer: Tokenizer
beforeAll(async () => {
  tokenizer = await byteTokenizer()
})

const END = 256

/** What an answer tells when the model is certain of these tokens, one after the other. */
function told(
  tokens: readonly number[],
  request: Partial<GenerationRequest> = {},
  parts: { capacity?: number; tools?: boolean } = {},
): GenerationEvent[] {
  const events: GenerationEvent[] = []
  const answer = new Answer({
    request: checkRequest({ model: 'm', prompt: { text: '' }, ...request }),
    promptTokens: [...tokenizer.encode('prompt: ')],
    tokenizer,
    endIds: [END],
    onlyStart: false,
    capacity: parts.capacity ?? 1000,
    rng: Rng.seed(1),
    constraint: undefined,
    toolCalls: parts.tools ? createToolCallParser() : undefined,
    emit: (event) => events.push(event),
    fail: (error) => {
      throw error
    },
  })
  answer.onStart(3)
  for (const token of tokens) {
    const logits = new Float32Array(300).fill(-100)
    logits[token] = 100
    if (answer.next(logits) === undefined) {
      answer.onEnd()
      break
    }
  }
  return events
}

const ids = (text: string) => [...tokenizer.encode(text)]
const textOf = (events: readonly GenerationEvent[]) =>
  events.map((event) => (event.type === 'text' ? event.text : '')).join('')

describe('an answer', () => {
  it('tells its text and how it ended', () => {
    expect(told([...ids('Hi'), END])).toEqual([
      { type: 'start', promptTokens: 8, cachedTokens: 3 },
      { type: 'text', text: 'H' },
      { type: 'text', text: 'i' },
      {
        type: 'end',
        reason: 'stop',
        usage: { promptTokens: 8, cachedTokens: 3, completionTokens: 3 },
      },
    ])
  })

  it('ends with its tokens, or with the context', () => {
    const reason = (events: GenerationEvent[]) => {
      const last = events.at(-1)!
      return last.type === 'end' ? [last.reason, last.usage.completionTokens] : last
    }
    expect(reason(told(ids('abcdef'), { maxTokens: 4 }))).toEqual(['length', 4])
    expect(reason(told(ids('abcdef'), { maxTokens: 4 }, { capacity: 10 }))).toEqual(['length', 3])
    expect(reason(told([END, ...ids('ab'), END], { stopAtEos: false, maxTokens: 4 }))).toEqual(['length', 4])
  })

  it('never splits a character', () => {
    const events = told([...ids('a😀é中'), END])
    const pieces = events.flatMap((event) => (event.type === 'text' ? [event.text] : []))
    expect(pieces).toEqual(['a', '😀', 'é', '中'])
    // What ends inside of one is told as such.
    expect(textOf(told(ids('😀').slice(0, 2), { maxTokens: 2 }))).toBe('\ufffd')
  })

  it('ends before a stop string, wherever tokens begin, and names it', () => {
    const events = told(ids('one STOP two'), { stop: ['nothing', 'STOP', 'OP'] })
    expect(textOf(events)).toBe('one ')
    expect(events.at(-1)).toMatchObject({ reason: 'stop', stopString: 'STOP' })
    const partial = told([...ids('one ST'), END], { stop: ['STOP'] })
    expect(textOf(partial)).toBe('one ST')
    expect(partial.at(-1)).not.toHaveProperty('stopString')
  })

  it('tells the log-probabilities of the tokens of its text, and of no others', () => {
    const tokens = (events: GenerationEvent[]) =>
      events.flatMap((event) => (event.type === 'text' ? (event.logprobs ?? []) : []))
    const plain = tokens(told([...ids('aé'), END], { logprobs: 2 }))
    expect(plain.map(({ id, bytes }) => [id, bytes])).toEqual(
      ids('aé').map((id) => [id, [...tokenizer.idToBytes(id)]]),
    )
    expect(plain[0]).toMatchObject({ token: 'a', top: [{ token: 'a' }, {}] })
    expect(plain[0]!.logprob).toBeCloseTo(0, 6)
    expect(plain[0]!.top[1]!.logprob).toBeCloseTo(-200, 3)
    const ended = tokens(told([END, ...ids('a')], { stopAtEos: false, maxTokens: 2, logprobs: 0 }))
    expect(ended.map(({ token, bytes }) => [token, bytes])).toEqual([
      ['<|endoftext|>', []],
      ['a', [97]],
    ])
    const stopped = tokens(told(ids('one STOP'), { stop: ['STOP'], logprobs: 0 }))
    expect(stopped.map(({ token }) => token).join('')).toBe('one ')
    expect(stopped.every(({ top }) => top.length === 0)).toBe(true)
    const held = tokens(told([...ids('one ST'), END], { stop: ['STOP'], logprobs: 0 }))
    expect(held.map(({ token }) => token).join('')).toBe('one ST')
  })

  it('can begin with its prompt', () => {
    expect(textOf(told([...ids('Hi'), END], { echo: true }))).toBe('prompt: Hi')
  })

  it('tells calls of tools apart from text', () => {
    const call = '<tool_call>{"name": "f", "arguments": {"x": [1, "}"]}}</tool_call>'
    const events = told([...ids(`Wait. ${call}`), END], {}, { tools: true })
    expect(textOf(events)).toBe('Wait.')
    const calls = events.flatMap((event) => (event.type === 'toolCall' ? [event] : []))
    expect(new Set(calls.map(({ id }) => id)).size).toBe(1)
    expect(calls.every(({ name, index }) => name === 'f' && index === 0)).toBe(true)
    expect(JSON.parse(calls.map((piece) => piece.arguments).join(''))).toEqual({ x: [1, '}'] })
    expect(events.at(-1)).toMatchObject({ type: 'end', reason: 'toolCalls' })
  })

  it('follows penalties and biases', () => {
    const drawn = (request: Partial<GenerationRequest>) => {
      const events: GenerationEvent[] = []
      const answer = new Answer({
        request: checkRequest({ model: 'm', prompt: { text: '' }, temperature: 0, maxTokens: 4, ...request }),
        promptTokens: [97],
        tokenizer,
        endIds: [END],
        onlyStart: false,
        capacity: 100,
        rng: Rng.seed(1),
        constraint: undefined,
        toolCalls: undefined,
        emit: (event) => events.push(event),
        fail: () => {},
      })
      const logits = new Float32Array(259)
      logits.set([4, 3, 2.5, 2], 97)
      while (answer.next(logits) !== undefined) {}
      return answer.tokens.slice(1).map((id) => id - 97)
    }
    expect(drawn({})).toEqual([0, 0, 0, 0])
    expect(drawn({ logitBias: { '99': 5 } })).toEqual([2, 2, 2, 2])
    expect(drawn({ logitBias: { '97': -100 } })).toEqual([1, 1, 1, 1])
    expect(drawn({ presencePenalty: 1.2 })).toEqual([0, 1, 0, 0])
    expect(drawn({ frequencyPenalty: 0.7 })).toEqual([0, 0, 1, 0])
    // The prompt counts for this one.
    expect(drawn({ repetitionPenalty: 2 })).toEqual([1, 2, 0, 0])
  })
})
