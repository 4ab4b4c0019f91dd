/** What only a database in a file can go through: kill -9, a full disk, wrong and newer files, several processes. */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { Kysely, sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Rng } from '../rng.js'
import { openStore } from './index.js'
import { SqliteDialect, sqlitePath } from './sql/sqlite.js'
import { collect } from './testing/backend.js'

let dir: string
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'athanor-sqlite-'))
})
afterAll(() => rm(dir, { recursive: true, force: true }))
const urlOf = (name: string) => `file:${join(dir, name)}`

describe('the file', () => {
  it('is made with its folder, readable for its owner alone, wherever the path leads', async () => {
    for (const name of ['deep/er/a.db', 'sp ace & 100% ü#?.db']) {
      const path = join(dir, name)
      const store = await openStore({ url: name.includes('?') ? pathToFileURL(path).href : urlOf(name) })
      await store.settings.set('a', 1)
      if (process.platform !== 'win32') {
        for (const file of [path, `${path}-wal`]) expect((await stat(file)).mode & 0o077, file).toBe(0)
      }
      await store.close()
      const again = await openStore({ url: pathToFileURL(path).href })
      expect(await again.settings.get('a')).toBe(1)
      await again.close()
    }
    expect(sqlitePath('file:athanor.db')).toBe(join(process.cwd(), 'athanor.db'))
    expect(sqlitePath('file:/tmp/a.db')).toBe('/tmp/a.db')
    expect(sqlitePath('file:///tmp/a%20b.db')).toBe('/tmp/a b.db')
  })

  // Another process would not wait for a connection without locks, and could destroy what it reads and writes.
  it.skipIf(!existsSync('/proc/locks'))(
    'stays locked for those who have it open when it is opened again',
    async () => {
      const file = join(dir, 'locked.db')
      const first = await openStore({ url: `file:${file}` })
      await first.feedback.stats('anyone')
      const { ino } = await stat(file)
      const locks = async () =>
        (await readFile('/proc/locks', 'utf8'))
          .split('\n')
          .filter((line) => line.includes(` ${process.pid} `) && line.includes(`:${ino} `)).length
      expect(await locks()).toBeGreaterThan(0)
      const second = await openStore({ url: `file:${file}` })
      expect(await locks()).toBeGreaterThan(0)
      await Promise.all([first.close(), second.close()])
    },
  )

  it('is refused where it is no database, or one of a later Athanor, and stays as it is', async () => {
    const wrong = join(dir, 'wrong.db')
    await writeFile(wrong, 'Dear diary, '.repeat(1000))
    await expect(openStore({ url: urlOf('wrong.db') })).rejects.toMatchObject({
      code: 'store/not-a-database',
    })
    expect((await stat(wrong)).size).toBe(12_000)
    await expect(openStore({ url: urlOf('wrong.db/inner.db') })).rejects.toMatchObject({
      code: 'storage-exists',
    })
    for (const url of ['mysql://x', 'athanor.db', 'file://elsewhere/a.db', 'file:', 'postgres://[', ''])
      await expect(openStore({ url })).rejects.toMatchObject({ code: 'store/url' })

    await (await openStore({ url: urlOf('newer.db') })).close()
    const db = new Kysely<object>({ dialect: new SqliteDialect({ path: join(dir, 'newer.db') }) })
    await sql`INSERT INTO migrations (number, name, applied) VALUES (99, 'future', 0)`.execute(db)
    await db.destroy()
    await expect(openStore({ url: urlOf('newer.db') })).rejects.toMatchObject({
      code: 'store/newer',
      message: expect.stringContaining('update Athanor'),
    })
  })

  it('says so when the disk is full, and keeps whole what it had', async () => {
    const store = await openStore({ url: urlOf('full.db'), maxPages: 120 })
    const { id } = await store.conversations.create({ user: 'ann' })
    const write = (i: number) =>
      store.messages.add(
        { id: `msg_${i}_q`, conversation: id, user: 'ann', role: 'user', content: 'x'.repeat(5000) },
        { conversation: id, user: 'ann', parent: `msg_${i}_q`, role: 'assistant', content: 'y'.repeat(5000) },
      )
    let [kept, error]: [number, unknown] = [0, undefined]
    for (; kept < 100; kept++) {
      error = await write(kept).then(
        () => undefined,
        (reason: unknown) => reason,
      )
      if (error) break
    }
    expect(kept).toBeGreaterThan(3)
    expect(error).toMatchObject({ code: 'storage-full', message: expect.stringContaining('free some space') })
    expect(await store.messages.list(id, 'anyone')).toHaveLength(2 * kept)
    const lines = await collect(store.export({ only: ['messages'] }))
    expect(lines).toHaveLength(2 * kept + 2)
    // What is freed can be used again.
    await store.conversations.remove(id, { user: 'ann' })
    await store.conversations.create({ user: 'bob', title: 'x'.repeat(5000) })
    await store.close()
    await expect(store.settings.get('a')).rejects.toThrow()
  })
})

