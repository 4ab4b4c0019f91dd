import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { RewardModel } from '../infer/index.js'
import type { DpoResult, RewardResult } from '../train/index.js'
import { type Library, library } from './library.js'
import { run } from './run.js'
import { fakeIo } from './testing/fake-io.js'

/** The command, with functions of the library replaced; those not named must not be called. */
async function athanor(argv: string[], functions: Partial<Library> = {}) {
  const io = fakeIo({ columns: 200 })
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

const stage = { dir: 'runs/x', step: 9, finished: true, parameters: 1e6, seconds: 60, loss: 0.5 }
const half = { value: 0.5, low: 0.4, high: 0.6, count: 90 }
const counts = { prompts: 90, answers: 180, comparisons: 90, ties: 3, identical: 0, cut: 0, tooLong: 0 }
const result: RewardResult = {
  ...stage,
  data: { train: counts, heldOut: counts, skipped: 0 },
  normalization: { shift: 0.25, scale: 1, demonstrations: 90 },
  report: {
    comparisons: 90,
    ties: 3,
    prompts: 90,
    accuracy: { value: 0.7, low: 0.6, high: 0.8, count: 90 },
    logLoss: 0.6,
    byCategory: { refusal: half },
    calibration: { error: 0.03, bins: [] },
    baselines: { longer: half, shorter: half },
    overLength: { difference: 0.2, low: 0.1, high: 0.3 },
  },
}

describe('athanor reward', () => {
  test('hands files and settings on, and tells how good the model is', async () => {
    let given: unknown
    const argv = [
      'reward',
      '--model',
      'm',
      '--data',
      'a.jsonl',
      'b.jsonl',
      '--demonstrations',
      's.jsonl',
      '--out',
      'o',
    ]
    const { code, out } = await athanor([...argv, '--flip', '0.1', '--ties', 'half'], {
      reward: async (options) => {
        given = options
        return result
      },
    })
    expect(code).toBe(0)
    expect(given).toMatchObject({
      model: 'm',
      out: 'o',
      data: ['a.jsonl', 'b.jsonl'],
      demonstrations: ['s.jsonl'],
      overrides: { flip: 0.1, ties: 'half' },
    })
    expect(out).toContain('70.0 % (60.0 to 80.0) of 90 right')
    expect(out).toContain('20.0 points (10.0 to 30.0) better')
    expect(out).toMatch(/refusal +50\.0 %/)
  })

  test('prints the result as JSON', async () => {
    const { out } = await athanor(['reward', '--model', 'm', '--data', 'a', '--out', 'o', '--json'], {
      reward: async () => result,
    })
    expect(JSON.parse(out)).toEqual(result)
  })

  test('goes on with --resume, and takes no other setting then', async () => {
    const { code, err } = await athanor(['reward', '--resume', 'o', '--flip', '0.2'])
    expect(code).toBe(2)
    expect(err).toContain('--flip cannot change')
    expect((await athanor(['reward', '--data', 'a', '--out', 'o'])).err).toContain('Give --model DIR')
    expect(
      (await athanor(['reward', '--model', 'm', '--data', 'a', '--out', 'o', '--flip', '0.7'])).code,
    ).toBe(2)
  })
})

test('athanor dpo hands settings on and tells what moved', async () => {
  let given: unknown
  const tuned: DpoResult = {
    ...stage,
    pairs: { train: 80, heldOut: 20, cut: 0, tooLong: 0, skipped: 0 },
    heldOut: { loss: 0.6, 'rewards/accuracies': 0.75, 'rewards/margins': 0.3 },
  }
  const argv = [
    'dpo',
    '--model',
    'm',
    '--data',
    'p.json',
    '--out',
    'o',
    '--loss-type',
    'ipo',
    '--rpo-alpha',
    '1',
  ]
  const { code, out } = await athanor(argv, {
    dpo: async (options) => {
      given = options
      return tuned
    },
  })
  expect(code).toBe(0)
  expect(given).toMatchObject({ data: ['p.json'], overrides: { lossType: 'ipo', rpoAlpha: 1 } })
  expect(out).toContain('of 20 pairs it moved 75.0 % towards the chosen answer, by 0.300')
})

describe('athanor score', () => {
  const scorer: Partial<Library> = {
    loadRewardModel: async () => ({}) as RewardModel,
    scoreDialogues: async (_, dialogues) =>
      Float32Array.from(dialogues, (messages) => messages.at(-1)!.content.length),
  }

  test('scores the answers to a prompt', async () => {
    const { code, out } = await athanor(
      ['score', '--model', 'm', '--prompt', 'q?', '--answer', 'four', '--answer', 'ab\ncd ef'],
      scorer,
    )
    expect(code).toBe(0)
    expect(out).toMatch(/4\.000 +four\n +8\.000 +ab cd ef\n +6\.000 +mean of 2/)
  })

  test('scores the dialogues of files', async () => {
    const { out } = await athanor(['score', '--model', 'm', '--data', 'd.jsonl', '--json'], {
      ...scorer,
      readDialogues: async function* () {
        yield {
          messages: [
            { role: 'user', content: 'q' },
            { role: 'assistant', content: 'abc' },
          ],
        }
      },
    })
    expect(JSON.parse(out)).toEqual({ scores: [3], mean: 3 })
  })

  test('names the first records that it passes over, says what is wanted, and counts the others', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'athanor-score-'))
    try {
      const file = join(dir, 'd.jsonl')
      const pair = JSON.stringify({ prompt: 'q', chosen: 'a', rejected: 'b' })
      const dialogue = JSON.stringify({ prompt: 'q', completion: 'abc' })
      await writeFile(file, `${`${pair}\n`.repeat(30)}${dialogue}\n`)
      const { readDialogues } = library
      const argv = ['score', '--model', 'm', '--data', file, '--json']
      const { out, err } = await athanor(argv, { ...scorer, readDialogues })
      expect(JSON.parse(out)).toEqual({ scores: [3], mean: 3 })
      expect(err.trim().split('\n')).toHaveLength(6)
      expect(err).toMatch(
        /d\.jsonl:1 was passed over: it is a preference \(it has "chosen"\) and not a dialogue/,
      )
      expect(err).toContain('30 records were passed over in all')
    } finally {
      await rm(dir, { recursive: true })
    }
  })

  test('asks for something to score', async () => {
    expect(await athanor(['score', '--model', 'm'])).toMatchObject({ code: 2 })
    expect((await athanor(['score', '--model', 'm', '--prompt', 'q'])).err).toContain('go together')
  })
})
