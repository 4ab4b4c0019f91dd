/** A round that is killed (SIGKILL) in any of its stages goes on to the same version. */
import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openStore } from '../../src/store/index.js'
import { microFeedback, microSettings, microSpeedrun } from './support/micro.js'

const command = process.env.ATHANOR_COMMAND ?? resolve(import.meta.dirname, '../../bin/athanor.mjs')
let dir: string
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'athanor-loop-kill-'))
  await microSpeedrun(join(dir, 'start'))
  await writeFile(join(dir, 'settings.json'), JSON.stringify(microSettings))
  for (const name of ['straight', 'killed']) {
    const store = await openStore({ url: `file:${join(dir, `${name}.db`)}` })
    await store.feedback.add(...microFeedback(60))
    await store.close()
  }
}, 180_000)
afterAll(() => rm(dir, { recursive: true, force: true }))

/** `athanor next`; with `killAt` it is killed as soon as it says that. */
function next(name: string, killAt?: RegExp): Promise<{ code: number | null; output: string; json: string }> {
  return new Promise((done) => {
    const args = ['next', '--model', join(dir, 'start', 'ppo'), '--name', 'assistant', '--out', name]
    const more = ['--database', `file:${name}.db`, '--settings', 'settings.json', '--threads', '1', '--json']
    const child = spawn(process.execPath, [command, ...args, ...more], {
      cwd: dir,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let [output, json] = ['', '']
    child.stdout.on('data', (chunk: Buffer) => {
      json += chunk
    })
    child.stderr.on('data', (chunk: Buffer) => {
      output += chunk
      if (killAt?.test(output)) child.kill('SIGKILL')
    })
    child.on('close', (code) => done({ code, output, json }))
  })
}

describe('a killed round', () => {
  it('goes on with the same command to the same version', { timeout: 300_000 }, async () => {
    const straight = await next('straight')
    expect(straight, straight.output).toMatchObject({ code: 0 })
    const stages = [
      /1\/6/,
      /fresh answers/,
      /3\/6/,
      /4\/6/,
      /5\/6[\s\S]*saved in/,
      /6\/6/,
      /the candidate’s exam/,
    ]
    let kills = 0
    for (const stage of stages) {
      const { code, output } = await next('killed', stage)
      if (code === null) kills++
      else expect({ code, output }).toMatchObject({ code: 0 })
    }
    expect(kills).toBeGreaterThanOrEqual(5)
    const last = await next('killed')
    expect(last, last.output).toMatchObject({ code: 0 })
    const [ours, theirs] = [last, straight].map(
      ({ json }) => JSON.parse(json) as { outcome: string; report: { to: string; preference: object } },
    )
    expect(ours!.report.to).toBe(theirs!.report.to)
    expect(ours!.report.preference).toEqual(theirs!.report.preference)
    const store = await openStore({ url: `file:${join(dir, 'killed.db')}` })
    const { items } = await store.rounds.list()
    expect(items).toHaveLength(1)
    expect(items[0]).toMatchObject({ state: ours!.outcome, to: ours!.report.to })
    expect((await store.feedback.stats('anyone')).unused).toBe(0)
    await store.close()
  })
})
