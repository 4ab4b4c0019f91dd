import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { buildData } from '../../data/build/index.js'
import { writeSafetensors } from '../../hub/index.js'
import { createWorkspace, openRunManager, type Run, type RunManager } from '../runs/index.js'
import { createHarness, eventsOf, type Harness } from '../testing/harness.js'
import { idOfPath } from './data-sets.js'

const fake = [process.execPath, fileURLToPath(new URL('../runs/testing/fake-stage.mjs', import.meta.url))]

let root: string
let server: Harness
let runs: RunManager

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'athanor-api-'))
  await mkdir(join(root, 'data'))
  server = await createHarness()
  await openRuns(8)
})

/** Runs of so many steps. */
async function openRuns(steps: number): Promise<void> {
  const workspace = createWorkspace({ runs: join(root, 'runs'), data: join(root, 'data') }, server.store)
  const log = { info() {}, warn() {}, error() {} }
  runs = await openRunManager({
    workspace,
    store: server.store,
    log,
    command: fake,
    env: { FAKE_STEPS: String(steps), FAKE_MILLISECONDS: '40' },
    pollMilliseconds: 20,
  })
  Object.assign(server.context, { runs })
}

afterEach(async () => {
  await runs.close()
  await server.close()
  await rm(root, { recursive: true, force: true, maxRetries: 3 })
})

/** Bodies are read as whatever the test expects them to be. */
// biome-ignore lint/suspicious/noExplicitAny: answers of many forms, which `expect` looks into
type Body = any
const json = async (response: Promise<Response>, status = 200): Promise<Body> => {
  const answer = await response
  const text = await answer.text()
  expect(answer.status, text).toBe(status)
  return JSON.parse(text)
}
const get = (path: string, status?: number) => json(server.fetch(path), status)
const post = (path: string, body: unknown, status?: number) => json(server.post(path, body), status)
const rests = (id: string) =>
  vi.waitFor(async () => expect((await get(`/api/runs/${id}`)).state).toMatch(/finished|paused|stopped/), {
    timeout: 10_000,
    interval: 30,
  })

const write = async (path: string, content: string | Uint8Array) => {
  await mkdir(join(root, path, '..'), { recursive: true })
  await writeFile(join(root, path), content)
}

/** A folder that looks like a model to whoever reads its files. */
async function writeModel(path: string, value = 1): Promise<void> {
  await mkdir(join(root, path), { recursive: true })
  await writeFile(join(root, path, 'config.json'), '{"max_position_embeddings": 64, "architectures": ["X"]}')
  await writeFile(join(root, path, 'README.md'), '---\nlicense: mit\n---\nA model.')
  await writeFile(join(root, path, 'optimizer.safetensors'), 'secret state')
  await writeSafetensors(join(root, path, 'model.safetensors'), {
    w: { dtype: 'f32', shape: [2, 3], data: new Float32Array(6).fill(value) },
  } as never)
}

describe('stages', () => {
  test('are described by JSON Schema with defaults and words', async () => {
    const { stages } = await get('/api/stages')
    expect(stages.map(({ name }: { name: string }) => name)).toEqual([
      'speedrun',
      'pretrain',
      'sft',
      'reward',
      'ppo',
      'dpo',
      'grpo',
      'distill',
    ])
    const sft = stages[2]
    expect(sft.settings.properties.epochs).toMatchObject({
      type: 'number',
      default: 3,
      description: expect.stringContaining('passes'),
    })
    for (const stage of stages)
      for (const [key, field] of Object.entries<{ description?: string }>(stage.settings.properties))
        expect(field.description, `${stage.name}.${key}`).toBeTruthy()
  })

  test('the workspace lists what can be read', async () => {
    await write('data/books/a.txt', 'text')
    await writeModel('runs/base')
    const { files, models } = await get('/api/workspace')
    expect(files).toEqual([{ path: 'data/books/a.txt', bytes: 4 }])
    expect(models).toContainEqual({ path: 'runs/base' })
    expect(models).toContainEqual({ path: 'models/fake', name: 'fake', kind: 'decoder' })
  })
})

