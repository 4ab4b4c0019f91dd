import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createHarness, type Harness } from '../testing/harness.js'

let server: Harness
beforeEach(async () => {
  server = await createHarness()
})
afterEach(() => server.close())

async function call(method: string, path: string, json?: unknown, key?: string) {
  const response = await server.fetch(path, { method, json, ...(key === undefined ? {} : { key }) })
  // biome-ignore lint/suspicious/noExplicitAny: tests say what they expect of it
  return { status: response.status, body: (await response.json()) as any }
}
const prompt = [{ role: 'user', content: 'Q' }]
const ranking = {
  kind: 'ranking',
  prompt,
  answers: [
    { text: 'a', model: 'fake', modelVersion: 'v1' },
    { text: 'b', model: 'else' },
  ],
}

describe('the labeling queue', () => {
  it('is filled by admins, hides names, and turns what people say into feedback', async () => {
    const admin = (await server.key(['admin'], { user: 'root' })).secret
    const ann = (await server.key(['feedback'], { user: 'ann' })).secret
    const added = await call(
      'POST',
      '/api/labeling/tasks',
      { tasks: [ranking], overlap: 2, category: 'c' },
      admin,
    )
    expect(added.body.added).toBe(1)
    expect((await call('POST', '/api/labeling/tasks', { tasks: [ranking] }, ann)).status).toBe(403)
    const { body } = await call('GET', '/api/labeling/next', undefined, ann)
    expect(body.task).toMatchObject({
      kind: 'ranking',
      overlap: 2,
      category: 'c',
      answers: [{ text: 'a' }, { text: 'b' }],
    })
    expect(JSON.stringify(body)).not.toMatch(/fake|v1|else|root/)
    const path = `/api/labeling/tasks/${body.task.id}`
    const judged = await call(
      'POST',
      `${path}/answers`,
      { values: [2, 1], rubric: [{ safety: 1 }, null] },
      ann,
    )
    expect(judged.body.feedback).toHaveLength(2)
    expect((await call('GET', '/api/labeling/next', undefined, ann)).body.task).toBeNull()
    expect((await call('POST', `${path}/answers`, { values: [2, 1] }, ann)).status).toBe(409)
    const { items } = (await call('GET', '/api/feedback', undefined, admin)).body
    expect(items[0]).toMatchObject({
      kind: 'ranking',
      value: [2, 1],
      labeler: 'ann',
      task: body.task.id,
      answers: [{ text: 'a', model: 'fake', modelVersion: 'v1' }, { text: 'b' }],
    })
    expect((await call('DELETE', path, undefined, ann)).status).toBe(403)
    expect((await call('DELETE', path, undefined, admin)).status).toBe(200)
    expect((await call('POST', `${path}/skip`, {}, ann)).status).toBe(404)
  })

  it('lets several people judge under their names, and says how far they agree', async () => {
    const tasks = [
      ranking,
      ranking,
      { ...ranking, kind: 'thumb', answers: [{ text: 'x' }, { text: 'y' }] },
      { ...ranking, kind: 'rubric', answers: [{ text: 'x' }] },
      { ...ranking, kind: 'correction', answers: [{ text: 'x' }] },
    ]
    const { ids } = (await call('POST', '/api/labeling/tasks', { tasks, overlap: 2 })).body
    const say = async (task: number, labeler: string, values: unknown[]) =>
      expect(
        (await call('POST', `/api/labeling/tasks/${ids[task]}/answers`, { labeler, values })).status,
      ).toBe(200)
    await say(0, 'ann', [1, 2])
    await say(0, 'bob', [1, 2])
    await say(1, 'ann', [1, 2])
    await say(1, 'bob', [2, 1])
    await say(2, 'ann', [1, -1])
    await say(2, 'bob', [1, null])
    await say(3, 'ann', [{ quality: 0.9, safety: 0.1 }])
    await say(3, 'bob', [{ quality: 0.2, safety: 0 }])
    await say(4, 'ann', ['better'])
    expect((await call('POST', `/api/labeling/tasks/${ids[4]}/skip`, { labeler: 'bob' })).status).toBe(200)
    const { body } = await call('GET', '/api/labeling/progress')
    expect(body).toMatchObject({
      tasks: 5,
      done: 4,
      labelers: [
        { labeler: 'ann', judged: 5, skipped: 0 },
        { labeler: 'bob', judged: 4, skipped: 1 },
      ],
      agreement: { ranking: 0.5, thumb: 1, rubric: 0.5 },
    })
    expect(body.statistics.ranking.ranks.kendallTau).toBe(0)
    expect(body.statistics.rubric.questions.quality.agreement).toBe(0)
    // Bob left the last one, so it waits for somebody else.
    expect((await call('GET', '/api/labeling/next?labeler=bob')).body.task).toBeNull()
    expect((await call('GET', '/api/labeling/next?labeler=cai')).body.task.id).toBe(ids[4])
    expect((await call('GET', '/api/labeling/tasks?kind=ranking&limit=1')).body.items).toHaveLength(1)
    const kinds = (await call('GET', '/api/feedback')).body.items.map(({ kind }: { kind: string }) => kind)
    expect(kinds.filter((kind: string) => kind === 'thumb')).toHaveLength(3)
    expect(kinds).toContain('correction')
  })

  it('is filled from prompts and from comparisons', async () => {
    const asked = await call('POST', '/api/labeling/tasks', {
      prompts: ['What sings?', 'What croaks?'],
      models: ['fake'],
      count: 3,
    })
    expect(asked.body.added).toBe(2)
    expect((await call('GET', '/api/labeling/next?labeler=ann')).body.task.answers).toHaveLength(3)
    const compared = await call('POST', '/api/compare', { messages: prompt, models: ['fake'], count: 2 })
    const queued = await call('POST', '/api/labeling/tasks', { comparisons: [compared.body.id], priority: 5 })
    const { task } = (await call('GET', '/api/labeling/next?labeler=bob')).body
    expect(task.id).toBe(queued.body.ids[0])
    expect(task.answers.map(({ text }: { text: string }) => text)).toEqual(
      compared.body.answers.map(({ text }: { text: string }) => text),
    )
  })

  it('refuses what does not fit', async () => {
    const { ids } = (
      await call('POST', '/api/labeling/tasks', { tasks: [ranking, { ...ranking, kind: 'thumb' }] })
    ).body
    const say = async (task: number, values: unknown[], more = {}) =>
      (await call('POST', `/api/labeling/tasks/${ids[task]}/answers`, { values, ...more })).status
    expect(await say(0, [1])).toBe(400)
    expect(await say(0, [1, null])).toBe(400)
    expect(await say(0, [1, 3])).toBe(400)
    expect(await say(0, ['a', 'b'])).toBe(400)
    expect(await say(1, [null, null])).toBe(400)
    expect(await say(1, [1, 0])).toBe(400)
    expect(await say(1, [1, 1], { labeler: '' })).toBe(400)
    expect((await call('POST', '/api/labeling/tasks/task_none/answers', { values: [1] })).status).toBe(404)
    expect((await call('POST', '/api/labeling/tasks', {})).status).toBe(400)
    expect(
      (await call('POST', '/api/labeling/tasks', { tasks: [{ ...ranking, answers: [{ text: 'a' }] }] }))
        .status,
    ).toBe(400)
    expect((await call('GET', '/api/feedback')).body.items).toEqual([])
  })
})
