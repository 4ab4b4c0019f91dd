import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  appendFile,
  cp,
  link,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  truncate,
  writeFile,
} from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { findLatestCheckpoint } from './checkpoint-store.js'
import { readMetrics } from './metrics-log.js'
import { openRun, type RunDirectory } from './run-directory.js'

let dir: string
let opened: RunDirectory[] = []
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'athanor-run-'))
})
afterEach(async () => {
  for (const run of opened) await run.close()
  opened = []
  await rm(dir, { recursive: true, force: true })
})

async function open(mode: 'create' | 'resume' | 'auto', options = {}): Promise<RunDirectory> {
  const run = await openRun(dir, { mode, ...options })
  opened.push(run)
  return run
}

const files = (text: string) => ({
  'model.safetensors': (path: string) => writeFile(path, `model ${text}`),
  'trainer.json': (path: string) => writeFile(path, `trainer ${text}`),
})

const top = (name: string) => readFile(join(dir, name), 'utf8')
const checkpointNames = async () => (await readdir(join(dir, 'checkpoints'))).sort()
async function metrics(): Promise<unknown[]> {
  const lines = []
  for await (const line of readMetrics(join(dir, 'metrics.jsonl'))) lines.push(line)
  return lines
}

describe('checkpoints', () => {
  it('show at the top, and the last two are kept', async () => {
    const run = await open('create')
    expect(run.latest).toBeUndefined()
    for (const step of [1, 2, 3]) await run.saveCheckpoint(step, files(String(step)))
    expect(run.latest!.step).toBe(3)
    expect(await checkpointNames()).toEqual(['step-000002', 'step-000003'])
    expect(await top('model.safetensors')).toBe('model 3')
    expect((await stat(join(dir, 'model.safetensors'))).ino).toBe(
      (await stat(run.latest!.path('model.safetensors'))).ino,
    )
    expect((await readdir(dir)).sort()).toEqual([
      '.lock',
      'checkpoint.json',
      'checkpoints',
      'metrics.jsonl',
      'model.safetensors',
      'trainer.json',
    ])
  })

  it('can be saved again at the same step, but not at an earlier one', async () => {
    const run = await open('create')
    await run.saveCheckpoint(5, files('a'))
    await run.saveCheckpoint(5, files('b'))
    expect(await top('trainer.json')).toBe('trainer b')
    await expect(run.saveCheckpoint(4, files('c'))).rejects.toThrow(/step 4 would go back/)
  })

  it('drop from the top what a newer one no longer has', async () => {
    const run = await open('create')
    await run.saveCheckpoint(1, { ...files('1'), 'optimizer.safetensors': (path) => writeFile(path, 'o') })
    await run.writeFile('report.md', '# report')
    await run.saveCheckpoint(2, files('2'))
    expect(await readdir(dir)).not.toContain('optimizer.safetensors')
    expect(await top('report.md')).toBe('# report')
  })

  it('leave the old one in place when writing fails', async () => {
    const run = await open('create')
    await run.saveCheckpoint(1, files('1'))
    const failing = run.saveCheckpoint(2, {
      ...files('2'),
      'optimizer.safetensors': async () => {
        throw Object.assign(new Error(), { code: 'ENOSPC', syscall: 'write' })
      },
    })
    await expect(failing).rejects.toMatchObject({ code: 'storage-full' })
    expect(run.latest!.step).toBe(1)
    expect(await checkpointNames()).toEqual(['step-000001'])
    expect(await top('model.safetensors')).toBe('model 1')
    await run.saveCheckpoint(2, files('2'))
    expect(run.latest!.step).toBe(2)
  })

  it("refuse names that are the run's own or leave the folder", async () => {
    const run = await open('create')
    for (const name of ['metrics.jsonl', 'checkpoint.json', '../x', 'a/b']) {
      await expect(run.saveCheckpoint(1, { [name]: async () => {} })).rejects.toMatchObject({
        code: 'run-file',
      })
    }
    await expect(run.writeFile('../x', '')).rejects.toMatchObject({ code: 'run-file' })
  })
})