describe('a run', () => {
  const begin = async (more = {}) => {
    await write('data/a.jsonl', '{}\n')
    await writeModel('runs/base')
    const inputs = { model: 'runs/base', data: ['data/a.jsonl'] }
    return post('/api/runs', { stage: 'sft', inputs, settings: { epochs: 2 }, ...more })
  }

  test('is started with a name made up, watched by events and listed', async () => {
    const run: Run = await begin()
    expect(run).toMatchObject({ name: 'sft', dir: 'runs/sft', state: 'running', settings: { epochs: 2 } })
    const events = (await eventsOf(await server.fetch(`/api/runs/${run.id}/events`))).map(
      (event) => JSON.parse(event) as { type: string; step?: number; run?: Run },
    )
    expect(events[0]!.run!.state).toBe('running')
    expect(events.flatMap(({ step }) => step ?? [])).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
    expect(events.at(-1)!.run!.id).toBe(run.id)
    await rests(run.id)
    const again = await eventsOf(await server.fetch(`/api/runs/${run.id}/events?after=8`))
    // The run itself is told again whenever it changes, at its end perhaps twice.
    const types = again.map((event) => JSON.parse(event).type as string)
    expect(types.filter((type, i) => type !== 'run' || types[i - 1] !== 'run')).toEqual([
      'run',
      'step',
      'end',
      'run',
    ])
    const { curves, seq } = await get(`/api/runs/${run.id}/curves`)
    expect(seq).toBe(10)
    expect(curves.find(({ metric }: { metric: string }) => metric === 'loss').steps).toHaveLength(8)
    expect((await get('/api/runs')).runs).toHaveLength(1)
    expect((await begin()).name).toBe('sft-2')
    const { items } = await server.store.audit.list()
    expect(items.map(({ action }) => action)).toContain('run.start')
  })

  test('does not keep the server from ending while somebody watches', async () => {
    await runs.close()
    await openRuns(10_000)
    const ending = new AbortController()
    Object.assign(server.context, { ending: ending.signal })
    const { id } = await begin()
    const http = await server.listen()
    const text = fetch(`http://127.0.0.1:${http.port}/api/runs/${id}/events`).then((answer) => answer.text())
    await vi.waitFor(async () => expect((await get(`/api/runs/${id}/curves`)).seq).toBeGreaterThan(0))
    ending.abort()
    expect(await http.close(20)).toBe(true)
    const last = (await text).trim().split('\n\n').at(-1)!
    expect(JSON.parse(last.slice('data: '.length))).toMatchObject({ type: 'run', run: { state: 'running' } })
  })

  test('is paused, resumed and stopped', async () => {
    const { id } = await begin()
    expect((await post(`/api/runs/${id}/pause`, {})).state).toMatch(/^paus/)
    await rests(id)
    expect((await post(`/api/runs/${id}/resume`, {})).state).toMatch(/queued|running/)
    expect((await post(`/api/runs/${id}/stop`, {})).state).toMatch(/^stop/)
    await rests(id)
    expect((await post(`/api/runs/${id}/pause`, {}, 409)).error.code).toBe('conflict')
  })

  test('has a report that can do nothing', async () => {
    const { id } = await begin()
    await rests(id)
    const page = await server.fetch(`/api/runs/${id}/report.html`)
    expect(page.status).toBe(200)
    expect(page.headers.get('content-security-policy')).toMatch(/default-src 'none'.*sandbox/)
    expect(page.headers.get('content-type')).toContain('text/html')
    expect(await page.text()).toContain('<h1>sft')
    expect((await get(`/api/runs/${id}/report.json`)).title).toBe('sft')
    expect(await (await server.fetch(`/api/runs/${id}/report.md`)).text()).toContain('# sft')
    await get(`/api/runs/${id}/report.exe`, 404)
  })

  test.each([
    [{ stage: 'rm -rf' }, 'stage'],
    [{ stage: 'sft', name: '../x' }, 'name'],
    [{ stage: 'sft', settings: { epochs: '1; ls' } }, 'settings.epochs'],
    [{ stage: 'sft', inputs: { model: '/etc' } }, 'inputs.model[0]'],
    [{ stage: 'sft', inputs: {} }, 'inputs.model'],
    [{ stage: 'sft', more: 1 }, undefined],
  ])('is refused where the request is wrong: %j', async (wrong, param) => {
    await write('data/a.jsonl', '{}\n')
    await writeModel('runs/base')
    const inputs = { model: 'runs/base', data: 'data/a.jsonl' }
    const { error } = await post('/api/runs', { inputs, ...wrong }, 400)
    expect(error.type).toBe('invalid_request_error')
    if (param !== undefined) expect(error.param).toBe(param)
    expect((await get('/api/runs')).runs).toEqual([])
  })

  test('is nothing for a key that may only chat', async () => {
    const { secret } = await server.key(['chat'])
    for (const path of ['/api/runs', '/api/stages', '/api/data', '/api/workspace'])
      expect((await server.fetch(path, { key: secret })).status, path).toBe(403)
    expect((await server.post('/api/runs', { stage: 'speedrun' }, secret)).status).toBe(403)
    expect((await server.post('/api/models/fake/rollback', {}, secret)).status).toBe(403)
    expect((await server.fetch('/api/models', { key: secret })).status).toBe(200)
  })
})

