import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { openStore, type Store } from '../../store/index.js'
import { stageJob } from './job.js'
import { openRunManager } from './manager.js'
import { findStage } from './stages.js'
import type { Job, Run, RunManager } from './types.js'
import { createWorkspace, type Workspace } from './workspace.js'

const fake = [process.execPath, fileURLToPath(new URL('testing/fake-stage.mjs', import.meta.url))]
const log = { info() {}, warn() {}, error() {} }

let root: string
let store: Store
let workspace: Workspace
const open: RunManager[] = []

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'athanor-runs-'))
  await mkdir(join(root, 'runs'))
  await mkdir(join(root, 'data'))
  store = await openStore({ url: ':memory:' })
  workspace = createWorkspace({ runs: join(root, 'runs'), data: join(root, 'data') }, store)
})

afterEach(async () => {
  await Promise.all(open.splice(0).map((manager) => manager.close()))
  await store.close()
  await rm(root, { recursive: true, force: true, maxRetries: 3 })
})

async function manager(env: Record<string, string> = {}): Promise<RunManager> {
  const made = await openRunManager({ workspace, store, log, command: fake, env, pollMilliseconds: 20 })
  open.push(made)
  return made
}

const job = (name: string, more: Partial<Job> = {}): Job => {
  const dir = join(root, 'runs', name)
  return { stage: 'sft', name, args: [`--out=${dir}`], resumeArgs: [`--resume=${dir}`], ...more }
}

const reaches = (runs: RunManager, id: string, state: Run['state']) =>
  vi.waitFor(async () => expect(await runs.get(id)).toMatchObject({ state }), {
    timeout: 10_000,
    interval: 20,
  })

/** Waits for it to have done so many steps. */
const passes = (runs: RunManager, id: string, step: number) =>
  vi.waitFor(async () => expect((await runs.get(id)).progress.step ?? 0).toBeGreaterThanOrEqual(step), {
    timeout: 10_000,
    interval: 20,
  })

const steps = async (runs: RunManager, id: string) => {
  const { curves } = await runs.curves(id)
  return curves.find(({ metric }) => metric === 'loss')?.steps
}

describe('a run', () => {
  test('is begun, watched and finished, and the store knows', async () => {
    const runs = await manager()
    const states: string[] = []
    runs.subscribe((run) => states.push(run.state))
    const { id, dir, state } = await runs.begin(job('one', { settings: { epochs: 2 } }))
    expect({ dir, state }).toEqual({ dir: 'runs/one', state: 'running' })
    const seen: unknown[] = []
    for await (const event of runs.events(id, { signal: AbortSignal.timeout(10_000) }))
      seen.push(event.type === 'step' ? event.step : event.type)
    expect(seen).toEqual(['begin', 1, 2, 3, 4, 5, 'end'])
    await reaches(runs, id, 'finished')
    expect(await runs.get(id)).toMatchObject({
      settings: { epochs: 2 },
      progress: { step: 5, steps: 5, tokensPerSecond: 1000, latest: { loss: 0.6 } },
      resumable: false,
    })
    expect(await steps(runs, id)).toEqual([1, 2, 3, 4, 5])
    expect(states).toEqual(['queued', 'running', 'finished'])
    expect(await store.runs.get(id)).toMatchObject({ state: 'done', dir: join(root, 'runs', 'one') })
    expect(await readFile(join(root, 'runs', 'one', 'output.log'), 'utf8')).toContain('fake sft')
  })

  test('events are told from where a reader left off', async () => {
    const runs = await manager()
    const { id } = await runs.begin(job('one'))
    const signal = AbortSignal.timeout(10_000)
    const seqs: number[] = []
    for await (const { seq } of runs.events(id, { after: 3, signal })) seqs.push(seq)
    expect(seqs).toEqual([4, 5, 6, 7])
  })

  test('is paused and goes on where it was', async () => {
    const runs = await manager({ FAKE_STEPS: '400' })
    const { id } = await runs.begin(job('one'))
    await passes(runs, id, 3)
    expect((await runs.pause(id)).state).toBe('pausing')
    await reaches(runs, id, 'paused')
    const at = (await runs.get(id)).progress.step!
    await runs.resume(id)
    await passes(runs, id, at + 3)
    const all = (await steps(runs, id))!
    expect(all).toEqual(all.map((_, i) => i + 1))
    await runs.stop(id)
    await reaches(runs, id, 'stopped')
    await expect(runs.pause(id)).rejects.toMatchObject({ status: 409 })
  })

  test('that does not hear is ended by a second stop', async () => {
    const runs = await manager({ FAKE_STEPS: '1000', FAKE_DEAF: '1' })
    const { id } = await runs.begin(job('one'))
    await passes(runs, id, 1)
    expect((await runs.stop(id)).state).toBe('stopping')
    await runs.stop(id)
    await reaches(runs, id, 'stopped')
  })

  test('that is stopped while it begins does not go on', async () => {
    const runs = await manager({ FAKE_STEPS: '1000' })
    const beginning = runs.begin(job('one'))
    let id: string | undefined
    runs.subscribe((run) => {
      id ??= run.id
    })
    await vi.waitFor(() => expect(id).toBeDefined(), { interval: 1 })
    await runs.stop(id!)
    await beginning
    await reaches(runs, id!, 'stopped')
  })

  test('that fails says why', async () => {
    const runs = await manager({ FAKE_FAIL: '1' })
    const { id } = await runs.begin(job('one'))
    await reaches(runs, id, 'failed')
    const error = { code: 'train/diverged', message: 'the loss is not finite' }
    expect(await runs.get(id)).toMatchObject({ error, resumable: true })
  })

  test('that cannot even begin says what its process said', async () => {
    const runs = await manager({ FAKE_CRASH: '1' })
    const { id } = await runs.begin(job('one'))
    await reaches(runs, id, 'failed')
    expect((await runs.get(id)).error?.message).toContain('no such luck')
  })

  test('needs a name of its own, and a safe one', async () => {
    const runs = await manager()
    await runs.begin(job('one'))
    await expect(runs.begin(job('one'))).rejects.toMatchObject({ status: 409, param: 'name' })
    for (const name of ['..', '.hidden', 'a/b', '', 'a b', 'con', 'x'.repeat(65)])
      await expect(runs.begin(job(name)), name).rejects.toMatchObject({ status: 400 })
    await expect(runs.get('run_nothing')).rejects.toMatchObject({ status: 404 })
  })

  test('may take over what lies in its folder', async () => {
    const runs = await manager({ FAKE_STEPS: '400' })
    const { id } = await runs.begin(job('one'))
    await passes(runs, id, 2)
    expect((await runs.begin(job('one'), { adopt: true })).id).toBe(id)
    await runs.pause(id)
    await reaches(runs, id, 'paused')
    expect((await runs.begin(job('one'), { adopt: true })).id).toBe(id)
    await reaches(runs, id, 'running')
  })
})

