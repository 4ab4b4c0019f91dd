/**
 * What a command reports, for a program that watches it: with ATHANOR_EVENTS=FILE every event is also a line of JSON in that
 * file, and the last line says how the command ended. A file and not a pipe: whoever watches may die, and come back.
 */
import { appendFileSync } from 'node:fs'
import { AthanorError } from '../errors.js'
import type { TrainEvent } from '../train/events.js'
import { InterruptedError } from './errors.js'
import type { Io } from './io.js'

/** How a command ended. */
export interface EndEvent {
  readonly type: 'end'
  /** The exit code. */
  readonly code: number
  /** It was stopped, and what it did is kept. */
  readonly stopped?: boolean
  readonly error?: { readonly code: string; readonly message: string }
}

/** Reports of one preparation that follow each other sooner than this are left out. */
const progressMilliseconds = 300

/** Where events go; undefined where nobody asked for them. */
export function eventFile(io: Pick<Io, 'env' | 'now'>): ((event: TrainEvent) => void) | undefined {
  const path = io.env.ATHANOR_EVENTS
  if (!path) return undefined
  let due = -Infinity
  return (event) => {
    if (event.type === 'progress' && event.done !== event.total) {
      if (io.now() < due) return
      due = io.now() + progressMilliseconds
    }
    append(path, event)
  }
}

/** Says how the command ended, where somebody asked. */
export function writeEnd({ env }: Pick<Io, 'env'>, code: number, error?: unknown): void {
  const path = env.ATHANOR_EVENTS
  if (path) append(path, endEvent(code, error))
}

function endEvent(code: number, error: unknown): EndEvent {
  if (error === undefined) return { type: 'end', code }
  if (error instanceof InterruptedError) return { type: 'end', code, stopped: true }
  const known = error instanceof AthanorError ? error.code : 'unexpected'
  const message = error instanceof Error ? error.message : String(error)
  return { type: 'end', code, error: { code: known, message } }
}

/** In one write, so that lines stay whole. A watcher's file that cannot be written must not end the work it watches. */
function append(path: string, event: TrainEvent | EndEvent): void {
  try {
    appendFileSync(path, `${JSON.stringify({ time: Date.now(), ...event })}\n`)
  } catch {}
}
