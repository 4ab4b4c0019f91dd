import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openStore } from '../store/index.js'
import { run } from './run.js'
import { fakeIo } from './testing/fake-io.js'

let dir: string
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'athanor-feedback-'))
  const store = await openStore({ url: urlOf('one'), now: () => Date.UTC(2026, 0, 31) })
  const prompt = [{ role: 'user' as const, content: 'Q' }]
  for (const text of ['a', 'b'])
    await store.feedback.add({ kind: 'thumb', value: 1, user: 'ann', prompt, answers: [{ text }] })
  await store.settings.set('x', 1)
  await store.close()
})
afterAll(() => rm(dir, { recursive: true, force: true }))
const urlOf = (name: string) => `file:${join(dir, `${name}.db`)}`

async function athanor(...argv: string[]) {
  const io = fakeIo()
  const code = await run(['feedback', ...argv], io)
  return { code, out: io.out(), err: io.err() }
}

describe('athanor feedback', () => {
  it('carries feedback from one database to another, and only once', async () => {
    const file = join(dir, 'feedback.jsonl')
    const exported = await athanor('export', '--database', urlOf('one'), '--out', file, '--json')
    expect(exported).toMatchObject({ code: 0, err: '' })
    expect(JSON.parse(exported.out)).toEqual({ out: file, records: 2 })
    expect((await readFile(file, 'utf8')).trim().split('\n')).toHaveLength(4)
    const twice = await athanor('export', '--database', urlOf('one'), '--out', file)
    expect(twice.code).toBe(1)
    expect(twice.err).toContain('--overwrite')
    const first = await athanor('import', '--database', urlOf('two'), '--in', file, '--json')
    expect(JSON.parse(first.out)).toEqual({ added: { feedback: 2 }, known: { feedback: 0 } })
    const second = await athanor('import', '--database', urlOf('two'), '--in', file)
    expect(second.out).toContain('0 records came, 2 were there')
  })

  it('chooses by date, or takes everything', async () => {
    const records = async (...flags: string[]) => {
      const args = ['--database', urlOf('one'), '--out', join(dir, 'some.jsonl'), '--overwrite', '--json']
      return JSON.parse((await athanor('export', ...args, ...flags)).out).records
    }
    expect(await records('--since', '2026-01-31')).toBe(2)
    expect(await records('--since', '2026-02-01')).toBe(0)
    expect(await records('--everything')).toBe(3)
  })

  it('says what is wrong, and leaves no file', async () => {
    const wrong = join(dir, 'wrong.jsonl')
    await writeFile(wrong, '{"athanor":"store","version":1}\n{"type":"feedback","record":{}}\n')
    expect(await athanor('import', '--database', urlOf('two'), '--in', wrong)).toMatchObject({
      code: 1,
      err: expect.stringContaining('line 2: feedback.'),
    })
    expect((await athanor('import', '--database', urlOf('two'), '--in', join(dir, 'none'))).err).toContain(
      'no such file',
    )
    expect((await athanor('export', '--out', 'x', '--since', 'today')).code).toBe(2)
    const mistyped = await athanor('export', '--database', 'sqlite:x', '--out', join(dir, 'x.jsonl'))
    expect(mistyped).toMatchObject({ code: 1, err: expect.stringContaining('file:/path/to/athanor.db') })
    await expect(readFile(join(dir, 'x.jsonl'))).rejects.toThrow()
  })
})
