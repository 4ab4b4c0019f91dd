import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startEngine } from './client.js'
import { localPort, threadPort, workerUrl } from './port.js'
import { writeDecoder } from './testing/tiny-models.js'
import type { Engine } from './types.js'

let folder: string
let engine: Engine
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'athanor-thread-'))
  await writeDecoder(folder)
})
afterAll(async () => {
  await engine?.close()
  await rm(folder, { recursive: true, force: true })
})

const models = () => [{ id: 'one', dir: folder }]
async function ask(target: Engine, seed: number, maxTokens = 30): Promise<string> {
  let text = ''
  const request = { model: 'one', prompt: { text: `Number ${seed}` }, seed, maxTokens, stopAtEos: false }
  for await (const event of target.generate(request)) if (event.type === 'text') text += event.text
  return text
}

/**
 * The worker, which ends by itself once it is told to: between two steps, when it sends something, for a thread that ends while the runtime
 * computes takes the whole process with it.
 */
const BREAKING = `
  const { parentPort, workerData: { breaks, url } } = require('node:worker_threads')
  const post = parentPort.postMessage.bind(parentPort)
  parentPort.postMessage = (message) => {
    post(message)
    if (message.type === 'events' && Atomics.exchange(breaks, 0, 0) === 1) process.exit(1)
  }
  import(url)
`

/** The compiled worker; compile with `npm run build`. */
describe('an engine in a thread of its own', () => {
  it('says what it says in this one, and leaves this one free', async () => {
    engine = await startEngine({ threads: 1, models: models() })
    const here = await startEngine({ threads: 1, models: models() }, localPort)
    const expected: string[] = []
    for (const seed of [1, 2, 3]) expected.push(await ask(here, seed))
    await here.close()
    let ticks = 0
    const timer = setInterval(() => ticks++, 1)
    expect(await Promise.all([1, 2, 3].map((seed) => ask(engine, seed)))).toEqual(expected)
    clearInterval(timer)
    expect(ticks).toBeGreaterThan(3)
    const { vectors } = await engine.embed({ model: 'one', inputs: ['abc'] })
    expect(vectors[0]).toBeInstanceOf(Float32Array)
    expect(engine.models()[0]).toMatchObject({ id: 'one', state: 'ready' })
    expect(await engine.stats()).toMatchObject({ busy: 0, completionTokens: 90 })
    await expect(ask(engine, -1.5)).rejects.toMatchObject({ code: 'infer/options' })
  })

  it('fails what was under way when the thread breaks off, and goes on with another', async () => {
    const breaks = new Int32Array(new SharedArrayBuffer(4))
    const broken = await startEngine({ threads: 1, models: models() }, (handlers) =>
      threadPort(
        handlers,
        () => new Worker(BREAKING, { eval: true, workerData: { breaks, url: workerUrl().href } }),
      ),
    )
    const expected = await ask(broken, 1)
    const lost = ask(broken, 2, 200)
    Atomics.store(breaks, 0, 1)
    await expect(lost).rejects.toMatchObject({ code: 'infer/engine', message: /unexpectedly.*once more/ })
    expect(await ask(broken, 1)).toBe(expected)
    expect((await broken.stats()).restarts).toBe(1)
    await broken.close()
  })
})