describe('opening', () => {
  it('tells create from resume', async () => {
    await expect(open('resume')).rejects.toMatchObject({ code: 'run-missing' })
    const run = await open('create')
    await run.saveCheckpoint(1, files('1'))
    await run.close()
    await expect(open('create')).rejects.toMatchObject({ code: 'run-exists' })
    expect((await open('resume')).latest!.step).toBe(1)
  })

  it.each([
    [
      'a changed byte',
      (path: string) => writeFile(join(path, 'model.safetensors'), 'model X'),
      /model.safetensors is damaged/,
    ],
    [
      'a cut file',
      (path: string) => truncate(join(path, 'trainer.json'), 3),
      /trainer.json has 3 bytes instead of 9/,
    ],
    ['a missing file', (path: string) => rm(join(path, 'trainer.json')), /trainer.json is missing/],
    [
      'a missing manifest',
      (path: string) => rm(join(path, 'checkpoint.json')),
      /checkpoint.json cannot be read/,
    ],
    [
      'a strange manifest',
      (path: string) => writeFile(join(path, 'checkpoint.json'), '{}'),
      /not a checkpoint manifest/,
    ],
  ])('passes over a checkpoint with %s, says why, and trains on past it', async (_, damage, reason) => {
    const first = await open('create')
    await first.saveCheckpoint(1, files('1'))
    await first.saveCheckpoint(2, files('2'))
    await first.close()
    await damage(join(dir, 'checkpoints', 'step-000002'))
    const run = await open('resume')
    expect(run.latest!.step).toBe(1)
    expect(run.skipped).toEqual([
      { dir: join(dir, 'checkpoints', 'step-000002'), reason: expect.stringMatching(reason) },
    ])
    expect(await top('model.safetensors')).toBe('model 1')
    await run.saveCheckpoint(2, files('2 again'))
    expect(await top('model.safetensors')).toBe('model 2 again')
    expect((await findLatestCheckpoint(dir)).skipped).toEqual([])
  })

  it('keeps a damaged later checkpoint aside when training goes on before it', async () => {
    const first = await open('create')
    await first.saveCheckpoint(1, files('1'))
    await first.saveCheckpoint(9, files('9'))
    await first.close()
    await truncate(join(dir, 'checkpoints', 'step-000009', 'trainer.json'), 0)
    const run = await open('resume')
    await run.saveCheckpoint(2, files('2'))
    expect(await checkpointNames()).toEqual(['damaged-step-000009', 'step-000001', 'step-000002'])
    expect((await findLatestCheckpoint(dir)).latest!.step).toBe(2)
  })

  it('repairs a mirror that shows two steps', async () => {
    const first = await open('create')
    await first.saveCheckpoint(1, files('1'))
    await cp(join(dir, 'model.safetensors'), join(dir, 'old'))
    await first.saveCheckpoint(2, files('2'))
    await first.close()
    await rm(join(dir, 'model.safetensors'))
    await link(join(dir, 'old'), join(dir, 'model.safetensors'))
    await open('resume')
    expect(await top('model.safetensors')).toBe('model 2')
  })

  it('names a path that cannot be a folder', async () => {
    await writeFile(join(dir, 'file'), '')
    await expect(openRun(join(dir, 'file'), { mode: 'auto' })).rejects.toMatchObject({ name: 'StorageError' })
  })
})

describe('metrics', () => {
  it('are cut back to the checkpoint that is resumed, torn line included', async () => {
    const first = await open('create')
    await first.appendMetrics({ event: 'start' })
    for (const step of [1, 2, 3]) {
      if (step === 3) await first.saveCheckpoint(2, files('2'))
      await first.appendMetrics({ step, loss: step === 1 ? Number.NaN : 0.5 })
    }
    await first.close()
    await appendFile(join(dir, 'metrics.jsonl'), '{"step":4,"lo')
    const run = await open('resume')
    expect(run.metricsRepair).toMatchObject({ droppedLines: 1, torn: true })
    await run.appendMetrics({ step: 3, loss: 0.25 })
    expect(await metrics()).toEqual([
      { event: 'start' },
      { step: 1, loss: null },
      { step: 2, loss: 0.5 },
      { step: 3, loss: 0.25 },
    ])
  })

  it('written after the checkpoint are cut away, those of its own step too', async () => {
    const first = await open('create')
    await first.appendMetrics({ step: 2, loss: 1 })
    await first.saveCheckpoint(2, files('2'))
    await first.appendMetrics({ step: 2, heldOut: 3 })
    await first.appendMetrics({ event: 'without a step' })
    await first.close()
    expect((await open('resume')).metricsRepair).toMatchObject({ droppedLines: 2, torn: false })
    expect(await metrics()).toEqual([{ step: 2, loss: 1 }])
  })

  it('begin anew when there is no checkpoint', async () => {
    const first = await open('create')
    await first.appendMetrics({ step: 0, loss: 1 })
    await first.close()
    expect((await open('resume')).metricsRepair.droppedLines).toBe(1)
    expect(await metrics()).toEqual([])
  })

  it('survive lines longer than a read', async () => {
    const first = await open('create', { metricsSync: 'line' })
    await first.appendMetrics({ step: 1, text: 'x'.repeat(600_000) })
    await first.saveCheckpoint(1, files('1'))
    await first.appendMetrics({ step: 2, text: 'é'.repeat(300_000) })
    await first.close()
    expect((await open('resume')).metricsRepair).toMatchObject({ droppedLines: 1, torn: false })
    expect((await metrics()).length).toBe(1)
  })
})

