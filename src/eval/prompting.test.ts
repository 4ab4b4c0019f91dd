import { describe, expect, it } from 'vitest'
import { type ChatMessage, createChatFormat, trainCharTokenizer, withSpecialTokens } from '../text/index.js'
import { answersTo, askFor, chatOf } from './prompting.js'
import type { ChoiceTask, Prompt } from './task.js'
import { randomModel } from './testing/models.js'

const letters = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .,:?\n：答案'
const tokenizer = withSpecialTokens(trainCharTokenizer([letters]), ['<|im_start|>', '<|im_end|>'])
const turnEnd = tokenizer.tokenToId('<|im_end|>')!
const model = randomModel({ tokenizer, eosIds: [turnEnd] })
const chat = createChatFormat(tokenizer)

interface Example {
  readonly prompt: Prompt
  readonly gold: string
}
const task = (more: Partial<ChoiceTask<Example>> = {}): ChoiceTask<Example> => ({
  name: 'x',
  summary: '',
  data: '',
  primary: 'accuracy',
  kind: 'choice',
  load: async () => ({ examples: [], skipped: [] }),
  prompt: ({ prompt }) => prompt,
  choices: () => [],
  gold: () => [],
  answer: ({ gold }) => gold,
  ...more,
})
const question = (text: string, gold = 'gold'): Example => ({
  prompt: { text: `Q: ${text}\nA:`, user: text },
  gold,
})

describe('a chat model', () => {
  it('is one that ends its texts with a turn, or is said to be', () => {
    expect(chatOf(model)).toBe(model.chat)
    const base = randomModel({ tokenizer })
    expect(chatOf(base)).toBeUndefined()
    expect(chatOf(base, true)).toBeDefined()
    expect(chatOf(model, false)).toBeUndefined()
    expect(() => chatOf(randomModel(), true)).toThrow(/no chat format/)
  })

  it('is asked in turns: instruction, shots, question', () => {
    const asked = askFor({ model, chat }, task({ instruction: 'be brief' }), question('one?'), [
      question('two?', '2'),
    ])
    const messages: ChatMessage[] = [
      { role: 'system', content: 'be brief' },
      { role: 'user', content: 'two?' },
      { role: 'assistant', content: '2' },
      { role: 'user', content: 'one?' },
    ]
    expect(asked.ids).toEqual([...chat.encode(messages, { addGenerationPrompt: true }).ids])
  })

  it("keeps a dialogue's own system message, and puts shots behind it", () => {
    const own: Example = {
      prompt: {
        messages: [
          { role: 'system', content: 'own' },
          { role: 'user', content: 'one?' },
        ],
      },
      gold: '1',
    }
    const { text } = askFor({ model, chat }, task({ instruction: 'task' }), own, [own])
    expect(text).toBe('System: own\nUser: one?\nAssistant: 1\nUser: one?\nAssistant:')
  })

  it('has its answer scored without the end of the turn', () => {
    const asked = askFor({ model, chat }, task(), question('one?'), [])
    const { ids, from } = asked.continued('abc')
    expect(tokenizer.decode(Array.from(ids).slice(from))).toBe('abc')
    expect(from).toBe(asked.ids.length)
  })
})

describe('a base model', () => {
  it('is asked in plain text', () => {
    const asked = askFor({ model, chat: undefined }, task({ instruction: 'be brief' }), question('one?'), [
      question('two?', '2'),
    ])
    expect(asked.text).toBe('be brief\n\nQ: two?\nA: 2\n\nQ: one?\nA:')
    const { ids, from } = asked.continued('abc')
    expect(tokenizer.decode(Array.from(ids).slice(from))).toBe(' abc')
  })

  it('gets no space behind a colon of full width, and no gap where there is no prompt', () => {
    const ask = (text: string) =>
      askFor({ model, chat: undefined }, task(), { prompt: { text }, gold: '' }, [])
    const answered = ask('答案：').continued('abc')
    expect(tokenizer.decode(Array.from(answered.ids).slice(answered.from))).toBe('abc')
    expect(ask('').continued('abc')).toEqual({ ids: [turnEnd, ...tokenizer.encode('abc')], from: 1 })
  })

  it('has the answers to one prompt scored from the same place, where they begin to be their own', () => {
    const asked = {
      text: '',
      ids: [1, 2, 3],
      continued: (a: string) => (a === 'x' ? { ids: [1, 2, 9], from: 2 } : { ids: [1, 2, 3, 4], from: 3 }),
    }
    expect(answersTo(asked, ['x', 'y']).map(({ from }) => from)).toEqual([2, 2])
    expect(() => answersTo({ ...asked, continued: () => ({ ids: [1, 2, 3], from: 3 }) }, [''])).toThrow(
      /no token of its own/,
    )
  })
})
