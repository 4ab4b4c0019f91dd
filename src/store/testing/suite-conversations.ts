import { describe, expect, it } from 'vitest'
import type { Backend } from './backend.js'
import { exampleConversation, NASTY } from './backend.js'

export function conversationTests({ open }: Backend): void {
  describe('conversations', () => {
    it('come back as they were written', async () => {
      const store = await open()
      const given = {
        user: 'ann',
        title: NASTY,
        model: 'tiny',
        preset: 'essay',
        collection: 'birds',
        settings: { [NASTY]: [NASTY, 1.5, null, { deep: true }] },
      }
      const made = await store.conversations.create(given)
      expect(made).toEqual({ ...given, id: made.id, created: made.created, updated: made.created })
      expect(made.id).toMatch(/^conv_[0-9a-z]{26}$/)
      expect(await store.conversations.get(made.id, { user: 'ann' })).toEqual(made)
    })

    it('change only where they are told to', async () => {
      const store = await open()
      const { id, updated } = await store.conversations.create({ user: 'ann', title: 'a', model: 'tiny' })
      const changed = await store.conversations.update(
        id,
        { title: 'b', model: null, preset: undefined },
        { user: 'ann' },
      )
      expect(changed).toMatchObject({ title: 'b', user: 'ann' })
      expect('model' in changed).toBe(false)
      expect(changed.updated).toBeGreaterThan(updated)
    })

    it('are nobody else’s', async () => {
      const store = await open()
      const { conversation, answer } = await exampleConversation(store)
      const bob = { user: 'bob' }
      const missing = { code: 'store/not-found' }
      await expect(store.conversations.get(conversation.id, bob)).rejects.toMatchObject(missing)
      await expect(store.conversations.update(conversation.id, { title: 'x' }, bob)).rejects.toMatchObject(
        missing,
      )
      await expect(store.conversations.remove(conversation.id, bob)).rejects.toMatchObject(missing)
      await expect(store.messages.list(conversation.id, bob)).rejects.toMatchObject(missing)
      await expect(store.messages.get(answer.id, bob)).rejects.toMatchObject(missing)
      await expect(store.messages.path(answer.id, bob)).rejects.toMatchObject(missing)
      await expect(
        store.messages.add({ conversation: conversation.id, user: 'bob', role: 'user', content: 'mine now' }),
      ).rejects.toMatchObject(missing)
      expect((await store.conversations.list(bob)).items).toEqual([])
      expect((await store.conversations.list(bob, { q: 'sings' })).items).toEqual([])
      expect(await store.messages.list(conversation.id, 'anyone')).toHaveLength(2)
    })

    it('are found by words of titles and messages, literally', async () => {
      const store = await open()
      const { conversation } = await exampleConversation(store)
      const other = await store.conversations.create({ user: 'ann', title: '100%_"quoted"\\ 汉字\nline' })
      const find = async (q: string) =>
        (await store.conversations.list({ user: 'ann' }, { q })).items.map(({ id }) => id)
      expect(await find('nightingale')).toEqual([conversation.id])
      expect(await find('BIRDS')).toEqual([conversation.id])
      for (const q of ['100%', '_"q', '"quoted"', '\\', '汉字', '字\nli'])
        expect(await find(q), q).toEqual([other.id])
      expect(await find('%sings%')).toEqual([])
      expect(await find(NASTY)).toEqual([])
    })

    it('are listed page by page, newest change first', async () => {
      const store = await open()
      const ids: string[] = []
      for (let i = 0; i < 7; i++) ids.push((await store.conversations.create({ user: 'ann' })).id)
      await store.messages.add({ conversation: ids[2]!, user: 'ann', role: 'user', content: 'again' })
      const seen: string[] = []
      for (let cursor: string | undefined; ; ) {
        const { items, next } = await store.conversations.list({ user: 'ann' }, { limit: 3, cursor })
        seen.push(...items.map(({ id }) => id))
        if (next === undefined) break
        cursor = next
      }
      expect(seen).toEqual([ids[2], ...ids.filter((_, i) => i !== 2).reverse()])
      for (const cursor of ['nonsense', '', Buffer.from('1:a\0b').toString('base64url')])
        await expect(store.conversations.list('anyone', { cursor })).rejects.toMatchObject({
          code: 'store/invalid',
        })
    })

    it('go with their messages and the feedback on them', async () => {
      const store = await open()
      const { conversation, answer } = await exampleConversation(store)
      await store.feedback.add({
        kind: 'thumb',
        value: 1,
        user: 'ann',
        conversation: conversation.id,
        message: answer.id,
        prompt: [{ role: 'user', content: 'What sings?' }],
        answers: [{ text: 'A nightingale.' }],
      })
      await store.conversations.remove(conversation.id, { user: 'ann' })
      await expect(store.messages.get(answer.id, 'anyone')).rejects.toMatchObject({ code: 'store/not-found' })
      expect((await store.feedback.list('anyone')).items).toEqual([])
    })
  })

  describe('messages', () => {
    it('keep the version and the settings that wrote them', async () => {
      const store = await open()
      const { conversation, question, answer } = await exampleConversation(store)
      const all = await store.messages.list(conversation.id, { user: 'ann' })
      expect(all).toEqual([question, answer])
      expect(all[1]).toMatchObject({
        modelVersion: '0123456789abcdef',
        sampling: { temperature: 0.7, seed: 1 },
      })
      const [more] = await store.messages.add({
        conversation: conversation.id,
        user: 'ann',
        parent: answer.id,
        role: 'assistant',
        content: NASTY,
        toolCalls: [{ id: 'call_1', name: 'look', arguments: { q: NASTY } }],
        citations: [{ document: 'doc_1', passage: 'pas_1', text: NASTY, score: 0.25 }],
      })
      expect(await store.messages.get(more!.id, { user: 'ann' })).toEqual(more)
    })

    it('make a tree, whose branches are read from the root', async () => {
      const store = await open()
      const { conversation, question, answer } = await exampleConversation(store)
      const base = { conversation: conversation.id, user: 'ann' }
      const [again] = await store.messages.add({
        ...base,
        parent: question.id,
        role: 'assistant',
        content: 'An oriole.',
      })
      const [edited] = await store.messages.add({ ...base, role: 'user', content: 'What croaks?' })
      const texts = async (id: string) =>
        (await store.messages.path(id, { user: 'ann' })).map(({ content }) => content)
      expect(await texts(again!.id)).toEqual(['What sings?', 'An oriole.'])
      expect(await texts(answer.id)).toEqual(['What sings?', 'A nightingale.'])
      expect(await texts(edited!.id)).toEqual(['What croaks?'])
    })

    it('stay out where their parent is elsewhere, all of a call', async () => {
      const store = await open()
      const { conversation } = await exampleConversation(store)
      const other = await exampleConversation(store)
      const base = { conversation: conversation.id, user: 'ann', role: 'user' as const }
      await expect(
        store.messages.add({ ...base, content: 'one' }, { ...base, content: 'two', parent: other.answer.id }),
      ).rejects.toMatchObject({ code: 'store/invalid' })
      await expect(store.messages.add({ ...base, content: 'x', id: other.answer.id })).rejects.toMatchObject({
        code: 'store/conflict',
      })
      expect(await store.messages.list(conversation.id, { user: 'ann' })).toHaveLength(2)
    })

    it('have ids and names that are not too strange', async () => {
      const store = await open()
      for (const id of ['', '\0', '\ud800', "' OR 1=1 --", '%'])
        await expect(store.messages.get(id, 'anyone')).rejects.toMatchObject({ code: 'store/not-found' })
      await expect(store.conversations.create({ user: 'a\0b' })).rejects.toMatchObject({
        code: 'store/invalid',
      })
      await expect(store.conversations.create({ user: 'x'.repeat(3000) })).rejects.toMatchObject({
        code: 'store/too-large',
      })
    })

    it('take long texts and refuse endless ones', async () => {
      const store = await open()
      const { id } = await store.conversations.create({ user: 'ann' })
      const base = { conversation: id, user: 'ann', role: 'user' as const }
      const [long] = await store.messages.add({ ...base, content: '字'.repeat(2 ** 20) })
      expect((await store.messages.get(long!.id, 'anyone')).content).toHaveLength(2 ** 20)
      await expect(store.messages.add({ ...base, content: 'x'.repeat(65 * 2 ** 20) })).rejects.toMatchObject({
        code: 'store/too-large',
      })
    })
  })
}
