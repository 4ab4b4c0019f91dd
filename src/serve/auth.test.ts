import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { StorageError } from '../atomic.js'
import { createApp } from './app.js'
import { isKeyNeeded } from './auth.js'
import { createContext } from './context.js'
import { createHarness, type Harness } from './testing/harness.js'

let server: Harness
beforeEach(async () => {
  server = await createHarness()
})
afterEach(() => server.close())

const problem = async (response: Response) => ({
  status: response.status,
  ...((await response.json()) as { error: object }).error,
})
const models = (key?: string) => server.fetch('/v1/models', key === undefined ? {} : { key })

describe('without an admin key, on this machine', () => {
  it('everyone may do everything, whatever key their client makes up', async () => {
    expect((await models()).status).toBe(200)
    expect((await models('sk-none')).status).toBe(200)
    expect((await server.fetch('/metrics')).status).toBe(200)
  })

  it('a key for programs is checked where it is given, and leaves the studio open', async () => {
    const { secret } = await server.key(['chat'])
    expect((await models(secret)).status).toBe(200)
    expect((await models()).status).toBe(200)
    expect(await problem(await server.fetch('/metrics', { key: secret }))).toMatchObject({
      status: 403,
      type: 'permission_error',
      code: 'insufficient_scope',
    })
    expect(await problem(await models(`${secret}x`))).toMatchObject({ status: 401, code: 'invalid_api_key' })
  })
})

describe('once there is an admin key', () => {
  it('everyone needs a key, but to see that the server is there', async () => {
    const { secret } = await server.key(['admin'])
    server.clock.time += 2000
    expect(await problem(await models())).toMatchObject({
      status: 401,
      type: 'authentication_error',
      code: 'missing_api_key',
    })
    expect(await problem(await models('sk-none'))).toMatchObject({ status: 401, code: 'invalid_api_key' })
    expect((await models(secret)).status).toBe(200)
    expect((await server.fetch('/v1/models', { headers: { 'x-api-key': secret } })).status).toBe(200)
    for (const path of ['/metrics', '/api/anything', '/v1/models/fake'])
      expect((await server.fetch(path)).status, path).toBe(401)
    for (const path of ['/health', '/', '/docs', '/openapi.json']) {
      expect((await server.fetch(path)).status, path).toBe(200)
    }
    const session = (await (await server.fetch('/api/session')).json()) as object
    expect(session).toEqual({ version: '0', authRequired: true, scopes: [], models: [] })
  })

  it('the server does not open again when it is revoked or expires', async () => {
    const { secret, id } = await server.key(['admin'], { expires: server.clock.time + 10_000 })
    server.clock.time += 20_000
    expect(await problem(await models(secret))).toMatchObject({ status: 401, code: 'expired_api_key' })
    await server.store.keys.revoke(id)
    expect((await models()).status).toBe(401)
  })

  it('nor when the data of its only admin is deleted', async () => {
    const { secret } = await server.key(['admin'], { user: 'root' })
    await server.key(['chat'], { user: 'root' })
    expect((await server.fetch('/api/users/root', { method: 'DELETE', key: secret })).status).toBe(200)
    expect(await isKeyNeeded(server.context)).toBe(true)
    expect(await problem(await models(secret))).toMatchObject({ status: 401, code: 'revoked_api_key' })
    const [left, ...others] = await server.store.keys.list()
    expect(others).toEqual([])
    expect(left).toMatchObject({ name: '', user: '', scopes: ['admin'] })
  })
})

