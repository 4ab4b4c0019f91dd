/** The demonstration at a size at which nothing is learnt: real people's way through a real server, in a process of its own. */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Connect, demonstrate } from '../../src/recipes/people/demonstration.js'
import { httpApi } from '../../src/recipes/people/http.js'
import { startServer } from '../../src/recipes/people/server.js'
import { openStore } from '../../src/store/index.js'
import { microSettings, microSpeedrun } from './support/micro.js'

let dir: string
let start: string
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'athanor-demonstration-'))
  start = await microSpeedrun(join(dir, 'start'))
}, 120_000)
afterAll(() => rm(dir, { recursive: true, force: true, maxRetries: 3 }))

const program = process.env.ATHANOR_COMMAND
const connect: Connect = async ({ database, name, first, folder, seed }) => {
  const command = program === undefined ? {} : { command: [process.execPath, program] }
  const server = await startServer({ database, model: first, name, folder, threads: 1, ...command })
  return { api: httpApi({ url: server.url, model: name, maxTokens: 8, seed }), close: server.close }
}

describe('the demonstration', () => {
  it('goes round over HTTP, with malicious people too, and goes on where it was', {
    timeout: 600_000,
  }, async () => {
    const out = join(dir, 'out')
    const options = {
      start,
      out,
      connect,
      rounds: 2,
      people: 8,
      turns: 10,
      heldOut: 12,
      malicious: 0.2,
      threads: 1,
      settings: { ...microSettings, minimum: { comparisons: 5, people: 2, heldOutPrompts: 1 } },
    }
    const result = await demonstrate(options)
    expect(result.rounds.map(({ round }) => round)).toEqual([1, 2])
    for (const { said, outcome, live } of result.rounds) {
      expect(said.rankings + said.thumbs + said.corrections).toBeGreaterThan(40)
      expect(['promoted', 'rejected']).toContain(outcome)
      expect(live.utility.n).toBe(12)
    }
    expect(result.poisoned).toMatchObject({ malicious: 2, people: 10 })

    // What people said over HTTP is in the database, with exactly the version that said it.
    const store = await openStore({ url: `file:${join(out, 'rounds', 'athanor.db')}` })
    const { items: rounds } = await store.rounds.list({ model: 'assistant' })
    expect(rounds).toHaveLength(2)
    const { live } = await store.models.get('assistant')
    const last = result.rounds.at(-1)!
    expect(live).toBe(last.live.version)
    const versions = new Set((await store.models.versions('assistant')).map(({ version }) => version))
    for await (const { answers, labeler } of store.feedback.each('anyone')) {
      expect(labeler).toMatch(/^simulated-\d+$/)
      for (const { model, modelVersion } of answers) {
        expect(model).toBe('assistant')
        expect(versions).toContain(modelVersion)
      }
    }
    await store.close()
    const page = await readFile(join(out, 'demonstration.md'), 'utf8')
    for (const text of ['**Simulated.**', '## Guards', '## With malicious people among them'])
      expect(page).toContain(text)

    const again = await demonstrate({
      ...options,
      connect: () => Promise.reject(new Error('nobody talks again')),
    })
    expect(again.markdown).toBe(result.markdown)
  })
})
