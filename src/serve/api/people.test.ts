/** Conversations, feedback, comparisons and what is kept of people, over the routes. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createHarness, type Harness } from '../testing/harness.js'

let server: Harness
beforeEach(async () => {
  server = await createHarness()
})
afterEach(() => server.close())

interface Answer {
  readonly status: number
  // biome-ignore lint/suspicious/noExplicitAny: tests say what they expect of it
  readonly body: any
}

async function call(method: string, path: string, json?: unknown, key?: string): Promise<Answer> {
  const response = await server.fetch(path, { method, json, ...(key === undefined ? {} : { key }) })
  return { status: response.status, body: await response.json() }
}

/** Keys of two users and an admin. */
async function people() {
  const admin = await server.key(['admin'], { user: 'root' })
  const ada = await server.key(['chat', 'feedback'], { user: 'ada' })
  const bob = await server.key(['chat', 'feedback'], { user: 'bob' })
  return { admin: admin.secret, ada: ada.secret, bob: bob.secret, bobsKey: bob.id }
}

/** A question of Ada's that the server has answered and kept. */
async function talk(key: string, content = 'What sings?', more = {}) {
  const messages = [{ role: 'user', content }]
  const response = await server.post(
    '/v1/chat/completions',
    { model: 'fake', messages, store: true, ...more },
    key,
  )
  expect(response.status).toBe(200)
  const { id } = (await response.json()) as { id: string }
  return { message: id, conversation: response.headers.get('x-conversation-id')! }
}

describe('conversations', () => {
  it('are read with their messages, found, renamed and deleted', async () => {
    const { ada } = await people()
    const { conversation, message } = await talk(ada)
    const { body } = await call('GET', `/api/conversations/${conversation}`, undefined, ada)
    expect(body).toMatchObject({ id: conversation, user: 'ada', title: 'What sings?', model: 'fake' })
    expect(body.messages.map(({ role }: { role: string }) => role)).toEqual(['user', 'assistant'])
    expect(body.messages[1]).toMatchObject({ id: message, parent: body.messages[0].id, model: 'fake' })
    expect(body.messages[1].modelVersion).toMatch(/^[0-9a-f]{16}$/)
    await call('PATCH', `/api/conversations/${conversation}`, { title: 'Birds' }, ada)
    const found = await call('GET', '/api/conversations?q=bird&limit=5', undefined, ada)
    expect(found.body.items).toMatchObject([{ id: conversation, title: 'Birds' }])
    expect((await call('GET', '/api/conversations?q=fish', undefined, ada)).body.items).toEqual([])
    expect((await call('DELETE', `/api/conversations/${conversation}`, undefined, ada)).status).toBe(200)
    expect((await call('GET', `/api/conversations/${conversation}`, undefined, ada)).status).toBe(404)
  })

  it('are nobody else’s, on any way', async () => {
    const { admin, ada, bob } = await people()
    const { conversation, message } = await talk(ada, 'secret')
    const path = `/api/conversations/${conversation}`
    expect((await call('GET', path, undefined, bob)).status).toBe(404)
    expect((await call('PATCH', path, { title: 'x' }, bob)).status).toBe(404)
    expect((await call('DELETE', path, undefined, bob)).status).toBe(404)
    expect((await call('GET', '/api/conversations', undefined, bob)).body.items).toEqual([])
    expect((await call('GET', '/api/conversations?user=ada', undefined, bob)).status).toBe(400)
    expect((await call('GET', '/api/conversations?user=*', undefined, bob)).body.items).toEqual([])
    expect((await call('GET', '/api/conversations?q=secret', undefined, bob)).body.items).toEqual([])
    const judged = await call('POST', '/api/feedback', { kind: 'thumb', value: 1, message }, bob)
    expect(judged.status).toBe(404)
    await call('POST', '/api/feedback', { kind: 'thumb', value: 1, message, reason: 'secret' }, ada)
    expect((await call('GET', '/api/feedback', undefined, bob)).body.items).toEqual([])
    expect((await call('GET', '/api/feedback?user=ada', undefined, bob)).status).toBe(400)
    expect((await call('GET', '/api/feedback/stats', undefined, bob)).body.total).toBe(0)
    for (const closed of ['/api/users', '/api/export', '/api/audit', '/api/keys', '/api/labeling/tasks'])
      expect((await call('GET', closed, undefined, bob)).status, closed).toBe(403)
    expect((await call('DELETE', '/api/users/ada', undefined, bob)).status).toBe(403)
    expect((await call('GET', '/api/conversations', undefined)).status).toBe(401)
    expect((await call('GET', path, undefined, admin)).status).toBe(200)
    expect((await call('GET', '/api/conversations?user=*', undefined, admin)).body.items).toHaveLength(1)
    expect((await call('GET', '/api/conversations', undefined, admin)).body.items).toEqual([])
  })

  it('begin empty where they are told to, and take no strange fields', async () => {
    const made = await call('POST', '/api/conversations', { title: 'New', settings: { a: [1] } })
    expect(made.body).toMatchObject({ title: 'New', user: 'local', settings: { a: [1] } })
    expect((await call('POST', '/api/conversations', { user: 'ada' })).status).toBe(400)
    expect((await call('GET', '/api/conversations?limit=0')).status).toBe(400)
    expect((await call('GET', '/api/conversations?cursor=zzz')).status).toBe(400)
    expect((await call('GET', `/api/conversations/${'%00'}`)).status).toBe(404)
  })
})

