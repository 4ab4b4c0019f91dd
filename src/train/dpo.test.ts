import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadModel } from '../infer/index.js'
import { type DpoOptions, dpo, pretrain, type TrainEvent } from './index.js'
import { writeModels } from './ppo/testing/models.js'

let dir: string
let model: string
let data: string

const lines = (values: readonly unknown[]) => values.map((value) => `${JSON.stringify(value)}\n`).join('')
const words = ['sun', 'moon', 'star', 'sea', 'hill', 'tree', 'bird', 'wind', 'rain', 'snow', 'fire', 'road']

/** Answers that begin with a are preferred to those that begin with b. */
const pair = (i: number) => ({
  prompt: [{ role: 'user', content: `${words[i % 12]} ${words[Math.floor(i / 12)]}?` }],
  chosen: `a ${words[(i * 5) % 12]}`,
  rejected: `b ${words[(i * 7) % 12]}`,
})

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'athanor-dpo-'))
  model = (await writeModels(dir)).model
  data = join(dir, 'pairs.jsonl')
  await writeFile(data, lines(Array.from({ length: 100 }, (_, i) => pair(i))))
})
afterAll(() => rm(dir, { recursive: true, force: true }))

const settings = {
  learningRate: 0.01,
  batchSize: 10,
  epochs: 2,
  logEvery: 1,
  checkpointEvery: 100,
  heldOutFraction: 0.2,
} as const

const tune = (name: string, more: Partial<DpoOptions> = {}) =>
  dpo({ out: join(dir, name), model, data: [data], threads: 1, overrides: settings, ...more })

async function metrics(name: string): Promise<Record<string, number>[]> {
  const text = await readFile(join(dir, name, 'metrics.jsonl'), 'utf8')
  const all = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, number>)
  return all.filter(({ loss }) => loss !== undefined)
}

