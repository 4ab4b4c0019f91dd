/** Serving, measured: each model in a process of its own, and llama.cpp with the same weights where it is installed. */
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { hasLlamaServer, type LlamaServerPoint, measureLlamaServer } from './llama-server.js'
import { BenchError } from './peer.js'
import {
  type ServingName,
  type ServingOptions,
  type ServingResult,
  servingShapes,
  writeServingModel,
} from './serving.js'

/** Weights as both can hold them, by what llama.cpp calls them. */
const formats = { f32: 'none', q8_0: 'q8', q4_0: 'q4' } as const

export interface ServingComparison extends ServingResult {
  /** llama-server on the same machine just after, where it is on the PATH. */
  readonly llamaServer?: readonly LlamaServerPoint[]
}

export async function measureServing(
  names: readonly ServingName[],
  options: { readonly threads: number; readonly seconds: number },
  log: (message: string) => void,
): Promise<ServingComparison[]> {
  const beside = await hasLlamaServer()
  const results: ServingComparison[] = []
  for (const model of names) {
    const dir = await mkdtemp(join(tmpdir(), 'athanor-bench-'))
    try {
      await writeServingModel(model, dir)
      for (const [type, quantization] of Object.entries(formats)) {
        // Quantized weights are there to be compared with; alone, one format says how serving scales.
        if (type !== 'f32' && !beside) continue
        log(`serving: ${model} ${type}`)
        const ours = await inProcess({ ...options, model, dir, quantization })
        const { vocabSize } = servingShapes[model]
        const kind = type as keyof typeof formats
        const theirs = beside
          ? { llamaServer: await measureLlamaServer({ ...options, dir, vocabSize, type: kind }) }
          : {}
        results.push({ ...ours, ...theirs })
      }
    } finally {
      await rm(dir, { recursive: true, force: true })
    }
  }
  return results
}

async function inProcess(options: ServingOptions): Promise<ServingResult> {
  const worker = fileURLToPath(new URL('./serving-worker.js', import.meta.url))
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [worker, JSON.stringify(options)])
    return JSON.parse(stdout) as ServingResult
  } catch (error) {
    throw new BenchError('serving', error instanceof Error ? error.message : String(error))
  }
}
