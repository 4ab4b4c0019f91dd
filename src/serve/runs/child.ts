/** The process that does the work of a run, and how to find it again after the server was started anew. */
import { spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { appendFile } from 'node:fs/promises'
import { constants, setPriority } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isProcessAlive } from '../../atomic.js'
import { processBirth } from '../../hub/index.js'
import { EVENTS_FILE } from './event-log.js'

export const OUTPUT_FILE = 'output.log'

/** The command line as it was installed with this server. */
export const athanorCommand: readonly string[] = [
  process.execPath,
  fileURLToPath(new URL('../../../bin/athanor.mjs', import.meta.url)),
]

export interface ChildExit {
  /** Null where a signal ended it; undefined where it is not this server's child and nobody can tell. */
  readonly code: number | null | undefined
}

export interface Child {
  readonly pid: number
  readonly exited: Promise<ChildExit>
  /** SIGINT asks it to save and end. */
  kill(signal: 'SIGINT' | 'SIGKILL'): void
}

export interface ChildOptions {
  /** The program and the arguments before the verb. Default: this installation's. */
  readonly command?: readonly string[]
  readonly args: readonly string[]
  /** The run's folder: its events and its output go there. */
  readonly dir: string
  readonly env?: Readonly<Record<string, string | undefined>>
}

/**
 * Starts a process in a group of its own: what ends the server, a Ctrl-C or a crash, does not tear down hours of work. Answers
 * come first: it takes what the engine leaves of the CPU.
 */
export async function startChild({ command = athanorCommand, args, dir, env }: ChildOptions): Promise<Child> {
  const events = join(dir, EVENTS_FILE)
  const output = openSync(join(dir, OUTPUT_FILE), 'a')
  // In a script of npm the command would go where the user stands; every path here is absolute.
  const { npm_lifecycle_event: _, ...inherited } = process.env
  try {
    const [program, ...before] = command
    const child = spawn(program!, [...before, ...args], {
      detached: true,
      windowsHide: true,
      stdio: ['ignore', output, output],
      env: { ...inherited, ...env, ATHANOR_EVENTS: events },
    })
    const exited = new Promise<ChildExit>((resolve) => {
      child.once('exit', (code) => resolve({ code }))
      child.once('error', () => resolve({ code: 127 }))
    })
    const { pid } = child
    if (pid === undefined) return { pid: 0, exited, kill: () => {} }
    lower(pid)
    const birth = await processBirth(pid)
    await appendFile(events, `${JSON.stringify({ time: Date.now(), type: 'begin', pid, birth })}\n`)
    return { pid, exited, kill: (signal) => send(pid, signal) }
  } finally {
    closeSync(output)
  }
}

/** A process that an earlier server started; undefined where it no longer runs. */
export async function findChild({
  pid,
  birth,
}: {
  readonly pid: number
  readonly birth: string | null
}): Promise<Child | undefined> {
  const lives = async () => isProcessAlive(pid) && (await processBirth(pid)) === birth
  if (!(await lives())) return undefined
  const exited = (async () => {
    while (await lives()) await new Promise((resolve) => setTimeout(resolve, 500).unref())
    return { code: undefined }
  })()
  return { pid, exited, kill: (signal) => send(pid, signal) }
}

function send(pid: number, signal: 'SIGINT' | 'SIGKILL'): void {
  try {
    process.kill(pid, signal)
  } catch {
    // It has ended meanwhile.
  }
}

function lower(pid: number): void {
  try {
    setPriority(pid, constants.priority.PRIORITY_BELOW_NORMAL)
  } catch {
    // Not allowed here, or it has ended: it runs as it is.
  }
}
