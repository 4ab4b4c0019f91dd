import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openStore } from '../store/index.js'
import { run } from './run.js'
import { fakeIo } from './testing/fake-io.js'

let dir: string
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'athanor-database-'))
})
afterAll(() => rm(dir, { recursive: true, force: true }))
const urlOf = (name: string) => `file:${join(dir, `${name}.db`)}`

async function athanor(argv: readonly string[], env: Record<string, string>) {
  const io = { ...fakeIo(), env }
  return { code: await run([...argv], io), out: io.out(), err: io.err() }
}

describe('the database of a verb', () => {
  it('is that of the flag, else that of the environment: keys, feedback and rounds alike', async () => {
    for (const name of ['flag', 'env']) {
      const store = await openStore({ url: urlOf(name) })
      await store.keys.create({ name: `key of ${name}`, user: 'ann', scopes: ['chat'] })
      const prompt = [{ role: 'user' as const, content: 'What sings?' }]
      const answers = [{ text: 'A nightingale.', model: name }]
      await store.feedback.add({ kind: 'thumb', value: 1, user: 'ann', prompt, answers })
      await store.close()
    }
    const env = { ATHANOR_DATABASE: urlOf('env') }
    const listed = async (...flags: string[]) => (await athanor(['keys', 'list', ...flags], env)).out
    expect(await listed()).toContain('key of env')
    expect(await listed('--database', urlOf('flag'))).toContain('key of flag')
    // A round that the server starts is told of a database with a password by the environment alone.
    const feedbackOf = async (model: string) => {
      const { out } = await athanor(['next', '--model', model, '--dry-run', '--json'], env)
      return (JSON.parse(out) as { counts: { feedback: number } }).counts.feedback
    }
    expect(await feedbackOf('env')).toBe(1)
    expect(await feedbackOf('flag')).toBe(0)
  })
})
