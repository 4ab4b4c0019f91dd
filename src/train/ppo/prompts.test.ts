import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { CHATML_TOKENS, createChatFormat, trainCharTokenizer, withSpecialTokens } from '../../text/index.js'
import { encodePrompts, loadPrompts } from './prompts.js'

const letters = trainCharTokenizer(['abcdefghijklmnopqrstuvwxyz \n?'])
const chat = createChatFormat(withSpecialTokens(letters, CHATML_TOKENS))
// <|im_start|>user\nwhy?<|im_end|>\n<|im_start|>assistant\n: 23 tokens
const why = { messages: [{ role: 'user', content: 'why?' }] } as const
const options = { maxSkipped: 100 }

it('passes over prompts that leave no room for an answer', () => {
  const long = { messages: [{ role: 'user', content: 'why? '.repeat(10) }] } as const
  const texts: string[] = []
  const onEvent = (event: { type: string; text?: string }) => void texts.push(event.text!)
  const fitting = encodePrompts([why, long], chat, 64, { ...options, maxTokens: 30, onEvent })
  expect(fitting.map(({ prompt }) => prompt)).toEqual([why])
  expect(texts).toEqual(['1 of 2 prompts are longer than 35 tokens and were passed over'])
})

it.each([
  [{ maxTokens: 467 }, /answers of maxTokens 467 leave no room for a prompt: the context is 64 tokens/],
  [{ maxTokens: 60 }, /longer than 5 tokens, what a context of 64 leaves beside answers of 60.*maxTokens/],
  [{ maxTokens: 30, maxPromptTokens: 9 }, /longer than 9 tokens; raise maxPromptTokens/],
])('says what to change where no prompt fits: %o', (more, message) => {
  expect(() => encodePrompts([why], chat, 64, { ...options, ...more })).toThrow(message)
})

it('names the first broken lines of a file and counts the others', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'athanor-prompts-'))
  try {
    const file = join(dir, 'prompts.jsonl')
    await writeFile(file, `${'{}\n'.repeat(40)}${JSON.stringify(why)}\n`)
    const texts: string[] = []
    const onEvent = (event: { type: string; text?: string }) => void texts.push(event.text!)
    expect(await loadPrompts([file], { ...options, maxTokens: 8, onEvent })).toHaveLength(1)
    expect(texts).toHaveLength(6)
    expect(texts[5]).toBe('40 records were passed over in all')
    const stopped = loadPrompts([file], { ...options, maxTokens: 8, signal: AbortSignal.abort() })
    await expect(stopped).rejects.toMatchObject({ name: 'AbortError' })
  } finally {
    await rm(dir, { recursive: true })
  }
})

it('passes over prompts that the chat format cannot write, with their lines', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'athanor-prompts-'))
  try {
    const file = join(dir, 'prompts.jsonl')
    const strange = { messages: [{ role: 'user', content: 'où?' }] }
    await writeFile(file, [why, strange].map((prompt) => `${JSON.stringify(prompt)}\n`).join(''))
    const texts: string[] = []
    const onEvent = (event: { type: string; text?: string }) => void texts.push(event.text!)
    expect(await loadPrompts([file], { ...options, chat, maxTokens: 8, onEvent })).toHaveLength(1)
    expect(texts[0]).toMatch(/prompts\.jsonl:2 was passed over: .*"ù"/)
  } finally {
    await rm(dir, { recursive: true })
  }
})
