import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createWorkspace, openRunManager, type RunManager } from '../runs/index.js'
import { createHarness, type Harness } from '../testing/harness.js'

const fake = [process.execPath, fileURLToPath(new URL('../runs/testing/fake-stage.mjs', import.meta.url))]

let root: string
let server: Harness
let runs: RunManager
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'athanor-next-api-'))
  server = await createHarness()
  const workspace = createWorkspace({ runs: join(root, 'runs'), data: join(root, 'data') }, server.store)
  const log = { info() {}, warn() {}, error() {} }
  const env = { FAKE_STEPS: '2', FAKE_MILLISECONDS: '5' }
  runs = await openRunManager({
    workspace,
    store: server.store,
    log,
    command: fake,
    env,
    pollMilliseconds: 20,
  })
  const config = { ...server.context.config, database: `file:${join(root, 'athanor.db')}` }
  Object.assign(server.context, { runs, config })
  await server.store.models.addVersion({
    model: 'talker',
    version: 'abcd1234',
    dir: join(root, 'talker'),
    kind: 'decoder',
  })
})
afterEach(async () => {
  await runs.close()
  await server.close()
  await rm(root, { recursive: true, force: true, maxRetries: 3 })
})

// biome-ignore lint/suspicious/noExplicitAny: answers of many forms, which `expect` looks into
const json = async (response: Promise<Response>, status = 200): Promise<any> => {
  const answer = await response
  const text = await answer.text()
  expect(answer.status, text).toBe(status)
  return JSON.parse(text)
}
const state = async () => json(server.fetch('/api/next?model=talker'))

const say = (count: number) =>
  server.store.feedback.add(
    ...Array.from({ length: count }, (_, i) => ({
      user: 'local',
      labeler: `person-${i % 4}`,
      prompt: [{ role: 'user' as const, content: `Question ${i}?` }],
      answers: [{ text: 'One.', model: 'talker' }, { text: 'Two.' }, { text: 'Three.' }],
      kind: 'ranking' as const,
      value: [1, 2, 2],
    })),
  )

describe('the loop over HTTP', () => {
  test('tells what people have said, and whether that is enough', async () => {
    expect((await state()).models).toMatchObject([
      { model: 'talker', live: 'abcd1234', feedback: 0, have: { comparisons: 0 }, enough: false },
    ])
    await say(60)
    expect((await state()).models[0]).toMatchObject({
      feedback: 60,
      kinds: { ranking: 60, thumb: 0 },
      have: { comparisons: 120, people: 4, questions: 60 },
      enough: true,
    })
  })

  test('does not count what a round has taken, nor what is about other models', async () => {
    const [first] = await say(2)
    const round = await server.store.rounds.create({ model: 'talker', from: 'abcd1234' })
    await server.store.rounds.take(round.id, [{ feedback: first!.id, use: 'train' }])
    await server.store.feedback.add({
      user: 'local',
      prompt: [{ role: 'user', content: 'Hm?' }],
      answers: [{ text: 'Other.', model: 'another' }],
      kind: 'thumb',
      value: 1,
    })
    const { models, rounds } = await state()
    expect(models[0]).toMatchObject({ feedback: 1, running: round.id })
    expect(rounds).toMatchObject([{ id: round.id, state: 'running', from: 'abcd1234' }])
  })

  test('starts a round as a run, which the same command goes on with', async () => {
    const run = await json(server.post('/api/next', { model: 'talker', preset: 'tiny', seed: 3 }))
    expect(run).toMatchObject({ name: 'next-1', dir: 'runs/next-1' })
    const job = JSON.parse(await readFile(join(root, 'runs', 'next-1', 'job.json'), 'utf8'))
    expect(job).toMatchObject({ stage: 'next', resumeWhen: 'journal.json' })
    expect(job.args).toEqual([
      `--database=file:${join(root, 'athanor.db')}`,
      '--model=talker',
      `--out=${join(root, 'runs', 'next-1')}`,
      '--preset=tiny',
      '--seed=3',
    ])
    expect(job.resumeArgs).toEqual(job.args)
    const { items } = await server.store.audit.list({ action: 'round.start' })
    expect(items).toMatchObject([{ target: run.id, details: { model: 'talker' } }])
  })

  test('refuses a second round, unknown models, and paths and databases that it must not use', async () => {
    await json(server.post('/api/next', { model: 'nobody' }), 404)
    await json(server.post('/api/next', { model: '../talker' }), 400)
    await json(server.post('/api/next', { model: 'talker', replay: '../../etc' }), 400)
    Object.assign(server.context.config, { database: 'postgres://me:secret@host/db' })
    const refused = await json(server.post('/api/next', { model: 'talker' }), 409)
    expect(JSON.stringify(refused)).not.toContain('secret')
    Object.assign(server.context.config, { database: `file:${join(root, 'athanor.db')}` })
    await server.store.rounds.create({ model: 'talker' })
    expect((await json(server.post('/api/next', { model: 'talker' }), 409)).error.code).toBe('round_running')
  })
})
