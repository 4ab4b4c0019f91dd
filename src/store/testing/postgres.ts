/** A PostgreSQL for tests: the one at ATHANOR_TEST_POSTGRES, or a cluster of its own on a free port, from the installed programs. */
import { execFileSync, spawn } from 'node:child_process'
import { chownSync, existsSync, readdirSync, rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'

export interface PostgresServer {
  /** A new, empty database. */
  database(): Promise<string>
  stop(): Promise<void>
}

/** Why there is none, or undefined where there is one. */
export function postgresIsMissing(): string | undefined {
  if (process.env.ATHANOR_TEST_POSTGRES || programs()) return undefined
  return 'no PostgreSQL: set ATHANOR_TEST_POSTGRES to a URL, or install it'
}

export async function startPostgres(): Promise<PostgresServer> {
  const given = process.env.ATHANOR_TEST_POSTGRES
  const { url, stop } = given ? { url: given, stop: async () => {} } : await startCluster()
  const made: string[] = []
  return {
    async database() {
      // A schema is a database as far as its tables know, and is made at once.
      const name = `athanor_test_${process.pid}_${made.length}_${Date.now()}`
      await query(url, `CREATE SCHEMA ${name}`)
      made.push(name)
      const its = new URL(url)
      its.searchParams.set('options', `-c search_path=${name}`)
      return its.href
    },
    async stop() {
      if (given) for (const name of made) await query(url, `DROP SCHEMA ${name} CASCADE`)
      await stop()
    },
  }
}

async function query(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(sql)
  } finally {
    await client.end()
  }
}

/** Debian keeps them apart by version. */
function programs(): string | undefined {
  const root = '/usr/lib/postgresql'
  const debian = existsSync(root)
    ? readdirSync(root)
        .sort((a, b) => Number(b) - Number(a))
        .map((version) => join(root, version, 'bin'))
    : []
  return [...debian, ...(process.env.PATH ?? '').split(':')].find((dir) => existsSync(join(dir, 'initdb')))
}

async function startCluster(): Promise<{ readonly url: string; readonly stop: () => Promise<void> }> {
  const bin = programs()!
  const dir = await mkdtemp(join(memoryFolder(), 'athanor-postgres-'))
  const user = userToRunAs()
  if (user.uid !== undefined) chownSync(dir, user.uid, user.gid!)
  const data = join(dir, 'data')
  const options = { ...user, cwd: dir, env: { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' } }
  execFileSync(join(bin, 'initdb'), ['-D', data, '-U', 'athanor', '-A', 'trust', '-E', 'UTF8', '--no-sync'], {
    ...options,
    stdio: 'pipe',
  })
  const port = await freePort()
  const settings = [
    `port=${port}`,
    'listen_addresses=127.0.0.1',
    `unix_socket_directories=${dir}`,
    'fsync=off',
  ]
  const server = spawn(
    join(bin, 'postgres'),
    ['-D', data, ...settings.flatMap((setting) => ['-c', setting])],
    { ...options, stdio: 'ignore' },
  )
  const kill = () => void server.kill('SIGQUIT')
  process.once('exit', kill)
  const ended = new Promise<void>((resolve) => server.once('exit', () => resolve()))
  const url = `postgres://athanor@127.0.0.1:${port}/postgres`
  for (let attempt = 0; ; attempt++) {
    try {
      await query(url, 'SELECT 1')
      break
    } catch (error) {
      if (attempt === 200 || server.exitCode !== null) throw error
      await delay(100)
    }
  }
  return {
    url,
    async stop() {
      server.kill('SIGQUIT')
      await ended
      process.off('exit', kill)
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

/** Where tests write fast. */
export const memoryFolder = () => (existsSync('/dev/shm') ? '/dev/shm' : tmpdir())

/** The programs refuse to run as root. */
function userToRunAs(): { readonly uid?: number; readonly gid?: number } {
  if (process.getuid?.() !== 0) return {}
  for (const name of ['postgres', 'nobody']) {
    try {
      const id = (flag: string) => Number(execFileSync('id', [flag, name], { stdio: 'pipe' }).toString())
      return { uid: id('-u'), gid: id('-g') }
    } catch {
      // The next one.
    }
  }
  return {}
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
    })
  })
}
