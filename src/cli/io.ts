/** The process as the commands see it, so that tests can run a command without one. */

export interface Output {
  write(text: string): void
  readonly isTTY: boolean
  /** Characters to a line of the terminal; undefined where it is none. */
  readonly columns: number | undefined
}

export type StopSignal = 'SIGINT' | 'SIGTERM' | 'SIGHUP'

export interface Io {
  readonly stdin: AsyncIterable<Uint8Array> & { readonly isTTY: boolean }
  readonly stdout: Output
  readonly stderr: Output
  readonly env: Readonly<Record<string, string | undefined>>
  /** Milliseconds on a clock that only goes forward. */
  now(): number
  onSignal(signal: StopSignal, listener: () => void): void
  offSignal(signal: StopSignal, listener: () => void): void
  /** Ends the process at once. */
  exit(code: number): void
}

/** The real one. */
export function processIo(): Io {
  const output = (stream: NodeJS.WriteStream): Output => ({
    write: (text) => void stream.write(text),
    get isTTY() {
      return stream.isTTY === true
    },
    get columns() {
      return stream.columns
    },
  })
  return {
    stdin: process.stdin as typeof process.stdin & { isTTY: boolean },
    stdout: output(process.stdout),
    stderr: output(process.stderr),
    env: process.env,
    now: () => performance.now(),
    onSignal: (signal, listener) => void process.on(signal, listener),
    offSignal: (signal, listener) => void process.off(signal, listener),
    exit: (code) => process.exit(code),
  }
}
