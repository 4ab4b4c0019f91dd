import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { chatmlTemplate } from '../../text/chat/chatml.js'
import { templateFormat } from '../../text/chat/template-format.js'
import { CHATML_TOKENS, createChatFormat, loadGpt2Files, withSpecialTokens } from '../../text/index.js'
import { DataError } from '../document.js'
import { readDialogues, readPairs, readPrompts, readRankings, type SkippedRecord } from './index.js'

let dir: string
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'athanor-dialogues-'))
})
afterEach(() => rm(dir, { recursive: true }))

async function put(content: string | Uint8Array | object[], name = 'data.jsonl'): Promise<string> {
  const path = join(dir, name)
  const bytes = Array.isArray(content) ? content.map((line) => JSON.stringify(line)).join('\n') : content
  await writeFile(path, bytes as string | Uint8Array)
  return path
}

type Reader<T> = (
  paths: readonly string[],
  options: { onSkip(skip: SkippedRecord): void; limit?: number },
) => AsyncIterable<T>

async function readAll<T>(read: Reader<T>, paths: string | string[], limit?: number) {
  const items: T[] = []
  const skipped: SkippedRecord[] = []
  const options = {
    onSkip: (skip: SkippedRecord) => skipped.push(skip),
    ...(limit === undefined ? {} : { limit }),
  }
  for await (const item of read([paths].flat(), options)) items.push(item)
  return { items, skipped, reasons: skipped.map(({ reason }) => reason) }
}

const user = (content: string) => ({ role: 'user', content })
const assistant = (content: string) => ({ role: 'assistant', content })
const good = { messages: [user('Hello'), assistant('Hi')] }

