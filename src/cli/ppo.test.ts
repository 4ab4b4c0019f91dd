import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { TrainError } from '../train/errors.js'
import type { GrpoResult, PpoResult } from '../train/index.js'
import { type ModelFolders, writeModels } from '../train/ppo/testing/models.js'
import { type Library, library } from './library.js'
import { run } from './run.js'
import { fakeIo } from './testing/fake-io.js'

async function athanor(argv: string[], functions?: Partial<Library>) {
  const io = fakeIo({ columns: 200 })
  const code = await run(argv, io, functions ? (functions as Library) : library)
  return { code, out: io.out(), err: io.err() }
}

const stage = { dir: 'runs/x', step: 9, finished: true, parameters: 1e6, seconds: 60, episodes: 1152 }
const metrics = { 'objective/scores': 0.5, 'objective/kl': 3.25 }

describe('athanor ppo', () => {
  const result: PpoResult = { ...stage, metrics, stoppedAtKl: true }
  const needed = ['ppo', '--model', 'm', '--reward-model', 'r', '--data', 'a.jsonl', 'b.jsonl', '--out', 'o']

  test('hands files and settings on, and tells how the answers scored', async () => {
    let given: unknown
    const flags = ['--kl', 'adaptive', '--no-whiten-advantages', '--ptx-text', 't.txt', '--kl-limit', '10']
    const { code, out, err } = await athanor([...needed, ...flags], {
      ppo: async (options) => {
        given = options
        return result
      },
    })
    expect(err).toBe('')
    expect(code).toBe(0)
    expect(given).toMatchObject({
      model: 'm',
      rewardModel: 'r',
      data: ['a.jsonl', 'b.jsonl'],
      ptxText: ['t.txt'],
      out: 'o',
      overrides: { kl: 'adaptive', whitenAdvantages: false, klLimit: 10 },
    })
    expect(out).toContain('1,152 prompts, stopped at the KL limit')
    expect(out).toMatch(/0\.500 on average/)
    expect(out).toMatch(/KL of 3\.25 nats/)
  })

  test('wants a reward model and prompts', async () => {
    const without = needed.filter((each) => each !== '--reward-model' && each !== 'r')
    expect(await athanor(without, {})).toMatchObject({
      code: 2,
      err: expect.stringMatching(/--reward-model/),
    })
    expect(await athanor(['ppo', '--model', 'm', '--reward-model', 'r', '--out', 'o'], {})).toMatchObject({
      code: 2,
      err: expect.stringMatching(/--data/),
    })
    expect(await athanor([...needed, '--lambda', '2'], {})).toMatchObject({ code: 2 })
  })
})

test('settings that the library finds fault with are called by their flags', async () => {
  const message =
    'minibatchSize 3 does not divide batchSize 8 (maxTokens), with seed 1, in runs/maxTokens/batchSize.json'
  const argv = ['ppo', '--model', 'm', '--reward-model', 'r', '--data', 'a', '--out', 'o']
  const failing = (error: Error) =>
    athanor(argv, {
      ppo: async () => {
        throw error
      },
    })
  expect(await failing(new TrainError('recipe', message))).toMatchObject({
    code: 1,
    err: 'athanor: --minibatch-size 3 does not divide --batch-size 8 (--max-tokens), with seed 1, in runs/maxTokens/batchSize.json\n',
  })
  expect((await failing(new TrainError('resume', message))).err).toBe(`athanor: ${message}\n`)
})

describe('athanor grpo', () => {
  test('wants one source of scores', async () => {
    const argv = ['grpo', '--model', 'm', '--data', 'a.jsonl', '--out', 'o']
    for (const more of [[], ['--reward', 'exact', '--reward-model', 'r']]) {
      const { code, err } = await athanor([...argv, ...more], {})
      expect(code).toBe(2)
      expect(err).toContain('Give --reward NAME... or --reward-model DIR')
    }
  })

  test('takes rewards by name', async () => {
    const result: GrpoResult = { ...stage, metrics }
    let given: unknown
    const argv = [
      'grpo',
      '--model',
      'm',
      '--data',
      'a.jsonl',
      '--reward',
      'numeric',
      '0.2*length=30',
      '--out',
      'o',
    ]
    const { code, out } = await athanor([...argv, '--group-size', '4', '--advantages', 'centred', '--json'], {
      grpo: async (options) => {
        given = options
        return result
      },
    })
    expect(code).toBe(0)
    expect(given).toMatchObject({
      rewards: ['numeric', '0.2*length=30'],
      overrides: { groupSize: 4, advantages: 'centred' },
    })
    expect(JSON.parse(out)).toEqual(result)
  })
})

describe('the verbs with real models', () => {
  let dir: string
  let models: ModelFolders
  let data: string
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'athanor-ppo-verb-'))
    models = await writeModels(dir)
    data = join(dir, 'prompts.jsonl')
    const line = (content: string) =>
      `${JSON.stringify({ messages: [{ role: 'user', content }], check: 'a' })}\n`
    await writeFile(data, `${line('a?')}this line is broken\n${line('what is b?')}`)
  })
  afterAll(() => rm(dir, { recursive: true, force: true }))
  const small = ['--steps', '2', '--minibatch-size', '4', '--max-tokens', '4', '--threads', '1']

  test('ppo trains, resumes, and says what it passed over', async () => {
    const out = join(dir, 'ppo')
    const argv = ['ppo', '--model', models.model, '--reward-model', models.rewardModel, '--data', data]
    const first = await athanor([...argv, '--out', out, '--batch-size', '8', ...small])
    expect(first.err).toContain('prompts.jsonl:2')
    expect(first.code).toBe(0)
    const again = await athanor(['ppo', '--resume', out, '--threads', '1', '--json'])
    expect(JSON.parse(again.out)).toMatchObject({ step: 2, finished: true })
    const twice = await athanor([...argv, '--out', out, ...small])
    expect(twice).toMatchObject({ code: 1, err: expect.stringMatching(/already holds a run/) })
    const lines = (await readFile(join(out, 'metrics.jsonl'), 'utf8')).trim().split('\n')
    expect(lines).toHaveLength(2)
  })

  test('grpo trains', async () => {
    const argv = [
      'grpo',
      '--model',
      models.model,
      '--data',
      data,
      '--reward',
      'contains',
      '--out',
      join(dir, 'grpo'),
    ]
    const { code } = await athanor([...argv, ...small, '--prompts-per-step', '2', '--group-size', '4'])
    expect(code).toBe(0)
  })
})
