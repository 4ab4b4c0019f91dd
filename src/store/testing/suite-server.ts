import { describe, expect, it } from 'vitest'
import { keyState } from '../repositories/keys.js'
import type { Backend } from './backend.js'
import { NASTY } from './backend.js'

export function serverTests({ open, kind }: Backend): void {
  describe('keys', () => {
    it('are found by their secret, of which only a hash is kept', async () => {
      const store = await open()
      expect(await store.keys.any()).toBe(false)
      const { key, secret } = await store.keys.create({
        name: NASTY.replaceAll(/\0|\ud83d /g, ''),
        user: 'ann',
        scopes: ['chat'],
      })
      expect(secret).toMatch(/^ath_[\w-]{43}$/)
      expect(await store.keys.any()).toBe(true)
      expect(await store.keys.find(secret)).toEqual(key)
      expect(JSON.stringify(await store.keys.list())).not.toContain(secret)
      expect(Object.keys(key)).not.toContain('hash')
      expect(await store.keys.find(`${secret}x`)).toBeUndefined()
      expect(await store.keys.find('')).toBeUndefined()
      let dump = ''
      for await (const line of store.export()) dump += line
      expect(dump).not.toContain(secret)
    })

    it('end', async () => {
      let now = 1_000_000
      const store = await open({ now: () => now })
      const { key, secret } = await store.keys.create({
        name: 'a',
        user: 'ann',
        scopes: ['chat', 'admin'],
        expires: 2_000_000,
        limits: { tokensPerDay: 10 },
      })
      expect(keyState(key, now)).toBe('valid')
      await store.keys.touch(key.id)
      expect((await store.keys.get(key.id)).lastUsed).toBe(960_000)
      now = 2_000_000
      expect(keyState((await store.keys.find(secret))!, now)).toBe('expired')
      expect(await store.keys.any()).toBe(false)
      const { key: other } = await store.keys.create({ name: 'b', user: 'ann', scopes: ['chat'] })
      const { revoked } = await store.keys.revoke(other.id)
      expect(keyState(await store.keys.revoke(other.id), now)).toBe('revoked')
      expect((await store.keys.get(other.id)).revoked).toBe(revoked)
      await expect(store.keys.revoke('key_none')).rejects.toMatchObject({ code: 'store/not-found' })
    })
  })

  describe('usage', () => {
    it('adds up whatever comes at once', async () => {
      const store = await open({ now: () => Date.UTC(2026, 0, 31, 12) })
      await Promise.all(
        Array.from({ length: 100 }, (_, i) =>
          store.usage.add({
            key: `key_${i % 2}`,
            user: 'ann',
            model: 'tiny',
            modelVersion: `v${i % 3}`,
            promptTokens: 10,
            completionTokens: i,
          }),
        ),
      )
      await store.usage.add({ key: 'key_0', user: 'ann', model: 'tiny', day: '2026-02-01', errors: 1 })
      const [total] = await store.usage.sum({ by: 'model', to: '2026-01-31' })
      expect(total).toEqual({
        group: 'tiny',
        requests: 100,
        errors: 0,
        promptTokens: 1000,
        cachedTokens: 0,
        completionTokens: 4950,
      })
      expect((await store.usage.sum({ by: 'day' })).map(({ group, requests }) => [group, requests])).toEqual([
        ['2026-01-31', 100],
        ['2026-02-01', 1],
      ])
      expect((await store.usage.sum({ by: 'key', key: 'key_1' })).map(({ requests }) => requests)).toEqual([
        50,
      ])
      expect(await store.usage.tokens('key_0')).toBe(500 + 2450)
      expect(await store.usage.tokens('key_0', '2026-02-01')).toBe(0)
    })

    it('refuses what is no count and no day, alone', async () => {
      const store = await open()
      const good = store.usage.add({ user: 'ann', model: 'tiny' })
      for (const bad of [{ requests: -1 }, { promptTokens: 0.5 }, { day: 'today' }, { day: '2026-13-01' }])
        await expect(store.usage.add({ user: 'ann', model: 'tiny', ...bad })).rejects.toMatchObject({
          code: 'store/invalid',
        })
      await expect(store.usage.add({ user: 'a\0', model: 'tiny' })).rejects.toMatchObject({
        code: 'store/invalid',
      })
      await good
      expect(await store.usage.sum({ by: 'user' })).toMatchObject([{ group: 'ann', requests: 1 }])
      await expect(store.usage.sum({ by: 'day', from: "'; --" })).rejects.toMatchObject({
        code: 'store/invalid',
      })
    })
  })

  describe('the rest of a server', () => {
    it('has an audit log, newest first', async () => {
      const store = await open()
      for (const action of ['key.create', 'model.promote', 'key.revoke'])
        await store.audit.add({ user: 'ann', action, target: 'x', details: { why: NASTY } })
      const { items, next } = await store.audit.list({ limit: 2 })
      expect(items.map(({ action }) => action)).toEqual(['key.revoke', 'model.promote'])
      expect((await store.audit.list({ cursor: next! })).items.map(({ action }) => action)).toEqual([
        'key.create',
      ])
      expect((await store.audit.list({ action: 'key.create' })).items[0]!.details).toEqual({ why: NASTY })
      expect((await store.audit.list({ user: 'bob' })).items).toEqual([])
    })

    it('has presets, replaced by name', async () => {
      const store = await open()
      const first = await store.presets.put({
        name: 'essay',
        template: NASTY,
        parameters: [{ name: 'topic', required: true, options: ['a', 'b'] }],
        sampling: { temperature: 0.2 },
        extra: { zh: { title: '文章' } },
      })
      expect(await store.presets.get('essay')).toEqual(first)
      const second = await store.presets.put({ name: 'essay', template: 'new', parameters: [] })
      expect(second).toEqual({
        name: 'essay',
        template: 'new',
        parameters: [],
        created: first.created,
        updated: second.updated,
      })
      expect(await store.presets.list()).toEqual([second])
      await store.presets.remove('essay')
      await expect(store.presets.remove('essay')).rejects.toMatchObject({ code: 'store/not-found' })
      expect(await store.presets.find('essay')).toBeUndefined()
    })

    it('has runs', async () => {
      const store = await open()
      const run = await store.runs.create({
        stage: 'sft',
        name: 'one',
        dir: '/runs/one',
        settings: { steps: 5 },
      })
      expect(run.state).toBe('queued')
      await expect(
        store.runs.create({ stage: 'sft', name: 'two', dir: '/runs/one', settings: {} }),
      ).rejects.toMatchObject({ code: 'store/conflict' })
      const running = await store.runs.update(run.id, { state: 'running', pid: 42, started: run.created })
      expect(await store.runs.at('/runs/one')).toEqual(running)
      const done = await store.runs.update(run.id, { state: 'done', pid: null, result: { loss: 1.5 } })
      expect('pid' in done).toBe(false)
      expect((await store.runs.list({ state: 'running' })).items).toEqual([])
      expect((await store.runs.list({ stage: 'sft' })).items).toEqual([done])
      await store.runs.remove(run.id)
      await expect(store.runs.get(run.id)).rejects.toMatchObject({ code: 'store/not-found' })
    })

    it('has settings', async () => {
      const store = await open()
      await store.settings.set('start', { done: [1, NASTY] })
      await store.settings.set('start', 'again')
      expect(await store.settings.get('start')).toBe('again')
      await store.settings.set('flag', false)
      expect((await store.settings.all()).map(({ name, value }) => [name, value])).toEqual([
        ['flag', false],
        ['start', 'again'],
      ])
      await store.settings.set('start', undefined)
      expect(await store.settings.get('start')).toBeUndefined()
    })

    it('does all of a transaction or nothing', async () => {
      const store = await open()
      await expect(
        store.transaction(async (inside) => {
          await inside.settings.set('a', 1)
          await inside.transaction((deeper) => deeper.settings.set('b', 2))
          expect(await inside.settings.get('b')).toBe(2)
          throw new Error('no')
        }),
      ).rejects.toThrow('no')
      expect(await store.settings.all()).toEqual([])
      // Whoever forgets the inner store is told so; it would wait for itself for ever.
      await expect(store.transaction(() => store.settings.set('a', 1))).rejects.toMatchObject({
        code: 'store/failed',
      })
      await store.transaction((inside) => inside.settings.set('a', 1))
      expect(await store.settings.get('a')).toBe(1)
    })

    it('hides passwords in what it says of itself', async () => {
      const store = await open()
      expect(store.url.startsWith(kind === 'postgres' ? 'postgres:' : 'file:')).toBe(true)
      await store.ping()
    })
  })
}