describe('readDialogues', () => {
  it('knows the forms that data sets have', async () => {
    const path = await put([
      { messages: [{ role: 'system', content: 'S' }, user('a'), assistant('b')], id: 7, category: 'x' },
      {
        conversations: [
          { from: 'human', value: 'a' },
          { from: 'gpt', value: 'b' },
        ],
        system: 'S',
      },
      { instruction: 'a', input: '', output: 'b' },
      { instruction: 'a', input: 'x', output: 'b', system: 'S', history: [['q', 'r']] },
      {
        instruction: 'a',
        instances: [
          { input: '1', output: 'b' },
          { input: '', output: 'c' },
        ],
      },
      { prompt: 'a', completion: 'b' },
      { prompt: [user('a')], completion: [assistant('b')] },
      { question: 'a', answer: 'b' },
      { instruction: 'a', context: 'x', response: 'b' },
      { messages: [user('a'), { role: 'assistant', content: [{ type: 'text', text: 'b' }] }] },
    ])
    const S = { role: 'system', content: 'S' }
    const { items, skipped } = await readAll(readDialogues, path)
    expect(skipped).toEqual([])
    expect(items).toEqual([
      { messages: [S, user('a'), assistant('b')], id: '7', category: 'x' },
      { messages: [S, user('a'), assistant('b')] },
      { messages: [user('a'), assistant('b')] },
      { messages: [S, user('q'), assistant('r'), user('a\n\nx'), assistant('b')] },
      { messages: [user('a\n\n1'), assistant('b')] },
      { messages: [user('a'), assistant('c')] },
      { messages: [user('a'), assistant('b')] },
      { messages: [user('a'), assistant('b')] },
      { messages: [user('a'), assistant('b')] },
      { messages: [user('a\n\nx'), assistant('b')] },
      { messages: [user('a'), assistant('b')] },
    ])
  })

  it('reads calls of tools, and tools', async () => {
    const path = await put([
      {
        tools: '[{"name":"f"}]',
        conversations: [
          { from: 'human', value: 'a' },
          { from: 'function_call', value: '{"name": "f", "arguments": {"x": 1}}' },
          { from: 'observation', value: '2' },
          { from: 'gpt', value: 'b' },
        ],
      },
      {
        messages: [
          user('a'),
          {
            role: 'assistant',
            content: null,
            tool_calls: [{ id: 'c1', type: 'function', function: { name: 'f', arguments: '{"x":1}' } }],
          },
          { role: 'tool', tool_call_id: 'c1', content: '2' },
          assistant('b'),
        ],
      },
      {
        messages: [
          user('a'),
          { role: 'assistant', content: '', toolCalls: [{ id: 'c1', name: 'f', arguments: { x: 1 } }] },
          { role: 'tool', toolCallId: 'c1', content: '2' },
          assistant('b'),
        ],
      },
    ])
    const { items } = await readAll(readDialogues, path)
    const call = { name: 'f', arguments: { x: 1 } }
    expect(items[2]).toEqual(items[1])
    expect(items.slice(0, 2)).toEqual([
      {
        tools: [{ name: 'f' }],
        messages: [
          user('a'),
          { role: 'assistant', content: '', toolCalls: [call] },
          { role: 'tool', content: '2' },
          assistant('b'),
        ],
      },
      {
        messages: [
          user('a'),
          { role: 'assistant', content: '', toolCalls: [{ ...call, id: 'c1' }] },
          { role: 'tool', content: '2', toolCallId: 'c1' },
          assistant('b'),
        ],
      },
    ])
  })

  it('passes over what it cannot use, and says where and why', async () => {
    const lines = [
      JSON.stringify(good),
      '{"messages": [',
      '',
      '[1]',
      JSON.stringify({ messages: [] }),
      JSON.stringify({ messages: [assistant('I begin'), user('x')] }),
      JSON.stringify({ messages: [{ role: 'wizard', content: 'x' }] }),
      JSON.stringify({ messages: [user('x'), assistant('  ')] }),
      JSON.stringify({ messages: [user('x'), { role: 'assistant' }] }),
      JSON.stringify({ instruction: 'x' }),
      JSON.stringify({ text: 'x' }),
      JSON.stringify({ ...good, label: false }),
      JSON.stringify({ messages: [user('x'), { role: 'assistant', content: [{ type: 'image' }] }] }),
      JSON.stringify(good),
    ]
    const path = await put(lines.join('\n'))
    const { items, skipped } = await readAll(readDialogues, path)
    expect(items).toHaveLength(2)
    expect(skipped.map(({ line, reason }) => `${line}: ${reason.split(';')[0]}`)).toEqual([
      expect.stringMatching(/^2: not valid JSON/),
      '4: not a JSON object',
      '5: "messages" has no message',
      '6: the dialogue starts with the assistant',
      '7: message 1 has the role "wizard"',
      "8: the assistant's answer (message 2) is empty",
      '9: message 2 has no text',
      '10: there is no answer ("output" or "response" or "completion")',
      '11: no known form of a dialogue: it has text',
      '12: its label is false: people did not like the answer',
      '13: message 2 holds something else than text',
    ])
    expect(skipped.every(({ file }) => file === path)).toBe(true)
  })

  it('ends with an error past the limit, and at once where nobody listens', async () => {
    const path = await put([good, {}, {}, good])
    await expect(readAll(readDialogues, path, 1)).rejects.toThrow(
      /data\.jsonl, line 3: .* More than 1 such record/,
    )
    const silent = readDialogues([path])
    expect(await silent.next()).toMatchObject({ value: good })
    await expect(silent.next()).rejects.toThrow(expect.objectContaining({ code: 'data-malformed' }))
  })

  it('reads arrays, broken elements apart, with the lines in which they begin', async () => {
    const path = await put(
      `\n[\n  ${JSON.stringify(good, null, 2)},\n  {"messages": oops},\n  {"a": "]},{["},\n  ${JSON.stringify(good)}\n]\n`,
      'data.json',
    )
    const { items, skipped } = await readAll(readDialogues, path)
    expect(items).toHaveLength(2)
    expect(skipped.map(({ line }) => line)).toEqual([15, 16])
  })

  it('says that an array was cut off', async () => {
    const path = await put(`[${JSON.stringify(good)}, {"messages": [`, 'data.json')
    expect((await readAll(readDialogues, path)).reasons).toEqual([expect.stringMatching(/not valid JSON/)])
    await expect(readAll(readDialogues, await put(`[${JSON.stringify(good)},`, 'x.json'))).rejects.toThrow(
      /the array is never closed/,
    )
  })

  it('reads gzip, byte order marks, Windows line ends, and folders', async () => {
    await put(gzipSync(`\ufeff${JSON.stringify(good)}\r\n${JSON.stringify(good)}\r\n`), 'a.jsonl.gz')
    await put([good], 'b.json')
    await put('not data', 'c.txt')
    expect((await readAll(readDialogues, dir)).items).toHaveLength(3)
  })

  it('passes over lines that are not UTF-8', async () => {
    const line = Buffer.from(`${JSON.stringify(good)}\n`)
    const path = await put(Buffer.concat([line, Buffer.from('{"a":"\xff"}\n', 'latin1'), line]))
    expect(await readAll(readDialogues, path)).toMatchObject({
      items: { length: 2 },
      skipped: [{ line: 2, reason: 'not UTF-8' }],
    })
  })

  it.each([
    ['nothing', '', 'data-empty', /no usable dialogue/],
    ['only broken lines', '{', 'data-empty', /line 1: not valid JSON/],
    ['an empty array', '[]', 'data-empty', /no usable dialogue/],
    ['damaged gzip', gzipSync('x'.repeat(500)).subarray(0, 20), 'data-malformed', /damaged gzip/],
  ])('says what is wrong with a file that holds %s', async (_, content, code, message) => {
    const error = await readAll(readDialogues, await put(content)).catch((error) => error)
    expect(error).toBeInstanceOf(DataError)
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) })
  })

  it('says that a file is missing, or none is named', async () => {
    await expect(readAll(readDialogues, join(dir, 'no.jsonl'))).rejects.toThrow(/there is no file or folder/)
    await expect(readAll(readDialogues, [])).rejects.toThrow(/no files of dialogues are named/)
  })
})