describe('dpo', () => {
  it('starts at log 2, where policy and reference are one, and moves to the chosen answers', async () => {
    const { heldOut, pairs } = await tune('whole')
    expect(pairs).toMatchObject({ train: 80, heldOut: 20, tooLong: 0, skipped: 0 })
    const [first] = await metrics('whole')
    expect(first!.loss).toBeCloseTo(Math.LN2, 5)
    expect(first!['rewards/margins']).toBeCloseTo(0, 4)
    expect(heldOut!.loss).toBeLessThan(0.5)
    expect(heldOut!['rewards/accuracies']).toBeGreaterThan(0.9)
    expect(heldOut!['rewards/margins']).toBeGreaterThan(0.5)
    const tuned = await loadModel(join(dir, 'whole'))
    expect(tuned.chat).toBeDefined()
  })

  it('goes on exactly where it was stopped, with the reference of the beginning', async () => {
    const controller = new AbortController()
    const onEvent = (event: TrainEvent) => {
      if (event.type === 'metrics' && event.step === 6) controller.abort()
    }
    expect(await tune('stopped', { signal: controller.signal, onEvent })).toMatchObject({
      step: 6,
      finished: false,
    })
    await dpo({ out: join(dir, 'stopped'), resume: 'must', threads: 1 })
    const losses = async (name: string) => (await metrics(name)).map(({ loss }) => loss)
    expect(await losses('stopped')).toEqual(await losses('whole'))
  })

  it('does not go on with other pairs', async () => {
    const file = join(dir, 'changing.jsonl')
    await writeFile(file, lines(Array.from({ length: 20 }, (_, i) => pair(i))))
    await tune('changed', { data: [file] })
    await writeFile(file, lines(Array.from({ length: 20 }, (_, i) => pair(i + 1))))
    await expect(dpo({ out: join(dir, 'changed'), resume: 'must', threads: 1 })).rejects.toThrow(
      /no longer.*changed was started with/,
    )
  })

  it.each([
    { lossType: 'ipo' },
    { lossType: 'hinge', labelSmoothing: 0 },
    { labelSmoothing: 0.1, rpoAlpha: 0.5, dropout: 0.1 },
  ] as const)('learns with %o', async (more) => {
    const { heldOut } = await tune(`with-${JSON.stringify(more).length}`, {
      overrides: { ...settings, ...more },
    })
    expect(heldOut!['rewards/accuracies']).toBeGreaterThan(0.8)
    if ('rpoAlpha' in more) expect(heldOut!.nll_loss).toBeGreaterThan(0)
  })

  it('refuses settings that do not go together', async () => {
    const overrides = { ...settings, lossType: 'ipo', labelSmoothing: 0.1 } as const
    await expect(tune('wrong', { overrides })).rejects.toThrow(/labelSmoothing: only the sigmoid loss/)
  })

  it('passes over pairs that the vocabulary cannot spell, with their lines', async () => {
    const file = join(dir, 'spelling.jsonl')
    await writeFile(
      file,
      lines([...Array.from({ length: 12 }, (_, i) => pair(i)), { ...pair(0), chosen: 'é' }]),
    )
    const warnings: string[] = []
    const onEvent = (event: TrainEvent) => void (event.type === 'warning' && warnings.push(event.text))
    const { pairs } = await tune('spelling', { data: [file], onEvent, overrides: { ...settings, epochs: 1 } })
    expect(pairs.skipped).toBe(1)
    expect(warnings.join()).toMatch(/spelling\.jsonl:13 was passed over: .*"é"/)
  })

  it('leaves out answers that fill the context, and says so where nothing remains', async () => {
    const file = join(dir, 'long.jsonl')
    await writeFile(file, lines([{ ...pair(0), chosen: 'x'.repeat(80) }, pair(1), pair(2)]))
    const { pairs } = await tune('long', { data: [file], overrides: { ...settings, heldOutFraction: 0 } })
    expect(pairs).toMatchObject({ train: 2, tooLong: 1 })
    const many = Array.from({ length: 1000 }, (_, i) =>
      i === 0 ? { ...pair(0), chosen: 'x'.repeat(80) } : pair(i % 99),
    )
    await writeFile(file, lines(many))
    const progress: unknown[] = []
    await tune('counted', {
      data: [file],
      overrides: { ...settings, epochs: 0.01 },
      onEvent: (event) =>
        void (event.type === 'progress' && event.label === 'reading pairs' && progress.push(event.done)),
    })
    expect(progress).toEqual([1000])
    await writeFile(file, lines([{ ...pair(0), chosen: 'x'.repeat(80) }]))
    await expect(tune('longest', { data: [file] })).rejects.toThrow(/no pair to learn from.*too long/)
  })
})

describe.skipIf(!process.env.ATHANOR_TEST_DATA)("dpo on people's data", () => {
  it('moves the preference for politeness on pairs that it has not seen', async () => {
    const file = join(
      process.env.ATHANOR_TEST_DATA!,
      'instruct-rasbt',
      'instruction-data-with-preference.json',
    )
    const rows = JSON.parse(await readFile(file, 'utf8')) as { instruction: string; output: string }[]
    const text = join(dir, 'text.txt')
    await writeFile(text, rows.map(({ instruction, output }) => `${instruction}\n${output}\n`).join('\n'))
    const base = join(dir, 'base')
    const shape = { nLayer: 1, nHead: 2, width: 48, contextLength: 128, tokenizer: 'bpe:600' }
    const training = {
      batchSize: 8,
      steps: 30,
      optimizer: 'muon',
      learningRate: 0.01,
      evalTokens: 1024,
    } as const
    await pretrain({ out: base, data: [text], threads: 2, overrides: { ...shape, ...training } })
    const { heldOut } = await dpo({
      out: join(dir, 'polite'),
      model: base,
      data: [file],
      threads: 2,
      overrides: { learningRate: 2e-3, heldOutFraction: 0.2, contextLength: 96, evalEvery: 0 },
    })
    expect(heldOut!['rewards/accuracies']).toBeGreaterThan(0.65)
    expect(heldOut!['rewards/margins']).toBeGreaterThan(0.1)
    expect(heldOut!.loss).toBeLessThan(Math.LN2)
  })
})
