import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseReport } from '../../eval/report/index.js'
import type { TrainEvent } from '../../train/index.js'
import type { SpeedrunPreset } from './presets.js'
import { speedrun } from './speedrun.js'

let dir: string
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'athanor-speedrun-'))
})
afterAll(() => rm(dir, { recursive: true, force: true }))

const pretrain = {
  nLayer: 1,
  nHead: 2,
  width: 32,
  contextLength: 128,
  tokenizer: 'bpe:400',
  batchSize: 4,
  steps: 6,
  learningRate: 0.01,
  evalTokens: 512,
  checkpointEvery: 3,
} as const

/** The whole road at a size at which nothing is learnt. */
const micro: SpeedrunPreset = {
  name: 'micro',
  summary: 'for tests',
  data: {
    countries: 24,
    pretrainCharacters: 60_000,
    profileCharacters: 300,
    dialogues: 120,
    heldOutDialogues: 20,
    rewardPrompts: 30,
    ppoPrompts: 30,
    suitePrompts: 2,
  },
  pretrain,
  sft: { epochs: 1, batchSize: 8, checkpointEvery: 3 },
  rankings: { answers: 3, temperature: 1 },
  reward: { batchSize: 8 },
  ppo: { steps: 2, batchSize: 8, minibatchSize: 4, maxTokens: 12, maxPromptTokens: 110, learningRate: 1e-4 },
  larger: { ...pretrain, width: 48, steps: 2 },
  ablations: true,
}

const contents = (out: string, file: string) => readFile(join(out, file))

describe('the speedrun', () => {
  it('makes an assistant and its report; interrupted anywhere, it goes on to the same', async () => {
    const whole = join(dir, 'whole')
    const corpus = join(dir, 'own.txt')
    await writeFile(corpus, 'A text of one’s own. '.repeat(200))
    const result = await speedrun({ out: whole, preset: micro, corpus: [corpus], larger: true, threads: 1 })
    expect(result).toMatchObject({ finished: true, model: join(whole, 'ppo') })
    const report = parseReport(JSON.parse(await readFile(result.report!.json, 'utf8')))
    expect(new Set(report.stages.map(({ dir }) => dir))).toEqual(
      new Set([
        ...['base', 'sft', 'reward', 'ppo', 'larger-base', 'larger-sft'],
        ...['no-kl', 'reward-hacking', 'strong-kl', 'no-ptx', 'no-whitening'].map(
          (name) => `ablation-${name}`,
        ),
      ]),
    )
    expect(report.scores!.stages).toEqual(['base', 'SFT', 'PPO', 'larger SFT'])
    expect(report.ablation!.rows).toHaveLength(6)
    expect(report.scores!.rows.map(({ suite }) => suite)).toEqual(
      expect.arrayContaining(['refusal', 'over-refusal', 'false-premise', 'follow-up', 'held-out-facts']),
    )
    expect(report.wins!.cells).toHaveLength(6)
    expect(report.overOptimisation!.points).toHaveLength(2)
    expect(report.notes.filter(({ kind }) => kind === 'simulated').length).toBeGreaterThan(0)
    // Nothing was learnt, and the report says so.
    expect(report.notes.filter(({ kind }) => kind === 'miss').length).toBeGreaterThan(0)
    expect(await readFile(result.report!.html, 'utf8')).toContain('Factbook')

    const broken = join(dir, 'broken')
    const options = {
      out: broken,
      preset: micro,
      corpus: [corpus],
      threads: 1,
      resume: 'auto' as const,
    }
    const stopAt = async (matches: (event: TrainEvent) => boolean) => {
      const stop = new AbortController()
      const onEvent = (event: TrainEvent) => {
        if (matches(event)) stop.abort()
      }
      expect(await speedrun({ ...options, signal: stop.signal, onEvent })).toMatchObject({ finished: false })
    }
    await stopAt((event) => event.type === 'step' && event.step === 1)
    await stopAt((event) => event.type === 'progress' && event.label === 'answering' && event.done > 20)
    await stopAt((event) => event.type === 'metrics' && 'objective/kl' in event.metrics)
    await appendFile(join(broken, 'ppo-gold.jsonl'), '{"step": 1, "kl"')
    // An experiment may be added to a run.
    const resumed = await speedrun({ ...options, larger: true })
    expect(resumed.finished).toBe(true)
    for (const file of [
      'data/sft.jsonl',
      'base/tokenizer.json',
      'base/model.safetensors',
      'sft/tokenizer.json',
      'sft/model.safetensors',
      'rankings.jsonl',
      'reward/model.safetensors',
      'ppo/model.safetensors',
      'answers/ppo.jsonl',
    ]) {
      expect((await contents(broken, file)).equals(await contents(whole, file)), file).toBe(true)
    }
    // A finished run only writes its report again.
    const again = await speedrun(options)
    expect(again.seconds).toBe(resumed.seconds)
  }, 120_000)

  it('refuses what would mix two runs', async () => {
    const out = join(dir, 'whole')
    await expect(speedrun({ out, preset: micro })).rejects.toMatchObject({ code: 'recipe/exists' })
    await expect(speedrun({ out, preset: 'tiny', resume: 'must' })).rejects.toMatchObject({
      code: 'recipe/plan',
    })
    await expect(speedrun({ out: join(dir, 'none'), resume: 'must' })).rejects.toMatchObject({
      code: 'recipe/missing',
    })
    await expect(speedrun({ out: join(dir, 'none'), preset: 'huge' })).rejects.toMatchObject({
      code: 'recipe/preset',
    })
  })
})