describe('data', () => {
  test('sets show their card, what was dropped and samples', async () => {
    const text = (i: number) => `Nobody in the village ${i} had seen the old baker before the rain came down.`
    const document = (i: number) => ({ text: text(i) })
    const lines = [...Array.from({ length: 12 }, (_, i) => document(i)), document(3)].map((record) =>
      JSON.stringify(record),
    )
    await write('data/raw.jsonl', lines.join('\n'))
    await buildData({
      out: join(root, 'data', 'built'),
      config: {
        sources: [{ from: { name: 'raw', path: join(root, 'data', 'raw.jsonl'), licence: 'CC0-1.0' } }],
        tokenizer: 'none',
        cleaning: Object.fromEntries(
          ['near', 'gopher', 'repetition', 'c4', 'language'].map((rule) => [rule, { enabled: false }]),
        ),
      },
      workers: 0,
    })
    const { sets, files, feedback } = await get('/api/data')
    expect(sets).toHaveLength(1)
    expect(files.map(({ path }: { path: string }) => path)).toContain('data/raw.jsonl')
    expect(feedback.total).toBe(0)
    const card = await get(`/api/data/${sets[0].id}`)
    expect(card.sources[0]).toMatchObject({ name: 'raw', licence: 'CC0-1.0' })
    expect(card.dropped.length).toBeGreaterThan(0)
    const { items } = await get(`/api/data/${sets[0].id}/dropped?reason=${card.dropped[0].reason}`)
    expect(items[0]).toMatchObject({ action: 'dropped', reason: card.dropped[0].reason })
    const samples = await get(`/api/data/${sets[0].id}/samples?limit=2`)
    expect(samples).toMatchObject({ next: 2, path: 'data/built/documents/documents-00000.jsonl' })
    const raw = await get(`/api/data/${idOfPath('data/raw.jsonl')}/samples?offset=12`)
    expect(raw.items.map(({ index }: { index: number }) => index)).toEqual([12])
  })

  test('preferences come from files and from people', async () => {
    const ranking = { prompt: 'Hi?', answers: ['a', 'b', 'c'], ranks: [2, 1, 3], labeler: 'eve' }
    await write('data/rankings.jsonl.gz', gzipSync(`${JSON.stringify(ranking)}\n`))
    const { items } = await get('/api/data/pairs?path=data/rankings.jsonl.gz')
    expect(items).toEqual([
      {
        prompt: [{ role: 'user', content: 'Hi?' }],
        answers: [
          { text: 'a', rank: 2 },
          { text: 'b', rank: 1 },
          { text: 'c', rank: 3 },
        ],
        labeler: 'eve',
      },
    ])
    await server.store.feedback.add({
      kind: 'ranking',
      user: 'ada',
      prompt: [{ role: 'user', content: 'Well?' }],
      answers: [{ text: 'x' }, { text: 'y' }],
      value: [1, 2],
    })
    const people = await get('/api/data/pairs')
    expect(people.items[0]).toMatchObject({
      labeler: 'ada',
      answers: [{ text: 'x', rank: 1 }, { text: 'y' }],
    })
    await write('data/other.jsonl', '{"a":1}\n')
    expect((await get('/api/data/pairs?path=data/other.jsonl', 400)).error.code).toBe('no_preferences')
  })

  test.each(['../secret', 'data/../../x', 'data/none', '/etc/passwd', 'runs'])('refuses %j', async (path) => {
    await get(`/api/data/${idOfPath(path)}/samples`, path === 'runs' ? 404 : 400)
    await get(`/api/data/${idOfPath(path)}`, path === 'runs' ? 404 : 400)
  })
})

