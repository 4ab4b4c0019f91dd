/** Runs a program that a model wrote. This limits time, memory and output; it is no sandbox. */
import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { EvaluationError } from './errors.js'

export interface ExecuteOptions {
  /** Program and arguments; the file's path is put behind. */
  readonly command: string
  readonly extension: string
  /** Seconds. Default 10. */
  readonly timeout?: number
  /** Megabytes of address space (Python) or of heap (Node). Default 1024. */
  readonly memory?: number
  readonly signal?: AbortSignal | undefined
}

export interface Execution {
  readonly passed: boolean
  /** 'passed', 'timed out', or how it ended. */
  readonly outcome: string
  /** The end of what it wrote to stderr. */
  readonly stderr: string
}

const OUTPUT_LIMIT = 1 << 16

/**
 * Runs a source file with a command in a folder of its own, without the environment of this process. It passes with exit code 0.
 * Time, CPU time, memory and file size are limited (memory and files on systems with a POSIX shell); network and files are NOT closed
 * to it: use a container or a virtual machine for models that you do not trust.
 *
 * @throws EvaluationError `eval/options` where the command cannot be started
 */
export async function execute(
  source: string,
  { command, extension, timeout = 10, memory = 1024, signal }: ExecuteOptions,
): Promise<Execution> {
  signal?.throwIfAborted()
  const [program, ...args] = command.trim().split(/\s+/)
  if (!program) throw new EvaluationError('eval/options', 'the command to execute programs with is empty')
  const dir = await mkdtemp(join(tmpdir(), 'athanor-run-'))
  try {
    const file = join(dir, `program${extension}`)
    await writeFile(file, source)
    return await run(limited(program, [...args, file], timeout, memory), dir, timeout, memory, signal)
  } finally {
    await rm(dir, { recursive: true, force: true, maxRetries: 3 })
  }
}

/** The command under limits of the shell. Node's address space is far larger than what it uses: its heap is limited instead. */
function limited(
  program: string,
  args: readonly string[],
  timeout: number,
  memory: number,
): readonly string[] {
  if (process.platform === 'win32') return [program, ...args]
  const isNode = /(^|\/)(node|tsx|bun|deno)$/.test(program)
  const limits = [
    `ulimit -t ${Math.ceil(timeout) + 1}`,
    'ulimit -f 20480',
    'ulimit -c 0',
    ...(isNode ? [] : [`ulimit -v ${memory * 1024} 2>/dev/null || true`]),
  ]
  return ['/bin/sh', '-c', `${limits.join('; ')}; exec "$@"`, 'sh', program, ...args]
}

async function run(
  [program, ...args]: readonly string[],
  dir: string,
  timeout: number,
  memory: number,
  signal: AbortSignal | undefined,
): Promise<Execution> {
  const child = spawn(program!, args, {
    cwd: dir,
    detached: process.platform !== 'win32',
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: process.env.PATH ?? '/usr/bin:/bin',
      HOME: dir,
      TMPDIR: dir,
      PYTHONDONTWRITEBYTECODE: '1',
      NODE_OPTIONS: `--max-old-space-size=${memory}`,
    },
  })
  // With a group of its own, what the program started ends with it.
  const kill = () => {
    try {
      if (process.platform === 'win32') child.kill('SIGKILL')
      else if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
    } catch {
      // It has ended already.
    }
  }
  let stderr = ''
  let written = 0
  const count = (chunk: Buffer) => {
    written += chunk.length
    if (written > 16 * OUTPUT_LIMIT) kill()
  }
  child.stdout.on('data', count)
  child.stderr.on('data', (chunk: Buffer) => {
    count(chunk)
    stderr = (stderr + chunk.toString('utf8')).slice(-OUTPUT_LIMIT)
  })
  const clock = new AbortController()
  let timedOut = false
  void delay(1000 * timeout, undefined, { signal: clock.signal }).then(
    () => {
      timedOut = true
      kill()
    },
    () => undefined,
  )
  signal?.addEventListener('abort', kill, { once: true })
  try {
    const code = await new Promise<number | string>((done, fail) => {
      child.on('error', fail)
      // 'close' would wait for what the program left running with its pipes open.
      child.on('exit', (exit, name) => done(exit ?? name ?? 'unknown'))
    })
    signal?.throwIfAborted()
    if (code === 127 || code === 126) {
      throw new EvaluationError(
        'eval/options',
        `the command ${args[4] ?? program} cannot be run; check that it is installed`,
      )
    }
    const outcome = timedOut ? 'timed out' : code === 0 ? 'passed' : `ended with ${code}`
    return { passed: code === 0 && !timedOut, outcome, stderr: stderr.trim().slice(-2000) }
  } catch (error) {
    if (error instanceof EvaluationError || signal?.aborted) throw error
    throw new EvaluationError(
      'eval/options',
      `the command ${program} cannot be run (${(error as Error).message})`,
      {
        cause: error,
      },
    )
  } finally {
    clock.abort()
    signal?.removeEventListener('abort', kill)
    kill()
  }
}
