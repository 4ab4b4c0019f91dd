import { type FileHandle, open } from 'node:fs/promises'
import { errorCode, toStorageError } from '../atomic.js'
import { splitLines } from '../lines.js'

/** An append-only `metrics.jsonl`: one JSON object per line. */
export interface MetricsLog {
  /** Appends one line in one write. NaN and infinities become null, as in JSON everywhere. */
  append(metrics: Readonly<Record<string, unknown>>): Promise<void>
  /** Makes everything appended so far durable. */
  sync(): Promise<void>
  /** Length of the file. */
  readonly bytes: number
  close(): Promise<void>
}

export interface MetricsRepair {
  /** Bytes kept. */
  readonly kept: number
  /** Whole lines dropped, because their step will be run again. */
  readonly droppedLines: number
  /** Whether a last line was torn by a crash and cut away. */
  readonly torn: boolean
}

const CHUNK_BYTES = 1 << 18

/** Where a run goes on: the newest checkpoint's step, or -1 to begin anew, and how long the log was when it was saved. */
export interface LogEnd {
  readonly step: number
  readonly bytes?: number | undefined
}

/**
 * Opens the log for a run that goes on from a checkpoint: what was written after it is cut away, from the first line of a later
 * step on (it will be written again), and so is a torn last line.
 *
 * @param syncEvery 'line' makes each line durable before `append` returns; 'checkpoint' leaves that to `sync`
 */
export async function openMetricsLog(
  path: string,
  last: LogEnd,
  syncEvery: 'checkpoint' | 'line' = 'checkpoint',
): Promise<{ log: MetricsLog; repair: MetricsRepair }> {
  let appender: FileHandle | undefined
  try {
    const repair = await repairTail(path, last)
    const handle = await open(path, 'a')
    appender = handle
    let bytes = repair.kept
    const log: MetricsLog = {
      get bytes() {
        return bytes
      },
      append: async (metrics) => {
        const line = `${JSON.stringify(metrics)}\n`
        bytes += Buffer.byteLength(line)
        try {
          await handle.appendFile(line)
          if (syncEvery === 'line') await handle.datasync()
        } catch (error) {
          throw toStorageError(error, 'append to', path)
        }
      },
      sync: async () => {
        await handle.sync().catch((error) => Promise.reject(toStorageError(error, 'write', path)))
      },
      close: () => handle.close(),
    }
    return { log, repair }
  } catch (error) {
    await appender?.close()
    throw toStorageError(error, 'open', path)
  }
}

async function repairTail(
  path: string,
  { step, bytes: most = Number.POSITIVE_INFINITY }: LogEnd,
): Promise<MetricsRepair> {
  // Windows cannot cut a file that is open for appending, so this is a handle of its own.
  const handle = await open(path, 'r+').catch((error) =>
    errorCode(error) === 'ENOENT' ? undefined : Promise.reject(error),
  )
  if (handle === undefined) return { kept: 0, droppedLines: 0, torn: false }
  try {
    const { size } = await handle.stat()
    let kept: number | undefined
    let droppedLines = 0
    let end = 0
    for await (const { bytes, complete } of splitLines(bytesOf(handle))) {
      if (!complete) break
      if (kept === undefined && (end >= most || stepOf(bytes) > step)) kept = end
      if (kept !== undefined) droppedLines++
      end += bytes.length + 1
    }
    kept ??= end
    if (kept < size) {
      await handle.truncate(kept)
      await handle.sync()
    }
    return { kept, droppedLines, torn: end < size }
  } finally {
    await handle.close()
  }
}

/** The step of a line; one without a step (or damaged) stays with the lines before it. */
function stepOf(line: Uint8Array): number {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(line))
    if (typeof value === 'object' && value !== null && 'step' in value && typeof value.step === 'number')
      return value.step
  } catch {}
  return Number.NEGATIVE_INFINITY
}

/** The bytes of a file from its beginning; unlike a stream, this leaves the handle open. */
async function* bytesOf(handle: FileHandle): AsyncGenerator<Buffer> {
  for (let at = 0; ; ) {
    const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(CHUNK_BYTES), 0, CHUNK_BYTES, at)
    if (bytesRead === 0) return
    yield buffer.subarray(0, bytesRead)
    at += bytesRead
  }
}

/** Reads a log back, for reports and plots: every line that is a JSON object, in order; a torn or damaged line is left out. */
export async function* readMetrics(path: string): AsyncGenerator<Record<string, unknown>> {
  let handle: FileHandle
  try {
    handle = await open(path, 'r')
  } catch (error) {
    throw toStorageError(error, 'open', path)
  }
  try {
    for await (const { bytes } of splitLines(bytesOf(handle))) {
      try {
        const value: unknown = JSON.parse(new TextDecoder().decode(bytes))
        if (typeof value === 'object' && value !== null) yield value as Record<string, unknown>
      } catch {}
    }
  } finally {
    await handle.close()
  }
}