describe('readPrompts', () => {
  it('leaves the last answer away and keeps what a judge needs', async () => {
    const path = await put([
      { messages: [user('a'), assistant('b'), user('c')], check: { kind: 'fact' }, id: '1' },
      { messages: [user('a'), assistant('b')] },
      { prompt: 'a', chosen: 'x', rejected: 'y' },
      { prompt: [user('a')] },
      { instruction: 'a', input: 'b' },
      { messages: [{ role: 'system', content: 'only' }] },
    ])
    const { items, reasons } = await readAll(readPrompts, path)
    expect(items).toEqual([
      { messages: [user('a'), assistant('b'), user('c')], check: { kind: 'fact' }, id: '1' },
      { messages: [user('a')] },
      { messages: [user('a')] },
      { messages: [user('a')] },
      { messages: [user('a\n\nb')] },
    ])
    expect(reasons).toEqual(['there is no question of a user to answer'])
  })
})

describe('readPairs and readRankings', () => {
  const pair = { prompt: [user('q')], chosen: 'good', rejected: 'bad' }

  it('know the forms that data sets have', async () => {
    const path = await put([
      { ...pair, margin: 2, category: 'c', check: [1] },
      { prompt: 'q', chosen: 'good', rejected: 'bad' },
      { prompt: 'q', chosen: [user('q'), assistant('good')], rejected: [user('q'), assistant('bad')] },
      { prompt: [user('q')], chosen: [assistant('good')], rejected: [assistant('bad')] },
      { chosen: [user('q'), assistant('good')], rejected: [user('q'), assistant('bad')] },
      { chosen: '\n\nHuman: q\n\nAssistant: good', rejected: '\n\nHuman: q\n\nAssistant: bad' },
      {
        conversations: [{ from: 'human', value: 'q' }],
        chosen: { from: 'gpt', value: 'good' },
        rejected: { from: 'gpt', value: 'bad' },
      },
      { instruction: 'q', input: '', output: 'good', chosen: 'good', rejected: 'bad' },
    ])
    const { items, skipped } = await readAll(readPairs, path)
    expect(skipped).toEqual([])
    expect(items).toEqual([{ ...pair, margin: 2, category: 'c', check: [1] }, ...Array(7).fill(pair)])
    const { chosen, rejected, ...others } = pair
    expect((await readAll(readRankings, path)).items[1]).toEqual({
      ...others,
      answers: [chosen, rejected],
      ranks: [1, 2],
    })
  })

  it('make every two answers that are not tied a pair', async () => {
    const path = await put([
      { prompt: 'q', answers: ['a', 'b', 'c'], ranks: [2, 1, 2], labeler: 'L' },
      { prompt: 'q', answers: ['a', 'b'], ranks: [1, 1] },
      { prompt: 'q', answers: ['a'], ranks: [1] },
    ])
    const pairs = await readAll(readPairs, path)
    expect(pairs.items.map(({ chosen, rejected }) => chosen + rejected)).toEqual(['ba', 'bc'])
    expect(pairs.reasons).toEqual(['all answers are tied', 'a ranking needs two answers or more'])
    const rankings = await readAll(readRankings, path)
    expect(rankings.items.map(({ ranks }) => ranks)).toEqual([
      [2, 1, 2],
      [1, 1],
    ])
  })

  it('pass over what is no preference', async () => {
    const path = await put([
      pair,
      { ...pair, rejected: 'good' },
      { ...pair, rejected: ' ' },
      { ...pair, prompt: [assistant('x')] },
      { ...pair, prompt: [user('q'), assistant('x')] },
      { ...pair, margin: 'much' },
      { prompt: 'q', answers: ['a', 'b'], ranks: [1] },
      { prompt: 'q', answers: ['a', 'b'], ranks: [0, 1] },
      { chosen: 'no prompt', rejected: 'none' },
      { chosen: '\n\nHuman: q\n\nAssistant: a', rejected: '\n\nHuman: other\n\nAssistant: b' },
      { instruction: 'q' },
    ])
    const { items, reasons } = await readAll(readPairs, path)
    expect(items).toHaveLength(1)
    expect(reasons.map((reason) => reason.split(';')[0])).toEqual([
      'the chosen and the rejected answer are the same',
      'the rejected answer is empty',
      'the dialogue starts with the assistant',
      'the prompt must end with a message of the user',
      '"margin" must be a number',
      'there are 2 answers and 1 ranks',
      '"ranks" must be a list of whole numbers from 1 on',
      '"chosen" is an answer without a prompt, or a dialogue that does not begin with "Human:"',
      'the chosen and the rejected dialogue differ before their last answers',
      'no known form of a preference: it has instruction',
    ])
  })
})

