/** A whole server: database, engine, routes, connections, models; and its end. */

import { readFileSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import type { Logger } from 'pino'
import type { Engine, EngineOptions } from '../infer/engine/types.js'
import { openStore, type Store } from '../store/index.js'
import { createApp } from './app.js'
import { isLoopback } from './auth.js'
import type { ModelSource, ServeConfig } from './config.js'
import { createContext, type ServeContext, type Startup } from './context.js'
import { ServeError } from './errors.js'
import { createGrounding } from './grounding/index.js'
import { type HttpServer, listen } from './http/server.js'
import { ensureInEngine } from './live-models.js'
import { createPresets } from './presets/index.js'
import { createWorkspace, openRunManager } from './runs/index.js'

export interface StartOptions {
  readonly config: ServeConfig
  readonly log: Logger
  readonly startEngine: (options: EngineOptions) => Promise<Engine>
}

export interface RunningServer {
  readonly url: string
  readonly port: number
  readonly context: ServeContext
  /** The names of the models that were given, once they are there and loaded. @throws what stood in the way */
  readonly ready: Promise<readonly string[]>
  /** Finishes the answers under way, as long as the settings allow; then ends everything. Called again, it does not wait any more. */
  close(): Promise<void>
}

/**
 * Opens the database, starts the engine and listens; models are loaded while it already answers (/health with 503).
 * @throws ServeError `serve/key-needed`, `serve/address`; StoreError
 */
export async function startServer({ config, log, startEngine }: StartOptions): Promise<RunningServer> {
  const store = await openStore({ url: config.database })
  let engine: Engine | undefined
  let server: HttpServer | undefined
  try {
    await checkKeys(store, config)
    engine = await startEngine(engineOptions(config))
    const { version } = packageJson()
    const startup: Startup = { state: 'loading' }
    const workspace = createWorkspace({ runs: config.runs, data: config.data }, store)
    const runs = await openRunManager({ workspace, store, log })
    const presets = createPresets(store)
    const grounding = createGrounding({ engine, store, config, log, startup })
    const ending = new AbortController()
    const parts = { engine, store, config, log, version, startup, runs, presets, grounding }
    const context = createContext({ ...parts, ending: ending.signal })
    server = await listen(createApp(context).fetch, context)
    log.info({ url: server.url }, `listening on ${server.url}`)
    return running(context, server, ending, addModels(context))
  } catch (error) {
    await server?.close(0)
    await engine?.close()
    await store.close()
    throw error
  }
}

function running(
  context: ServeContext,
  server: HttpServer,
  ending: AbortController,
  models: Promise<readonly string[]>,
): RunningServer {
  const { engine, store, config, log, runs } = context
  let closing: Promise<void> | undefined
  const close = async () => {
    ending.abort()
    const finished = await server.close(config.shutdownSeconds)
    if (!finished) log.warn('some answers were cut off')
    await runs?.close()
    await engine.close()
    await store.close()
    log.info('the server has ended')
  }
  const ready = models.then((names) => {
    context.startup.state = 'ready'
    return names
  })
  ready.catch(() => {})
  return {
    url: config.publicUrl ?? server.url,
    port: server.port,
    context,
    ready,
    close: () => {
      closing ??= close()
      return closing
    },
  }
}

/** @throws ServeError where others than this machine could connect, and nobody has a key */
async function checkKeys(store: Store, { host, database }: ServeConfig): Promise<void> {
  if (isLoopback(host) || (await store.keys.any())) return
  throw new ServeError(
    'key-needed',
    `on ${host} others could connect, and there is no API key; make one with\n  athanor keys create --name me --scope admin --database ${database}`,
  )
}

function engineOptions({ threads, memoryBudget, slots, maxQueue, contextLimit }: ServeConfig): EngineOptions {
  const options = { threads, memoryBudget, slots, maxQueue, contextLimit }
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
}

/** Makes the models of the settings versions of their names, and loads what is live. */
async function addModels(context: ServeContext): Promise<readonly string[]> {
  const { config } = context
  const names: string[] = []
  for (const source of config.models) {
    const name = source.name ?? nameOf(source.dir)
    if (names.includes(name))
      throw new ServeError('model', `two models have the name ${name}; give them names with --name`)
    await addModel(context, { ...source, name })
    names.push(name)
  }
  if (config.preload) for (const name of names) await loadLive(context, name)
  return names
}

/** What a folder holds becomes a version of a name. The first model that writes is the one that new conversations ask. */
export async function addModel(
  context: ServeContext,
  { dir, name, quantization }: ModelSource & { readonly name: string },
): Promise<void> {
  checkName(name, dir)
  const { engine, startup } = context
  const quantized = quantization === undefined ? {} : { quantization }
  const { version, kind } = await engine.add({ id: name, dir: resolve(dir), ...quantized })
  await addVersion(context, { name, version, kind, dir: resolve(dir) })
  startup.model ??= kind === 'decoder' ? name : undefined
}

/** Loads the version of a name that is live. */
export async function loadLive(context: ServeContext, name: string): Promise<void> {
  const { engine, store, log } = context
  const id = await ensureInEngine(context, await store.models.resolve(name, ''))
  await engine.load(id)
  log.info({ model: id }, `${name} is loaded`)
}

/**
 * What the folder holds becomes a version. It becomes the live one where the live one is no more: when the folder held it and now holds
 * another. A version that was promoted from elsewhere stays live.
 */
async function addVersion(
  { store, log }: ServeContext,
  { name, version, kind, dir }: Record<'name' | 'version' | 'dir', string> & { kind: 'decoder' | 'reward' },
): Promise<void> {
  const before = await store.models.find(name)
  const live = before?.live === undefined ? undefined : await store.models.version(name, before.live)
  await store.models.addVersion({ model: name, version, dir, kind })
  if (live === undefined || live.version === version) return
  if (live.dir === dir) {
    await store.models.promote(name, version, { reason: `${dir} holds another model than before` })
    log.info({ model: `${name}@${version}` }, `${name}: the folder holds a new version, which is live now`)
  } else {
    log.info(
      { model: `${name}@${live.version}` },
      `${name}: version ${live.version}, from ${live.dir}, stays live; ${dir} holds ${version}`,
    )
  }
}

function packageJson(): { readonly version: string } {
  return JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
}

const nameOf = (dir: string) => basename(resolve(dir))

/** Names stand in URLs and in `name@version`. */
function checkName(name: string, dir: string): void {
  if (/^[\p{L}\p{N}][\p{L}\p{N}._:-]{0,99}$/u.test(name)) return
  throw new ServeError(
    'model',
    `${JSON.stringify(name)} (of ${dir}) cannot be the name of a model: letters, digits, and . _ : - between them; choose another with --name`,
  )
}
