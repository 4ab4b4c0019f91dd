import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { buildData } from '../data/build/index.js'
import { findLatestCheckpoint, openRun } from '../hub/index.js'
import { type PretrainOptions, pretrain, resumePretrain, TrainError, type TrainEvent } from './index.js'

let dir: string
let text: string
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'athanor-train-'))
  text = join(dir, 'text.txt')
  const line = (i: number) =>
    `The ${['red', 'blue', 'green'][i % 3]} fox number ${i} jumps over ${i * 7} lazy dogs.\n`
  await writeFile(text, Array.from({ length: 400 }, (_, i) => line(i)).join(''))
})
afterAll(() => rm(dir, { recursive: true, force: true }))

const tiny = {
  nLayer: 2,
  nHead: 2,
  width: 16,
  contextLength: 16,
  batchSize: 4,
  tokenizer: 'char',
  steps: 24,
  warmup: 2,
  learningRate: 0.01,
  logEvery: 1,
  evalEvery: 10,
  evalTokens: 256,
  checkpointEvery: 8,
} as const

function run(name: string, more: Partial<PretrainOptions> = {}) {
  const { overrides, ...rest } = more
  return pretrain({
    out: join(dir, name),
    data: [text],
    threads: 1,
    overrides: { ...tiny, ...overrides },
    ...rest,
  })
}

async function metrics(name: string): Promise<Record<string, unknown>[]> {
  const lines = (await readFile(join(dir, name, 'metrics.jsonl'), 'utf8')).trim().split('\n')
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>)
}

/** What must not depend on where a run was interrupted. */
async function losses(name: string) {
  return (await metrics(name)).map(({ step, loss, lr, gradNorm, heldOut }) => ({
    step,
    loss,
    lr,
    gradNorm,
    heldOut,
  }))
}

