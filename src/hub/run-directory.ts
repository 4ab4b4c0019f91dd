import { rename, rm, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { cleanTemporaries, makeDirectory, syncDirectory, toStorageError, writeFileAtomic } from '../atomic.js'
import { AthanorError } from '../errors.js'
import {
  CHECKPOINTS_FOLDER,
  type CheckpointInfo,
  findLatestCheckpoint,
  isPlainName,
  listSteps,
  MANIFEST_NAME,
  mirrorCheckpoint,
  pruneCheckpoints,
  type SkippedCheckpoint,
  stepFolder,
  writeCheckpoint,
} from './checkpoint-store.js'
import { type MetricsLog, type MetricsRepair, openMetricsLog } from './metrics-log.js'
import { acquireRunLock, type RunLock } from './run-lock.js'

/**
 * A run directory:
 *
 *     config.json tokenizer.json model.safetensors ...   the newest checkpoint, as Hugging Face lays a model out
 *     checkpoints/step-000123/                           model, optimizer and trainer state of one moment, with a manifest
 *     metrics.jsonl                                      one line per logged step
 *     report.md
 *     .lock                                              the process that is working here
 *
 * `checkpoints/` is the truth; the files at the top are links to it for everybody else.
 */

/** The run directory cannot be used as asked. */
export class RunError extends AthanorError {
  constructor(
    code: 'run-exists' | 'run-missing' | 'run-step' | 'run-file' | 'run-lock-lost' | 'run-closed',
    message: string,
  ) {
    super(code, message)
  }
}

export interface OpenRunOptions {
  /** 'create' wants a folder without a run, 'resume' one with a run, 'auto' takes either. */
  mode: 'create' | 'resume' | 'auto'
  /** How many checkpoints to keep, at least 1. Two, so that a damaged one still leaves another. */
  keepCheckpoints?: number
  /** When a metrics line is made durable: with the next checkpoint, or at once. */
  metricsSync?: 'checkpoint' | 'line'
}

export interface RunDirectory {
  readonly dir: string
  /** The newest usable checkpoint: the one found on opening, then the last one saved. */
  readonly latest: CheckpointInfo | undefined
  /** Checkpoints that were passed over on opening, and why: worth telling the user. */
  readonly skipped: readonly SkippedCheckpoint[]
  /** What was cut off `metrics.jsonl` on opening. */
  readonly metricsRepair: MetricsRepair
  /**
   * Writes a checkpoint, all of its files or none; then it is `latest`. `step` counts finished training steps.
   *
   * @throws RunError when `step` lies before `latest`, or another process has taken the run; StorageError
   */
  saveCheckpoint(
    step: number,
    files: Readonly<Record<string, (path: string) => Promise<void>>>,
  ): Promise<CheckpointInfo>
  /** Appends a line to `metrics.jsonl`; give it the `step` it belongs to. */
  appendMetrics(metrics: Readonly<Record<string, unknown>>): Promise<void>
  /** Writes a file at the top, such as `report.md`, atomically. */
  writeFile(name: string, content: string | Uint8Array): Promise<void>
  /** Makes the metrics durable and gives up the lock. May be called twice. */
  close(): Promise<void>
}

/** Files that belong to the run itself and cannot be part of a checkpoint. */
const RESERVED = [MANIFEST_NAME, 'metrics.jsonl', 'report.md', '.lock', CHECKPOINTS_FOLDER]

/**
 * Opens a run directory for writing and takes its lock. Leftovers of a crash are cleared, the top-level files are made to
 * show the newest usable checkpoint, and metrics written after it are cut away, so that a resumed run writes them again.
 *
 * @throws RunError when there is (or is not) a run already, RunLockedError, StorageError
 */
export async function openRun(directory: string, options: OpenRunOptions): Promise<RunDirectory> {
  const dir = resolve(directory)
  const checkpoints = join(dir, CHECKPOINTS_FOLDER)
  const keep = options.keepCheckpoints ?? 2
  if (!Number.isInteger(keep) || keep < 1)
    throw new RunError('run-step', `keepCheckpoints must be 1 or more, not ${keep}`)
  if (options.mode === 'resume' && !(await holdsRun(dir))) throw missingRun(dir)
  try {
    await makeDirectory(checkpoints)
    await syncDirectory(dir)
    await syncDirectory(dirname(dir))
  } catch (error) {
    throw toStorageError(error, 'create', checkpoints)
  }

  const lock = await acquireRunLock(dir)
  try {
    // Asked under the lock, so that two processes cannot both create.
    if (options.mode === 'create' && (await holdsRun(dir))) {
      throw new RunError('run-exists', `${dir} already holds a run; resume it, or choose another folder`)
    }
    await cleanTemporaries(dir, { all: true })
    await cleanTemporaries(checkpoints, { all: true })
    const { latest, skipped } = await findLatestCheckpoint(dir)
    if (latest) await mirrorCheckpoint(latest, dir)
    const { log, repair } = await openMetricsLog(
      join(dir, 'metrics.jsonl'),
      { step: latest?.step ?? -1, bytes: latest?.manifest.metricsBytes },
      options.metricsSync,
    )
    return createRunDirectory({ dir, checkpoints, keep, lock, log, latest, skipped, metricsRepair: repair })
  } catch (error) {
    await lock.release()
    throw error
  }
}

interface RunParts {
  dir: string
  checkpoints: string
  keep: number
  lock: RunLock
  log: MetricsLog
  latest: CheckpointInfo | undefined
  skipped: readonly SkippedCheckpoint[]
  metricsRepair: MetricsRepair
}

function createRunDirectory({
  dir,
  checkpoints,
  keep,
  lock,
  log,
  skipped,
  metricsRepair,
  ...parts
}: RunParts): RunDirectory {
  let latest = parts.latest
  let closed = false
  const assertOpen = () => {
    if (closed) throw new RunError('run-closed', `${dir} was closed; open the run again`)
  }
  return {
    dir,
    skipped,
    metricsRepair,
    get latest() {
      return latest
    },
    async saveCheckpoint(step, files) {
      assertOpen()
      checkStep(step, latest, dir)
      checkNames(files)
      if (!(await lock.isHeld())) {
        throw new RunError(
          'run-lock-lost',
          `the lock of ${dir} was removed or taken over; another process may be writing here`,
        )
      }
      // Metrics first: a checkpoint promises the lines before it.
      await log.sync()
      await setAsideLaterCheckpoints(checkpoints, step)
      latest = await writeCheckpoint(checkpoints, step, files, log.bytes)
      await mirrorCheckpoint(latest, dir)
      await pruneCheckpoints(checkpoints, keep)
      return latest
    },
    async appendMetrics(metrics) {
      assertOpen()
      await log.append(metrics)
    },
    async writeFile(name, content) {
      assertOpen()
      if (!isPlainName(name))
        throw new RunError('run-file', `${JSON.stringify(name)} is not a plain file name`)
      await writeFileAtomic(join(dir, name), content)
    },
    async close() {
      if (closed) return
      closed = true
      try {
        await log.sync()
      } finally {
        await log.close()
        await lock.release()
      }
    },
  }
}

/** A checkpoint or a metrics line makes a run; one that died before either may be created again. */
async function holdsRun(dir: string): Promise<boolean> {
  if ((await listSteps(join(dir, CHECKPOINTS_FOLDER))).length > 0) return true
  return stat(join(dir, 'metrics.jsonl')).then(
    ({ size }) => size > 0,
    () => false,
  )
}

function missingRun(dir: string): RunError {
  return new RunError(
    'run-missing',
    `${dir} holds no run to resume (no checkpoint and no metrics); check the path or start a new run`,
  )
}

function checkStep(step: number, latest: CheckpointInfo | undefined, dir: string): void {
  if (!Number.isSafeInteger(step) || step < 0)
    throw new RunError('run-step', `a checkpoint's step is a whole number, not ${step}`)
  if (latest && step < latest.step) {
    throw new RunError(
      'run-step',
      `${dir} already has a checkpoint of step ${latest.step}; step ${step} would go back`,
    )
  }
}

function checkNames(files: Readonly<Record<string, unknown>>): void {
  for (const name of Object.keys(files)) {
    if (!isPlainName(name) || RESERVED.includes(name)) {
      throw new RunError('run-file', `${JSON.stringify(name)} cannot be the name of a checkpoint's file`)
    }
  }
}

/** Folders of later steps are the damaged ones that opening passed over; they keep their bytes under another name. */
async function setAsideLaterCheckpoints(checkpoints: string, step: number): Promise<void> {
  for (const later of (await listSteps(checkpoints)).filter((other) => other > step)) {
    const aside = join(checkpoints, `damaged-${stepFolder(later)}`)
    await rm(aside, { recursive: true, force: true })
    await rename(join(checkpoints, stepFolder(later)), aside).catch((error) =>
      Promise.reject(toStorageError(error, 'set aside', aside)),
    )
  }
}
