import { describe, expect, it } from 'vitest'
import { Rng } from '../rng.js'
import { openStore, StoreError } from './index.js'
import { collect, exampleConversation } from './testing/backend.js'

describe('a PostgreSQL that is not there', () => {
  it('is told without the password', async () => {
    const url = 'postgres://ann:opensesame@127.0.0.1:1/athanor?password=opensesame'
    const error = await openStore({ url }).catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: 'store/unavailable' })
    expect((error as Error).message).toContain('127.0.0.1:1/athanor')
    expect((error as Error).message).not.toContain('opensesame')
  })
})

describe('a database in memory', () => {
  it('is its own, and writes while it is read', async () => {
    const [one, two] = [await openStore({ url: ':memory:' }), await openStore({ url: ':memory:' })]
    await one.settings.set('a', 1)
    expect(await two.settings.get('a')).toBeUndefined()
    for await (const line of one.export()) await one.settings.set('b', line.length)
    await one.close()
    await two.close()
  })
})

describe('an export that was damaged', () => {
  it('is refused with a StoreError, or changes nothing that it should not', {
    timeout: 120_000,
  }, async () => {
    const store = await openStore({ url: ':memory:' })
    const { answer } = await exampleConversation(store)
    await store.feedback.add({
      kind: 'thumb',
      value: 1,
      user: 'ann',
      message: answer.id,
      prompt: [{ role: 'user', content: 'What sings?' }],
      answers: [{ text: 'A nightingale.' }],
    })
    await store.models.addVersion({ model: 'tiny', version: 'a', dir: '/a', kind: 'decoder' })
    const whole = Buffer.from((await collect(store.export())).join(''))
    const rng = Rng.seed(3)
    const target = await openStore({ url: ':memory:' })
    let [refused, taken] = [0, 0]
    for (let i = 0; i < 300; i++) {
      const bytes = Buffer.from(whole)
      // Bytes changed, pieces cut out or doubled.
      const at = rng.integer(bytes.length)
      const length = 1 + rng.integer(60)
      const damaged = [
        () => Buffer.concat([bytes.subarray(0, at), Buffer.from([rng.integer(256)]), bytes.subarray(at + 1)]),
        () => Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)]),
        () => Buffer.concat([bytes.subarray(0, at + length), bytes.subarray(at)]),
        () => bytes.subarray(0, at),
      ][rng.integer(4)]!()
      const error = await target.import(pieces(damaged, 1 + rng.integer(500))).then(
        () => undefined,
        (reason: unknown) => reason,
      )
      if (error === undefined) taken++
      else {
        refused++
        expect(error).toBeInstanceOf(StoreError)
        expect((error as StoreError).code).toBe('store/import')
      }
    }
    // A changed letter within a text is still an export.
    expect(refused).toBeGreaterThan(taken)
    await expect(target.messages.list('conv_none', 'anyone')).rejects.toMatchObject({
      code: 'store/not-found',
    })
    await store.close()
    await target.close()
  })
})

async function* pieces(bytes: Buffer, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}