describe('the queue', () => {
  test('lets one run at a time and keeps the order', async () => {
    const runs = await manager({ FAKE_MILLISECONDS: '40' })
    const ids: string[] = []
    for (const name of ['a', 'b', 'c', 'd']) ids.push((await runs.begin(job(name))).id)
    expect((await runs.list()).map(({ name, state }) => [name, state])).toEqual([
      ['d', 'queued'],
      ['c', 'queued'],
      ['b', 'queued'],
      ['a', 'running'],
    ])
    await runs.stop(ids[2]!)
    await reaches(runs, ids[3]!, 'finished')
    expect((await runs.list()).map(({ state }) => state)).toEqual([
      'finished',
      'stopped',
      'finished',
      'finished',
    ])
    const [a, b] = await Promise.all([runs.get(ids[0]!), runs.get(ids[1]!)])
    expect(b.started).toBeGreaterThanOrEqual(a.ended!)
  })
})

describe('after the server ended', () => {
  test('in good order, the run was saved and can be resumed', async () => {
    const before = await manager({ FAKE_STEPS: '400' })
    const { id } = await before.begin(job('one'))
    const { id: second } = await before.begin(job('two'))
    await passes(before, id, 2)
    await before.close()
    const after = await manager({ FAKE_STEPS: '3' })
    expect(await after.get(id)).toMatchObject({ state: 'interrupted', resumable: true })
    await reaches(after, second, 'finished')
    await after.resume(id)
    await reaches(after, id, 'finished')
  })

  test('with a child that still runs, it is watched and can be paused', async () => {
    const before = await manager({ FAKE_STEPS: '400' })
    const { id } = await before.begin(job('one'))
    await passes(before, id, 2)
    // As if the server was killed: nobody closes it, and another opens the same folder and store.
    const after = await manager()
    expect(await after.get(id)).toMatchObject({ state: 'running' })
    const { step } = (await after.get(id)).progress
    await passes(after, id, step! + 2)
    await after.pause(id)
    await reaches(after, id, 'paused')
  })

  test('with a child that died, it is interrupted and can be resumed', async () => {
    const before = await manager({ FAKE_STEPS: '400' })
    const { id } = await before.begin(job('one'))
    await passes(before, id, 2)
    const { pid } = await store.runs.get(id)
    process.kill(pid!, 'SIGKILL')
    await reaches(before, id, 'interrupted')
    const after = await manager({ FAKE_STEPS: '4' })
    expect(await after.get(id)).toMatchObject({ state: 'interrupted' })
    await after.resume(id)
    await reaches(after, id, 'finished')
  })
})

