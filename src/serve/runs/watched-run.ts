/** One run: its record, what its events add up to, and who waits for news of it. */
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Run as Saved } from '../../store/index.js'
import { type EventReader, eventReader, metricsReader } from './event-log.js'
import { modelFolder, speedrunFolders, speedrunProgress } from './folders.js'
import { RunState as Events } from './progress.js'
import { isActive, type Job, type Run, type RunProgress, type RunState } from './types.js'
import type { Workspace } from './workspace.js'

const states: Readonly<Record<Saved['state'], RunState>> = {
  queued: 'queued',
  running: 'running',
  paused: 'paused',
  done: 'finished',
  failed: 'failed',
  stopped: 'stopped',
}

export class WatchedRun {
  readonly id: string
  readonly stage: string
  readonly name: string
  readonly dir: string
  readonly created: number
  state: RunState
  started: number | undefined
  ended: number | undefined
  events = new Events()
  job: Job | undefined
  readonly #saved: Saved
  readonly #workspace: Workspace
  #error: Run['error']
  #reader: EventReader | undefined
  #reading: Promise<boolean> | undefined
  #waiting: (() => void)[] = []

  constructor(saved: Saved, job: Job | undefined, workspace: Workspace) {
    this.#saved = saved
    this.#workspace = workspace
    this.job = job
    this.id = saved.id
    this.stage = saved.stage
    this.name = saved.name
    this.dir = saved.dir
    this.created = saved.created
    this.state = saved.result?.interrupted === true ? 'interrupted' : states[saved.state]
    this.started = saved.started
    this.ended = saved.ended
    this.#error = saved.error === undefined ? undefined : { code: 'run/failed', message: saved.error }
  }

  /** Begun by the command line. */
  get isFound(): boolean {
    return this.job === undefined
  }

  exists(): Promise<boolean> {
    return stat(this.dir).then(
      (found) => found.isDirectory(),
      () => false,
    )
  }

  /** All events from the first, for a reader of one's own. */
  reader(): EventReader {
    if (!this.isFound) return eventReader(this.dir)
    let reader: EventReader | undefined
    return {
      read: async () => {
        reader ??= metricsReader(this.dir, this.stage === 'speedrun' ? await speedrunFolders(this.dir) : [])
        return reader.read()
      },
    }
  }

  /** Reads what is new in the folder; whether there was anything. */
  catchUp(): Promise<boolean> {
    this.#reading ??= (async () => {
      this.#reader ??= this.reader()
      const events = await this.#reader.read()
      for (const event of events) this.events.add(event)
      return events.length > 0
    })().finally(() => {
      this.#reading = undefined
    })
    return this.#reading
  }

  move(state: RunState, error?: Run['error']): void {
    this.state = state
    this.#error = error
    const now = Date.now()
    if (state === 'running') {
      this.started ??= now
      this.ended = undefined
    } else if (!isActive(state) && state !== 'queued') this.ended = now
    this.notify()
  }

  /** The state that the folder tells, for a run of the command line. */
  settle(state: RunState): void {
    this.state = state
  }

  /** Arguments to go on with a run that the command line began. */
  jobOfFolder(): Job {
    const { stage, name, dir } = this
    if (stage === 'speedrun')
      return {
        stage,
        name,
        args: [],
        resumeArgs: [`--out=${dir}`, '--resume'],
        resumeWhen: 'speedrun.json',
      }
    return { stage, name, args: [], resumeArgs: [`--resume=${dir}`] }
  }

  /** From now on this server's: its events are read anew. */
  take(job: Job): void {
    this.job = job
    this.events = new Events()
    this.#reader = undefined
  }

  async view(): Promise<Run> {
    await this.catchUp()
    const { id, stage, name, dir, state, created, started, ended, job } = this
    const model = isActive(state) && stage !== 'speedrun' ? undefined : await modelFolder(dir, stage)
    const shown = model && this.#workspace.show(model)
    return {
      id,
      stage,
      name,
      dir: this.#workspace.show(dir) ?? name,
      state,
      created,
      ...(started === undefined ? {} : { started }),
      ...(ended === undefined ? {} : { ended }),
      ...(this.#error ? { error: this.#error } : {}),
      settings: this.#saved.settings,
      inputs: job?.inputs ?? {},
      progress: await this.#progress(),
      resumable: ['paused', 'stopped', 'interrupted', 'failed'].includes(state),
      ...(shown === undefined ? {} : { model: shown }),
      ...(this.isFound ? { found: true } : {}),
    }
  }

  /** Resolves with the next news, or after a while. */
  async changed(signal: AbortSignal, milliseconds: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const done = () => {
        clearTimeout(timer)
        signal.removeEventListener('abort', done)
        resolve()
      }
      const timer = setTimeout(done, Math.max(milliseconds, 50) * 4)
      signal.addEventListener('abort', done, { once: true })
      this.#waiting.push(done)
    })
  }

  notify(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const wake of waiting) wake()
  }

  async #progress(): Promise<RunProgress> {
    const { progress } = this.events
    if (this.stage !== 'speedrun') return progress
    const current = isActive(this.state) ? progress.part : undefined
    return { ...progress, parts: await speedrunProgress(this.dir, current) }
  }
}

/** Where a run keeps a file of its report. */
export const reportPath = (dir: string, form: 'html' | 'json' | 'md'): string => join(dir, `report.${form}`)
