/** A server's routes over a fake engine and a database in memory. */
import { type ApiKey, openStore, type Scope, type Store } from '../../store/index.js'
import { createApp } from '../app.js'
import { type ServeConfigInput, serveConfigSchema } from '../config.js'
import { type ContextParts, createContext, type ServeContext } from '../context.js'
import { type HttpServer, listen } from '../http/server.js'
import { ensureInEngine } from '../live-models.js'
import { createFakeEngine, type FakeEngine, type FakeEngineOptions, versionOf } from './fake-engine.js'

export interface Harness {
  readonly context: ServeContext
  readonly engine: FakeEngine
  readonly store: Store
  /** Milliseconds; tests move it on. */
  readonly clock: { time: number; now(): number }
  /** Sends a request to the routes, without a network. */
  fetch(path: string, init?: RequestInit & { json?: unknown; key?: string }): Promise<Response>
  post(path: string, json: unknown, key?: string): Promise<Response>
  key(scopes: readonly Scope[], more?: Partial<ApiKey>): Promise<{ secret: string; id: string }>
  listen(): Promise<HttpServer>
  close(): Promise<void>
}

export interface HarnessOptions extends FakeEngineOptions {
  readonly config?: ServeConfigInput
  readonly parts?: Partial<ContextParts>
}

/** A model `fake`, and a reward model `judge`. */
export async function createHarness({ config, parts, ...options }: HarnessOptions = {}): Promise<Harness> {
  const engine = createFakeEngine(options)
  const clock = {
    time: Date.UTC(2026, 0, 2, 3),
    now() {
      return this.time
    },
  }
  const store = await openStore({ url: ':memory:', now: () => clock.time })
  const context = createContext({
    engine,
    store,
    clock,
    config: serveConfigSchema.parse({ port: 0, ...config }),
    ...parts,
  })
  for (const [model, kind] of [['fake', 'decoder'] as const, ['judge', 'reward'] as const]) {
    const dir = kind === 'reward' ? '/models/reward' : '/models/fake'
    await ensureInEngine(
      context,
      await store.models.addVersion({ model, version: versionOf(dir), dir, kind }),
    )
  }
  const app = createApp(context)
  const servers: HttpServer[] = []
  const fetch: Harness['fetch'] = async (path, { json, key, ...init } = {}) => {
    const headers = new Headers({ host: 'localhost', ...(init.headers as Record<string, string>) })
    if (key !== undefined) headers.set('authorization', `Bearer ${key}`)
    if (json !== undefined) headers.set('content-type', 'application/json')
    const body = json === undefined ? init.body : JSON.stringify(json)
    return app.request(`http://localhost${path}`, { ...init, headers, ...(body == null ? {} : { body }) })
  }
  return {
    context,
    engine,
    store,
    clock,
    fetch,
    post: (path, json, key) => fetch(path, { method: 'POST', json, ...(key === undefined ? {} : { key }) }),
    async key(scopes, { limits, expires, user = 'ada' } = {}) {
      const { key, secret } = await store.keys.create({
        name: 'test',
        user,
        scopes,
        ...(limits === undefined ? {} : { limits }),
        ...(expires === undefined ? {} : { expires }),
      })
      return { secret, id: key.id }
    },
    async listen() {
      const server = await listen(app.fetch, context)
      servers.push(server)
      return server
    },
    async close() {
      await Promise.all(servers.map((server) => server.close(0)))
      await store.close()
    },
  }
}

/** The events of a stream: what stands behind each `data:`. */
export async function eventsOf(response: Response): Promise<string[]> {
  const text = await response.text()
  return text
    .split('\n\n')
    .filter((block) => block.startsWith('data: '))
    .map((block) => block.slice(6))
}
