import { describe, expect, it } from 'vitest'
import type { Store } from '../types.js'
import { type Backend, collect, exampleConversation, NASTY } from './backend.js'

const bytes = async function* (...chunks: string[]) {
  for (const chunk of chunks) yield Buffer.from(chunk)
}
const linesOf = async (store: Store, options = {}) => collect(store.export(options))
const recordsOf = (lines: readonly string[]) => lines.slice(1)

/** Some of everything. */
async function fill(store: Store) {
  const { conversation, answer } = await exampleConversation(store)
  const prompt = [{ role: 'user' as const, content: NASTY }]
  const [thumb] = await store.feedback.add({
    kind: 'thumb',
    value: -1,
    user: 'ann',
    conversation: conversation.id,
    message: answer.id,
    prompt,
    answers: [{ text: NASTY }],
    reason: NASTY,
  })
  const comparison = await store.comparisons.create({
    user: 'ann',
    prompt,
    answers: [{ text: 'a' }, { text: 'b' }],
  })
  const [task] = await store.labeling.addTasks({
    kind: 'thumb',
    prompt,
    answers: [{ text: 'a' }],
    user: 'ann',
  })
  await store.labeling.judge({ task: task!.id, labeler: 'bob', user: 'bob', skipped: false, values: [1] }, [
    { kind: 'thumb', value: 1, user: 'bob', prompt, answers: [{ text: 'a' }] },
  ])
  await store.presets.put({ name: 'essay', template: NASTY, parameters: [{ name: 'topic' }], user: 'ann' })
  const { key, secret } = await store.keys.create({
    name: 'k',
    user: 'ann',
    scopes: ['chat'],
    limits: { tokensPerDay: 5 },
  })
  await store.usage.add({ user: 'ann', key: key.id, model: 'tiny', promptTokens: 3 })
  await store.audit.add({ user: 'ann', action: 'key.create', target: key.id })
  await store.runs.create({ stage: 'sft', name: 'run', dir: '/runs/x', settings: {}, user: 'ann' })
  await store.models.addVersion({
    model: 'tiny',
    version: 'a',
    dir: '/a',
    kind: 'decoder',
    lineage: { x: 1 },
  })
  await store.collections.create({ name: 'birds', user: 'ann' })
  const { document, passages } = await store.collections.addDocument(
    {
      collection: 'birds',
      title: 'One',
      mime: 'text/plain',
      bytes: 1,
      sha256: 'x',
      user: 'ann',
      text: NASTY,
    },
    [{ text: NASTY }],
  )
  await store.collections.setEmbeddings('e', [
    { id: passages[0]!.id, embedding: Float32Array.from([0.1, 2]) },
  ])
  const round = await store.rounds.create({ model: 'tiny' })
  await store.rounds.take(round.id, [{ feedback: thumb!.id, use: 'train' }])
  await store.settings.set('x', { y: NASTY })
  return { conversation, answer, comparison, task: task!, document, secret, thumb: thumb! }
}