describe('feedback', () => {
  it('on a saved message knows the prompt, the model and its version', async () => {
    const { ada } = await people()
    const { message, conversation } = await talk(ada)
    const { body } = await call(
      'POST',
      '/api/feedback',
      { kind: 'thumb', value: -1, message, reason: 'wrong' },
      ada,
    )
    expect(body).toMatchObject({
      kind: 'thumb',
      value: -1,
      user: 'ada',
      labeler: 'ada',
      reason: 'wrong',
      message,
      conversation,
      prompt: [{ role: 'user', content: 'What sings?' }],
      answers: [{ model: 'fake', message }],
    })
    expect(body.answers[0].modelVersion).toMatch(/^[0-9a-f]{16}$/)
    await call('POST', '/api/feedback', { kind: 'thumb', value: 1, message }, ada)
    await call('POST', '/api/feedback', { kind: 'correction', value: 'A nightingale.', message }, ada)
    await call('POST', '/api/feedback', { kind: 'rubric', value: { quality: 0.5 }, message }, ada)
    const { body: list } = await call('GET', `/api/feedback?conversation=${conversation}`, undefined, ada)
    expect(list.items.map(({ kind, value }: never) => [kind, value])).toEqual([
      ['thumb', 1],
      ['correction', 'A nightingale.'],
      ['rubric', { quality: 0.5 }],
    ])
    const stats = await call('GET', '/api/feedback/stats', undefined, ada)
    expect(stats.body).toMatchObject({ total: 3, unused: 3, thumbs: { up: 1, down: 0 } })
    const first = list.items[0].id
    expect((await call('DELETE', `/api/feedback/${first}`, undefined, ada)).status).toBe(200)
    expect((await call('GET', '/api/feedback?kind=thumb', undefined, ada)).body.items).toEqual([])
    expect(
      (await call('GET', '/api/feedback?since=2026-01-02&unused=true', undefined, ada)).body.items,
    ).toHaveLength(2)
    expect((await call('GET', '/api/feedback?since=2027-01-01', undefined, ada)).body.items).toEqual([])
  })

  it('ranks answers to the same question, saved or not', async () => {
    const { ada } = await people()
    const one = await talk(ada)
    const { body } = await call('GET', `/api/conversations/${one.conversation}`, undefined, ada)
    const again = await talk(ada, 'What sings?', {
      conversation: one.conversation,
      parent: body.messages[0].id,
    })
    const ranking = { kind: 'ranking', value: [2, 1], messages: [one.message, again.message] }
    const ranked = await call('POST', '/api/feedback', ranking, ada)
    expect(ranked.body).toMatchObject({
      value: [2, 1],
      answers: [{ message: one.message }, { message: again.message }],
    })
    const free = await call(
      'POST',
      '/api/feedback',
      {
        kind: 'ranking',
        value: [1, 1, 2],
        prompt: [{ role: 'user', content: 'q' }],
        answers: [{ text: 'a' }, { text: 'b' }, { text: 'c', model: 'else' }],
        labeler: 'Ada at work',
      },
      ada,
    )
    expect(free.body).toMatchObject({ labeler: 'Ada at work', user: 'ada' })
    const other = await talk(ada, 'Something else?')
    const wrong = [
      { ...ranking, messages: [one.message, other.message] },
      { ...ranking, messages: [one.message, one.message] },
      { kind: 'thumb', value: 1, message: body.messages[0].id },
      { kind: 'thumb', value: 2, message: one.message },
      { kind: 'thumb', value: 1 },
      { kind: 'ranking', value: [1, 5], messages: [one.message, again.message] },
      { kind: 'rubric', value: { quality: 7 }, message: one.message },
      { kind: 'correction', value: ' ', message: one.message },
      { kind: 'applause', value: 1, message: one.message },
    ]
    for (const body of wrong)
      expect((await call('POST', '/api/feedback', body, ada)).status, JSON.stringify(body)).toBe(400)
  })
})

