import { afterEach, describe, expect, it } from 'vitest'
import type { ServeConfigInput } from '../config.js'
import { createHarness, type Harness } from '../testing/harness.js'

let server: Harness
const start = async (config: ServeConfigInput = {}) => {
  server = await createHarness({ config })
}
afterEach(() => server.close())

const health = (host: string) => server.fetch('/health', { headers: { host } })
const ask = (headers: Record<string, string>) =>
  server.fetch('/tokenize', { method: 'POST', headers, json: { model: 'fake', prompt: 'a b' } })

describe('a server on loopback', () => {
  it('answers to names of this machine only, so that no page reaches it under its own name', async () => {
    await start()
    for (const host of [
      'localhost',
      'localhost:8000',
      '127.0.0.1:8000',
      '127.1.2.3',
      '[::1]:8000',
      'LOCALHOST',
    ])
      expect((await health(host)).status, host).toBe(200)
    for (const host of [
      'evil.example',
      'localhost.evil.example',
      '127.0.0.1.evil.example',
      '10.0.0.1:8000',
      '0.0.0.0',
    ])
      expect((await health(host)).status, host).toBe(403)
  })

  it('answers to more names where it is told to', async () => {
    await start({ allowedHosts: ['lab.example'], publicUrl: 'https://chat.example/' })
    expect((await health('lab.example:8000')).status).toBe(200)
    expect((await health('chat.example')).status).toBe(200)
    expect((await health('other.example')).status).toBe(403)
  })

  it('changes nothing for pages of other origins', async () => {
    await start({ corsOrigins: ['https://app.example'], publicUrl: 'https://chat.example' })
    const host = 'localhost:8000'
    expect((await ask({ host, origin: 'http://evil.example' })).status).toBe(403)
    expect((await ask({ host, origin: 'http://localhost:9999' })).status).toBe(403)
    expect((await ask({ host, origin: 'null' })).status).toBe(403)
    expect((await ask({ host, origin: 'http://localhost:8000' })).status).toBe(200)
    expect((await ask({ host, origin: 'https://app.example' })).status).toBe(200)
    expect((await ask({ host, origin: 'https://chat.example' })).status).toBe(200)
    expect((await ask({ host })).status).toBe(200)
  })
})

describe('cross-origin sharing', () => {
  const preflight = (origin: string) =>
    server.fetch('/v1/chat/completions', {
      method: 'OPTIONS',
      headers: {
        origin,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization,content-type',
      },
    })

  it('is off until it is set', async () => {
    await start()
    expect((await preflight('https://app.example')).headers.get('access-control-allow-origin')).toBeNull()
  })

  it('allows the origins that are named', async () => {
    await start({ corsOrigins: ['https://app.example'] })
    const { headers } = await preflight('https://app.example')
    expect(headers.get('access-control-allow-origin')).toBe('https://app.example')
    expect(headers.get('access-control-allow-headers')).toContain('authorization')
    expect((await preflight('https://evil.example')).headers.get('access-control-allow-origin')).toBeNull()
  })

  it('says so on errors too, or pages could not read them', async () => {
    await start({ corsOrigins: ['*'] })
    const response = await server.fetch('/v1/models/nobody', { headers: { origin: 'https://any.example' } })
    expect(response.status).toBe(404)
    expect(response.headers.get('access-control-allow-origin')).toBe('*')
  })
})
