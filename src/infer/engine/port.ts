/** A way to the engine's inside, and back. */
import { Worker } from 'node:worker_threads'
import { EngineCore } from './core.js'
import type { FromEngine, ToEngine } from './protocol.js'

export interface EnginePort {
  post(message: ToEngine): void
  close(): Promise<void>
}

export interface PortHandlers {
  onMessage(message: FromEngine): void
  /** The other side ended without being asked to. */
  onEnd(reason: string): void
}

export type Connect = (handlers: PortHandlers) => EnginePort

/** The engine in a thread of its own. */
export function threadPort({ onMessage, onEnd }: PortHandlers, startWorker = defaultWorker): EnginePort {
  const worker = startWorker()
  let ended = false
  const end = (reason: string) => {
    if (ended) return
    ended = true
    onEnd(reason)
  }
  worker.on('message', onMessage)
  worker.on('error', (error) => end(error instanceof Error ? error.message : String(error)))
  worker.on('exit', (code) => end(`exit code ${code}`))
  return {
    post: (message) => worker.postMessage(message),
    close: async () => {
      ended = true
      await worker.terminate()
    },
  }
}

// Flags of the main thread, such as --input-type, are not for a file.
const defaultWorker = () => new Worker(workerUrl(), { execArgv: [] })

/** The engine in this thread: arithmetic then blocks whoever else is in it. */
export const localPort: Connect = ({ onMessage }) => {
  const core = new EngineCore((message) => queueMicrotask(() => onMessage(structuredClone(message))))
  return {
    post: (message) => core.receive(structuredClone(message)),
    close: async () => {},
  }
}

/** Threads run compiled code: where this file is the source itself (in tests), the compiled worker stands in dist. */
export function workerUrl(): URL {
  const here = new URL('./worker.js', import.meta.url)
  if (!import.meta.url.endsWith('.ts')) return here
  return new URL(here.href.replace(/\/src\/(?=infer\/engine\/worker\.js$)/, '/dist/'))
}
