import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadRewardModel, scoreDialogues } from '../infer/index.js'
import { type RewardOptions, reward, type TrainEvent } from './index.js'
import { writeModels } from './ppo/testing/models.js'

let dir: string
let model: string
let data: string

const lines = (values: readonly unknown[]) => values.map((value) => `${JSON.stringify(value)}\n`).join('')
const words = ['sun', 'moon', 'star', 'sea', 'hill', 'tree', 'bird', 'wind', 'rain', 'snow', 'fire', 'road']

/** Rankings of four answers in which what has more of the letter a is better. */
const ranking = (i: number) => ({
  prompt: [{ role: 'user', content: `${words[i % 12]} ${words[Math.floor(i / 12)]}?` }],
  answers: ['aaa', 'aab', 'abb', 'bbb'].map((text, k) => `${text}${words[(i + k) % 12]}`),
  ranks: [1, 2, 2, 3],
  category: i % 2 === 0 ? 'even' : 'odd',
})

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'athanor-reward-'))
  model = (await writeModels(dir)).model
  data = join(dir, 'rankings.jsonl')
  await writeFile(data, lines(Array.from({ length: 96 }, (_, i) => ranking(i))))
})
afterAll(() => rm(dir, { recursive: true, force: true }))

const settings = {
  learningRate: 0.01,
  batchSize: 6,
  epochs: 4,
  logEvery: 1,
  checkpointEvery: 100,
  heldOutFraction: 0.25,
} as const

const train = (name: string, more: Partial<RewardOptions> = {}) =>
  reward({ out: join(dir, name), model, data: [data], threads: 1, overrides: settings, ...more })

async function losses(name: string): Promise<number[]> {
  const text = await readFile(join(dir, name, 'metrics.jsonl'), 'utf8')
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { loss?: number })
    .flatMap(({ loss }) => loss ?? [])
}

