/** A process that is measured, seen from the bench. */
import { type ChildProcessWithoutNullStreams, execFile, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { AthanorError } from '../errors.js'
import { type Burst, burstSchema, type Ready, type Request, readySchema } from './protocol.js'

export class BenchError extends AthanorError {
  constructor(what: string, message: string) {
    super('bench/process', `the bench of ${what} failed: ${message}`)
  }
}

const worker = fileURLToPath(new URL('./worker.js', import.meta.url))

/** Runs one of our own that just does its work. */
export async function runWorker(what: string, role: string, options: object): Promise<void> {
  try {
    await promisify(execFile)(process.execPath, [worker, role, JSON.stringify(options)])
  } catch (error) {
    throw new BenchError(what, error instanceof Error ? error.message : String(error))
  }
}

export class Peer {
  readonly what: string
  ready!: Ready
  peakMemoryBytes = 0
  readonly #child: ChildProcessWithoutNullStreams
  readonly #lines: AsyncIterator<string>
  readonly #failure: Promise<never>
  #errors = ''

  private constructor(what: string, command: string, args: readonly string[], env: NodeJS.ProcessEnv) {
    this.what = what
    this.#child = spawn(command, args, { stdio: 'pipe', env: { ...process.env, ...env } })
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]()
    this.#child.stderr.on('data', (text: Buffer) => {
      this.#errors = (this.#errors + text.toString()).slice(-4000)
    })
    // Writing to a process that has just died is reported by its end.
    this.#child.stdin.on('error', () => {})
    const kill = () => this.#child.kill('SIGKILL')
    process.once('exit', kill)
    this.#failure = new Promise((_, reject) => {
      this.#child.on('error', (error) => reject(new BenchError(what, error.message)))
      this.#child.on('close', (code, signal) => {
        process.off('exit', kill)
        const reason = this.#errors.trim() || `it ended with ${signal ?? code} and said nothing`
        reject(new BenchError(what, reason))
      })
    })
    this.#failure.catch(() => {})
  }

  /** Starts a process and waits until it is ready. @throws BenchError with what it wrote to its standard error */
  static async start(
    what: string,
    command: string,
    args: readonly string[],
    env: NodeJS.ProcessEnv = {},
  ): Promise<Peer> {
    const peer = new Peer(what, command, args, env)
    try {
      peer.ready = readySchema.parse(await peer.#next())
      return peer
    } catch (error) {
      peer.stop()
      throw error
    }
  }

  /** Starts one of our own: see worker.ts. */
  static ours(what: string, role: string, options: object): Promise<Peer> {
    return Peer.start(what, process.execPath, [worker, role, JSON.stringify(options)])
  }

  /** Repeats the work. */
  async run(request: Request): Promise<Burst> {
    this.#child.stdin.write(`${JSON.stringify(request)}\n`)
    const burst = burstSchema.parse(await this.#next())
    this.peakMemoryBytes = burst.peakMemoryBytes
    return burst
  }

  /** Times of repetitions at a steady pace: the one that wakes threads and caches up is left out. */
  async steady(request: Request): Promise<number[]> {
    return (await this.steadyBurst(request)).seconds
  }

  /** As `steady`, with the pieces of each repetition. */
  async steadyBurst({ seconds, count }: Request): Promise<Burst> {
    // Threads of the process measured before may spin for a while after its last call.
    await new Promise((resolve) => setTimeout(resolve, 200))
    const burst = await this.run({ seconds, count: count + 1 })
    const parts = Object.entries(burst.parts ?? {}).map(([name, values]) => [name, values.slice(1)] as const)
    return { ...burst, seconds: burst.seconds.slice(1), parts: Object.fromEntries(parts) }
  }

  /** Ends the process; safe to call twice. */
  async stop(): Promise<void> {
    this.#child.stdin.end()
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 5000)
    await this.#failure.catch(() => {})
    clearTimeout(timer)
  }

  async #next(): Promise<unknown> {
    const { value } = await Promise.race([this.#line(), this.#failure])
    return JSON.parse(value)
  }

  /** The next line; at the end of the output, what became of the process tells more. */
  async #line(): Promise<{ value: string }> {
    const next = await this.#lines.next()
    return next.done ? this.#failure : next
  }
}
