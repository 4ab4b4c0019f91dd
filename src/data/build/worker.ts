/** A worker thread of a build: cleans batches or encodes shards, as its role says. */
import { parentPort, workerData } from 'node:worker_threads'
import { AthanorError } from '../../errors.js'
import { type CleanBatch, type CleanSetup, createBatchCleaner } from './batch.js'
import { createShardEncoder, type EncodeJob, type EncodeSetup } from './encode.js'
import type { Reply } from './pool.js'

const { role, setup } = workerData as { readonly role: 'clean' | 'encode'; readonly setup: unknown }
const port = parentPort!

async function start(): Promise<(input: never) => Promise<{ output: unknown; transfer: ArrayBuffer[] }>> {
  if (role === 'clean') {
    const clean = createBatchCleaner(setup as CleanSetup)
    return async (batch: CleanBatch) => {
      const output = clean(batch)
      return { output, transfer: [output.lines.buffer, output.ends.buffer, output.records.buffer] }
    }
  }
  const encode = await createShardEncoder(setup as EncodeSetup)
  return async (job: EncodeJob) => ({ output: await encode(job), transfer: [] })
}

const work = start()
port.on('message', async ({ id, input }: { readonly id: number; readonly input: never }) => {
  try {
    const { output, transfer } = await (await work)(input)
    port.postMessage({ id, output } satisfies Reply<unknown>, transfer)
  } catch (error) {
    const code = error instanceof AthanorError ? error.code : 'build-worker'
    const message =
      error instanceof Error
        ? error instanceof AthanorError
          ? error.message
          : `${error.stack}`
        : String(error)
    port.postMessage({ id, error: { code, message } } satisfies Reply<unknown>)
  }
})
