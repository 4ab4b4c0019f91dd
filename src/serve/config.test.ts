import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readConfig } from './config.js'

let dir: string
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'athanor-config-'))
})
afterAll(() => rm(dir, { recursive: true, force: true }))

async function file(value: unknown, name = 'serve.json'): Promise<string> {
  const path = join(dir, name)
  await writeFile(path, typeof value === 'string' ? value : JSON.stringify(value))
  return path
}

describe('the settings of the server', () => {
  it('have defaults', async () => {
    expect(await readConfig({})).toMatchObject({
      host: '127.0.0.1',
      port: 8000,
      database: 'file:athanor.db',
      logPrompts: false,
      limits: { jsonDepth: 64, connections: 2048 },
    })
  })

  it('come from the flag, else the environment, else the file', async () => {
    const path = await file({ port: 1, host: 'one', database: ':memory:', limits: { messages: 5 } })
    const env = {
      ATHANOR_PORT: '2',
      ATHANOR_HOST: 'two',
      ATHANOR_LOG_PROMPTS: 'yes',
      ATHANOR_CORS_ORIGINS: 'http://a, https://b:8443',
    }
    expect(await readConfig({ file: path, env, flags: { port: 3, host: undefined } })).toMatchObject({
      port: 3,
      host: 'two',
      database: ':memory:',
      logPrompts: true,
      corsOrigins: ['http://a', 'https://b:8443'],
      limits: { messages: 5, prompts: 64 },
    })
  })

  it('say where a wrong one stands', async () => {
    const wrong = async (sources: Parameters<typeof readConfig>[0]) =>
      expect(readConfig(sources)).rejects.toMatchObject({ code: 'serve/config' })
    await wrong({ env: { ATHANOR_PORT: 'many' } })
    await expect(readConfig({ env: { ATHANOR_PORT: '70000' } })).rejects.toThrow(/port of ATHANOR_PORT/)
    await expect(readConfig({ flags: { logLevel: 'loud' } })).rejects.toThrow(/logLevel of --log-level/)
    await expect(readConfig({ flags: { corsOrigins: ['https://app.example/'] } })).rejects.toThrow(
      /corsOrigins.* of --cors-origin.*without a path/,
    )
    await expect(readConfig({ env: { ATHANOR_PUBLIC_URL: 'chat.example:80' } })).rejects.toThrow(
      /publicUrl of ATHANOR_PUBLIC_URL: must be a URL such as/,
    )
    const typo = await file({ prot: 1 }, 'typo.json')
    await expect(readConfig({ file: typo })).rejects.toThrow(/typo\.json.*prot/)
    const deep = await file({ limits: { jsonDepth: 'deep' } }, 'deep.json')
    await expect(readConfig({ file: deep })).rejects.toThrow(/limits\.jsonDepth of .*deep\.json/)
    await expect(readConfig({ file: await file('{', 'broken.json') })).rejects.toThrow(
      /broken\.json.*not JSON/,
    )
    await expect(readConfig({ file: join(dir, 'none.json') })).rejects.toThrow(/none\.json/)
  })
})
