import { mkdtemp, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { AthanorError } from '../errors.js'
import { InterruptedError } from './errors.js'
import { eventFile, writeEnd } from './event-file.js'
import { createReporter } from './reporter.js'
import { run } from './run.js'
import { fakeIo } from './testing/fake-io.js'

async function file() {
  const path = join(await mkdtemp(join(tmpdir(), 'athanor-events-')), 'events.jsonl')
  const lines = async () => {
    const text = await readFile(path, 'utf8')
    return text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
  }
  return { path, lines }
}

test('there is none unless it is asked for', () => {
  expect(eventFile(fakeIo())).toBeUndefined()
  writeEnd(fakeIo(), 0)
})

test('everything that is reported is a line with the time', async () => {
  const { path, lines } = await file()
  const io = fakeIo({ env: { ATHANOR_EVENTS: path } })
  const { onEvent } = createReporter(io, { json: true })
  onEvent({ type: 'message', text: '1/6 facts', part: 'data' })
  onEvent({ type: 'sample', step: 1, prompt: 'a', text: 'b\nc' })
  writeEnd(io, 0)
  expect(await lines()).toEqual([
    { time: expect.any(Number), type: 'message', text: '1/6 facts', part: 'data' },
    { time: expect.any(Number), type: 'sample', step: 1, prompt: 'a', text: 'b\nc' },
    { time: expect.any(Number), type: 'end', code: 0 },
  ])
})

test('progress is thinned out, but its end is told', async () => {
  const { path, lines } = await file()
  const io = fakeIo({ env: { ATHANOR_EVENTS: path } })
  const record = eventFile(io)!
  for (let done = 1; done <= 100; done++) {
    record({ type: 'progress', label: 'reading', done, total: 100, unit: 'lines' })
    io.advance(10)
  }
  expect((await lines()).map(({ done }) => done)).toEqual([1, 31, 61, 91, 100])
})

test('the end tells a stop from a failure', async () => {
  const { path, lines } = await file()
  const io = fakeIo({ env: { ATHANOR_EVENTS: path } })
  writeEnd(io, 130, new InterruptedError('SIGINT', 'stopped; go on with --resume'))
  writeEnd(io, 1, new AthanorError('train/data', 'no such file'))
  expect(await run(['nothing-like-this'], io)).toBe(2)
  expect(await lines()).toMatchObject([
    { type: 'end', code: 130, stopped: true },
    { type: 'end', code: 1, error: { code: 'train/data', message: 'no such file' } },
    { type: 'end', code: 2, error: { message: expect.stringContaining('nothing-like-this') } },
  ])
})

test('a file that cannot be written does not end the work', () => {
  const io = fakeIo({ env: { ATHANOR_EVENTS: '/nowhere/at/all/events.jsonl' } })
  expect(() => eventFile(io)!({ type: 'message', text: 'on' })).not.toThrow()
})
