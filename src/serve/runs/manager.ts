/**
 * Runs of the server: one child process at a time, the others in a queue. What a run is stands in its folder (`job.json`,
 * `events.jsonl`, its own files) and in the store; whatever ends the server, both are found again.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from 'pino'
import { makeDirectory, writeFileAtomic } from '../../atomic.js'
import type { Run as Saved, Store } from '../../store/index.js'
import { ApiError, notFound } from '../errors.js'
import { type Child, type ChildExit, findChild, startChild } from './child.js'
import { EVENTS_FILE } from './event-log.js'
import { findFolders, inspectFolder, isEmptyFolder, outputTail, prepareFresh, savedWork } from './folders.js'
import { checkName } from './job.js'
import { isActive, type Job, type Run, type RunCurves, type RunEvent, type RunManager } from './types.js'
import { WatchedRun } from './watched-run.js'
import type { Workspace } from './workspace.js'

export interface RunManagerOptions {
  readonly workspace: Workspace
  readonly store: Store
  readonly log: Pick<Logger, 'info' | 'warn' | 'error'>
  /** The program that children run. Default: this installation's command. */
  readonly command?: readonly string[]
  /** For children, over the server's own. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** How often the folder of a running process is looked at. Default 300 ms. */
  readonly pollMilliseconds?: number
  /** How long `close` waits for a child to save before it leaves it to itself. Default 30 s. */
  readonly closeMilliseconds?: number
}

type Intent = 'pause' | 'stop' | 'close'

/** Opens what is there: goes on watching processes that still run, and with the queue. */
export async function openRunManager(options: RunManagerOptions): Promise<RunManager> {
  const manager = new Manager(options)
  await manager.open()
  return manager
}

class Manager implements RunManager {
  readonly workspace: Workspace
  readonly #options: RunManagerOptions
  readonly #runs = new Map<string, WatchedRun>()
  readonly #children = new Map<string, Child>()
  readonly #intents = new Map<string, Intent>()
  readonly #listeners = new Set<(run: Run) => void>()
  readonly #watching = new Set<Promise<void>>()
  #queue: string[] = []
  #launching: { readonly id: string; readonly done: Promise<void> } | undefined
  #scanning: Promise<void> | undefined
  #closed = false

  constructor(options: RunManagerOptions) {
    this.#options = options
    this.workspace = options.workspace
  }

