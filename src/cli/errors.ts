import { CommanderError } from 'commander'
import { errorCode, toStorageError } from '../atomic.js'
import { AthanorError } from '../errors.js'
import type { Io } from './io.js'

/** 0 done, 1 failed, 2 wrong usage; a stopped command ends with 128 and the number of the signal, as in a shell. */
export const exitCodes = { done: 0, failed: 1, usage: 2, SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const

/** Flags that are each fine but do not go together. What is wrong with one flag, commander says itself. */
export class UsageError extends AthanorError {
  constructor(verb: string, message: string) {
    super('cli/usage', `${message}\nRun 'athanor ${verb} --help' for the flags.`)
  }
}

/** What the command was asked to do cannot be done safely, such as writing over a file. */
export class CommandError extends AthanorError {
  constructor(code: 'exists', message: string) {
    super(`cli/${code}`, message)
  }
}

/** The command was stopped by a signal; the message says what was kept and how to go on. */
export class InterruptedError extends AthanorError {
  readonly exitCode: number

  constructor(signal: 'SIGINT' | 'SIGTERM' | 'SIGHUP', message: string) {
    super('cli/interrupted', message)
    this.exitCode = exitCodes[signal]
  }
}

/** Tells the user what went wrong, on stderr, and returns the exit code. */
export function reportError(error: unknown, io: Pick<Io, 'stderr' | 'env'>): number {
  // Commander has written its message already; help and --version also end this way.
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.usage

  const known = toStorageError(error, 'use', pathOf(error))
  if (known instanceof AthanorError) {
    io.stderr.write(`athanor: ${known.message}\n`)
    if (io.env.ATHANOR_DEBUG && !(known instanceof InterruptedError)) io.stderr.write(`${stackOf(error)}\n`)
    if (known instanceof InterruptedError) return known.exitCode
    return known instanceof UsageError ? exitCodes.usage : exitCodes.failed
  }
  if (isOutOfMemory(error)) {
    io.stderr.write(
      `athanor: not enough memory (${messageOf(error)}); close other programs, or choose a smaller model, batch or context\n`,
    )
    return exitCodes.failed
  }
  io.stderr.write(`athanor: unexpected error: ${messageOf(error)}\n`)
  io.stderr.write(
    io.env.ATHANOR_DEBUG
      ? `${stackOf(error)}\n`
      : 'This is a fault in Athanor. Please open an issue with the command you ran and what it prints with ATHANOR_DEBUG=1 set.\n',
  )
  return exitCodes.failed
}

function isOutOfMemory(error: unknown): boolean {
  return (
    errorCode(error) === 'ENOMEM' ||
    (error instanceof Error && /allocation failed|bad_alloc|Failed to allocate memory/i.test(error.message))
  )
}

function messageOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error)
}

function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const cause = error.cause === undefined ? '' : `\ncaused by: ${stackOf(error.cause)}`
  return `${error.stack ?? messageOf(error)}${cause}`
}

function pathOf(error: unknown): string {
  const path = error instanceof Error && 'path' in error ? error.path : undefined
  return typeof path === 'string' ? path : 'a file'
}
