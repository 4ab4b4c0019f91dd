import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { writeModels } from '../ppo/testing/models.js'
import { type DistillOptions, distill } from './distill.js'
import type { DistillRecipeInput } from './recipe.js'

let dir: string
let student: string
let data: string
let runs = 0
const letters = [...'abcdefgh']

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'athanor-endpoint-'))
  ;({ model: student } = await writeModels(dir))
  data = join(dir, 'prompts.jsonl')
  const prompts = letters.map((letter) => ({ messages: [{ role: 'user', content: `what is ${letter}?` }] }))
  await writeFile(data, prompts.map((each) => `${JSON.stringify(each)}\n`).join(''))
})
afterAll(() => rm(dir, { recursive: true, force: true }))

interface Call {
  readonly url: string
  readonly headers: Headers
  readonly body: { messages: { role: string; content: string }[] } & Record<string, unknown>
}
let calls: Call[]
beforeEach(() => {
  calls = []
})

const reply = (
  content: unknown,
  more: object = {},
  usage: unknown = { prompt_tokens: 10, completion_tokens: 2 },
) => Response.json({ choices: [{ message: { content }, finish_reason: 'stop', ...more }], usage })
const said = ({ body }: Call) => `it is ${/[a-z](?=\?)/.exec(body.messages.at(-1)!.content)![0]}`

/** Stands for the network; `number` counts from 1. */
function fakeFetch(answer: (call: Call, number: number) => Response | Promise<Response>): typeof fetch {
  return async (url, init) => {
    const body = JSON.parse(String(init!.body)) as Call['body']
    const call = { url: String(url), headers: new Headers(init!.headers), body }
    calls.push(call)
    return answer(call, calls.length)
  }
}

const ask = (
  answer: (call: Call, number: number) => Response | Promise<Response>,
  overrides: DistillRecipeInput = {},
  more: Partial<DistillOptions> = {},
) =>
  distill({
    out: join(dir, `run-${runs++}`),
    model: student,
    data: [data],
    threads: 1,
    fetch: fakeFetch(answer),
    ...more,
    overrides: {
      endpoint: 'https://teacher.test/v1',
      endpointModel: 'big',
      concurrency: 1,
      retries: 0,
      epochs: 1,
      evalEvery: 0,
      heldOutFraction: 0,
      ...overrides,
    },
  })

