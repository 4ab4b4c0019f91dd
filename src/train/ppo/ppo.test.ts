import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { generate, loadModel } from '../../infer/index.js'
import type { TrainEvent } from '../events.js'
import { type PpoOptions, ppo, type RolloutReport } from './ppo.js'
import type { PpoRecipeInput } from './recipe.js'
import { type ModelFolders, writeModels } from './testing/models.js'

let dir: string
let models: ModelFolders
let data: string

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'athanor-ppo-'))
  models = await writeModels(dir)
  data = join(dir, 'prompts.jsonl')
  const prompts = ['a?', 'what is b?', 'c d e', 'f', 'why g?'].map((content) => ({
    messages: [{ role: 'user', content }],
  }))
  await writeFile(data, prompts.map((each) => `${JSON.stringify(each)}\n`).join(''))
})
afterAll(() => rm(dir, { recursive: true, force: true }))

const settings: PpoRecipeInput = {
  steps: 4,
  batchSize: 8,
  minibatchSize: 4,
  epochs: 2,
  maxTokens: 6,
  learningRate: 1e-3,
  checkpointEvery: 2,
  sampleEvery: 2,
}

function run(name: string, overrides: PpoRecipeInput = {}, more: Partial<PpoOptions> = {}) {
  return ppo({
    out: join(dir, name),
    ...models,
    data: [data],
    threads: 1,
    overrides: { ...settings, ...overrides },
    ...more,
  })
}

async function metricsOf(name: string): Promise<Record<string, number>[]> {
  const text = await readFile(join(dir, name, 'metrics.jsonl'), 'utf8')
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, number>)
}
const untimed = (lines: Record<string, number>[]) =>
  lines.map(({ secondsPerStep: _, time: __, ...line }) => line)
const file = (name: string, which = 'model.safetensors') => readFile(join(dir, name, which))