describe('the lock', () => {
  it('keeps a second opener out and names the process', async () => {
    await open('create')
    await expect(open('auto')).rejects.toMatchObject({
      code: 'run-locked',
      pid: process.pid,
      message: expect.stringContaining(String(process.pid)),
    })
    await opened[0]!.close()
    await open('auto')
  })

  it.each([
    ['a dead process', { pid: 2 ** 30, host: hostname(), birth: null, token: 'x' }],
    [
      'an earlier process with the same id',
      { pid: process.pid, host: hostname(), birth: 'another boot:1', token: 'x' },
    ],
  ])('is taken over from %s', async (_, record) => {
    if (record.birth && process.platform !== 'linux') return
    await writeFile(join(dir, '.lock'), JSON.stringify(record))
    const run = await open('auto')
    await run.close()
    expect(await readdir(dir)).not.toContain('.lock')
  })

  it('of another machine is respected, and the way out named', async () => {
    await writeFile(
      join(dir, '.lock'),
      JSON.stringify({ pid: 7, host: 'elsewhere', birth: null, token: 'x' }),
    )
    await expect(open('auto')).rejects.toThrow(/process 7 on elsewhere.*delete .*\.lock/)
  })

  it('lets one of many simultaneous openers in', async () => {
    await writeFile(
      join(dir, '.lock'),
      JSON.stringify({ pid: 2 ** 30, host: hostname(), birth: null, token: 'x' }),
    )
    const results = await Promise.allSettled(Array.from({ length: 12 }, () => open('auto')))
    expect(results.filter(({ status }) => status === 'fulfilled').length).toBe(1)
  })

  it('that was deleted under a running process stops it before it writes', async () => {
    const run = await open('create')
    await rm(join(dir, '.lock'))
    await expect(run.saveCheckpoint(1, files('1'))).rejects.toMatchObject({ code: 'run-lock-lost' })
  })
})

describe('kill -9', () => {
  it('at any moment leaves a checkpoint that loads, never an older one than was reported saved', async () => {
    const outDir = join(dir, 'bundle')
    await build({
      configFile: false,
      logLevel: 'silent',
      build: {
        ssr: fileURLToPath(new URL('testing/checkpoint-writer.ts', import.meta.url)),
        outDir,
        target: 'node20',
      },
      ssr: { noExternal: true },
    })
    const script = join(outDir, (await readdir(outDir)).find((name) => name.endsWith('js'))!)
    const run = join(dir, 'run')
    await mkdir(run)
    let saved = 0
    for (let round = 0; round < 12; round++) {
      const child = spawn(process.execPath, [script, run], { stdio: ['ignore', 'pipe', 'pipe'] })
      let output = ''
      let errors = ''
      child.stdout.on('data', (chunk: Buffer) => {
        output += chunk
        if (output.includes('saved')) setTimeout(() => child.kill('SIGKILL'), (round * 7) % 29)
      })
      child.stderr.on('data', (chunk: Buffer) => {
        errors += chunk
      })
      await once(child, 'exit')
      expect(errors).toBe('')
      const resumed = Number(/resumed (\d+) skipped 0/.exec(output)?.[1])
      expect(resumed).toBeGreaterThanOrEqual(saved)
      saved = Number([...output.matchAll(/saved (\d+)\n/g)].at(-1)?.[1])
      const { latest, skipped } = await findLatestCheckpoint(run)
      expect(latest!.step).toBeGreaterThanOrEqual(saved)
      expect(skipped).toEqual([])
    }
    const survivor = await openRun(run, { mode: 'resume' })
    opened.push(survivor)
    const names = await readdir(run)
    expect(names.filter((name) => name.includes('.tmp-'))).toEqual([])
    const steps = (await readFile(join(run, 'metrics.jsonl'), 'utf8'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).step)
    expect(steps).toEqual(Array.from({ length: survivor.latest!.step }, (_, i) => i + 1))
  })
})
