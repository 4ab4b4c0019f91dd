import { describe, expect, it } from 'vitest'
import { pickByShare } from '../repositories/models.js'
import type { Store } from '../types.js'
import { type Backend, collect, NASTY } from './backend.js'

const add = (store: Store, version: string, model = 'assistant') =>
  store.models.addVersion({ model, version, dir: `/runs/${version}`, kind: 'decoder' })

export function modelTests({ open }: Backend): void {
  describe('models', () => {
    it('answer with their first version until another is promoted, and go back', async () => {
      const store = await open()
      for (const version of ['a', 'b', 'c']) await add(store, version)
      const live = async () => (await store.models.resolve('assistant')).version
      expect(await live()).toBe('a')
      await store.models.promote('assistant', 'b', { user: 'ann', reason: 'won' })
      await store.models.promote('assistant', 'c')
      expect(await live()).toBe('c')
      await store.models.rollback('assistant')
      expect(await live()).toBe('b')
      await store.models.rollback('assistant')
      expect(await live()).toBe('a')
      await expect(store.models.rollback('assistant')).rejects.toMatchObject({ code: 'store/conflict' })
      await store.models.promote('assistant', 'c')
      await store.models.rollback('assistant')
      expect(await live()).toBe('a')
      expect(
        (await store.models.history('assistant')).map(({ action, from, to }) => [action, from, to]),
      ).toEqual([
        ['add', undefined, 'a'],
        ['add', undefined, undefined],
        ['add', undefined, undefined],
        ['promote', 'a', 'b'],
        ['promote', 'b', 'c'],
        ['rollback', 'c', 'b'],
        ['rollback', 'b', 'a'],
        ['promote', 'a', 'c'],
        ['rollback', 'c', 'a'],
      ])
    })

    it('keep what is known of their versions', async () => {
      const store = await open()
      const made = await store.models.addVersion({
        model: 'assistant',
        version: 'a',
        dir: '/runs/a',
        kind: 'decoder',
        lineage: { base: 'x', data: [NASTY] },
      })
      const scored = await store.models.updateVersion('assistant', 'a', {
        scores: { truth: 0.5 },
        note: NASTY,
      })
      expect(scored).toEqual({ ...made, scores: { truth: 0.5 }, note: NASTY })
      const moved = await store.models.addVersion({ ...made, dir: '/elsewhere', lineage: {} })
      expect(moved).toEqual({ ...scored, dir: '/elsewhere' })
      expect(await store.models.versions('assistant')).toEqual([moved])
      expect(await store.models.list()).toMatchObject([{ name: 'assistant', live: 'a' }])
      expect(await store.models.find('nobody')).toBeUndefined()
      await expect(store.models.resolve('nobody')).rejects.toMatchObject({ code: 'store/not-found' })
    })

    it('share their traffic, the same version for the same conversation', async () => {
      const store = await open()
      await add(store, 'a')
      await add(store, 'b')
      await store.models.setTraffic('assistant', { a: 3, b: 1 })
      expect((await store.models.get('assistant')).traffic).toEqual({ a: 0.75, b: 0.25 })
      const keys = Array.from({ length: 200 }, (_, i) => `conv_${i}`)
      const once = await Promise.all(keys.map((key) => store.models.resolve('assistant', key)))
      const again = await Promise.all(keys.map((key) => store.models.resolve('assistant', key)))
      expect(again).toEqual(once)
      const share = once.filter(({ version }) => version === 'b').length / keys.length
      expect(share).toBeGreaterThan(0.15)
      expect(share).toBeLessThan(0.35)
      await expect(store.models.removeVersion('assistant', 'b')).rejects.toMatchObject({
        code: 'store/conflict',
      })
      for (const shares of [{ a: -1 }, { a: Number.NaN }, { a: Number.POSITIVE_INFINITY }])
        await expect(store.models.setTraffic('assistant', shares)).rejects.toMatchObject({
          code: 'store/invalid',
        })
      await expect(store.models.setTraffic('assistant', { z: 1 })).rejects.toMatchObject({
        code: 'store/not-found',
      })
      await store.models.setTraffic('assistant', {})
      await store.models.removeVersion('assistant', 'b')
      expect((await store.models.versions('assistant')).map(({ version }) => version)).toEqual(['a'])
    })

    it('are promoted only from what the caller has seen', async () => {
      const store = await open()
      for (const version of ['a', 'b', 'c']) await add(store, version)
      const results = await Promise.allSettled([
        store.models.promote('assistant', 'b', { expect: 'a' }),
        store.models.promote('assistant', 'c', { expect: 'a' }),
      ])
      expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
      await expect(store.models.promote('assistant', 'z')).rejects.toMatchObject({ code: 'store/not-found' })
    })

    it('move few conversations when shares change', () => {
      const keys = Array.from({ length: 2000 }, (_, i) => `conv_${i}`)
      const before = keys.map((key) => pickByShare({ a: 0.9, b: 0.1 }, key))
      const after = keys.map((key) => pickByShare({ a: 0.8, b: 0.2 }, key))
      // Exactly those move from a to b that must; nobody moves back.
      expect(keys.filter((_, i) => before[i] === 'b' && after[i] === 'a')).toEqual([])
      const moved = keys.filter((_, i) => before[i] !== after[i]).length / keys.length
      expect(moved).toBeGreaterThan(0.07)
      expect(moved).toBeLessThan(0.13)
    })
  })

  describe('collections', () => {
    const passage = (text: string, start = 0) => ({
      text,
      start,
      end: start + text.length,
      heading: 'Birds > Song',
    })
    const document = (collection: string, title: string, user = 'ann') => ({
      collection,
      title,
      user,
      mime: 'text/plain',
      bytes: 3,
      sha256: 'abc',
      text: NASTY,
    })

    it('hold documents with their passages, in order, and tell when they changed', async () => {
      const store = await open()
      await store.collections.create({ name: 'birds', description: NASTY, settings: { chunk: 200 } })
      await expect(store.collections.create({ name: 'birds' })).rejects.toMatchObject({
        code: 'store/conflict',
      })
      const texts = Array.from({ length: 1203 }, (_, i) => passage(`passage ${i} ${NASTY}`, i))
      const { document: made, passages } = await store.collections.addDocument(
        document('birds', 'One'),
        texts,
      )
      await store.collections.addDocument(document('birds', 'Two'), [])
      const all = await collect(store.collections.passages('birds'))
      expect(all).toEqual(passages)
      expect(all.map(({ text }) => text)).toEqual(texts.map(({ text }) => text))
      expect((await store.collections.get('birds')).revision).toBe(2)
      expect((await store.collections.documents('birds')).map(({ title }) => title)).toEqual(['One', 'Two'])
      expect(await store.collections.document(made.id)).toEqual(made)
      await store.collections.removeDocument(made.id)
      expect((await store.collections.get('birds')).revision).toBe(3)
      expect(await collect(store.collections.passages('birds'))).toEqual([])
      await expect(store.collections.addDocument(document('nowhere', 'x'), [])).rejects.toMatchObject({
        code: 'store/not-found',
      })
      await store.collections.remove('birds')
      expect(await store.collections.list()).toEqual([])
    })

    it('keep embeddings bit for bit, and know which are missing', async () => {
      const store = await open()
      await store.collections.create({ name: 'birds' })
      const { passages } = await store.collections.addDocument(document('birds', 'One'), [
        passage('a'),
        passage('b'),
      ])
      const embedding = Float32Array.from([1 / 3, -0, Number.NaN, 1e-40, 3.4e38])
      await store.collections.setEmbeddings('e1', [{ id: passages[0]!.id, embedding }])
      const found = await store.collections.passage(passages[0]!.id)
      expect(found.embedder).toBe('e1')
      expect(new Uint8Array(found.embedding!.buffer)).toEqual(new Uint8Array(embedding.buffer))
      const missing = async (embedder: string) =>
        (await collect(store.collections.passages('birds', { missing: embedder }))).map(({ id }) => id)
      expect(await missing('e1')).toEqual([passages[1]!.id])
      expect(await missing('e2')).toHaveLength(2)
    })
  })

  describe('rounds', () => {
    it('know which feedback trained which version', async () => {
      const store = await open()
      const [one, two] = await store.feedback.add(
        ...['x', 'y'].map((text) => ({
          kind: 'thumb' as const,
          value: 1 as const,
          user: 'ann',
          prompt: [{ role: 'user' as const, content: 'q' }],
          answers: [{ text }],
        })),
      )
      const round = await store.rounds.create({ model: 'assistant', from: 'a' })
      expect(round.state).toBe('running')
      await store.rounds.take(round.id, [
        { feedback: one!.id, use: 'train' },
        { feedback: two!.id, use: 'dropped', reason: 'double' },
      ])
      const next = await store.rounds.create({ model: 'assistant', from: 'a' })
      await store.rounds.take(next.id, [{ feedback: one!.id, use: 'heldout' }])
      expect((await store.feedback.get(one!.id, 'anyone')).round).toBe(round.id)
      expect((await store.feedback.list('anyone', { unused: true })).items).toEqual([])
      expect(await store.rounds.feedback(round.id)).toEqual([
        { round: round.id, feedback: one!.id, use: 'train' },
        { round: round.id, feedback: two!.id, use: 'dropped', reason: 'double' },
      ])
      const done = await store.rounds.update(round.id, { state: 'promoted', to: 'b', result: { win: 0.6 } })
      expect(await store.rounds.get(round.id)).toEqual(done)
      expect((await store.rounds.list({ model: 'assistant' })).items.map(({ id }) => id)).toEqual([
        next.id,
        round.id,
      ])
    })
  })
}
