/** Training runs as the server knows them: what was asked, how far it is, and what can be done with it. */
import type { Workspace } from './workspace.js'

/**
 * `queued` waits for the run before it. `pausing` and `stopping` have been asked to save and end. `interrupted` ended without
 * saying so (killed, machine restarted). All but `queued`, `running` and `finished` can be gone on with where something was saved.
 */
export type RunState =
  | 'queued'
  | 'running'
  | 'pausing'
  | 'paused'
  | 'stopping'
  | 'stopped'
  | 'finished'
  | 'failed'
  | 'interrupted'

/** A child process is working on it. */
export const isActive = (state: RunState): boolean =>
  state === 'running' || state === 'pausing' || state === 'stopping'

/** One verb of the command line, to be run as a child process. */
export interface Job {
  /** The verb, such as `sft`, `speedrun` or `next`. */
  readonly stage: string
  /** Name of the folder in the server's runs. Letters, digits, dot, dash, underscore. */
  readonly name: string
  /** Arguments after the verb; made by the server, never by a client as they are. */
  readonly args: readonly string[]
  /** Arguments after the verb that go on with it. */
  readonly resumeArgs: readonly string[]
  /** A file or folder in the run's folder without which there is nothing to go on with. Default: `checkpoints`. */
  readonly resumeWhen?: string
  /** What the user chose, to show. */
  readonly settings?: Readonly<Record<string, unknown>>
  /** Paths in the workspace by role, to show: what the run came from. */
  readonly inputs?: Readonly<Record<string, readonly string[]>>
  readonly user?: string
}

export interface RunPart {
  readonly name: string
  readonly state: 'waiting' | 'running' | 'done'
  /** Seconds it took, where it is done. */
  readonly seconds?: number
}

/** Where a run is, as its last events tell. */
export interface RunProgress {
  /** What it is doing, in its own words. */
  readonly message?: string
  /** For a speedrun: its parts, in order. */
  readonly parts?: readonly RunPart[]
  readonly part?: string
  readonly step?: number
  readonly steps?: number
  readonly secondsLeft?: number
  readonly tokensPerSecond?: number
  /** Longer preparation, such as reading. */
  readonly preparing?: {
    readonly label: string
    readonly done: number
    readonly total?: number
    readonly unit: string
  }
  /** The newest value of every number it reports, by the names of the charts: `loss`, `objective/kl`. */
  readonly latest?: Readonly<Record<string, number>>
}

export interface Run {
  readonly id: string
  readonly stage: string
  readonly name: string
  /** In the workspace: `runs/NAME`. */
  readonly dir: string
  readonly state: RunState
  /** Milliseconds since 1970. */
  readonly created: number
  readonly started?: number
  readonly ended?: number
  readonly error?: { readonly code: string; readonly message: string }
  readonly settings: Readonly<Record<string, unknown>>
  readonly inputs: Readonly<Record<string, readonly string[]>>
  readonly progress: RunProgress
  /** Whether `resume` would go on with it. */
  readonly resumable: boolean
  /** The model it left, in the workspace; absent where there is none yet. */
  readonly model?: string
  /** Whether it was begun by the command line and found by its folder. */
  readonly found?: boolean
}

/** A line of a run's events: a `TrainEvent`, or how it began and ended. */
export interface RunEvent {
  /** Position in the run's events, from 1. */
  readonly seq: number
  readonly time: number
  readonly type: string
  readonly [field: string]: unknown
}

/** One number over the steps of one part. */
export interface RunCurve {
  readonly part: string
  readonly metric: string
  readonly steps: readonly number[]
  readonly values: readonly (number | null)[]
}

export interface RunCurves {
  /** The event up to which the curves are; read on after it. */
  readonly seq: number
  readonly curves: readonly RunCurve[]
}

export interface RunManager {
  readonly workspace: Workspace
  list(): Promise<readonly Run[]>
  /** @throws ApiError 404 */
  get(id: string): Promise<Run>
  /**
   * Queues a job; it starts at once where nothing else runs.
   * @throws ApiError 409 where the folder holds a run already, unless `adopt`, which goes on with what is there
   */
  begin(job: Job, options?: { readonly adopt?: boolean }): Promise<Run>
  /** Asks a run to save and end; one that waits leaves the queue. @throws ApiError 404, 409 */
  pause(id: string): Promise<Run>
  /** As `pause`, but meant for good. A second call ends the process at once. */
  stop(id: string): Promise<Run>
  /** Queues a run that did not finish, to go on where it was. */
  resume(id: string): Promise<Run>
  /** Its events after `after`, and then those that come, until it is at rest or the signal aborts. */
  events(
    id: string,
    options: { readonly after?: number; readonly signal: AbortSignal },
  ): AsyncIterable<RunEvent>
  curves(id: string): Promise<RunCurves>
  /** The absolute folder of a run. */
  directory(id: string): Promise<string>
  /** Called when the state of any run changes. Returns how to end that. */
  subscribe(listener: (run: Run) => void): () => void
  /** Asks the running child to save, waits for it, and starts nothing more. */
  close(): Promise<void>
}
