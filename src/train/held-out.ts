/** The loss on what was kept from training. */
import { createBatches } from '../data/index.js'
import type { GptConfig } from '../models/index.js'
import { type Device, NDArray } from '../tensor/index.js'
import type { Corpus } from './corpus.js'
import { TrainError } from './errors.js'
import { compileEvalStep, type TrainState } from './training-step.js'

/** A function that gives the mean loss over the held-out tokens (or the first `maxTokens` of them), the same windows each time. */
export async function heldOutLoss(
  config: GptConfig,
  contextLength: number,
  corpus: Corpus,
  params: TrainState['params'],
  device: Device,
) {
  const { heldOut } = corpus
  const T = contextLength
  if (heldOut.length < T + 1) {
    throw new TrainError(
      'data',
      `the held-out text has ${heldOut.length} tokens, less than one context of ${T} and its target; bring more data, shorten the context, or hold out more`,
    )
  }
  const windows = Math.floor((heldOut.length - 1) / T)
  const B = Math.min(windows, Math.max(1, Math.floor(4096 / T)))
  const evaluate = await compileEvalStep(config, B, T, params, device)
  const batches = createBatches({
    tokens: heldOut,
    batchSize: B,
    contextLength: T,
    seed: 0,
    order: 'sequential',
  })
  const measure = async (state: TrainState['params'], maxTokens = Number.POSITIVE_INFINITY) => {
    const count = Math.max(1, Math.min(Math.floor(windows / B), Math.ceil(maxTokens / (B * T))))
    let total = 0
    for (let i = 0; i < count; i++) {
      const { inputs, targets } = batches.batches(i)
      const loss = await evaluate(
        state as Record<string, NDArray>,
        new NDArray('i32', [B, T], inputs),
        new NDArray('i32', [B, T], targets),
      )
      total += await loss.item()
    }
    const loss = total / count
    const tokensPerByte = heldOut.length / corpus.heldOutBytes
    return { loss, perplexity: Math.exp(loss), bitsPerByte: (loss / Math.LN2) * tokensPerByte }
  }
  return Object.assign(measure, { dispose: () => evaluate.dispose() })
}