const data = process.env.ATHANOR_TEST_DATA
describe.skipIf(!data)('data sets of others', () => {
  const at = (...path: string[]) => join(data!, ...path)

  it.each([
    ['llamafactory-demo/alpaca_en_demo.json', 999, 0],
    ['llamafactory-demo/alpaca_zh_demo.json', 1000, 0],
    ['llamafactory-demo/identity.json', 91, 0],
    ['llamafactory-demo/glaive_toolcall_en_demo.json', 300, 0],
    ['instruct-rasbt/instruction-data.json', 1100, 0],
    ['instruct-rasbt/instruction-data-with-preference.json', 1100, 0],
    ['self-instruct/seed_tasks.jsonl', 175, 0],
  ])('dialogues of %s', async (name, count, passedOver) => {
    const { items, skipped } = await readAll(readDialogues, at(name))
    expect([items.length, skipped]).toEqual([count, expect.objectContaining({ length: passedOver })])
    for (const { messages } of items) expect(messages.at(-1)!.role).toBe('assistant')
  })

  it.each([
    ['hh-rlhf-harmless/harmless-base-test.jsonl.gz', 2312, 9],
    ['llamafactory-demo/dpo_en_demo.json', 300, 0],
    ['llamafactory-demo/dpo_zh_demo.json', 300, 0],
    ['instruct-rasbt/instruction-data-with-preference.json', 1100, 6],
  ])('pairs of %s', async (name, count, passedOver) => {
    const { items, skipped } = await readAll(readPairs, at(name))
    expect([items.length + skipped.length, skipped.length, skipped]).toEqual([count, passedOver, skipped])
    expect((await readAll(readRankings, at(name))).items).toHaveLength(items.length)
  })

  it('answers that people did not like are not demonstrations', async () => {
    const { items, reasons } = await readAll(readDialogues, at('llamafactory-demo/kto_en_demo.json'))
    expect(items.length + reasons.length).toBe(300)
    expect(new Set(reasons)).toEqual(new Set(['its label is false: people did not like the answer']))
  })

  it('Chinese comes through as it is', async () => {
    const { items } = await readAll(readDialogues, at('llamafactory-demo/alpaca_zh_demo.json'))
    expect(items[0]!.messages[0]!.content).toBe('识别并解释给定列表中的两个科学理论：细胞理论和日心说。')
  })

  it('ChatML writes real dialogues as its template does, calls of tools and Chinese included', async () => {
    const tokenizer = withSpecialTokens(await loadGpt2Files(at('gpt2-bpe')), CHATML_TOKENS)
    const [fast, slow] = [createChatFormat(tokenizer), templateFormat(tokenizer, chatmlTemplate)]
    for (const name of ['alpaca_en_demo', 'alpaca_zh_demo', 'glaive_toolcall_en_demo']) {
      const { items } = await readAll(readDialogues, at('llamafactory-demo', `${name}.json`))
      for (const { messages, tools = [] } of items.slice(0, 60)) {
        const [left, right] = [fast.encode(messages, { tools }), slow.encode(messages, { tools })]
        expect(right.ids).toEqual(left.ids)
        expect(right.mask).toEqual(left.mask)
        const said = messages.filter(({ role }) => role === 'assistant').length
        expect(left.mask.filter((one, i) => one && !left.mask[i + 1])).toHaveLength(said)
      }
    }
  })
})