describe('comparisons', () => {
  it('hide names until they are ranked', async () => {
    const { ada, bob } = await people()
    let n = 0
    server.engine.reply = () => `answer ${n++}`
    const asked = await call(
      'POST',
      '/api/compare',
      {
        messages: [{ role: 'user', content: 'Q' }],
        candidates: [
          { model: 'fake', temperature: 0.5 },
          { model: 'fake', temperature: 1, top_p: 0.9 },
          { model: 'fake', max_tokens: 4 },
        ],
      },
      ada,
    )
    expect(asked.status).toBe(200)
    expect(asked.body.answers.map(({ slot }: { slot: string }) => slot)).toEqual(['A', 'B', 'C'])
    expect(JSON.stringify(asked.body)).not.toMatch(/fake|temperature/)
    const path = `/api/compare/${asked.body.id}`
    expect(JSON.stringify((await call('GET', path, undefined, ada)).body)).not.toMatch(/fake/)
    expect((await call('GET', path, undefined, bob)).status).toBe(404)
    expect((await call('POST', `${path}/ranking`, { ranks: [1, 2] }, ada)).status).toBe(400)
    expect((await call('POST', `${path}/ranking`, { ranks: [1, 2, 2] }, bob)).status).toBe(404)
    const ranked = await call(
      'POST',
      `${path}/ranking`,
      {
        ranks: [1, 2, 2],
        rubric: [{ quality: 1, safety: 1 }, null, {}],
        labeler: 'Ada',
        reason: 'clear',
      },
      ada,
    )
    expect(ranked.body.ranks).toEqual([1, 2, 2])
    expect(ranked.body.answers[0]).toMatchObject({
      model: 'fake',
      slot: 'A',
      text: asked.body.answers[0].text,
    })
    expect(ranked.body.answers.map(({ sampling }: never) => Object.keys(sampling).sort().join())).toContain(
      'maxTokens,temperature,topP',
    )
    expect((await call('POST', `${path}/ranking`, { ranks: [1, 2, 2] }, ada)).status).toBe(409)
    const { body: said } = await call('GET', '/api/feedback', undefined, ada)
    expect(said.items).toMatchObject([
      { kind: 'ranking', value: [1, 2, 2], labeler: 'Ada', comparison: asked.body.id, reason: 'clear' },
      { kind: 'rubric', value: { quality: 1, safety: 1 }, answers: [{ text: asked.body.answers[0].text }] },
    ])
    const { body: usage } = await call('GET', '/api/usage?by=model', undefined, ada)
    expect(usage.items).toMatchObject([{ group: 'fake', requests: 3 }])
  })

  it('say what is wrong with what is asked', async () => {
    const messages = [{ role: 'user', content: 'Q' }]
    for (const body of [
      { messages },
      { messages, candidates: [{ model: 'fake' }] },
      { messages, models: ['fake'], count: 1 },
      { messages, models: ['fake'], count: 10 },
      { messages: [], models: ['fake'] },
      { messages, models: ['judge'], count: 2 },
    ])
      expect((await call('POST', '/api/compare', body)).status, JSON.stringify(body)).toBe(400)
    expect((await call('POST', '/api/compare', { messages, models: ['nobody'] })).status).toBe(404)
    server.engine.failure = { code: 'infer/queue-full', message: 'full' }
    expect((await call('POST', '/api/compare', { messages, models: ['fake'], count: 3 })).status).toBe(503)
    expect(server.engine.running.size).toBe(0)
  })
})