describe('ppo', () => {
  it('learns from a reward model and leaves a model that answers', async () => {
    const events: TrainEvent[] = []
    const result = await run('plain', {}, { onEvent: (event) => events.push(event) })
    expect(result).toMatchObject({ step: 4, finished: true, episodes: 32, stoppedAtKl: false })
    const lines = await metricsOf('plain')
    expect(lines.map(({ step }) => step)).toEqual([1, 2, 3, 4])
    for (const name of [
      'objective/kl',
      'objective/entropy',
      'objective/scores',
      'objective/rlhf_reward',
      'policy/clipfrac',
      'policy/approxkl',
      'val/clipfrac',
      'loss/policy',
      'loss/value',
    ])
      expect(lines[0]).toHaveProperty([name], expect.any(Number))
    expect(events.filter(({ type }) => type === 'sample')).toHaveLength(2)
    expect(lines[0]!['objective/kl']).toBe(0)
    expect(lines[3]!['objective/kl']).not.toBe(0)
    const model = await loadModel(join(dir, 'plain'))
    expect((await generate(model, { prompt: 'a', maxTokens: 3 })).tokens.length).toBeGreaterThan(0)
    await model.dispose()
  })

  it('goes on bit for bit where it was stopped, answers and all', async () => {
    const overrides: PpoRecipeInput = { kl: 'adaptive', klHorizon: 50, klTarget: 0.01, klLimit: 50 }
    const whole: RolloutReport[] = []
    await run('whole', overrides, { onRollout: (rollout) => void whole.push(rollout) })
    const parts: RolloutReport[] = []
    const stop = new AbortController()
    const onRollout = (rollout: RolloutReport) => {
      parts.push(rollout)
      if (rollout.step === 1) stop.abort()
    }
    const first = await run('parts', overrides, { onRollout, signal: stop.signal })
    expect(first).toMatchObject({ step: 2, finished: false })
    const rest = await ppo({
      out: join(dir, 'parts'),
      resume: 'must',
      threads: 1,
      onRollout: (rollout) => void parts.push(rollout),
    })
    expect(rest).toMatchObject({ step: 4, finished: true })
    expect(parts).toEqual(whole)
    expect(untimed(await metricsOf('parts'))).toEqual(untimed(await metricsOf('whole')))
    for (const name of ['model', 'critic', 'actor-optimizer', 'critic-optimizer', 'within']) {
      const which = `checkpoints/step-000004/${name}.safetensors`
      const [a, b] = [await file('whole', which), await file('parts', which)]
      expect(a.equals(b), name).toBe(true)
    }
  })

  it('changes neither the model it started from nor the reward model', async () => {
    const before = [await readFile(join(models.model, 'model.safetensors'))]
    const scores: number[][] = []
    // With a rate too small to change an answer, the frozen reward model must score the same answers the same.
    await run(
      'frozen',
      { learningRate: 1e-30, steps: 2 },
      {
        onRollout: ({ scores: each }) => void scores.push([...each]),
      },
    )
    expect(scores).toHaveLength(2)
    expect(before[0]!.equals(await readFile(join(models.model, 'model.safetensors')))).toBe(true)
    const lines = await metricsOf('frozen')
    expect(lines[1]!['objective/kl']).toBeCloseTo(0, 5)
  })

  it('ends at the KL limit with the policy that was still within it', async () => {
    const result = await run('limit', { klLimit: 0.2, learningRate: 0.05, steps: 30 })
    expect(result).toMatchObject({ stoppedAtKl: true, finished: true })
    expect(result.step).toBeLessThan(30)
    const lines = await metricsOf('limit')
    for (const line of lines) expect(line['objective/kl']).toBeLessThanOrEqual(0.2)
    const again = await ppo({ out: join(dir, 'limit'), resume: 'must', threads: 1 })
    expect(again).toMatchObject({ step: result.step, stoppedAtKl: true })
  })

  it('takes a function in place of a reward model, and learns what it pays for', async () => {
    const share = (text: string) => text.split('').filter((letter) => letter === 'e').length / 8
    const means: number[] = []
    await run(
      'letters',
      {
        steps: 50,
        batchSize: 64,
        minibatchSize: 32,
        maxTokens: 8,
        learningRate: 1e-2,
        missingEnd: 'ignore',
        klCoefficient: 0.01,
      },
      {
        reward: (_, answers) => answers.map(share),
        onRollout: ({ scores }) => void means.push(scores.reduce((a, b) => a + b, 0) / scores.length),
      },
    )
    expect(means[0]).toBeLessThan(0.1)
    expect(means.at(-1)).toBeGreaterThan(0.8)
  })

  it('keeps what it knew where other text is mixed in', async () => {
    const text = join(dir, 'text.txt')
    await writeFile(text, 'the quick brown fox jumps over the lazy dog\n'.repeat(40))
    const loss = async (name: string, overrides: PpoRecipeInput) => {
      await run(name, { steps: 6, learningRate: 5e-3, ...overrides }, { ptxText: [text] })
      return (await metricsOf(name)).map((line) => line['loss/ptx'])
    }
    const mixed = await loss('ptx', { ptxCoefficient: 1 })
    expect(mixed.at(-1)!).toBeLessThan(mixed[0]! - 0.2)
    expect(await loss('no-ptx', {})).toEqual(new Array(6).fill(undefined))
  })

  it('says what is missing or does not fit', async () => {
    await expect(run('bad1', { minibatchSize: 3 })).rejects.toThrow(/does not divide/)
    await expect(run('bad2', {}, { rewardModel: undefined as never })).rejects.toThrow(/reward model/)
    await expect(run('bad3', {}, { data: undefined as never })).rejects.toThrow(/prompts/)
    await expect(run('bad4', { maxTokens: 80 })).rejects.toThrow(/maxTokens/)
    await expect(run('bad5', { lambda: 2 })).rejects.toThrow(/lambda/)
    await expect(run('bad6', {}, { reward: () => [1] })).rejects.toThrow(/1 scores for 8 answers/)
    await expect(run('bad7', {}, { reward: (_, answers) => answers.map(() => Number.NaN) })).rejects.toThrow(
      /finite/,
    )
    await expect(run('bad8', {}, { rewardModel: models.model })).rejects.toMatchObject({
      code: 'model/config',
    })
  })
})
