import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parseReport } from '../eval/report/index.js'
import { library } from './library.js'
import { run } from './run.js'
import { fakeIo } from './testing/fake-io.js'

async function report(...argv: string[]) {
  const io = fakeIo()
  const code = await run(['report', ...argv], io, library)
  return { code, out: io.out(), err: io.err() }
}

test('makes the report of a run and says where it lies', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'athanor-report-verb-'))
  await writeFile(
    join(dir, 'trainer.json'),
    JSON.stringify({ stage: 'sft', step: 3, seconds: 70, recipe: { seed: 1 } }),
  )
  await writeFile(join(dir, 'metrics.jsonl'), '{"step":1,"loss":2}\n{"step":3,"loss":1}\n')
  const { code, out } = await report(dir)
  expect(code).toBe(0)
  expect(out).toContain(join(dir, 'report.html'))
  expect(out).toMatch(/stages +SFT\n +wall clock +1m 10s/)

  const json = JSON.parse((await report(dir, '--json')).out)
  expect(json.files.markdown).toBe(join(dir, 'report.md'))
  expect(parseReport(json.report).stages[0]).toMatchObject({ name: 'SFT', steps: 3 })
})

test('says what is missing', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'athanor-report-verb-'))
  const { code, out, err } = await report(dir)
  expect([code, out]).toEqual([1, ''])
  expect(err).toContain('holds no report.json and no run')
  expect((await report()).code).toBe(2)
})
