/** Work for several threads whose results come in the order in which it was given. */
import { Worker } from 'node:worker_threads'
import { AthanorError } from '../../errors.js'
import { BuildError } from './errors.js'

export interface Pool<I, O> {
  run(input: I): Promise<O>
  close(): Promise<void>
}

/** What a worker sends back. */
export type Reply<O> =
  | { readonly id: number; readonly output: O }
  | { readonly id: number; readonly error: { readonly code: string; readonly message: string } }

/** A pool of worker threads; each takes what is next when it is free. @param role what `worker.ts` is to do */
export function openPool<I, O>(threads: number, role: string, setup: unknown): Pool<I, O> {
  const waiting: { readonly input: I; readonly id: number }[] = []
  const pending = new Map<number, { resolve(output: O): void; reject(error: unknown): void }>()
  const workers: Worker[] = []
  const idle: Worker[] = []
  let count = 0
  let failure: BuildError | undefined
  let closing = false
  const fail = (error: unknown) => {
    if (closing) return
    failure ??= new BuildError('build-worker', `a worker thread ended: ${messageOf(error)}`, { cause: error })
    for (const { reject } of pending.values()) reject(failure)
    pending.clear()
  }
  const dispatch = () => {
    while (waiting.length > 0 && idle.length > 0) idle.pop()!.postMessage(waiting.shift())
  }
  for (let i = 0; i < threads; i++) {
    const worker = new Worker(workerUrl(), {
      workerData: { role, setup },
      // Flags of the main thread, such as --input-type, are not for a file.
      execArgv: [],
    })
    worker.on('message', (reply: Reply<O>) => {
      const promise = pending.get(reply.id)
      pending.delete(reply.id)
      idle.push(worker)
      dispatch()
      if ('output' in reply) promise?.resolve(reply.output)
      else promise?.reject(new AthanorError(reply.error.code, reply.error.message))
    })
    worker.on('error', fail)
    worker.on('exit', (code) => fail(new Error(`exit code ${code}`)))
    workers.push(worker)
    idle.push(worker)
  }
  return {
    run: (input) =>
      new Promise<O>((resolve, reject) => {
        if (failure) return reject(failure)
        const id = count++
        pending.set(id, { resolve, reject })
        waiting.push({ input, id })
        dispatch()
      }),
    async close() {
      closing = true
      await Promise.all(workers.map((worker) => worker.terminate()))
    },
  }
}

/** The same without threads: the work is done when it is asked for. */
export function inlinePool<I, O>(work: (input: I) => O | Promise<O>): Pool<I, O> {
  return { run: async (input) => work(input), close: async () => {} }
}

/**
 * Results in the order of the inputs, with at most `ahead` of them under way: the memory that the queue holds is bounded.
 * The inputs' iterator is ended when the caller stops or something fails.
 */
export async function* mapOrdered<I, O>(
  inputs: AsyncIterable<I>,
  ahead: number,
  work: (input: I) => Promise<O>,
): AsyncGenerator<readonly [I, O]> {
  const queue: { readonly input: I; readonly output: Promise<O> }[] = []
  for await (const input of inputs) {
    const output = work(input)
    // Whoever waits for it sees the failure; until then it is not an unhandled one.
    output.catch(() => {})
    queue.push({ input, output })
    if (queue.length < ahead) continue
    const first = queue.shift()!
    yield [first.input, await first.output]
  }
  for (const { input, output } of queue) yield [input, await output]
}

/** Threads run compiled code: where this file is the source itself (in tests), the compiled worker stands in dist. */
function workerUrl(): URL {
  const here = new URL('./worker.js', import.meta.url)
  if (!import.meta.url.endsWith('.ts')) return here
  return new URL(here.href.replace(/\/src\/(?=data\/build\/worker\.js$)/, '/dist/'))
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