describe('a teacher behind an endpoint', () => {
  it('is asked as it should be, and what it says is learnt; its key stays off the disk', async () => {
    const result = await ask(
      (call) => reply(said(call)),
      { apiKeyEnv: 'TEACHER_KEY', teacherSystem: 'Be brief.', priceInput: 1, priceOutput: 10 },
      { env: { TEACHER_KEY: 'secret-of-the-teacher' } },
    )
    expect(calls).toHaveLength(8)
    expect(calls[0]).toMatchObject({ url: 'https://teacher.test/v1/chat/completions' })
    expect(calls[0]!.headers.get('authorization')).toBe('Bearer secret-of-the-teacher')
    expect(calls[0]!.body).toEqual({
      model: 'big',
      temperature: 0,
      max_tokens: 256,
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'what is a?' },
      ],
    })
    expect(result).toMatchObject({ finished: true, collection: { answers: 8, leftOut: {} } })
    const { cost, ...spending } = result.collection!.spending!
    expect(spending).toEqual({ requests: 8, cached: 0, estimated: 0, promptTokens: 80, completionTokens: 16 })
    expect(cost).toBeCloseTo(240 / 1e6)
    const first = (await readFile(join(result.dir, 'data', 'teacher.jsonl'), 'utf8')).split('\n')[0]!
    // What was said to the teacher alone is not for the student.
    expect(JSON.parse(first)).toEqual({
      source: 'big at https://teacher.test/v1',
      messages: [
        { role: 'user', content: 'what is a?' },
        { role: 'assistant', content: 'it is a' },
      ],
    })
    for (const entry of await readdir(result.dir, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue
      expect(
        (await readFile(join(entry.parentPath, entry.name))).includes('secret-of-the-teacher'),
        entry.name,
      ).toBe(false)
    }
  })

  it('is not paid twice: what was answered before a failure is kept', async () => {
    const out = join(dir, 'kept')
    const broken = ask(
      (call, n) => (n > 5 ? new Response('no', { status: 401 }) : reply(said(call))),
      {},
      { out },
    )
    await expect(broken).rejects.toMatchObject({ code: 'endpoint/refused' })
    calls = []
    // The same command in the same folder goes on.
    const result = await ask((call) => reply(said(call)), {}, { out })
    expect(calls).toHaveLength(3)
    expect(result.collection).toMatchObject({
      answers: 8,
      spending: { cached: 5, requests: 3, promptTokens: 80 },
    })
    // An entry that was damaged is asked for again, and no other.
    const cache = join(out, 'teacher')
    await writeFile(join(cache, (await readdir(cache))[0]!), '{"value":"not ours"}')
    calls = []
    await ask((call) => reply(said(call)), {}, { cache })
    expect(calls).toHaveLength(1)
  })

  it('goes on after it was interrupted in training without its teacher', async () => {
    const stop = new AbortController()
    const out = join(dir, 'resumed')
    const first = await ask(
      (call) => reply(said(call)),
      { epochs: 4, batchSize: 1 },
      { out, signal: stop.signal, onEvent: (event) => void (event.type === 'step' && stop.abort()) },
    )
    expect(first).toMatchObject({ finished: false, step: 1 })
    const dead = fakeFetch(() => new Response('gone', { status: 500 }))
    const rest = await distill({ out, resume: 'must', threads: 1, fetch: dead })
    expect(rest).toMatchObject({ finished: true, collection: { answers: 8, spending: { requests: 8 } } })
    expect(calls).toHaveLength(8)
  })

  it('has answers left out that cannot be used, by reason', async () => {
    const answers = [
      () => reply(''),
      () => reply('half of an ans', { finish_reason: 'length' }),
      () => reply('I must not', { finish_reason: 'content_filter' }),
      () => reply(null),
      () => Response.json({ choices: [] }),
      () => new Response('too long', { status: 400 }),
    ]
    const result = await ask((call, n) => answers[n - 1]?.() ?? reply(said(call)))
    expect(result.collection).toMatchObject({
      answers: 2,
      leftOut: {
        'an empty answer': 1,
        'cut off at the most tokens': 1,
        "stopped by the endpoint's filter": 1,
        'a reply without an answer': 2,
        'the endpoint did not accept the prompt': 1,
      },
    })
    const cut = (_: Call, n: number) => reply(`a b ${letters[n]}`, { finish_reason: 'length' })
    expect((await ask(cut, { keepCut: true })).collection).toMatchObject({ answers: 8 })
  })

  it('gives several answers, each once', async () => {
    const result = await ask((_, n) => reply(n % 3 === 0 ? 'again' : `n ${letters[n % 8]}`), {
      samples: 3,
      teacherTemperature: 1,
    })
    expect(calls.slice(0, 3).map(({ body }) => body.seed)).toEqual([1337, 1338, 1339])
    expect(result.collection).toMatchObject({ prompts: 8, answers: 24, leftOut: {} })
    const same = await ask(() => reply('again'), { samples: 3, teacherTemperature: 1 })
    expect(same.collection).toMatchObject({
      answers: 8,
      leftOut: { 'the same as another answer to its prompt': 16 },
    })
  })

  it.each<[string, DistillRecipeInput, number]>([
    ['requests', { budgetRequests: 3 }, 3],
    // 10 + 2 tokens for each answer; what an answer may take is set aside before it is asked for.
    ['tokens', { budgetTokens: 60, teacherMaxTokens: 5 }, 4],
    ['cost', { budgetCost: 0.00005, teacherMaxTokens: 5, priceInput: 1, priceOutput: 1 }, 3],
  ])('is not asked beyond the budget of %s', async (_, budget, asked) => {
    const result = await ask((call) => reply(said(call)), budget)
    expect(calls).toHaveLength(asked)
    const { answers, leftOut } = result.collection!
    expect(answers).toBe(asked)
    expect(Object.entries(leftOut)).toEqual([
      [expect.stringMatching(/^the budget of .* is used up$/), 8 - asked],
    ])
  })

  it('counts tokens itself where the endpoint does not, so that a budget holds', async () => {
    const result = await ask((call) => reply(said(call), {}, null))
    expect(result.collection!.spending).toMatchObject({ estimated: 8, completionTokens: 16 })
    const lying = await ask((call) => reply(said(call), {}, { prompt_tokens: 0, completion_tokens: -1 }))
    expect(lying.collection!.spending!.promptTokens).toBe(result.collection!.spending!.promptTokens)
  })

  it.each<[string, () => Response, RegExp, string]>([
    [
      'is a web page',
      () => new Response('<html>', { headers: { 'content-type': 'text/html' } }),
      /text\/html: "<html>"/,
      'train/data',
    ],
    [
      'answers nothing',
      () => Response.json({ ok: true }),
      /failed on 5 prompts.*without choices/,
      'train/data',
    ],
    [
      'accepts nothing',
      () => new Response('bad', { status: 422 }),
      /failed on 5 prompts.*HTTP 422: bad/,
      'train/data',
    ],
    ['knows no such path', () => new Response('', { status: 404 }), /HTTP 404/, 'endpoint/refused'],
    ['is down', () => new Response('', { status: 503 }), /no answer in 1 tries: HTTP 503/, 'endpoint/dead'],
    [
      'has no more money',
      () => Response.json({ error: { code: 'insufficient_quota' } }, { status: 429 }),
      /insufficient_quota/,
      'endpoint/refused',
    ],
    [
      'never says anything',
      () => reply('  '),
      /no answer to learn from: 8 \(an empty answer\)/,
      'train/data',
    ],
  ])('ends with a clear word where it %s', async (_, answer, message, code) => {
    await expect(ask(answer)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message) as string,
    })
  })

  it('needs its key, its model and an address without a key in it', async () => {
    const never = () => reply('never')
    await expect(ask(never, { apiKeyEnv: 'NOT_SET' }, { env: {} })).rejects.toThrow(/NOT_SET is not set/)
    await expect(ask(never, { apiKeyEnv: 'sk-123' })).rejects.toThrow(/name of an environment variable/)
    await expect(ask(never, { endpoint: 'https://me:key@teacher.test/v1' })).rejects.toThrow(/would be saved/)
    await expect(ask(never, { endpoint: 'file:///etc/passwd' })).rejects.toThrow(/http/)
    await expect(ask(never, { endpointModel: undefined })).rejects.toThrow(/name the model/)
    await expect(ask(never, { budgetCost: 1 })).rejects.toThrow(/needs priceInput/)
    expect(calls).toHaveLength(0)
  })
})