const writer = join(import.meta.dirname, '../../dist/store/open.js')

/** Writes as fast as it can and tells what it was promised, until it is killed. Compiled, because Node runs no TypeScript. */
const program = `
  import { openStore } from ${JSON.stringify(pathToFileURL(writer).href)}
  const [url, name] = process.argv.slice(1)
  const store = await openStore({ url })
  const { id } = await store.conversations.create({ user: name })
  let parent
  for (let i = 0; ; i++) {
    const base = { conversation: id, user: name }
    const q = 'msg_' + name + '_' + i + '_q', a = 'msg_' + name + '_' + i + '_a'
    await store.messages.add(
      { ...base, id: q, parent, role: 'user', content: 'x'.repeat(i % 5000) },
      { ...base, id: a, parent: q, role: 'assistant', content: 'y'.repeat((i * 7) % 3000) },
    )
    await store.usage.add({ user: name, model: 'tiny', promptTokens: 1 })
    process.stdout.write(id + ' ' + a + '\\n')
    parent = a
  }`

/** Starts a writer; `kill` ends it at once and tells what it had been promised. */
function startWriter(url: string, name: string) {
  const child = spawn(process.execPath, ['--input-type=module', '-e', program, url, name], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  let first = () => {}
  const begun = new Promise<void>((resolve) => {
    first = resolve
  })
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk
    first()
  })
  const closed = new Promise<void>((resolve) => child.on('close', () => resolve()))
  return {
    begun,
    async kill() {
      child.kill('SIGKILL')
      await closed
      // A last line that broke off was not told.
      return output
        .slice(0, output.lastIndexOf('\n') + 1)
        .split('\n')
        .filter((line) => line !== '')
    },
  }
}

const isBuilt = existsSync(writer)

describe.skipIf(!isBuilt)(
  `several processes, killed at any moment${isBuilt ? '' : ' (not built: npm run build)'}`,
  () => {
    it('keep every message that they were told is saved, and no half ones', {
      timeout: 180_000,
    }, async () => {
      const url = urlOf('killed.db')
      const rng = Rng.seed(5)
      const promised: string[] = []
      const counts: Record<string, number> = {}
      for (let round = 0; round < 4; round++) {
        const names = [`a${round}`, `b${round}`]
        const writers = names.map((name) => startWriter(url, name))
        await Promise.all(writers.map(({ begun }) => begun))
        await delay(rng.integer(400))
        for (const [i, { kill }] of writers.entries()) {
          const lines = await kill()
          promised.push(...lines)
          counts[names[i]!] = lines.length
          await delay(rng.integer(50))
        }
      }
      const store = await openStore({ url })
      expect(promised.length).toBeGreaterThan(8)
      for (const line of promised) {
        const [conversation, last] = line.split(' ') as [string, string]
        const message = await store.messages.get(last, 'anyone')
        expect(message.conversation).toBe(conversation)
      }
      const usage = await store.usage.sum({ by: 'user' })
      for (const { group, requests } of usage) {
        const { items } = await store.conversations.list({ user: group })
        const messages = await store.messages.list(items[0]!.id, 'anyone')
        // Questions never stand without their answers, and what was counted was told of or about to be.
        expect(messages.length % 2).toBe(0)
        expect(messages.length / 2 - counts[group]!).toBeLessThanOrEqual(1)
        expect(requests).toBeGreaterThanOrEqual(counts[group]!)
        expect(requests).toBeLessThanOrEqual(messages.length / 2)
      }
      const db = new Kysely<object>({ dialect: new SqliteDialect({ path: join(dir, 'killed.db') }) })
      expect((await sql`PRAGMA integrity_check`.execute(db)).rows).toEqual([{ integrity_check: 'ok' }])
      expect((await sql`PRAGMA foreign_key_check`.execute(db)).rows).toEqual([])
      await db.destroy()
      await store.close()
      expect((await readdir(dir)).filter((name) => name.startsWith('killed'))).toContain('killed.db')
    })
  },
)
