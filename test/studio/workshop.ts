/** A whole server with the built studio, a fake engine, and real training in a workspace of its own. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createApp } from '../../src/serve/app.js'
import { createRouter } from '../../src/serve/context.js'
import { listen } from '../../src/serve/http/server.js'
import { createWorkspace, openRunManager, type RunManager } from '../../src/serve/runs/index.js'
import { studioRoutes } from '../../src/serve/studio.js'
import { createHarness, type Harness } from '../../src/serve/testing/harness.js'

export interface Workshop {
  readonly url: string
  /** Holds `runs/` and `data/`. */
  readonly root: string
  readonly server: Harness
  readonly runs: RunManager
  close(): Promise<void>
}

export interface WorkshopOptions {
  /** The built studio. */
  readonly studio: string
  /** What runs are made with. Default: the command as `npm test` has compiled it. */
  readonly command?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

const compiled = [process.execPath, resolve(import.meta.dirname, '../../dist/cli/main.js')]

export async function startWorkshop({ studio, command = compiled, env }: WorkshopOptions): Promise<Workshop> {
  const root = await mkdtemp(join(tmpdir(), 'athanor-workshop-'))
  await mkdir(join(root, 'data'))
  const server = await createHarness()
  const workspace = createWorkspace({ runs: join(root, 'runs'), data: join(root, 'data') }, server.store)
  const runs = await openRunManager({
    workspace,
    store: server.store,
    log: server.context.log,
    command,
    ...(env ? { env } : {}),
  })
  Object.assign(server.context, { runs })
  const app = createApp(server.context)
  const front = createRouter()
  front.route('/', studioRoutes(studio))
  front.all('*', (c) => app.fetch(c.req.raw))
  const http = await listen(front.fetch, server.context)
  return {
    url: `${http.url}/`,
    root,
    server,
    runs,
    async close() {
      await http.close(0)
      await runs.close()
      await server.close()
      await rm(root, { recursive: true, force: true, maxRetries: 3 })
    },
  }
}