describe('keys, usage and the audit log', () => {
  it('make and end keys, and remember who did', async () => {
    const { admin } = await people()
    const made = await call(
      'POST',
      '/api/keys',
      { name: 'app', scopes: ['chat'], limits: { tokensPerDay: 5 } },
      admin,
    )
    expect(made.body).toMatchObject({ name: 'app', user: 'app', scopes: ['chat'], state: 'valid' })
    expect((await call('GET', '/api/conversations', undefined, made.body.secret)).status).toBe(200)
    const { body: keys } = await call('GET', '/api/keys', undefined, admin)
    expect(JSON.stringify(keys)).not.toContain(made.body.secret)
    expect(JSON.stringify(keys)).not.toContain('hash')
    expect((await call('DELETE', `/api/keys/${made.body.id}`, undefined, admin)).body.state).toBe('revoked')
    expect((await call('GET', '/api/conversations', undefined, made.body.secret)).status).toBe(401)
    expect((await call('DELETE', '/api/keys/key_none', undefined, admin)).status).toBe(404)
    expect((await call('POST', '/api/keys', { name: 'x', expires: 5 }, admin)).status).toBe(400)
    const { body: log } = await call('GET', '/api/audit', undefined, admin)
    expect(log.items.map(({ action, user }: never) => [action, user])).toEqual([
      ['key.revoke', 'root'],
      ['key.create', 'root'],
    ])
    expect(log.items[0].request).toMatch(/^req_/)
    expect(
      (await call('GET', '/api/audit?action=key.create&limit=1', undefined, admin)).body.items,
    ).toHaveLength(1)
  })

  it('do not tell everyone who changed a model', async () => {
    const { admin, ada } = await people()
    const [{ live }] = (await call('GET', '/api/models', undefined, admin)).body.models
    await server.store.models.setTraffic('fake', { [live]: 1 }, { user: 'root', reason: 'ada asked for it' })
    const seenBy = async (key: string) =>
      JSON.stringify((await call('GET', '/api/models', undefined, key)).body.models)
    expect(await seenBy(admin)).toContain('"user":"root","reason":"ada asked for it"')
    expect(await seenBy(ada)).toContain('"action":"traffic"')
    expect(await seenBy(ada)).not.toMatch(/root|asked/)
  })

  it('show usage to its user and to admins', async () => {
    const { admin, ada, bob, bobsKey } = await people()
    await talk(ada, 'one two three')
    await talk(bob, 'four')
    const sum = async (query: string, key: string) =>
      (await call('GET', `/api/usage${query}`, undefined, key)).body
    expect((await sum('?by=user', admin)).items.map(({ group }: never) => group)).toEqual(['ada', 'bob'])
    expect((await sum('?by=key', bob)).items).toMatchObject([{ group: bobsKey, requests: 1 }])
    expect((await sum('', bob)).items).toMatchObject([{ group: '2026-01-02', requests: 1 }])
    expect((await sum('?from=2026-01-03', admin)).items).toEqual([])
    expect((await call('GET', '/api/usage?user=ada', undefined, bob)).status).toBe(400)
    expect((await call('GET', '/api/usage?from=yesterday', undefined, bob)).status).toBe(400)
  })
})

