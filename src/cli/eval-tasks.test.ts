import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { EvaluateOptions, Task, TaskResult } from '../eval/index.js'
import type { LanguageModel } from '../infer/index.js'
import { type Library, library } from './library.js'
import { run } from './run.js'
import { fakeIo } from './testing/fake-io.js'

let dir: string
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'athanor-eval-cli-'))
})
afterAll(() => rm(dir, { recursive: true }))

const tasks = ['squad', 'blimp', 'win-rate'].map(
  (name) => ({ name, summary: `about ${name}`, data: 'a file' }) as Task,
)
const estimate = { value: 0.5, low: 0.25, high: 0.75, n: 4, level: 0.95, method: 'wilson' as const }
const result = (task: string): TaskResult => ({
  task,
  kind: 'choice',
  summary: '',
  primary: 'accuracy',
  metrics: { accuracy: estimate },
  model: 'm',
  chat: false,
  shots: 1,
  seed: 0,
  settings: {},
  examples: 4,
  available: 10,
  truncated: 2,
  skipped: { count: 1, first: [{ file: 'f', line: 3, reason: 'not JSON' }] },
  notes: ['a note'],
  seconds: 1,
  rows: [{ id: '0', answer: 'yes', scores: { accuracy: 1 } }],
})

/** The command, with the model and the tasks replaced. */
async function athanor(argv: readonly string[], functions: Partial<Library> = {}) {
  const io = fakeIo()
  const seen: { task: string; options: EvaluateOptions }[] = []
  const fakes: Partial<Library> = {
    listTasks: async () => tasks,
    loadModel: async (name) => ({ dir: name }) as LanguageModel,
    evaluate: async (_, task, { signal, onProgress, ...options }) => {
      seen.push({ task, options })
      return result(task)
    },
    ...functions,
  }
  const code = await run(['eval', ...argv], io, { ...library, ...fakes })
  return { code, out: io.out(), err: io.err(), seen }
}

describe('eval', () => {
  test('lists the tasks', async () => {
    const { code, out } = await athanor(['--list'])
    expect([code, out]).toEqual([0, expect.stringContaining('squad\n  about squad\n  data: a file\n')])
    expect(JSON.parse((await athanor(['--list', '--json'])).out).tasks).toHaveLength(3)
  })

  test('runs several tasks, each with its own data and what is for all', async () => {
    const flags =
      '--model m --data all.json blimp=own.jsonl --shots 2 --limit 5 --seed 3 --no-chat --set words=a=b --execute python3'
    const { code, seen, out, err } = await athanor(['squad', 'blimp', ...flags.split(' ')])
    expect(code).toBe(0)
    const options = {
      shots: 2,
      limit: 5,
      seed: 3,
      chat: false,
      settings: { words: 'a=b', execute: 'python3' },
      train: [],
    }
    expect(seen).toEqual([
      { task: 'squad', options: { ...options, data: ['all.json'] } },
      { task: 'blimp', options: { ...options, data: ['own.jsonl'] } },
    ])
    expect(out).toContain('squad (1 shot)\n  accuracy *  0.5000  [0.2500, 0.7500]\n')
    for (const part of ['4 of 10 examples', 'left out: f, line 3: not JSON', '2 prompts lost', 'a note'])
      expect(err).toContain(part)
  })

  test('prints metrics as JSON without the answers, and saves everything', async () => {
    const file = join(dir, 'deep', 'scores.json')
    const { code, out } = await athanor(['squad', '--model', 'm', '--data', 'd', '--json', '--out', file])
    expect(code).toBe(0)
    const [printed] = JSON.parse(out).results
    expect(printed).toMatchObject({ task: 'squad', metrics: { accuracy: estimate } })
    expect(printed.rows).toBeUndefined()
    expect(JSON.parse(await readFile(file, 'utf8')).results[0].rows).toHaveLength(1)
  })

  test('keeps what is measured when the next task fails', async () => {
    const file = join(dir, 'kept.json')
    const { code, err } = await athanor(['squad', 'blimp', '--model', 'm', '--out', file], {
      evaluate: async (_, task) => {
        if (task === 'blimp') throw new Error('boom')
        return result(task)
      },
    })
    expect([code, err]).toEqual([1, expect.stringContaining('boom')])
    expect(JSON.parse(await readFile(file, 'utf8')).results).toHaveLength(1)
  })

  test('asks a reward model or an endpoint to judge', async () => {
    const judges: unknown[] = []
    const fakes: Partial<Library> = {
      openAiJudge: async (options) => {
        judges.push(options)
        return { name: 'endpoint', compare: async () => [] }
      },
    }
    const flags = ['win-rate', '--model', 'm', '--against', 'n', '--judge', 'http://127.0.0.1:9/v1']
    const { code, seen } = await athanor([...flags, '--judge-model', 'j', '--judge-cache', 'c'], fakes)
    expect(code).toBe(0)
    expect(judges).toEqual([{ baseUrl: 'http://127.0.0.1:9/v1', model: 'j', cacheDir: 'c' }])
    expect(seen[0]!.options).toMatchObject({ judge: { name: 'endpoint' }, against: { dir: 'n' } })
  })

  test.each([
    [['squad'], /give the model with --model DIR/],
    [['--model', 'm'], /name at least one task/],
    [['nosuch', '--model', 'm'], /there is no task "nosuch"/],
    [['squad', '--model', 'm', '--shots', '-1'], /whole number, 0 or more/],
    [['squad', '--model', 'm', '--set', 'x'], /--set takes NAME=VALUE/],
    [['squad', '--model', 'm', '--set', 'execute=sh'], /--execute COMMAND/],
    [['squad', '--model', 'm', '--judge', 'me'], /a URL or reward:DIR/],
    [['squad', '--model', 'm', '--judge', 'https://x/v1'], /--judge-model/],
  ])('%j is wrong usage', async (argv, message) => {
    const { code, err } = await athanor(argv)
    expect(code).toBe(2)
    expect(err).toMatch(message)
    expect(err).toContain("Run 'athanor eval --help'")
  })
})

const data = process.env.ATHANOR_TEST_DATA

describe.skipIf(!data)('eval of a real model', () => {
  test('measures from a file, and says which lines it left out', async () => {
    const file = join(dir, 'blimp.jsonl')
    const good = JSON.stringify({ sentence_good: 'She was happy.', sentence_bad: 'She were happy.' })
    await writeFile(file, `${good}\nbroken\n`)
    const io = fakeIo()
    const model = join(data ?? '', 'stories260k')
    expect(await run(['eval', 'blimp', '--model', model, '--data', file, '--json'], io)).toBe(0)
    expect(JSON.parse(io.out()).results[0]).toMatchObject({
      examples: 1,
      skipped: { count: 1 },
      metrics: { accuracy: { value: 1 } },
    })
  })

  test('refuses an empty set with a clear word', async () => {
    const file = join(dir, 'empty.jsonl')
    await writeFile(file, '')
    const io = fakeIo()
    const model = join(data ?? '', 'stories260k')
    expect(await run(['eval', 'blimp', '--model', model, '--data', file], io)).toBe(1)
    expect(io.err()).toContain('empty.jsonl holds no examples')
  })
})
