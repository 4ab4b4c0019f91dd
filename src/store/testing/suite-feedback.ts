import { describe, expect, it } from 'vitest'
import type { NewFeedback, Store } from '../types.js'
import { type Backend, collect, exampleConversation, NASTY } from './backend.js'

const prompt = [{ role: 'user' as const, content: NASTY }]
const thumb = (more: Partial<NewFeedback> = {}): NewFeedback =>
  ({
    kind: 'thumb',
    value: 1,
    user: 'ann',
    prompt,
    answers: [{ text: NASTY, model: 'tiny' }],
    ...more,
  }) as NewFeedback
const ranking = (ranks: number[], more: Partial<NewFeedback> = {}): NewFeedback => ({
  kind: 'ranking',
  value: ranks,
  user: 'ann',
  prompt,
  answers: ranks.map((_, i) => ({ text: `answer ${i}`, model: 'tiny', modelVersion: `v${i}` })),
  ...(more as object),
})

export function feedbackTests({ open }: Backend): void {
  describe('feedback', () => {
    it('comes back as it was given, of every kind', async () => {
      const store = await open()
      const given: NewFeedback[] = [
        thumb({ reason: NASTY, labeler: 'Ann at home' }),
        ranking([2, 1, 2]),
        { kind: 'correction', value: NASTY, user: 'bob', prompt, answers: [{ text: 'bad' }] },
        {
          kind: 'rubric',
          value: { quality: 0.5, safety: 1 },
          user: 'bob',
          prompt,
          answers: [{ text: 'so so', message: 'msg_1' }],
        },
      ]
      const added = await store.feedback.add(...given)
      expect(added.map(({ value }) => value)).toEqual(given.map(({ value }) => value))
      expect(added[1]).toMatchObject({ labeler: 'ann' })
      expect((await store.feedback.list('anyone')).items).toEqual(added)
      expect(await collect(store.feedback.each({ user: 'bob' }))).toEqual(added.slice(2))
      await expect(store.feedback.get(added[0]!.id, { user: 'bob' })).rejects.toMatchObject({
        code: 'store/not-found',
      })
    })

    it('is refused where value and answers do not fit, and nothing of the call is kept', async () => {
      const store = await open()
      const wrong: NewFeedback[] = [
        ranking([1]),
        ranking([1, 3]),
        ranking([0, 1]),
        ranking([1, 1.5]),
        ranking(Array.from({ length: 10 }, () => 1)),
        { ...thumb(), value: 2 } as unknown as NewFeedback,
        thumb({ answers: [] }),
        thumb({ prompt: [] }),
        { ...thumb(), kind: 'correction', value: '  ' } as NewFeedback,
        { ...thumb(), kind: 'rubric', value: {} } as NewFeedback,
        { ...thumb(), kind: 'rubric', value: { quality: 2 } } as NewFeedback,
        { ...thumb(), kind: 'rubric', value: { quality: Number.NaN } } as NewFeedback,
      ]
      for (const one of wrong)
        await expect(store.feedback.add(thumb(), one)).rejects.toMatchObject({ code: 'store/invalid' })
      expect((await store.feedback.stats('anyone')).total).toBe(0)
    })

    it('on a message is the last word of a person, unless a round has taken it', async () => {
      const store = await open()
      const { answer } = await exampleConversation(store)
      const [up] = await store.feedback.add(thumb({ message: answer.id }))
      await store.feedback.add(thumb({ message: answer.id, user: 'bob' }))
      const [down] = await store.feedback.add({ ...thumb({ message: answer.id }), value: -1 } as NewFeedback)
      const ids = async () => (await store.feedback.list({ user: 'ann' })).items.map(({ id }) => id)
      expect(await ids()).toEqual([down!.id])
      expect(await ids()).not.toContain(up!.id)
      const round = await store.rounds.create({ model: 'tiny' })
      await store.rounds.take(round.id, [{ feedback: down!.id, use: 'train' }])
      const [later] = await store.feedback.add(thumb({ message: answer.id }))
      expect(await ids()).toEqual([down!.id, later!.id])
    })

    it('of somebody who presses again and again counts once', async () => {
      const store = await open()
      await Promise.all(
        Array.from({ length: 6 }, (_, i) =>
          store.feedback.add({ ...thumb({ message: 'msg_1' }), value: i % 2 === 0 ? 1 : -1 } as NewFeedback),
        ),
      )
      expect((await store.feedback.list('anyone')).items).toHaveLength(1)
    })

    it('is found by time, kind, message, model and version', async () => {
      const store = await open({ now: () => 1000 })
      const [a, b, c] = await store.feedback.add(
        thumb({ message: 'msg_1', answers: [{ text: 'says "model":"other"', model: 'tiny' }] }),
        ranking([1, 2]),
        thumb({ kind: 'thumb', answers: [{ text: 'x', model: 'big"model' }] }),
      )
      const find = async (query: Parameters<Store['feedback']['list']>[1]) =>
        (await store.feedback.list('anyone', query)).items.map(({ id }) => id)
      expect(await find({ since: b!.created })).toEqual([b!.id, c!.id])
      expect(await find({ until: b!.created })).toEqual([a!.id])
      expect(await find({ kind: 'ranking' })).toEqual([b!.id])
      expect(await find({ message: 'msg_1' })).toEqual([a!.id])
      expect(await find({ model: 'tiny' })).toEqual([a!.id, b!.id])
      expect(await find({ model: 'v1' })).toEqual([b!.id])
      expect(await find({ model: 'big"model' })).toEqual([c!.id])
      expect(await find({ model: 'other' })).toEqual([])
    })

    it('is counted', async () => {
      const day = Date.UTC(2026, 0, 31)
      let now = day
      const store = await open({ now: () => now })
      const [first] = await store.feedback.add(thumb(), {
        ...thumb({ user: 'bob' }),
        value: -1,
      } as NewFeedback)
      now += 86_400_000
      await store.feedback.add(ranking([1, 1]))
      const round = await store.rounds.create({ model: 'tiny' })
      await store.rounds.take(round.id, [{ feedback: first!.id, use: 'dropped', reason: 'spam' }])
      expect(await store.feedback.stats('anyone')).toEqual({
        total: 3,
        unused: 2,
        users: 2,
        kinds: { thumb: 2, ranking: 1, correction: 0, rubric: 0 },
        thumbs: { up: 1, down: 1 },
        days: [
          { day: '2026-01-31', count: 2 },
          { day: '2026-02-01', count: 1 },
        ],
      })
      expect((await store.feedback.stats({ user: 'bob' })).total).toBe(1)
    })
  })

  describe('comparisons', () => {
    it('are ranked once, and become feedback in the same step', async () => {
      const store = await open()
      const made = await store.comparisons.create({
        user: 'ann',
        prompt,
        answers: [
          { text: 'a', model: 'tiny', sampling: { seed: 1 } },
          { text: 'b', model: 'big' },
        ],
      })
      await expect(store.comparisons.get(made.id, { user: 'bob' })).rejects.toMatchObject({
        code: 'store/not-found',
      })
      await expect(store.comparisons.rank(made.id, [1], [], { user: 'ann' })).rejects.toMatchObject({
        code: 'store/invalid',
      })
      const rank = () => store.comparisons.rank(made.id, [2, 1], [ranking([2, 1])], { user: 'ann' })
      const results = await Promise.allSettled([rank(), rank()])
      expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
      expect(results.find(({ status }) => status === 'rejected')).toMatchObject({
        reason: { code: 'store/conflict' },
      })
      const { items } = await store.feedback.list('anyone')
      expect(items).toMatchObject([{ kind: 'ranking', comparison: made.id, value: [2, 1] }])
      expect((await store.comparisons.get(made.id, { user: 'ann' })).ranks).toEqual([2, 1])
    })
  })

  describe('labeling', () => {
    const task = (content: string, more = {}) => ({
      kind: 'ranking' as const,
      prompt: [{ role: 'user' as const, content }],
      answers: [{ text: 'a' }, { text: 'b' }],
      user: 'lead',
      ...more,
    })
    const judge = (store: Store, id: string, labeler: string, skipped = false) =>
      store.labeling.judge(
        { task: id, labeler, user: labeler, skipped, ...(skipped ? {} : { values: [1, 2] }) },
        skipped ? [] : [ranking([1, 2], { user: labeler })],
      )

    it('gives every task to as many people as it asks for', async () => {
      const store = await open()
      const [one, two] = await store.labeling.addTasks(task('one', { overlap: 2 }), task('two'))
      expect(await store.labeling.next('ann')).toEqual(one)
      // The same again until it is judged; it is kept for her.
      expect((await store.labeling.next('ann'))!.id).toBe(one!.id)
      expect((await store.labeling.next('bob'))!.id).toBe(one!.id)
      expect((await store.labeling.next('cai'))!.id).toBe(two!.id)
      expect(await store.labeling.next('dan')).toBeUndefined()
      await judge(store, one!.id, 'ann')
      await expect(judge(store, one!.id, 'ann')).rejects.toMatchObject({ code: 'store/conflict' })
      await judge(store, one!.id, 'bob', true)
      // Bob passed it over: his place is free, and nothing is left for him or Ann.
      expect((await store.labeling.next('dan'))!.id).toBe(one!.id)
      expect(await store.labeling.next('bob')).toBeUndefined()
      expect(await store.labeling.next('ann')).toBeUndefined()
      await judge(store, one!.id, 'dan')
      await judge(store, two!.id, 'cai')
      expect(await store.labeling.progress()).toEqual({
        tasks: 2,
        done: 2,
        labelers: [
          { labeler: 'ann', judged: 1, skipped: 0 },
          { labeler: 'bob', judged: 0, skipped: 1 },
          { labeler: 'cai', judged: 1, skipped: 0 },
          { labeler: 'dan', judged: 1, skipped: 0 },
        ],
      })
      const said = await collect(store.labeling.judgements({ kind: 'ranking' }))
      expect(said.map(({ judgement }) => judgement.labeler)).toEqual(['ann', 'bob', 'dan', 'cai'])
      expect((await store.feedback.list('anyone')).items.map((one) => one.task)).toEqual([
        one!.id,
        one!.id,
        two!.id,
      ])
    })

    it('takes a task back after half an hour', async () => {
      let now = 1_000_000
      const store = await open({ now: () => now })
      await store.labeling.addTasks(task('one'))
      expect(await store.labeling.next('ann')).toBeDefined()
      expect(await store.labeling.next('bob')).toBeUndefined()
      now += 31 * 60_000
      expect(await store.labeling.next('bob')).toBeDefined()
      expect(await store.labeling.next('ann')).toBeUndefined()
    })

    it('never gives the last place to two who ask at once', async () => {
      const store = await open()
      await store.labeling.addTasks(task('one'), task('two'), task('three'))
      const asked = await Promise.all(
        Array.from({ length: 8 }, (_, i) => store.labeling.next(`labeler ${i}`)),
      )
      const given = asked.filter((one) => one !== undefined).map(({ id }) => id)
      expect(given).toHaveLength(3)
      expect(new Set(given).size).toBe(3)
    })

    it('begins with what is important, and finishes what was begun', async () => {
      const store = await open()
      const [, begun, urgent] = await store.labeling.addTasks(
        task('later', { overlap: 2 }),
        task('begun', { overlap: 2 }),
        task('urgent', { priority: 5 }),
      )
      await judge(store, begun!.id, 'bob')
      expect((await store.labeling.next('ann'))!.id).toBe(urgent!.id)
      await judge(store, urgent!.id, 'ann')
      expect((await store.labeling.next('ann'))!.id).toBe(begun!.id)
      await expect(store.labeling.addTasks(task('x', { answers: [{ text: 'a' }] }))).rejects.toMatchObject({
        code: 'store/invalid',
      })
    })
  })
}
