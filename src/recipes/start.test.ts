import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { TrainEvent } from '../train/index.js'
import { start } from './start.js'

let dir: string
let text: string
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'athanor-start-'))
  text = join(dir, 'text.txt')
  await writeFile(
    text,
    Array.from({ length: 120 }, (_, i) => `Line ${i} of a short text, with ${i * i} words.\n`).join(''),
  )
})
afterAll(() => rm(dir, { recursive: true, force: true }))

async function run(signal?: AbortSignal, onEvent: (event: TrainEvent) => void = () => {}) {
  const options = { data: [text], out: join(dir, 'run'), minutes: 0.01, threads: 1, onEvent }
  return start(signal ? { ...options, signal } : options)
}

describe('start', () => {
  it('fits the run to the text and the time, and shows what the model writes before and after', {
    timeout: 120_000,
  }, async () => {
    const events: TrainEvent[] = []
    const controller = new AbortController()
    const stopped = await run(controller.signal, (event) => {
      if (event.type === 'step' && event.step >= 10) controller.abort()
    })
    expect(stopped.finished).toBe(false)

    const result = await run(undefined, (event) => events.push(event))
    expect(result).toMatchObject({ dir: stopped.dir, finished: true })
    expect(events[0]).toMatchObject({ type: 'message', text: expect.stringContaining('unfinished run') })
    expect(events.filter(({ type }) => type === 'sample')).toHaveLength(1)
    expect(JSON.parse(await readFile(join(result.dir, 'config.json'), 'utf8'))).toMatchObject({
      model_type: 'athanor',
    })

    const again = await run()
    expect(again.dir).toBe(`${stopped.dir}-2`)
  })
})