  async open(): Promise<void> {
    const { store, workspace } = this.#options
    await makeDirectory(workspace.roots.runs)
    for (let cursor: string | undefined; ; ) {
      const page = await store.runs.list({ limit: 1000, ...(cursor === undefined ? {} : { cursor }) })
      for (const saved of page.items) await this.#restore(saved)
      cursor = page.next
      if (cursor === undefined) break
    }
    const queued = [...this.#runs.values()].filter(({ state }) => state === 'queued')
    this.#queue = queued.sort((a, b) => a.created - b.created).map(({ id }) => id)
    void this.#pump()
  }

  async list(): Promise<readonly Run[]> {
    await this.#scan()
    const runs = [...this.#runs.values()].sort((a, b) => b.created - a.created || (a.id < b.id ? 1 : -1))
    return Promise.all(runs.map((run) => run.view()))
  }

  async get(id: string): Promise<Run> {
    return (await this.#find(id)).view()
  }

  async begin(job: Job, { adopt = false }: { readonly adopt?: boolean } = {}): Promise<Run> {
    checkName(job.name)
    this.#assertOpen()
    await this.#scan()
    const { workspace, store } = this.#options
    const dir = join(workspace.roots.runs, job.name)
    const known = [...this.#runs.values()].find((run) => run.dir === dir)
    if (adopt && known) return this.#goOn(known, job)
    if (known || !(await isEmptyFolder(dir))) {
      if (!adopt)
        throw new ApiError(409, `there is a run ${job.name} already; choose another name`, {
          code: 'already_exists',
          param: 'name',
        })
    }
    await makeDirectory(dir)
    await writeFileAtomic(join(dir, 'job.json'), `${JSON.stringify(job, null, 2)}\n`)
    const { stage, name, settings = {}, user } = job
    const saved = await store.runs.create({
      stage,
      name,
      dir,
      settings,
      state: 'queued',
      ...(user === undefined ? {} : { user }),
    })
    const run = new WatchedRun(saved, job, workspace)
    this.#runs.set(run.id, run)
    return this.#enqueue(run)
  }

  async pause(id: string): Promise<Run> {
    return this.#end(await this.#find(id), 'pause')
  }

  async stop(id: string): Promise<Run> {
    return this.#end(await this.#find(id), 'stop')
  }

  async resume(id: string): Promise<Run> {
    this.#assertOpen()
    const run = await this.#find(id)
    if (isActive(run.state) || run.state === 'queued' || run.state === 'finished')
      throw conflict(`the run ${run.name} is ${run.state}; there is nothing to resume`)
    return this.#enqueue(run)
  }

  async *events(
    id: string,
    { after = 0, signal }: { readonly after?: number; readonly signal: AbortSignal },
  ): AsyncGenerator<RunEvent> {
    const run = await this.#find(id)
    const reader = run.reader()
    while (!signal.aborted) {
      // Asked before reading: what is written before the end is read before the end.
      const atRest = !isActive(run.state) && run.state !== 'queued'
      for (const event of await reader.read()) if (event.seq > after) yield event
      if (atRest || this.#closed) return
      await run.changed(signal, this.#poll)
    }
  }

  async curves(id: string): Promise<RunCurves> {
    const run = await this.#find(id)
    await run.catchUp()
    return { seq: run.events.seq, curves: run.events.curves() }
  }

  async directory(id: string): Promise<string> {
    return (await this.#find(id)).dir
  }

  subscribe(listener: (run: Run) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#launching?.done
    for (const [id, child] of this.#children) {
      if (this.#intents.has(id)) continue
      this.#intents.set(id, 'close')
      child.kill('SIGINT')
    }
    const { closeMilliseconds = 30_000 } = this.#options
    const late = new AbortController()
    const limit = delay(closeMilliseconds, undefined, { signal: late.signal }).catch(() => undefined)
    await Promise.race([Promise.all(this.#watching), limit])
    late.abort()
    for (const run of this.#runs.values()) run.notify()
  }

  get #poll(): number {
    return this.#options.pollMilliseconds ?? 300
  }

  async #find(id: string): Promise<WatchedRun> {
    const run = this.#runs.get(id)
    if (run) return run
    await this.#scan()
    const found = this.#runs.get(id)
    if (!found) throw notFound(`there is no run ${JSON.stringify(id.slice(0, 100))}`, 'id', 'run_not_found')
    return found
  }

  #assertOpen(): void {
    if (this.#closed) throw new ApiError(503, 'the server is shutting down', { code: 'shutting_down' })
  }

  /** A run of the store, as its folder says it is. */
  async #restore(saved: Saved): Promise<void> {
    const job = await readJob(saved.dir)
    const run = new WatchedRun(saved, job, this.#options.workspace)
    if (!(await run.exists())) return
    this.#runs.set(run.id, run)
    if (job === undefined) return run.settle(await inspectFolder(run.dir))
    if (run.state !== 'running') return
    await run.catchUp()
    const child = run.events.process && !run.events.end && (await findChild(run.events.process))
    if (child) this.#watch(run, child)
    else await this.#settle(run, { code: undefined }, undefined)
  }

  /** Folders that the command line filled are runs as well. */
  async #scan(): Promise<void> {
    this.#scanning ??= (async () => {
      const { workspace, store } = this.#options
      const known = new Set([...this.#runs.values()].map(({ dir }) => dir))
      for (const { dir, name, stage, created, settings } of await findFolders(workspace.roots.runs)) {
        const here = [...this.#runs.values()].find((run) => run.dir === dir)
        if (here?.isFound && here.state !== 'queued') here.settle(await inspectFolder(dir))
        if (known.has(dir)) continue
        const state = await inspectFolder(dir)
        const saved =
          (await store.runs.at(dir)) ??
          (await store.runs.create({
            stage,
            name,
            dir,
            settings,
            state: state === 'finished' ? 'done' : 'stopped',
            created,
          }))
        const run = new WatchedRun(saved, await readJob(dir), workspace)
        run.settle(state)
        this.#runs.set(run.id, run)
      }
      for (const run of this.#runs.values())
        if (!isActive(run.state) && !(await run.exists())) this.#runs.delete(run.id)
    })().finally(() => {
      this.#scanning = undefined
    })
    await this.#scanning
  }

  async #goOn(run: WatchedRun, job: Job): Promise<Run> {
    if (isActive(run.state) || run.state === 'queued' || run.state === 'finished') return run.view()
    run.job = job
    await writeFileAtomic(join(run.dir, 'job.json'), `${JSON.stringify(job, null, 2)}\n`)
    return this.#enqueue(run)
  }

  async #enqueue(run: WatchedRun): Promise<Run> {
    this.#queue.push(run.id)
    await this.#change(run, 'queued')
    await this.#pump()
    return run.view()
  }

  async #end(run: WatchedRun, intent: 'pause' | 'stop'): Promise<Run> {
    const rest = intent === 'pause' ? 'paused' : 'stopped'
    // One that is about to begin is asked once it has begun.
    if (this.#launching?.id === run.id) await this.#launching.done
    if (run.state === 'queued') {
      this.#queue = this.#queue.filter((id) => id !== run.id)
      await this.#change(run, rest)
      return run.view()
    }
    const child = this.#children.get(run.id)
    if (!child || !isActive(run.state)) {
      // What rests may still be put aside for good.
      if (intent === 'stop' && ['paused', 'interrupted', 'failed'].includes(run.state)) {
        await this.#change(run, 'stopped')
        return run.view()
      }
      throw conflict(
        run.isFound && isActive(run.state)
          ? `the run ${run.name} was begun by another program; stop it there`
          : `the run ${run.name} is ${run.state}; there is nothing to ${intent}`,
      )
    }
    // A second signal would end it without saving: it is sent once, and the second wish to stop means at once.
    if (!this.#intents.has(run.id)) child.kill('SIGINT')
    else if (intent === 'stop' && run.state === 'stopping') child.kill('SIGKILL')
    this.#intents.set(run.id, intent)
    await this.#change(run, intent === 'pause' ? 'pausing' : 'stopping')
    return run.view()
  }

  /** Starts the next of the queue where nothing runs. */
  async #pump(): Promise<void> {
    if (this.#closed || this.#launching || this.#children.size > 0) return
    const id = this.#queue.shift()
    const run = id === undefined ? undefined : this.#runs.get(id)
    if (!run) return
    const done = this.#launch(run).catch((error: unknown) => this.#notStarted(run, error))
    this.#launching = { id: run.id, done }
    await done
    this.#launching = undefined
    if (this.#children.size === 0) await this.#pump()
  }

  async #notStarted(run: WatchedRun, error: unknown): Promise<void> {
    this.#options.log.error({ err: error, run: run.id }, 'a run could not be started')
    const message = error instanceof Error ? error.message : String(error)
    await this.#change(run, 'failed', { code: 'run/start', message })
  }

  async #launch(run: WatchedRun): Promise<void> {
    const { command, env, log } = this.#options
    const job = run.job ?? (await this.#take(run))
    const goesOn = await savedWork(run.dir, job)
    if (!goesOn) await prepareFresh(run.dir)
    if (!goesOn && job.args.length === 0)
      throw new ApiError(409, `${run.name} has no checkpoint to go on from`, { code: 'nothing_saved' })
    const child = await startChild({
      ...(command ? { command } : {}),
      ...(env ? { env } : {}),
      args: [job.stage, ...(goesOn ? job.resumeArgs : job.args)],
      dir: run.dir,
    })
    log.info({ run: run.id, name: run.name, pid: child.pid, resumed: goesOn }, 'run started')
    await this.#change(run, 'running', undefined, child.pid)
    this.#watch(run, child)
  }

  /** A run of the command line becomes one of the server's: what its metrics tell are its events so far. */
  async #take(run: WatchedRun): Promise<Job> {
    const job = run.jobOfFolder()
    const events = await run.reader().read()
    const lines = events.map(({ seq: _, ...event }) => `${JSON.stringify(event)}\n`)
    await writeFileAtomic(join(run.dir, EVENTS_FILE), lines.join(''))
    await writeFileAtomic(join(run.dir, 'job.json'), `${JSON.stringify(job, null, 2)}\n`)
    run.take(job)
    return job
  }

  #watch(run: WatchedRun, child: Child): void {
    this.#children.set(run.id, child)
    const work = this.#follow(run, child).catch((error) =>
      this.#options.log.error({ err: error, run: run.id }, 'a run could not be watched'),
    )
    this.#watching.add(work)
    void work.finally(() => this.#watching.delete(work))
  }

  async #follow(run: WatchedRun, child: Child): Promise<void> {
    const ended = child.exited.then((exit) => ({ exit }))
    let exit: ChildExit | undefined
    while (exit === undefined) {
      const tick = new AbortController()
      const wait = delay(this.#poll, undefined, { signal: tick.signal }).catch(() => undefined)
      exit = (await Promise.race([ended, wait]))?.exit
      tick.abort()
      if (await run.catchUp()) run.notify()
    }
    this.#children.delete(run.id)
    const intent = this.#intents.get(run.id)
    this.#intents.delete(run.id)
    await this.#settle(run, exit, intent)
    await this.#pump()
  }

  /** What became of a run whose process is gone. */
  async #settle(run: WatchedRun, exit: ChildExit, intent: Intent | undefined): Promise<void> {
    await run.catchUp()
    const { end } = run.events
    if (end?.code === 0) return this.#change(run, 'finished')
    if (end && !end.stopped) {
      const error = end.error ?? { code: 'run/failed', message: `it ended with code ${end.code}` }
      return this.#change(run, 'failed', error)
    }
    if (intent === 'pause') return this.#change(run, 'paused')
    if (intent === 'stop') return this.#change(run, 'stopped')
    if (end?.stopped) return this.#change(run, intent === 'close' ? 'interrupted' : 'paused')
    if (typeof exit.code === 'number' && exit.code !== 0) {
      const said = await outputTail(run.dir)
      const message = said === '' ? `it ended with code ${exit.code}` : said
      return this.#change(run, 'failed', { code: 'run/failed', message })
    }
    return this.#change(run, 'interrupted')
  }

  async #change(run: WatchedRun, state: Run['state'], error?: Run['error'], pid?: number): Promise<void> {
    run.move(state, error)
    const saved = {
      finished: 'done',
      interrupted: 'paused',
      pausing: 'running',
      stopping: 'running',
    } as const
    const result = state === 'interrupted' ? { interrupted: true } : null
    await this.#options.store.runs.update(run.id, {
      state: saved[state as keyof typeof saved] ?? (state as 'queued' | 'running' | 'paused' | 'failed'),
      pid: pid ?? null,
      error: error?.message ?? null,
      result,
      started: run.started ?? null,
      ended: run.ended ?? null,
    })
    run.notify()
    const view = await run.view()
    for (const listener of this.#listeners) listener(view)
  }
}

async function readJob(dir: string): Promise<Job | undefined> {
  try {
    const job = JSON.parse(await readFile(join(dir, 'job.json'), 'utf8')) as Job
    const isWhole = typeof job.stage === 'string' && Array.isArray(job.args) && Array.isArray(job.resumeArgs)
    return isWhole ? job : undefined
  } catch {
    return undefined
  }
}

const conflict = (message: string) => new ApiError(409, message, { code: 'conflict', param: 'id' })
