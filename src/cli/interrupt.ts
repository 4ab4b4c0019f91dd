import { exitCodes, InterruptedError } from './errors.js'
import type { Io, StopSignal } from './io.js'

const signals: readonly StopSignal[] = ['SIGINT', 'SIGTERM', 'SIGHUP']

/** npm passes on the Ctrl-C that the terminal has already sent to every process: what comes within this time is one press. */
const samePressMilliseconds = 500

export interface StopTexts {
  /** Said at the first signal, while the work winds up. */
  readonly stopping: string
  /** Said at the end: what was kept, and how to go on. */
  stopped(): string
}

export interface InterruptibleOptions<T> {
  /** Whether a result is whole although a signal came: it came too late to change anything. Default: none is. */
  readonly isWhole?: (result: T) => boolean
}

/**
 * Runs work that Ctrl-C stops in good order: the first one aborts the signal, and once the work has wound up (it may return
 * or throw the signal's reason) an InterruptedError ends the command; a second one ends the process at once.
 *
 * @throws InterruptedError, and whatever the work throws
 */
export async function interruptible<T>(
  io: Pick<Io, 'onSignal' | 'offSignal' | 'exit' | 'stderr'>,
  texts: StopTexts,
  work: (signal: AbortSignal) => Promise<T>,
  { isWhole = () => false }: InterruptibleOptions<T> = {},
): Promise<T> {
  const controller = new AbortController()
  let received: StopSignal | undefined
  let secondCounts = false
  let timer: NodeJS.Timeout | undefined

  const listeners = signals.map((name) => {
    const listener = () => {
      if (received !== undefined) {
        if (!secondCounts) return
        io.stderr.write('\n')
        io.exit(exitCodes[name])
        return
      }
      received = name
      // A long step holds signals back and delivers them after the timer: only once those are through does a next one count.
      timer = setTimeout(() => setImmediate(() => (secondCounts = true)), samePressMilliseconds)
      io.stderr.write(
        `${io.stderr.isTTY ? '\n' : ''}athanor: ${texts.stopping}; press Ctrl-C again to stop at once\n`,
      )
      controller.abort(new InterruptedError(name, 'stopped'))
    }
    io.onSignal(name, listener)
    return [name, listener] as const
  })
  try {
    const result = await work(controller.signal)
    if (received === undefined || isWhole(result)) return result
  } catch (error) {
    if (received === undefined || !isAbort(error, controller.signal)) throw error
  } finally {
    clearTimeout(timer)
    for (const [name, listener] of listeners) io.offSignal(name, listener)
  }
  throw new InterruptedError(received, texts.stopped())
}

function isAbort(error: unknown, signal: AbortSignal): boolean {
  if (error === signal.reason) return true
  return error instanceof Error && (error.name === 'AbortError' || error.cause === signal.reason)
}