describe('pretrain', () => {
  it('takes a data set as it is, and its documents where the tokenizer is another', async () => {
    const out = join(dir, 'data-set')
    const config = {
      sources: [{ from: { path: text, separator: '\n' } }],
      preset: 'curated',
      tokenizer: 'bpe:300',
    }
    const { card } = await buildData({
      out,
      config: { ...config, cleaning: { near: { enabled: false } } },
      workers: 0,
    })
    const { tokenizer: _, ...shape } = { ...tiny, steps: 2 }
    const data = [out]
    const settings = { data, out: join(dir, 'of-data-set'), threads: 1, overrides: shape }
    const { heldOut } = await pretrain(settings)
    expect(heldOut!.bitsPerByte).toBeGreaterThan(0)
    const corpus = JSON.parse(await readFile(join(dir, 'of-data-set/data/corpus.json'), 'utf8'))
    expect(corpus).toEqual(card.corpus)
    await run('of-documents', { data, overrides: { steps: 2 } })
    const other = JSON.parse(await readFile(join(dir, 'of-documents/data/corpus.json'), 'utf8'))
    // The same texts, divided anew; the card is not one of them.
    expect(other.documents + other.heldOutDocuments).toBe(400)
    expect(other.trainBytes + other.heldOutBytes).toBe(corpus.trainBytes + corpus.heldOutBytes)
  })

  it('learns, measures, and leaves a complete model folder', async () => {
    const events: TrainEvent[] = []
    const result = await run('whole', { onEvent: (event) => events.push(event) })
    expect(result).toMatchObject({ step: 24, finished: true, tokens: 24 * 64 })
    const steps = (await metrics('whole')).filter(({ loss }) => loss !== undefined)
    expect(steps).toHaveLength(24)
    expect(Object.keys(steps[0]!)).toEqual(expect.arrayContaining(['step', 'loss', 'lr', 'tokensPerSecond']))
    expect(Number(steps.at(-1)!.loss)).toBeLessThan(Number(steps[0]!.loss) - 0.5)
    expect(result.heldOut!.bitsPerByte).toBeCloseTo(result.heldOut!.loss / Math.LN2, 10)
    for (const file of [
      'config.json',
      'tokenizer.json',
      'model.safetensors',
      'optimizer.safetensors',
      'trainer.json',
    ]) {
      expect((await readFile(join(dir, 'whole', file))).length).toBeGreaterThan(0)
    }
    expect(events.map(({ type }) => type)).toEqual(
      expect.arrayContaining(['settings', 'step', 'eval', 'checkpoint']),
    )
  })

  it('repeats itself with the same seed and differs with another', async () => {
    await run('again')
    await run('other', { overrides: { seed: 7 } })
    expect(await losses('again')).toEqual(await losses('whole'))
    expect(await losses('other')).not.toEqual(await losses('whole'))
  })

  it.each(['adamw', 'muon'] as const)(
    'goes on bit for bit after an interruption (%s, dropout, accumulation)',
    async (optimizer) => {
      const overrides = { optimizer, dropout: 0.1, accumulation: 2 }
      await run(`${optimizer}-straight`, { overrides })
      const controller = new AbortController()
      const stopped = await run(`${optimizer}-stopped`, {
        overrides,
        signal: controller.signal,
        onEvent: (event) => {
          if (event.type === 'step' && event.step === 13) controller.abort()
        },
      })
      expect(stopped).toMatchObject({ step: 13, finished: false })
      await resumePretrain(join(dir, `${optimizer}-stopped`), { threads: 1 })
      expect(await losses(`${optimizer}-stopped`)).toEqual(await losses(`${optimizer}-straight`))
      const weights = (name: string) => readFile(join(dir, name, 'model.safetensors'))
      expect((await weights(`${optimizer}-stopped`)).equals(await weights(`${optimizer}-straight`))).toBe(
        true,
      )
    },
  )

  it('stops where the numbers cease to be finite and keeps the last good checkpoint', async () => {
    const broken = run('broken', {
      overrides: { optimizer: 'adamw', learningRate: 1e30, gradClip: 0, warmup: 0, checkpointEvery: 1000 },
    })
    await expect(broken).rejects.toThrow(/diverged: at step \d+.*checkpoint of step 0 .* is intact/s)
    await expect(broken).rejects.toMatchObject({ code: 'train/diverged' })
    expect((await findLatestCheckpoint(join(dir, 'broken'))).latest?.step).toBe(0)
  })

  it('refuses a second process in the same run folder', async () => {
    const held = await openRun(join(dir, 'whole'), { mode: 'resume' })
    await expect(resumePretrain(join(dir, 'whole'))).rejects.toMatchObject({ name: 'RunLockedError' })
    await held.close()
  })

  it('refuses to start over in a folder that holds a run', async () => {
    await expect(run('whole')).rejects.toMatchObject({ code: 'run-exists' })
  })

  it('says what is wrong with the data', async () => {
    const small = join(dir, 'small.txt')
    await writeFile(small, 'too short for a context')
    await expect(run('small', { data: [small], overrides: { contextLength: 64 } })).rejects.toThrow(/context/)
    await expect(run('missing', { data: [join(dir, 'nothing.txt')] })).rejects.toThrow(/nothing\.txt/)
    const binary = join(dir, 'binary.bin')
    await writeFile(binary, Uint8Array.from([0x41, 0xff, 0xfe, 0x00]))
    await expect(run('binary', { data: [binary] })).rejects.toThrow(/binary\.bin/)
    await expect(run('large', { overrides: { tokenizer: 'bpe:50000' } })).rejects.toThrow(/50,?000/)
  })

  it('says what is wrong with the settings', async () => {
    await expect(run('x', { overrides: { width: 15 } })).rejects.toThrow(
      /width 15 is not a multiple of 2 heads/,
    )
    await expect(run('x', { overrides: { steps: 0 } })).rejects.toBeInstanceOf(TrainError)
    await expect(run('x', { preset: 'nothing' })).rejects.toThrow(/no preset 'nothing'; there are start/)
    await expect(run('x', { overrides: { tokenizer: 'bpe:many' } })).rejects.toThrow(/bpe:many/)
  })
})