describe('a key', () => {
  it('opens nothing from the moment it is revoked', async () => {
    const { secret, id } = await server.key(['chat'])
    expect((await models(secret)).status).toBe(200)
    await server.store.keys.revoke(id)
    expect(await problem(await models(secret))).toMatchObject({ status: 401, code: 'revoked_api_key' })
  })

  it('is not written down anywhere', async () => {
    const { secret } = await server.key(['admin'])
    await models(secret)
    const records: string[] = []
    for await (const line of server.store.export()) records.push(line)
    expect(records.join('')).not.toContain(secret)
  })

  it('may use no more requests in a minute than it has', async () => {
    const { secret } = await server.key(['chat'], { limits: { requestsPerMinute: 2 } })
    const ask = () => server.post('/tokenize', { model: 'fake', prompt: 'a' }, secret)
    expect((await ask()).status).toBe(200)
    expect((await ask()).status).toBe(200)
    const refused = await ask()
    expect(refused.headers.get('retry-after')).toBe('30')
    expect(await problem(refused)).toMatchObject({
      status: 429,
      type: 'rate_limit_error',
      code: 'rate_limit_exceeded',
    })
    server.clock.time += 30_000
    expect((await ask()).status).toBe(200)
    expect((await ask()).status).toBe(429)
  })

  it('reads on where the disk is full: that it was used is not worth refusing it', async () => {
    const { secret } = await server.key(['chat'])
    server.store.keys.touch = async () => {
      throw new StorageError('full', 'a.db', 'the disk is full')
    }
    expect((await models(secret)).status).toBe(200)
  })

  it('has no more tokens on the day because the server began again', async () => {
    const { secret } = await server.key(['chat'], { limits: { tokensPerDay: 10 } })
    const messages = [{ role: 'user', content: 'one two three four' }]
    const ask = { model: 'fake', messages }
    expect((await server.post('/v1/chat/completions', ask, secret)).status).toBe(200)
    const { engine, store, clock } = server
    const again = createApp(createContext({ engine, store, clock, config: server.context.config }))
    const response = await again.request('http://localhost/v1/chat/completions', {
      method: 'POST',
      headers: {
        host: 'localhost',
        'content-type': 'application/json',
        authorization: `Bearer ${secret}`,
      },
      body: JSON.stringify(ask),
    })
    expect(await problem(response)).toMatchObject({ status: 429, code: 'insufficient_quota' })
  })

  it('waits when it has used more tokens in a minute than it has, and on the day', async () => {
    const { secret, id } = await server.key(['chat'], { limits: { tokensPerMinute: 12, tokensPerDay: 30 } })
    const messages = [{ role: 'user', content: 'one two three four' }]
    const ask = () => server.post('/v1/chat/completions', { model: 'fake', messages }, secret)
    const first = await ask()
    expect(first.status).toBe(200)
    expect(first.headers.get('x-ratelimit-remaining-tokens')).toBe('12')
    // 4 read and 6 written.
    expect((await ask()).status).toBe(200)
    expect(await problem(await ask())).toMatchObject({ status: 429, code: 'rate_limit_exceeded' })
    server.clock.time += 60_000
    expect((await ask()).status).toBe(200)
    expect(await server.store.usage.tokens(id)).toBe(30)
    server.clock.time += 60_000
    expect(await problem(await ask())).toMatchObject({ status: 429, code: 'insufficient_quota' })
    server.clock.time += 86_400_000
    expect((await ask()).status).toBe(200)
  })

  it('pays for what it used, by day, key and model, streams and those cut off as well', async () => {
    const { secret, id } = await server.key(['chat'])
    const messages = [{ role: 'user', content: 'hello' }]
    const request = { model: 'fake', messages, n: 2 }
    await server.post('/v1/chat/completions', request, secret)
    await (await server.post('/v1/chat/completions', { ...request, stream: true }, secret)).text()
    server.engine.failure = { code: 'infer/logits', message: 'not a number', afterTokens: 1 }
    await server.post('/v1/chat/completions', { model: 'fake', messages }, secret)
    const used = { requests: 3, errors: 1, promptTokens: 3, cachedTokens: 3, completionTokens: 13 }
    expect(await server.store.usage.sum({ by: 'key' })).toEqual([{ group: id, ...used }])
    expect(await server.store.usage.sum({ by: 'model' })).toEqual([{ group: 'fake', ...used }])
    expect(await server.store.usage.sum({ by: 'day' })).toEqual([{ group: '2026-01-02', ...used }])
  })
})
