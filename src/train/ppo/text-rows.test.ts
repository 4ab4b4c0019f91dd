import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CHATML_TOKENS, createChatFormat, trainCharTokenizer, withSpecialTokens } from '../../text/index.js'
import { type TextRowsOptions, textRows } from './text-rows.js'

const letters = trainCharTokenizer(['abcdefghijklmnopqrstuvwxyz \n'])
const tokenizer = withSpecialTokens(letters, CHATML_TOKENS)
const chat = createChatFormat(tokenizer)

let dir: string
let text: string
let dialogues: string
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'athanor-rows-'))
  text = join(dir, 'text.txt')
  dialogues = join(dir, 'dialogues.jsonl')
  await writeFile(text, 'x'.repeat(1000))
  const dialogue = (answer: string) => ({
    messages: [
      { role: 'user', content: 'why' },
      { role: 'assistant', content: answer },
    ],
  })
  const answers = ['a', 'b', 'c'].map((letter) => dialogue(letter.repeat(20)))
  await writeFile(dialogues, answers.map((each) => `${JSON.stringify(each)}\n`).join(''))
})
afterAll(() => rm(dir, { recursive: true, force: true }))

const T = 48
const rows = (more: Partial<TextRowsOptions>) =>
  textRows({
    tokenizer,
    chat,
    contextLength: T,
    batchSize: 4,
    textShare: 0.25,
    seed: 1,
    maxSkipped: 0,
    onEvent: () => {},
    ...more,
  })

/** What each row of a batch is about: the letter that it has most of. */
async function kinds(more: Partial<TextRowsOptions>, update = 0): Promise<string[]> {
  const { ids } = (await rows(more))(update)
  return Array.from({ length: 4 }, (_, row) => {
    const own = tokenizer.decode((ids.data as Int32Array).subarray(row * T, (row + 1) * T))
    return ['a', 'b', 'c', 'x'].find((letter) => own.includes(letter.repeat(10)))!
  })
}

describe('the rows that are mixed in', () => {
  it('are of each kind as many as asked for, however much there is of it', async () => {
    for (const update of [0, 1, 7])
      expect((await kinds({ text: [text], dialogues: [dialogues] }, update)).toSorted()).toEqual([
        'a',
        'b',
        'c',
        'x',
      ])
    const half = await kinds({ text: [text], dialogues: [dialogues], textShare: 0.5 })
    expect(half.filter((kind) => kind === 'x')).toHaveLength(2)
  })

  it('are all of the one kind that there is', async () => {
    expect(await kinds({ text: [text] })).toEqual(['x', 'x', 'x', 'x'])
    expect(new Set(await kinds({ dialogues: [dialogues] }))).toEqual(new Set(['a', 'b', 'c']))
  })

  it('come again only when all have been there, the same for the same seed', async () => {
    const first = [0, 1, 2].map((update) => kinds({ dialogues: [dialogues] }, update))
    const seen = (await Promise.all(first)).flat()
    for (const start of [0, 3, 6, 9]) expect(new Set(seen.slice(start, start + 3)).size).toBe(3)
    expect(await kinds({ dialogues: [dialogues] }, 2)).toEqual(seen.slice(8))
  })

  it('must be there', async () => {
    await expect(rows({})).rejects.toMatchObject({ message: expect.stringMatching(/no row of 48 tokens/) })
  })
})