describe('the data of people', () => {
  it('goes out and comes in as a file', async () => {
    const { admin, ada } = await people()
    const { message, conversation } = await talk(ada)
    await call('POST', '/api/feedback', { kind: 'thumb', value: 1, message }, ada)
    const response = await server.fetch('/api/export', { key: admin })
    expect(response.headers.get('content-type')).toBe('application/x-ndjson')
    const file = await response.text()
    expect(JSON.parse(file.split('\n')[0]!)).toMatchObject({ athanor: 'store' })
    const some = await server.fetch('/api/export?only=feedback', { key: admin })
    expect((await some.text()).trim().split('\n')).toHaveLength(3)
    expect((await server.fetch('/api/export?only=passwords', { key: admin })).status).toBe(400)

    await call('DELETE', `/api/conversations/${conversation}`, undefined, ada)
    const send = (body: string, type = 'application/octet-stream') =>
      server.fetch('/api/import', {
        method: 'POST',
        key: admin,
        body,
        headers: { 'content-type': type, 'content-length': String(Buffer.byteLength(body)) },
      })
    const wrong = await send(file.replace('"role":"user"', '"role":"king"'))
    expect(wrong.status).toBe(400)
    expect(((await wrong.json()) as { error: { message: string } }).error.message).toMatch(
      /^line \d+: messages\.role/,
    )
    expect((await send('{}', 'application/json')).status).toBe(400)
    const back = (await (await send(file)).json()) as { added: Record<string, number> }
    expect(back.added).toMatchObject({ conversations: 1, messages: 2, feedback: 1, apiKeys: 0 })
    expect(
      (await call('GET', `/api/conversations/${conversation}`, undefined, ada)).body.messages,
    ).toHaveLength(2)
  })

  it('holds no transaction open for a client that only asks for the head', async () => {
    const { admin } = await people()
    let open = 0
    const { export: lines } = server.store
    server.store.export = async function* (options) {
      open++
      try {
        yield* lines(options)
      } finally {
        open--
      }
    }
    expect((await server.fetch('/api/export', { method: 'HEAD', key: admin })).status).toBe(200)
    expect(open).toBe(0)
  })

  it('is deleted on request, by its owner or an admin', async () => {
    const { admin, ada, bob } = await people()
    await talk(ada)
    const bobs = await talk(bob)
    await call('POST', '/api/keys', { name: 'ada’s phone', user: 'ada' }, admin)
    const gone = await call('DELETE', '/api/users/ada', undefined, ada)
    expect(gone.body.deleted).toMatchObject({ conversations: 1, messages: 2, keys: 2 })
    expect((await call('GET', '/api/conversations', undefined, ada)).status).toBe(401)
    expect((await call('GET', '/api/users', undefined, admin)).body.users).toEqual(['bob', 'root'])
    const log = JSON.stringify((await call('GET', '/api/audit', undefined, admin)).body)
    expect(log).toContain('user.delete')
    expect(log).not.toContain('ada')
    expect((await call('GET', `/api/conversations/${bobs.conversation}`, undefined, bob)).status).toBe(200)
    expect((await call('DELETE', '/api/users/bob', undefined, admin)).status).toBe(200)
    expect((await call('GET', '/api/users', undefined, admin)).body.users).toEqual(['root'])
  })
})