export function transferTests({ open }: Backend): void {
  describe('export and import', () => {
    it('carry everything to another database, and a second time change nothing', async () => {
      const store = await open()
      const { secret } = await fill(store)
      const lines = await linesOf(store)
      const other = await open()
      const first = await other.import(bytes(...lines))
      expect(first.known).toEqual(Object.fromEntries(Object.keys(first.added).map((table) => [table, 0])))
      expect(Object.keys(first.added)).toHaveLength(20)
      expect(recordsOf(await linesOf(other))).toEqual(recordsOf(lines))
      const second = await other.import(bytes(...lines))
      expect(Object.values(second.added).every((count) => count === 0)).toBe(true)
      expect(second.known).toEqual(first.added)
      expect(recordsOf(await linesOf(other))).toEqual(recordsOf(lines))
      expect((await other.keys.find(secret))?.user).toBe('ann')
    })

    it('carry many records, page by page, while others write', async () => {
      const store = await open()
      const { id } = await store.conversations.create({ user: 'ann' })
      const message = (i: number) => ({
        conversation: id,
        user: 'ann',
        role: 'user' as const,
        content: `${i}`,
      })
      await store.messages.add(...Array.from({ length: 950 }, (_, i) => message(i)))
      const lines: string[] = []
      for await (const line of store.export({ only: ['conversations', 'messages'] })) {
        lines.push(line)
        // Comes too late for the picture.
        if (lines.length === 100) await store.messages.add(message(-1))
      }
      expect(lines).toHaveLength(1 + 1 + 950 + 1)
      const other = await open()
      await other.import(bytes(lines.join('')))
      expect(await other.messages.list(id, 'anyone')).toHaveLength(950)
    })

    it('choose by kind and time', async () => {
      let now = 1_000_000
      const store = await open({ now: () => now })
      await fill(store)
      now = 2_000_000
      const { thumb } = await fill(await open({ now: () => now }))
      await store.feedback.add({
        ...thumb,
        kind: 'thumb',
        value: 1,
        id: 'fb_late',
        round: undefined,
      } as never)
      const lines = await linesOf(store, { only: ['feedback'], since: 1_500_000 })
      expect(lines).toHaveLength(3)
      expect(JSON.parse(lines[0]!)).toMatchObject({ athanor: 'store', version: 1, tables: ['feedback'] })
      expect(JSON.parse(lines[1]!)).toMatchObject({ type: 'feedback', record: { id: 'fb_late' } })
      expect(JSON.parse(lines[2]!)).toEqual({ type: 'end', records: 1 })
      await expect(linesOf(store, { only: ['secrets'] })).rejects.toMatchObject({ code: 'store/invalid' })
    })

    it('say which line is wrong, and then nothing comes', async () => {
      const store = await open()
      await fill(store)
      const lines = await linesOf(store)
      const other = await open()
      const isWrong = async (changed: readonly string[], message: RegExp) =>
        expect(other.import(bytes(...changed))).rejects.toMatchObject({
          code: 'store/import',
          message: expect.stringMatching(message),
        })
      const at = (type: string) => lines.findIndex((line) => line.startsWith(`{"type":"${type}"`))
      const replaced = (type: string, change: (line: string) => string) =>
        lines.map((line, i) => (i === at(type) ? change(line) : line))
      const number = (type: string) => at(type) + 1
      await isWrong([], /ends early/)
      await isWrong(lines.slice(1), /^line 1: .*header/)
      await isWrong(['{"athanor":"store","version":2}\n'], /^line 1: .*form 2/)
      await isWrong(lines.slice(0, -1), /ends early/)
      await isWrong([...lines.slice(0, -1), '{"type":"end","records":1}\n'], /should have 1 records/)
      await isWrong([...lines, lines[3]!], /follows the end/)
      await isWrong(
        replaced('messages', (line) => `${line.slice(0, 40)}\n`),
        new RegExp(`^line ${number('messages')}: this is not JSON`),
      )
      await isWrong(
        replaced('messages', (line) => line.replace('"role":"user"', '"role":"root"')),
        new RegExp(`^line ${number('messages')}: messages\\.role`),
      )
      await isWrong(
        replaced('messages', (line) => line.replace(/"conversation":"[^"]*"/, '"conversation":"conv_none"')),
        new RegExp(`^line ${number('messages')}: its conversation "conv_none" is neither`),
      )
      await isWrong(
        replaced('messages', (line) => line.replace('"user":"ann"', '"user":"eve"')),
        new RegExp(`^line ${number('messages')}: .*another user`),
      )
      await isWrong(
        replaced('feedback', (line) => line.replace('"value":-1', '"value":-1,"evil":1')),
        new RegExp(`^line ${number('feedback')}: feedback`),
      )
      await isWrong(
        replaced('settings', () => '{"type":"secrets","record":{}}\n'),
        /records "secrets" are unknown/,
      )
      await isWrong(
        replaced('settings', (line) => line.replace('"x"', `"${'['.repeat(10)}\\u0000"`)),
        /character that names cannot have/,
      )
      const deep = `{"type":"settings","record":{"name":"d","updated":1,"value":${'['.repeat(200_000)}${']'.repeat(200_000)}}}\n`
      await isWrong(
        replaced('settings', () => deep),
        /nested too deeply|not JSON/,
      )
      expect((await linesOf(other)).length).toBe(2)
    })
  })

  describe('a user who leaves', () => {
    it('takes everything along, and leaves what is others’', async () => {
      const store = await open()
      const mine = await fill(store)
      const bobs = await exampleConversation(store, 'bob')
      await store.collections.addDocument(
        { collection: 'birds', title: 'Bob’s', mime: 'text/plain', bytes: 1, sha256: 'y', user: 'bob' },
        [{ text: 'theirs' }],
      )
      // Somebody else judged Ann's words.
      await store.feedback.add({
        kind: 'correction',
        value: 'better',
        user: 'bob',
        message: mine.answer.id,
        conversation: mine.conversation.id,
        prompt: [{ role: 'user', content: 'What sings?' }],
        answers: [{ text: 'A nightingale.' }],
      })
      const admin = await store.keys.create({ name: 'ann', user: 'ann', scopes: ['admin'] })
      expect(await store.users.list()).toEqual(['ann', 'bob'])
      const counts = await store.users.remove('ann')
      expect(counts).toMatchObject({
        conversations: 1,
        messages: 2,
        feedback: 3,
        tasks: 1,
        documents: 1,
        keys: 2,
      })
      expect(await store.users.list()).toEqual(['bob'])
      const left = (await linesOf(store)).join('')
      expect(left).not.toContain('"ann"')
      expect(left).not.toContain(mine.thumb.id)
      expect(left).not.toContain(mine.conversation.id)
      expect(await store.keys.find(mine.secret)).toBeUndefined()
      // That there was an admin key stays known, here and where this is imported: it keeps the server closed.
      const other = await open()
      await other.import(bytes(...(await linesOf(store))))
      for (const one of [store, other]) {
        expect(await one.keys.list()).toMatchObject([{ name: '', user: '', scopes: ['admin'] }])
        expect((await one.keys.find(admin.secret))?.revoked).toBeDefined()
      }
      expect((await store.collections.documents('birds')).map(({ title }) => title)).toEqual(['Bob’s'])
      expect(await store.messages.list(bobs.conversation.id, { user: 'bob' })).toHaveLength(2)
      expect(await store.users.remove('nobody')).toMatchObject({ conversations: 0 })
    })
  })
}