describe('models', () => {
  test('are registered, promoted, shared, rolled back and forgotten', async () => {
    await writeModel('runs/one')
    await writeModel('runs/two', 2)
    const first = await post('/api/models/mine/versions', { dir: 'runs/one', note: 'the first' })
    const [one] = first.versions
    expect(first).toMatchObject({ name: 'mine', live: one.version })
    expect(one).toMatchObject({
      dir: 'runs/one',
      licence: 'mit',
      parameters: 6,
      contextLength: 64,
      note: 'the first',
    })
    const second = await post('/api/models/mine/versions', { dir: 'runs/two' })
    const [two] = second.versions
    expect(second.live).toBe(one.version)
    expect((await post('/api/models/mine/promote', { version: two.version })).live).toBe(two.version)
    await post('/api/models/mine/promote', { version: two.version, expect: one.version }, 409)
    const put = (shares: object, status?: number) =>
      json(server.fetch('/api/models/mine/traffic', { method: 'PUT', json: { shares } }), status)
    expect((await put({ [one.version]: 0.25, [two.version]: 0.75 })).traffic[one.version]).toBe(0.25)
    for (const wrong of [
      { [one.version]: 0.5 },
      { [one.version]: 2 },
      { [one.version]: -1, [two.version]: 2 },
      { abcdabcdabcdabcd: 1 },
    ])
      await put(wrong, 400)
    expect((await put({})).traffic).toBeUndefined()
    const back = await post('/api/models/mine/rollback', {})
    expect(back.live).toBe(one.version)
    expect(back.history[0].action).toBe('rollback')
    const remove = (version: string, status?: number) =>
      json(server.fetch(`/api/models/mine/versions/${version}`, { method: 'DELETE' }), status)
    await remove(one.version, 409)
    expect((await remove(two.version)).versions).toHaveLength(1)
  })

  test('tell their lineage and scores from their folder', async () => {
    await writeModel('runs/speed/sft')
    const start = join(root, 'runs', 'speed', 'base')
    await write(
      'runs/speed/sft/trainer.json',
      JSON.stringify({
        stage: 'sft',
        step: 7,
        start,
        inputs: { data: [join(root, 'data', 'a.jsonl'), '/elsewhere/b.jsonl'] },
      }),
    )
    const cells = [null, { value: 0.8, low: 0.7, high: 0.9, n: 50 }, null]
    const scores = { stages: ['base', 'SFT', 'PPO'], rows: [{ suite: 'facts', cells }] }
    await write('runs/speed/report.json', JSON.stringify({ scores }))
    const { versions } = await post('/api/models/tale/versions', { dir: 'runs/speed/sft' })
    expect(versions[0].lineage).toEqual({
      stage: 'sft',
      steps: 7,
      base: 'runs/speed/base',
      data: { data: ['data/a.jsonl', 'b.jsonl'] },
    })
    expect(versions[0].scores).toEqual({ facts: { value: 0.8, low: 0.7, high: 0.9 } })
  })

  test('are exported as an archive of the model and nothing else', async () => {
    await writeModel('runs/one')
    const { versions } = await post('/api/models/mine/versions', { dir: 'runs/one' })
    const { version } = versions[0]
    const response = await server.fetch(`/api/models/mine/versions/${version}/export`)
    const bytes = Buffer.from(await response.arrayBuffer())
    expect(Number(response.headers.get('content-length'))).toBe(bytes.length)
    await write('out/model.tar', bytes)
    const run = promisify(execFile)
    const { stdout } = await run('tar', ['-tf', join(root, 'out', 'model.tar')])
    const folder = `mine-${version}`
    expect(stdout.trim().split('\n')).toEqual([
      `${folder}/README.md`,
      `${folder}/config.json`,
      `${folder}/model.safetensors`,
    ])
    await run('tar', ['-xf', join(root, 'out', 'model.tar'), '-C', join(root, 'out')])
    for (const file of ['config.json', 'model.safetensors'])
      expect(await readFile(join(root, 'out', folder, file))).toEqual(
        await readFile(join(root, 'runs', 'one', file)),
      )
  })

  test('refuse names and folders that are none', async () => {
    await writeModel('runs/one')
    for (const name of ['..', '.x', 'a%2Fb', 'a b', 'con'])
      expect(
        (await server.post(`/api/models/${encodeURI(name)}/versions`, { dir: 'runs/one' })).status,
      ).toBeGreaterThanOrEqual(400)
    for (const dir of ['../x', '/etc', 'runs/none', 'runs/one/../..'])
      expect((await post('/api/models/mine/versions', { dir }, 400)).error.param).toBe('dir')
    await post('/api/models/none/rollback', {}, 404)
    await get('/api/models/fake/versions/0000000000000000/export', 404)
  })
})
