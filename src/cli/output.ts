import type { Io } from './io.js'

/**
 * Prints what a command found: with --json one JSON value, and nothing else is ever written to stdout; otherwise the lines
 * for people. Everything a command says on its way there goes to stderr.
 */
export function printResult(
  io: Pick<Io, 'stdout'>,
  json: boolean | undefined,
  value: unknown,
  lines: string,
): void {
  if (json) io.stdout.write(`${JSON.stringify(value, finite)}\n`)
  else io.stdout.write(lines.endsWith('\n') || lines === '' ? lines : `${lines}\n`)
}

/** JSON has no NaN and no infinity, and would write null: a string keeps what it was. */
function finite(_key: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value
}
