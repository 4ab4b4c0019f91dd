import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { trainCharTokenizer, withSpecialTokens } from '../text/index.js'
import { evaluate, saveResults } from './evaluate.js'
import { scoreJudge } from './judges/judge.js'
import { perplexity } from './perplexity.js'
import { findTask, listTasks } from './registry.js'
import { defineTask, loadRows } from './task.js'
import { randomModel } from './testing/models.js'

let dir: string
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'athanor-eval-'))
})
afterAll(() => rm(dir, { recursive: true }))

const file = async (name: string, rows: readonly unknown[]) => {
  const path = join(dir, name)
  await writeFile(path, rows.map((row) => (typeof row === 'string' ? row : JSON.stringify(row))).join('\n'))
  return path
}
const model = randomModel()

describe('the registry', () => {
  it('finds every file of the folder, each exporting the task of its name', async () => {
    const tasks = await listTasks()
    expect(tasks.length).toBeGreaterThan(12)
    for (const { name, summary, data } of tasks) {
      expect((await findTask(name)).name).toBe(name)
      expect(`${summary}${data}`).not.toContain('undefined')
    }
  })

  it('names the tasks there are where one is not', async () => {
    await expect(findTask('nosuch')).rejects.toThrow(/no task "nosuch"; there are banking77, .*squad/)
    await expect(evaluate(model, '../evaluate')).rejects.toMatchObject({ code: 'eval/task' })
  })
})

describe('perplexity tasks', () => {
  it('give the numbers of perplexity', async () => {
    const texts = ['the quick brown fox', 'jumps over', 'the lazy dog. '.repeat(40)]
    const data = [
      await file(
        'texts.jsonl',
        texts.map((text) => ({ text })),
      ),
    ]
    const result = await evaluate(model, 'bits-per-byte', { data })
    const { loss, bitsPerByte } = await perplexity(model, texts)
    expect(result.metrics.loss!.value).toBeCloseTo(loss, 4)
    expect(result.metrics.bitsPerByte!.value).toBeCloseTo(bitsPerByte, 4)
    const { low, value, high } = result.metrics.bitsPerByte!
    expect(low).toBeLessThanOrEqual(value)
    expect(high).toBeGreaterThanOrEqual(value)
    expect(result.rows).toHaveLength(3)
  })
})

describe('multiple choice', () => {
  it('takes the likeliest, raw, by token and by byte, as perplexity would order them', async () => {
    const rows = Array.from({ length: 12 }, (_, i) => ({
      question: `what is ${i}?`,
      choices: ['no', 'something longer', `number ${i}`],
      answer: i % 3,
    }))
    const data = [await file('mc.jsonl', rows)]
    const result = await evaluate(model, 'multiple-choice', { data })
    let [right, byByte] = [0, 0]
    for (const row of rows) {
      const context = `Question: ${row.question}\nAnswer:`
      const nats = async (text: string) => {
        const { loss, tokens } = await perplexity(model, [text])
        return -loss * tokens
      }
      // The prompt has no start token of its own, and perplexity's first token has one: differences are compared only loosely.
      const sums: number[] = []
      for (const choice of row.choices)
        sums.push((await nats(`${context} ${choice}`)) - (await nats(context)))
      const best = (values: number[]) => values.indexOf(Math.max(...values))
      if (best(sums) === row.answer) right++
      if (best(sums.map((sum, i) => sum / row.choices[i]!.length)) === row.answer) byByte++
    }
    expect(Math.abs(result.metrics.accuracy!.value * 12 - right)).toBeLessThanOrEqual(1)
    expect(Math.abs(result.metrics.accuracyPerByte!.value * 12 - byByte)).toBeLessThanOrEqual(1)
    expect(result.metrics.accuracy!.method).toBe('wilson')
    expect(Object.keys(result.metrics)).toEqual([
      'accuracy',
      'accuracyPerToken',
      'accuracyPerByte',
      'goldMass',
      'calibrationError',
    ])
  })

  it('reads letters, indices and texts as the answer, and leaves out what is none of the choices', async () => {
    const path = join(dir, 'mc.csv')
    await writeFile(path, 'question,A,B,C,answer\nq1,x,y,z,B\nq2,x,y,,y\nq3,x,y,z,D\nq4,1,0,2,0\n')
    const result = await evaluate(model, 'multiple-choice', { data: [path] })
    expect(result.rows.map(({ expected }) => expected)).toEqual(['y', 'y', '0'])
    expect(result.skipped).toMatchObject({ count: 1, first: [{ line: 4 }] })
  })
})

const echo = defineTask<{ question: string; answer: string }>({
  name: 'echo',
  summary: 'a task of the caller',
  kind: 'generation',
  data: 'JSON Lines',
  primary: 'length',
  maxTokens: 5,
  load: (options) => loadRows(options, z.object({ question: z.string(), answer: z.string() })),
  prompt: ({ question }) => ({ text: `Q: ${question}\nA:` }),
  answer: ({ answer }) => answer,
  score: (answer, { question }) => ({ length: answer.length, ...(question === 'q1' ? { odd: 1 } : {}) }),
})

