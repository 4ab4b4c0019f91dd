import { describe, expect, it } from 'vitest'
import { type Backend, exampleConversation } from './backend.js'

export function sharingTests({ open, url }: Backend): void {
  describe('two servers on one database', () => {
    it('may start at once on an empty one', async () => {
      const shared = await url()
      const stores = await Promise.all(Array.from({ length: 4 }, () => open({ url: shared })))
      await stores[0]!.settings.set('a', 1)
      for (const store of stores) expect(await store.settings.get('a')).toBe(1)
    })

    it('count together', async () => {
      const shared = await url()
      const [one, two] = [await open({ url: shared }), await open({ url: shared })]
      await Promise.all(
        Array.from({ length: 40 }, (_, i) =>
          (i % 2 === 0 ? one : two).usage.add({ user: 'ann', model: `m${i % 4}`, promptTokens: 1 }),
        ),
      )
      const sums = await one.usage.sum({ by: 'user' })
      expect(sums).toMatchObject([{ requests: 40, promptTokens: 40 }])
    })

    it('see each other’s transactions whole', async () => {
      const shared = await url()
      const [one, two] = [await open({ url: shared }), await open({ url: shared })]
      const { conversation } = await exampleConversation(one)
      const base = { conversation: conversation.id, user: 'ann', role: 'user' as const }
      const writes = Array.from({ length: 10 }, (_, i) =>
        (i % 2 === 0 ? one : two).messages.add({ ...base, content: `${i}a` }, { ...base, content: `${i}b` }),
      )
      const sizes: number[] = []
      for (let i = 0; i < 10; i++) sizes.push((await two.messages.list(conversation.id, 'anyone')).length)
      await Promise.all(writes)
      expect(sizes.filter((size) => size % 2 !== 0)).toEqual([])
      expect(await one.messages.list(conversation.id, 'anyone')).toHaveLength(22)
    })
  })
}
