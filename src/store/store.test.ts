/** Everything that the store does, on both databases. */
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe } from 'vitest'
import { openStore } from './index.js'
import type { Backend } from './testing/backend.js'
import { memoryFolder, type PostgresServer, postgresIsMissing, startPostgres } from './testing/postgres.js'
import { conversationTests } from './testing/suite-conversations.js'
import { feedbackTests } from './testing/suite-feedback.js'
import { modelTests } from './testing/suite-models.js'
import { serverTests } from './testing/suite-server.js'
import { sharingTests } from './testing/suite-sharing.js'
import { transferTests } from './testing/suite-transfer.js'

const suites = [conversationTests, feedbackTests, modelTests, serverTests, transferTests, sharingTests]

describe('with SQLite in a file', () => {
  let dir: string
  let count = 0
  beforeAll(async () => {
    dir = await mkdtemp(join(memoryFolder(), 'athanor-store-'))
  })
  afterAll(() => rm(dir, { recursive: true, force: true }))
  runSuites({ kind: 'sqlite', url: async () => `file:${join(dir, `${count++}.db`)}` })
})

const missing = postgresIsMissing()

describe.skipIf(missing)(`with PostgreSQL${missing ? ` (${missing})` : ''}`, () => {
  let server: PostgresServer
  beforeAll(async () => {
    server = await startPostgres()
  })
  afterAll(() => server?.stop())
  runSuites({ kind: 'postgres', url: () => server.database() })
})

function runSuites({ kind, url }: Pick<Backend, 'kind' | 'url'>): void {
  const opened: { close(): Promise<void> }[] = []
  afterEach(async () => {
    for (const store of opened.splice(0)) await store.close()
  })
  const backend: Backend = {
    kind,
    url,
    async open(options = {}) {
      const store = await openStore({ url: options.url ?? (await url()), ...options })
      opened.push(store)
      return store
    },
  }
  for (const suite of suites) suite(backend)
}
