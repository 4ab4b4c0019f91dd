/** The events of a run as they stand in its folder: what its process wrote, or else what its metrics tell. */
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { errorCode, toStorageError } from '../../atomic.js'
import type { RunEvent } from './types.js'

export const EVENTS_FILE = 'events.jsonl'

/** Reads on from where it stopped. */
export interface EventReader {
  /** What came since the last call; empty where nothing did. */
  read(): Promise<RunEvent[]>
}

const CHUNK = 1 << 18
const MAX_LINE = 1 << 20

/** Lines of a file that grows. A line that is no JSON object is passed over; a last one that is not whole waits. */
class LineReader {
  readonly #path: string
  #position = 0
  #rest = Buffer.alloc(0)

  constructor(path: string) {
    this.#path = path
  }

  async read(): Promise<Record<string, unknown>[]> {
    const handle = await open(this.#path, 'r').catch((error: unknown) => {
      if (errorCode(error) === 'ENOENT') return undefined
      throw toStorageError(error, 'read', this.#path)
    })
    if (!handle) return []
    const lines: Record<string, unknown>[] = []
    try {
      const { size } = await handle.stat()
      // Cut off and written again from an earlier step: read anew.
      if (size < this.#position) {
        this.#position = 0
        this.#rest = Buffer.alloc(0)
      }
      while (this.#position < size) {
        const { bytesRead, buffer } = await handle.read(Buffer.alloc(CHUNK), 0, CHUNK, this.#position)
        if (bytesRead === 0) break
        this.#position += bytesRead
        this.#take(buffer.subarray(0, bytesRead), lines)
      }
    } finally {
      await handle.close()
    }
    return lines
  }

  #take(chunk: Buffer, lines: Record<string, unknown>[]): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    let from = 0
    for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, from)) {
      const line = parseObject(bytes.subarray(from, end))
      if (line) lines.push(line)
      from = end + 1
    }
    const rest = bytes.subarray(from)
    this.#rest = rest.length > MAX_LINE ? Buffer.alloc(0) : Buffer.from(rest)
  }
}

function parseObject(bytes: Buffer): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'))
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return value as Record<string, unknown>
  } catch {}
  return undefined
}

/** The events that a process wrote into a folder. */
export function eventReader(dir: string): EventReader {
  const lines = new LineReader(join(dir, EVENTS_FILE))
  let seq = 0
  return {
    read: async () =>
      (await lines.read()).map((line) => ({
        ...line,
        seq: ++seq,
        time: typeof line.time === 'number' ? line.time : 0,
        type: typeof line.type === 'string' ? line.type : 'unknown',
      })),
  }
}

/**
 * Events made of the metrics of a run that nobody watched: of the folder's own, or of a speedrun's parts.
 * @param parts folders in it, in order; none for a single stage
 */
export function metricsReader(dir: string, parts: readonly string[] = []): EventReader {
  const logs = (parts.length === 0 ? [''] : parts).map((part) => ({
    part,
    lines: new LineReader(join(dir, part, 'metrics.jsonl')),
    begun: false,
  }))
  let seq = 0
  return {
    async read() {
      const events: RunEvent[] = []
      const add = (event: Record<string, unknown> & { type: string }) =>
        events.push({ ...event, seq: ++seq, time: 0 })
      for (const log of logs) {
        for (const line of await log.lines.read()) {
          if (!log.begun && log.part !== '') add({ type: 'message', text: log.part, part: log.part })
          log.begun = true
          const { step, heldOut, ...metrics } = line
          if (heldOut !== undefined) add({ type: 'eval', step, ...(heldOut as object) })
          else add({ type: 'metrics', step, metrics })
        }
      }
      return events
    },
  }
}
