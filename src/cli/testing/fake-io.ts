import { EventEmitter } from 'node:events'
import type { Io, StopSignal } from '../io.js'

export interface FakeIo extends Io {
  readonly out: () => string
  readonly err: () => string
  /** Sends a signal, as Ctrl-C does. */
  readonly send: (signal: StopSignal) => void
  readonly listeners: () => number
  readonly exits: number[]
  /** Moves the clock on. */
  readonly advance: (milliseconds: number) => void
}

export interface FakeIoOptions {
  readonly tty?: boolean
  readonly columns?: number
  readonly env?: Record<string, string>
  readonly stdin?: string
}

/** A process that lives in memory. */
export function fakeIo({ tty = false, columns = 80, env = {}, stdin = '' }: FakeIoOptions = {}): FakeIo {
  const written = { out: '', err: '' }
  const signals = new EventEmitter()
  const exits: number[] = []
  let time = 0
  const output = (key: 'out' | 'err') => ({
    write: (text: string) => {
      written[key] += text
    },
    isTTY: tty,
    columns: tty ? columns : undefined,
  })
  return {
    stdin: Object.assign(
      (async function* () {
        yield new TextEncoder().encode(stdin)
      })(),
      { isTTY: false },
    ),
    stdout: output('out'),
    stderr: output('err'),
    env,
    now: () => time,
    onSignal: (signal, listener) => void signals.on(signal, listener),
    offSignal: (signal, listener) => void signals.off(signal, listener),
    exit: (code) => void exits.push(code),
    out: () => written.out,
    err: () => written.err,
    send: (signal) => void signals.emit(signal),
    listeners: () => signals.eventNames().length,
    exits,
    advance: (milliseconds) => {
      time += milliseconds
    },
  }
}

/** What a terminal of `columns` shows after this was written to it: its lines, without the control characters. */
export function screen(written: string, columns = 80): string[] {
  const lines = ['']
  let column = 0
  const put = (char: string) => {
    if (column === columns) {
      lines.push('')
      column = 0
    }
    const line = lines.at(-1)!.padEnd(column)
    lines[lines.length - 1] = line.slice(0, column) + char + line.slice(column + 1)
    column++
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the one escape sequence that is used
  for (const [part] of written.matchAll(/\x1b\[K|[\s\S]/gu)) {
    if (part === '\x1b[K') lines[lines.length - 1] = lines.at(-1)!.slice(0, column)
    else if (part === '\r') column = 0
    else if (part === '\n') {
      lines.push('')
      column = 0
    } else put(part)
  }
  return lines.map((line) => line.trimEnd())
}
