/** The server's log: lines of JSON, or short lines where a person looks on. */
import { Writable } from 'node:stream'
import { type Logger, pino } from 'pino'
import type { ServeConfig } from './config.js'

export interface LogOutput {
  write(text: string): void
  readonly isTTY: boolean
}

/** Never holds what people or models say, unless `logPrompts` asks for it; never a key. */
export function createLog(
  { logLevel, logPrompts }: Pick<ServeConfig, 'logLevel' | 'logPrompts'>,
  output: LogOutput,
): Logger {
  const options = {
    level: logLevel,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    serializers: { err: (error: unknown) => describe(error, logPrompts) },
  }
  const write = output.isTTY
    ? (line: string) => output.write(short(line))
    : (line: string) => output.write(line)
  const stream = new Writable({
    decodeStrings: false,
    write(line: string, _, done) {
      write(line)
      done()
    },
  })
  return pino(options, stream)
}

interface Described {
  readonly type: string
  readonly code?: string
  readonly message: string
  readonly stack?: string
  readonly cause?: Described
}

function describe(error: unknown, withPrompts: boolean): Described {
  if (!(error instanceof Error)) return { type: typeof error, message: String(error).slice(0, 500) }
  const code = 'code' in error && typeof error.code === 'string' ? { code: error.code } : {}
  const stack = error.stack?.slice(error.stack.indexOf('\n') + 1)
  return {
    type: error.name,
    ...code,
    message: withPrompts ? error.message : error.message.slice(0, 500),
    ...(stack === undefined ? {} : { stack }),
    ...(error.cause === undefined ? {} : { cause: describe(error.cause, withPrompts) }),
  }
}

/** `12:30:05 POST /v1/chat/completions 200 1.2 s, 23 + 120 tokens of ppo@1234` */
function short(line: string): string {
  const entry = JSON.parse(line) as Record<string, unknown> & { time: string; msg?: string; level: number }
  const { time, msg, level, method, path, status, ms, model, promptTokens, completionTokens, err } = entry
  const clock = new Date(time).toTimeString().slice(0, 8)
  if (msg === 'request') {
    const tokens =
      promptTokens === undefined ? '' : `, ${promptTokens} + ${completionTokens ?? 0} tokens of ${model}`
    return `${clock} ${method} ${path} ${status} ${(Number(ms) / 1000).toFixed(2)} s${tokens}\n`
  }
  const name = level >= 50 ? 'error: ' : level >= 40 ? 'warning: ' : ''
  const why = err === undefined ? '' : ` (${(err as Described).message})`
  const { answer, messages, prompt } = entry
  const said = answer ?? messages ?? prompt
  return `${clock} ${name}${msg ?? ''}${why}${said === undefined ? '' : ` ${JSON.stringify(said)}`}\n`
}
