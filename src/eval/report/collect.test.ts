import { mkdir, mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { StorageError } from '../../hub/index.js'
import { pretrain } from '../../train/index.js'
import { collectReport, collectStage } from './collect.js'
import { ReportError } from './errors.js'
import { reportDirectory, writeReport } from './write.js'

const folder = () => mkdtemp(join(tmpdir(), 'athanor-report-'))
const now = new Date('2026-01-02T03:04:05Z')

/** A run folder as a stage leaves it, without a model. */
async function run(
  dir: string,
  trainer: object | string | undefined,
  lines: readonly (object | string)[],
): Promise<string> {
  await mkdir(dir, { recursive: true })
  const json = (value: object | string) => (typeof value === 'string' ? value : JSON.stringify(value))
  if (trainer !== undefined) await writeFile(join(dir, 'trainer.json'), json(trainer))
  await writeFile(join(dir, 'metrics.jsonl'), lines.map((line) => `${json(line)}\n`).join(''))
  return dir
}

const ppo = {
  stage: 'ppo',
  step: 2,
  seconds: 12.5,
  recipe: { steps: 4, klCoefficient: 0.05, seed: 9, nested: { a: 1 } },
  runtime: { node: '20.1.0' },
}
const ppoLines = [1, 2].map((step) => ({
  step,
  'objective/kl': step,
  'objective/scores': step / 2,
  'objective/rlhf_reward': step / 4,
  'custom/thing': 7,
  heldOut: { deep: { gold: 0.5 } },
}))

describe('a run folder', () => {
  test('of a real pretraining run becomes a stage with its curves', { timeout: 120_000 }, async () => {
    const dir = await folder()
    await writeFile(join(dir, 'text.txt'), 'the quick brown fox jumps over the lazy dog.\n'.repeat(200))
    const out = join(dir, 'run')
    const result = await pretrain({
      out,
      data: [join(dir, 'text.txt')],
      preset: 'nanogpt-char-cpu',
      threads: 1,
      overrides: {
        nLayer: 1,
        nHead: 2,
        width: 32,
        contextLength: 16,
        batchSize: 4,
        steps: 6,
        warmup: 1,
        logEvery: 1,
        evalEvery: 3,
        seed: 3,
      },
    })
    const { stage, curves, seed } = await collectStage(out)
    expect(stage).toMatchObject({
      name: 'pretraining',
      steps: 6,
      tokens: result.tokens,
      parameters: result.parameters,
    })
    expect(stage.flops).toBe(6 * result.tokens * result.parameters)
    expect(stage.seconds).toBeGreaterThan(0)
    expect(stage.settings).toMatchObject({ width: 32, optimizer: 'adamw' })
    expect(seed).toBe(3)
    const loss = curves.find(({ title }) => title === 'Loss')!
    expect(loss).toMatchObject({ yLabel: 'nats per token', minor: false })
    expect(loss.series.map(({ name, points }) => [name, points.length])).toEqual([
      ['training', 6],
      ['held out', 3],
    ])
    expect(loss.series[0]!.points.at(-1)).toEqual([6, result.loss])

    const written = await reportDirectory(out)
    expect(await readFile(written.files.html, 'utf8')).toContain('pretraining: loss')
    expect(JSON.parse(await readFile(written.files.json, 'utf8'))).toEqual(written.report)
    expect((await readdir(out)).filter((name) => name.includes('tmp'))).toEqual([])
  })

  test('of another stage shows the metrics it logged under their names', async () => {
    const { stage, curves } = await collectStage(await run(await folder(), ppo, ppoLines))
    expect(stage).toMatchObject({ name: 'PPO', steps: 2, finished: false, settings: { klCoefficient: 0.05 } })
    expect(stage.settings).not.toHaveProperty('nested')
    expect(curves.filter(({ minor }) => !minor).map(({ title }) => title)).toEqual([
      'Reward',
      'KL from the reference',
    ])
    expect(curves.find(({ title }) => title === 'custom/thing')).toMatchObject({ minor: true })
    expect(curves.find(({ title }) => title === 'heldOut.deep.gold')!.series[0]!.points).toEqual([
      [1, 0.5],
      [2, 0.5],
    ])
  })

  test('that was killed before its first checkpoint has curves only', async () => {
    const { stage, curves } = await collectStage(
      await run(await folder(), undefined, [{ step: 3, strange: 1 }, '{"step":4,"str']),
    )
    expect(stage).toMatchObject({ name: 'training', steps: 3 })
    expect(curves).toMatchObject([{ title: 'strange', minor: false }])
  })

  test('with a damaged trainer.json says so and goes on', async () => {
    const { notes, stage } = await collectStage(await run(await folder(), '{"stage": "sf', ppoLines))
    expect(notes).toEqual([{ text: 'trainer.json is damaged and was left out.' }])
    expect(stage.steps).toBe(2)
  })

  test('that diverged says so', async () => {
    const lines = [
      { step: 1, loss: 2 },
      { step: 2, loss: 'NaN', gradNorm: 'NaN' },
    ]
    const { notes, curves } = await collectStage(await run(await folder(), { ...ppo, stage: 'sft' }, lines))
    expect(notes).toMatchObject([
      { kind: 'miss', text: 'SFT diverged: at step 2 its numbers ceased to be finite.' },
    ])
    expect(curves[0]!.series[0]!.points).toEqual([[1, 2]])
  })

  test('with a very long log keeps its course in bounded space', async () => {
    const lines = Array.from({ length: 9000 }, (_, i) => ({ step: i + 1, loss: 1 / (i + 1) }))
    const { curves } = await collectStage(await run(await folder(), { stage: 'sft' }, lines))
    const { points } = curves[0]!.series[0]!
    expect(points.length).toBeLessThanOrEqual(2001)
    expect(points[0]).toEqual([1, 1])
    expect(points.at(-1)![0]).toBeGreaterThan(8990)
  })

  test('of a reward model brings its accuracy by category and its calibration', async () => {
    const part = (value: number, count: number) => ({ value, low: value - 0.1, high: value + 0.1, count })
    const dir = await run(await folder(), { stage: 'reward', step: 5 }, [])
    await writeFile(
      join(dir, 'reward.json'),
      JSON.stringify({
        accuracy: part(0.7, 100),
        byCategory: { facts: part(0.8, 50) },
        calibration: {
          error: 0,
          bins: [
            { from: 0.5, to: 0.6, count: 10, predicted: 0.55, observed: 0.5 },
            { from: 0.6, to: 0.7, count: 0, predicted: 0, observed: 0 },
          ],
        },
        baselines: { longer: part(0.52, 100), shorter: part(0.48, 100) },
      }),
    )
    const { rewardModel } = await collectReport(dir, { now })
    expect(rewardModel).toMatchObject({
      accuracy: { value: 0.7, n: 100 },
      categories: [{ name: 'facts' }],
      calibration: [{ n: 10 }],
    })
  })
})

describe('a folder of runs', () => {
  test('becomes one report in the order of the road', async () => {
    const dir = await folder()
    await run(join(dir, 'a-ppo'), ppo, ppoLines)
    await run(join(dir, 'z-base'), { ...ppo, stage: 'pretrain', runtime: { node: '20.2.0' } }, [
      { step: 1, loss: 3 },
    ])
    await run(join(dir, 'sft-1'), { ...ppo, stage: 'sft' }, [])
    await run(join(dir, 'sft-2'), { ...ppo, stage: 'sft' }, [])
    await mkdir(join(dir, 'no-run'))
    const report = await collectReport(dir, { now })
    expect(report.stages.map(({ name, dir }) => [name, dir])).toEqual([
      ['pretraining', 'z-base'],
      ['sft-1', 'sft-1'],
      ['sft-2', 'sft-2'],
      ['PPO', 'a-ppo'],
    ])
    expect(report).toMatchObject({ collected: true, when: '2026-01-02T03:04:05.000Z', seeds: { PPO: 9 } })
    expect(report.versions.node).toBe('20.2.0, 20.1.0')
  })

  test('is collected anew when its runs went on, but a report that a recipe wrote is kept', async () => {
    const dir = await run(await folder(), ppo, ppoLines)
    await reportDirectory(dir)
    await writeFile(join(dir, 'metrics.jsonl'), `${JSON.stringify({ step: 9, 'objective/kl': 5 })}\n`)
    const { report } = await reportDirectory(dir)
    expect(report.curves[0]!.series[0]!.points).toEqual([[9, 5]])
    await writeReport(dir, { title: 'By hand', when: now.toISOString() })
    expect((await reportDirectory(dir)).report.title).toBe('By hand')
  })
})

test('what holds no run is refused with the way out', async () => {
  const dir = await folder()
  await expect(reportDirectory(dir)).rejects.toThrow(ReportError)
  await expect(reportDirectory(dir)).rejects.toThrow('give the folder of a run')
  await expect(reportDirectory(join(dir, 'missing'))).rejects.toThrow(StorageError)
  await writeFile(join(dir, 'report.json'), '{')
  await expect(reportDirectory(dir)).rejects.toThrow('report.json is not JSON')
  await writeFile(join(dir, 'report.json'), '{"title": 3}')
  await expect(reportDirectory(dir)).rejects.toThrow('report.json is not a report')
})
