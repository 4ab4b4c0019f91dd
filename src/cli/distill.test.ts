import { describe, expect, test } from 'vitest'
import type { BestOfResult, DistillResult } from '../train/index.js'
import { type Library, library } from './library.js'
import { run } from './run.js'
import { fakeIo } from './testing/fake-io.js'

/** The command, with functions of the library replaced; those not named must not be called. */
async function athanor(argv: string[], functions: Partial<Library> = {}, env: Record<string, string> = {}) {
  const io = fakeIo({ columns: 200, env })
  const closed = Object.fromEntries(
    Object.keys(library).map((name) => [
      name,
      () => {
        throw new Error(`${name} must not be called here`)
      },
    ]),
  )
  const code = await run(argv, io, { ...(closed as unknown as Library), ...functions })
  return { code, out: io.out(), err: io.err() }
}

const result: DistillResult = {
  dir: 'runs/x',
  step: 9,
  finished: true,
  parameters: 1e6,
  seconds: 60,
  loss: 0.5,
  tokens: 4000,
  trainedTokens: 2000,
  heldOutLoss: 0.4321,
  stoppedEarly: false,
  collection: {
    teacher: 'big at https://t/v1',
    prompts: 100,
    answers: 95,
    leftOut: { 'an empty answer': 5 },
    spending: {
      requests: 90,
      cached: 10,
      estimated: 0,
      promptTokens: 12_000,
      completionTokens: 3400,
      cost: 0.0123,
    },
  },
}

describe('athanor distill', () => {
  test('hands the teacher and settings on, and tells what it cost', async () => {
    let given: unknown
    const argv = ['distill', '--model', 'm', '--data', 'p.jsonl', '--out', 'o', '--cache', 'c']
    const endpoint = ['--endpoint', 'https://t/v1', '--endpoint-model', 'big', '--api-key-env', 'KEY']
    const { code, out } = await athanor(
      [...argv, ...endpoint, '--budget-cost', '2', '--price-input', '0.15', '--keep-cut'],
      {
        distill: async (options) => {
          given = options
          return result
        },
      },
      { KEY: 'secret' },
    )
    expect(code).toBe(0)
    expect(given).toMatchObject({
      model: 'm',
      data: ['p.jsonl'],
      cache: 'c',
      env: { KEY: 'secret' },
      overrides: {
        endpoint: 'https://t/v1',
        endpointModel: 'big',
        apiKeyEnv: 'KEY',
        budgetCost: 2,
        priceInput: 0.15,
        keepCut: true,
      },
    })
    expect(out).toContain('95 answers to 100 prompts, by big at https://t/v1')
    expect(out).toContain('0.0123 for 12,000 tokens in and 3,400 out')
    expect(out).toContain('loss 0.4321')
  })

  test('takes a teacher here, and knows its methods', async () => {
    let given: unknown
    const argv = ['distill', '--model', 'm', '--data', 'd', '--out', 'o', '--teacher', 't', '--method']
    const functions: Partial<Library> = {
      distill: async (options) => {
        given = options
        return { ...result, collection: undefined }
      },
    }
    expect((await athanor([...argv, 'logits', '--label-weight', '0.5'], functions)).code).toBe(0)
    expect(given).toMatchObject({ teacher: 't', overrides: { method: 'logits', labelWeight: 0.5 } })
    expect((await athanor([...argv, 'magic'])).code).toBe(2)
  })
})

describe('athanor best-of', () => {
  const kept: BestOfResult = {
    file: '/x/best.jsonl',
    prompts: 50,
    kept: 40,
    unfinished: 4,
    belowMinimum: 6,
    meanScore: 0.25,
    meanBest: 0.75,
    klBound: 1.2044,
    seconds: 12,
  }
  const argv = ['best-of', '--model', 'm', '--data', 'p.jsonl', '--out', 'best.jsonl']

  test('hands its flags on and tells what was kept', async () => {
    let given: unknown
    const { code, out } = await athanor(
      [...argv, '--reward', 'exact', '0.2*length=30', '--n', '16', '--top-p', '0.9'],
      {
        bestOf: async (options) => {
          given = options
          return kept
        },
      },
    )
    expect(code).toBe(0)
    expect(given).toMatchObject({
      model: 'm',
      data: ['p.jsonl'],
      out: 'best.jsonl',
      rewards: ['exact', '0.2*length=30'],
      overrides: { n: 16, topP: 0.9 },
    })
    expect(out).toContain('40 of 50 prompts, in /x/best.jsonl')
    expect(out).toContain('0.750 on average; 0.250 of all answers')
    expect(out).toContain('KL of at most 1.204 nats')
  })

  test('prints JSON, and needs one source of scores', async () => {
    const { out } = await athanor([...argv, '--reward-model', 'r', '--json'], { bestOf: async () => kept })
    expect(JSON.parse(out)).toEqual(kept)
    expect(await athanor(argv)).toMatchObject({ code: 2 })
    expect((await athanor([...argv, '--reward-model', 'r', '--reward', 'exact'])).err).toContain(
      'Give --reward-model',
    )
  })
})