describe('generation and shots', () => {
  const rows = Array.from({ length: 9 }, (_, i) => ({ question: `q${i}`, answer: `a${i}` }))

  it('runs a task given by the caller, and scores only where there is a score', async () => {
    const result = await evaluate(model, echo, { data: [await file('echo.jsonl', rows)] })
    expect(result.rows).toHaveLength(9)
    expect(result.metrics.odd).toMatchObject({ n: 1, value: 1 })
    expect(result.metrics.length!.n).toBe(9)
  })

  it('draws shots by the seed, never the example itself, from the train part where there is one', async () => {
    const data = [await file('echo.jsonl', rows)]
    const first = await evaluate(model, echo, { data, shots: 3, seed: 4 })
    for (const { prompt } of first.rows) {
      const parts = prompt!.split('\n\n')
      expect(parts).toHaveLength(4)
      expect(new Set(parts.map((part) => part.split('\n')[0])).size).toBe(4)
    }
    expect((await evaluate(model, echo, { data, shots: 3, seed: 4 })).rows).toEqual(first.rows)
    expect((await evaluate(model, echo, { data, shots: 3, seed: 5 })).rows).not.toEqual(first.rows)
    const train = [await file('train.jsonl', [rows[0], { question: 't', answer: 'u' }])]
    const trained = await evaluate(model, echo, { data, train, shots: 1 })
    expect(trained.rows[0]!.prompt).toBe('Q: t\nA: u\n\nQ: q0\nA:')
    await expect(evaluate(model, echo, { data, train, shots: 2 })).rejects.toThrow(/1 examples to show and 2/)
  })

  it('measures a sample drawn by the seed, and says how many there were', async () => {
    const data = [await file('echo.jsonl', rows)]
    const result = await evaluate(model, echo, { data, limit: 4, seed: 1 })
    expect([result.examples, result.available]).toEqual([4, 9])
    expect(result.rows.map(({ prompt }) => prompt)).not.toEqual(['q0', 'q1', 'q2', 'q3'])
  })

  it('says where prompts lost their beginning', async () => {
    const data = [await file('long.jsonl', [{ question: 'x'.repeat(400), answer: 'y' }])]
    expect((await evaluate(model, echo, { data })).truncated).toBe(1)
  })

  it('asks a chat model in its format, by generation and by likelihood', async () => {
    const letters = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .,:?\n'
    const tokenizer = withSpecialTokens(trainCharTokenizer([letters]), ['<|im_start|>', '<|im_end|>'])
    const chatModel = randomModel({ tokenizer, eosIds: [tokenizer.tokenToId('<|im_end|>')!] })
    const data = [await file('echo.jsonl', rows)]
    const written = await evaluate(chatModel, echo, { data, shots: 1 })
    expect(written.chat).toBe(true)
    expect(written.rows[0]!.prompt).toMatch(/^User: Q: q\d\nA:\nAssistant: a\d\nUser: Q: q0\nA:\nAssistant:$/)
    const choices = [{ question: 'what?', choices: ['this', 'that'], answer: 0 }]
    const chosen = await evaluate(chatModel, 'multiple-choice', { data: [await file('c.jsonl', choices)] })
    expect([chosen.chat, chosen.rows[0]!.prompt]).toEqual([true, 'User: what?\nAssistant:'])
    expect((await evaluate(chatModel, echo, { data, chat: false })).chat).toBe(false)
  })

  it.each([
    [{ shots: -1 }, /shots must be/],
    [{ limit: 0 }, /limit must be/],
    [{ level: 2 }, /level must/],
    [{ chat: true }, /no chat format/],
  ])('refuses %j', async (options, message) => {
    const data = [await file('echo.jsonl', rows)]
    await expect(evaluate(model, echo, { data, ...options })).rejects.toThrow(message)
  })

  it('refuses an empty set, and shots for a task that has none', async () => {
    await expect(evaluate(model, echo, { data: [await file('none.jsonl', [])] })).rejects.toThrow(
      /no examples/,
    )
    await expect(evaluate(model, echo, {})).rejects.toThrow(/echo has no examples; it needs JSON Lines/)
    await expect(evaluate(model, 'blimp', { shots: 1 })).rejects.toThrow(/takes no shots/)
  })
})

describe('classification', () => {
  it.each(['likelihood', 'generation'])('by %s gives the usual scores', async (by) => {
    const rows = Array.from({ length: 8 }, (_, i) => ({
      text: `text ${i}`,
      label: i % 2 ? 'good_one' : 'bad',
    }))
    const result = await evaluate(model, 'classification', {
      data: [await file('labels.jsonl', rows)],
      settings: { by },
      shots: 2,
    })
    expect(result.metrics).toMatchObject({ accuracy: { n: 8 }, macroF1: { n: 8 }, matthews: { n: 8 } })
    expect(result.notes[0]).toBe(`2 labels, by ${by}`)
  })
})

describe('pairwise', () => {
  const rows = [
    { prompt: 'hi', reference: 'a reference' },
    { prompt: 'ho', reference: 'x' },
  ]

  it('asks a judge about the answers and the references', async () => {
    const judge = scoreJudge('longer', (_, answer) => answer.length)
    const result = await evaluate(model, 'win-rate', { data: [await file('pairs.jsonl', rows)], judge })
    expect(result.metrics.winRate).toMatchObject({ value: 1, n: 2 })
    expect(result.notes[0]).toContain('judged by longer')
  })

  it('ties with itself', async () => {
    const judge = scoreJudge('longer', (_, answer) => answer.length)
    const data = [await file('pairs.jsonl', rows)]
    const result = await evaluate(model, 'win-rate', { data, judge, against: model })
    expect(result.metrics).toMatchObject({ winRate: { value: 0.5 }, ties: { value: 1 } })
    await expect(evaluate(model, 'win-rate', { data })).rejects.toThrow(/needs a judge/)
  })
})

describe('results', () => {
  it('are saved whole, in folders made on the way', async () => {
    const result = await evaluate(model, echo, {
      data: [await file('one.jsonl', [{ question: 'q', answer: 'a' }])],
    })
    const path = join(dir, 'deep', 'results.json')
    await saveResults(path, [result])
    const saved = JSON.parse(await readFile(path, 'utf8'))
    expect(saved).toMatchObject({ version: 1, results: [{ task: 'echo', rows: [{ id: '0' }] }] })
  })
})