describe('folders of the command line', () => {
  test('are found, with their curves, and can be gone on with', async () => {
    const dir = join(root, 'runs', 'mine')
    await mkdir(join(dir, 'checkpoints', 'step-000001'), { recursive: true })
    await writeFile(join(dir, 'checkpoints', 'step-000001', 'step'), '2')
    await writeFile(
      join(dir, 'trainer.json'),
      JSON.stringify({ stage: 'ppo', step: 2, recipe: { steps: 5, seed: 1 } }),
    )
    await writeFile(
      join(dir, 'metrics.jsonl'),
      '{"step":1,"objective/kl":0.5}\nnot json\n{"step":2,"objective/kl":0.7}\n{"step":2,"heldOut":{"loss":2}}\n{"st',
    )
    const runs = await manager()
    const [run] = await runs.list()
    expect(run).toMatchObject({
      stage: 'ppo',
      name: 'mine',
      found: true,
      state: 'interrupted',
      settings: { steps: 5 },
      progress: { step: 2, latest: { 'objective/kl': 0.7, 'heldOut.loss': 2 } },
    })
    expect((await runs.curves(run!.id)).curves).toContainEqual({
      part: '',
      metric: 'objective/kl',
      steps: [1, 2],
      values: [0.5, 0.7],
    })
    await runs.resume(run!.id)
    await reaches(runs, run!.id, 'finished')
  })
})

describe('what a client may name', () => {
  const sft = findStage('sft')!
  const request = (data: string, settings = {}) => ({
    name: 'x',
    inputs: { model: ['runs/base'], data: [data] },
    settings,
  })

  beforeEach(async () => {
    await mkdir(join(root, 'runs', 'base'))
    await writeFile(join(root, 'data', 'a.jsonl'), '{}\n')
    await writeFile(join(root, 'secret'), 'x')
  })

  test('becomes arguments that no shell reads and no value can leave', async () => {
    const made = await stageJob(
      sft,
      request('data/a.jsonl', { learningRate: 0.5, optimizer: 'muon' }),
      workspace,
    )
    expect(made.args).toEqual([
      `--out=${join(root, 'runs', 'x')}`,
      `--model=${join(root, 'runs', 'base')}`,
      `--data=${join(root, 'data', 'a.jsonl')}`,
      '--learning-rate=0.5',
      '--optimizer=muon',
    ])
  })

  test.each([
    'data/../secret',
    'data/./a.jsonl',
    '/etc/passwd',
    'data//a.jsonl',
    'data/a.jsonl/../../secret',
    '../secret',
    'data\\..\\secret',
    'secret',
    'data/.hidden',
    'data/nothing.jsonl',
    'models/none',
    'models/none/../../x',
    '',
    'data/\u0000',
    `data/${'a'.repeat(2000)}`,
  ])('refuses %j', async (path) => {
    await expect(stageJob(sft, request(path), workspace)).rejects.toMatchObject({
      status: 400,
      param: 'inputs.data[0]',
    })
  })

  test('refuses links that lead out', async () => {
    await symlink(join(root, 'secret'), join(root, 'data', 'link.jsonl'))
    await symlink(root, join(root, 'data', 'up'))
    for (const path of ['data/link.jsonl', 'data/up/secret'])
      await expect(stageJob(sft, request(path), workspace)).rejects.toMatchObject({ code: 'serve/api' })
  })

  test('refuses settings that are wrong, unknown, or reach outside', async () => {
    for (const [settings, param] of [
      [{ epochs: -1 }, 'settings.epochs'],
      [{ epochs: 'x' }, 'settings.epochs'],
      [{ unknown: 1 }, 'settings'],
      [JSON.parse('{"__proto__": 1}'), 'settings'],
    ] as const)
      await expect(stageJob(sft, request('data/a.jsonl', settings), workspace)).rejects.toMatchObject({
        status: 400,
        param,
      })
    const distill = { name: 'x', inputs: {}, settings: { endpoint: 'http://10.0.0.1' } }
    await expect(stageJob(findStage('distill')!, distill, workspace)).rejects.toMatchObject({ status: 400 })
    const tokenizer = { name: 'x', inputs: { data: ['data/a.jsonl'] }, settings: { tokenizer: '/etc' } }
    await expect(stageJob(findStage('pretrain')!, tokenizer, workspace)).rejects.toMatchObject({
      param: 'settings.tokenizer',
    })
  })
})