describe('reward', () => {
  it('learns which answers are preferred, and says how well on prompts that it has not seen', async () => {
    const { report, normalization, data: counts } = await train('whole')
    expect(report!.accuracy.value).toBeGreaterThan(0.9)
    expect(report!.accuracy.low).toBeLessThan(report!.accuracy.value)
    expect(report!.baselines.longer.value).toBeLessThan(0.7)
    expect(Object.keys(report!.byCategory)).toEqual(['even', 'odd'])
    // Five of the six comparisons of each prompt have a better answer.
    expect(counts.train.comparisons).toBe(5 * counts.train.prompts)
    expect(counts.train.ties).toBe(counts.train.prompts)
    expect(normalization!.demonstrations).toBe(counts.train.prompts)
    const written = JSON.parse(await readFile(join(dir, 'whole', 'reward.json'), 'utf8'))
    expect(written.accuracy).toEqual(report!.accuracy)
  })

  it('leaves a model that scores demonstrations 0 on average, with a deviation of 1 where asked', async () => {
    const demonstrations = join(dir, 'demonstrations.jsonl')
    const dialogues = Array.from({ length: 20 }, (_, i) => [
      { role: 'user', content: `${words[i % 12]}?` },
      { role: 'assistant', content: i % 2 ? 'aaa' : 'abc' },
    ])
    await writeFile(demonstrations, lines(dialogues.map((messages) => ({ messages }))))
    const { normalization } = await train('scaled', {
      demonstrations: [demonstrations],
      overrides: { ...settings, normalize: 'scale' },
    })
    expect(normalization!.scale).not.toBe(1)
    const scorer = await loadRewardModel(join(dir, 'scaled'), { threads: 1 })
    const scores = await scoreDialogues(scorer, dialogues as never)
    await scorer.dispose()
    const mean = scores.reduce((a, b) => a + b, 0) / 20
    expect(mean).toBeCloseTo(0, 4)
    expect(Math.sqrt(scores.reduce((sum, s) => sum + (s - mean) ** 2, 0) / 20)).toBeCloseTo(1, 4)
  })

  it('goes on exactly where it was stopped', async () => {
    const controller = new AbortController()
    const onEvent = (event: TrainEvent) => {
      if (event.type === 'metrics' && event.step === 8) controller.abort()
    }
    const stopped = await train('stopped', { signal: controller.signal, onEvent })
    expect(stopped).toMatchObject({ step: 8, finished: false, report: undefined })
    const { report } = await reward({ out: join(dir, 'stopped'), resume: 'must', threads: 1 })
    expect(await losses('stopped')).toEqual(await losses('whole'))
    // Finished, it is not trained or shifted again.
    const again = await reward({ out: join(dir, 'stopped'), resume: 'must', threads: 1 })
    expect(again.report).toEqual(report)
  })

  it('can start from a reward model', async () => {
    const { report } = await train('further', {
      model: join(dir, 'whole'),
      overrides: { ...settings, learningRate: 1e-6, epochs: 0.1 },
    })
    expect(report!.accuracy.value).toBeGreaterThan(0.9)
  })

  it('learns ties as halves, label noise and margins', async () => {
    const pairs = join(dir, 'pairs.jsonl')
    const pair = (i: number) => ({
      prompt: ranking(i).prompt,
      chosen: ranking(i).answers[0],
      rejected: ranking(i).answers[3],
      margin: 0.5,
    })
    await writeFile(pairs, lines(Array.from({ length: 40 }, (_, i) => pair(i))))
    const { report, loss } = await train('noisy', {
      data: [data, pairs],
      overrides: { ...settings, ties: 'half', flip: 0.1, labelSmoothing: 0.05, weighting: 'comparison' },
    })
    expect(loss).toBeLessThan(Math.LN2)
    expect(report!.accuracy.value).toBeGreaterThan(0.85)
    // No confidence beyond what the noise allows.
    expect(report!.calibration.bins.at(-1)!.predicted).toBeLessThanOrEqual(0.9)
  })

  it('refuses preferences that prefer nothing', async () => {
    const tied = join(dir, 'tied.jsonl')
    await writeFile(tied, lines([{ ...ranking(0), ranks: [1, 1, 1, 1] }]))
    await expect(train('tied', { data: [tied] })).rejects.toThrow(
      /no answer is better than another.*6 comparisons are ties/,
    )
  })

  it('leaves out comparisons of identical answers, and says so', async () => {
    const file = join(dir, 'identical.jsonl')
    const records = Array.from({ length: 10 }, (_, i) => ({
      ...ranking(i),
      answers: ['aaa', 'aaa', 'bbb'],
      ranks: [1, 2, 3],
    }))
    await writeFile(file, lines(records))
    const warnings: string[] = []
    const { data: counts } = await train('identical', {
      data: [file],
      overrides: { ...settings, heldOutFraction: 0 },
      onEvent: (event) => void (event.type === 'warning' && warnings.push(event.text)),
    })
    expect(counts.train).toMatchObject({ comparisons: 20, identical: 10 })
    expect(warnings.join()).toMatch(/10 training comparisons of identical answers/)
  })

  it('tells answers without the beginning of their dialogue from those that fill the context', async () => {
    const file = join(dir, 'long.jsonl')
    const question = (content: string) => [{ role: 'user', content }]
    const records = [
      { prompt: question('x'.repeat(60)), chosen: 'aaa', rejected: 'bbb' },
      { prompt: question('y'), chosen: `a${'a'.repeat(80)}`, rejected: 'bbb' },
    ]
    await writeFile(file, lines(records))
    const warnings: string[] = []
    const { data: counts } = await train('long', {
      data: [file],
      overrides: { ...settings, heldOutFraction: 0, epochs: 1 },
      onEvent: (event) => void (event.type === 'warning' && warnings.push(event.text)),
    })
    expect(counts.train).toMatchObject({ cut: 3, tooLong: 1 })
    expect(warnings.join('\n')).toMatch(
      /2 training answers come without the beginning of their dialogue.*\n1 training answers fill the 64 tokens/,
    )
  })

  it('passes over answers that the vocabulary cannot spell, with their lines', async () => {
    const file = join(dir, 'spelling.jsonl')
    const strange = { ...ranking(3), answers: ['aaa', 'aab', 'abé', 'bbb'] }
    await writeFile(file, lines([...Array.from({ length: 6 }, (_, i) => ranking(i)), strange]))
    const warnings: string[] = []
    await train('spelling', {
      data: [file],
      overrides: { ...settings, heldOutFraction: 0, epochs: 1 },
      onEvent: (event) => void (event.type === 'warning' && warnings.push(event.text)),
    })
    expect(warnings.join()).toMatch(/spelling\.jsonl:7 was passed over: .*"é"/)
  })

  it('blames the context where it is too short to tell answers apart', async () => {
    await expect(train('blind', { overrides: { ...settings, contextLength: 1 } })).rejects.toThrow(
      /384 of 384 answers fill the context.*raise contextLength/,
    )
  })

  it('passes over broken lines up to a limit', async () => {
    const file = join(dir, 'broken.jsonl')
    await writeFile(file, `{"prompt": \n${lines([ranking(0), ranking(1), { answers: ['a'] }])}`)
    const { data: counts } = await train('broken', {
      data: [file],
      overrides: { ...settings, heldOutFraction: 0 },
    })
    expect(counts.skipped).toBe(2)
    await expect(
      train('limited', { data: [file], overrides: { ...settings, maxSkipped: 1 } }),
    ).rejects.toThrow(/broken\.jsonl/)
  })

  it('does not train on prompts that stand in the held-out file', async () => {
    const file = join(dir, 'held.jsonl')
    await writeFile(file, lines([ranking(0), ranking(1)]))
    const { data: counts } = await train('given', { heldOut: [file] })
    expect(counts).toMatchObject({ train: { prompts: 94 }, heldOut: { prompts: 2 } })
  })
})
