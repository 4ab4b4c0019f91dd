import { createPermutation, Rng } from '../rng.js'
import { DataError } from './document.js'
import type { TokenSource } from './token-source.js'

export interface BatchesOptions {
  readonly tokens: TokenSource
  /** B: windows per step. */
  readonly batchSize: number
  /** T: tokens per window. */
  readonly contextLength: number
  readonly seed: number
  /**
   * - `random`: windows begin anywhere, uniformly, with replacement, as in nanoGPT.
   * - `shuffle`: the corpus is cut into windows end to end; every epoch visits each once, in an order of its own.
   * - `sequential`: the same windows in their order, for evaluation.
   */
  readonly order: 'random' | 'shuffle' | 'sequential'
}

/** `inputs[b, t]` is followed by `targets[b, t]`; both row-major. */
export interface TokenBatch {
  /** (k, B, T) */
  readonly inputs: Int32Array
  /** (k, B, T) */
  readonly targets: Int32Array
}

export interface Batches {
  /** Whole windows in one pass over the corpus: floor((tokens - 1) / T). */
  readonly windowsPerEpoch: number
  /** Steps to see as many windows as an epoch has; not always a whole number. */
  readonly stepsPerEpoch: number
  /** Where the windows of a step begin, B positions. */
  offsets(step: number): Float64Array
  /** The batches of steps `step` to `step + k - 1`, back to back; k is 1 unless told. */
  batches(step: number, k?: number): TokenBatch
}

/**
 * Training batches as a pure function of (seed, step): to resume, go on with the next step. Nothing is kept between calls
 * and nothing of the corpus' size is allocated.
 *
 * With 'shuffle', windows run on over the ends of epochs, so a batch may hold the last windows of one and the first of the
 * next. The cut begins at another place each epoch, within the (tokens - 1) mod T positions that whole windows leave over, so the
 * tail of the corpus is not always the same tokens.
 *
 * @throws DataError when the corpus is smaller than one window, or a number makes no sense
 */
export function createBatches({ tokens, batchSize, contextLength, seed, order }: BatchesOptions): Batches {
  for (const [name, value] of Object.entries({ batchSize, contextLength })) {
    if (!Number.isSafeInteger(value) || value < 1)
      throw new DataError('data-option', `${name} must be a whole number from 1 on, not ${value}`)
  }
  if (tokens.length < contextLength + 1) {
    throw new DataError(
      'data-too-small',
      `the data has ${tokens.length} tokens, but one window of context length ${contextLength} needs ${contextLength + 1}; ` +
        'bring more data or shorten the context',
    )
  }
  const root = Rng.seed(seed).fork('batches').fork(order)
  const windowsPerEpoch = Math.floor((tokens.length - 1) / contextLength)
  const leftOver = tokens.length - 1 - windowsPerEpoch * contextLength

  const epochOrder = (epoch: number): ((index: number) => number) => {
    if (order === 'sequential') return (index) => index * contextLength
    const rng = root.fork(epoch)
    const start = rng.integer(leftOver + 1)
    const permute = createPermutation(windowsPerEpoch, rng)
    return (index) => start + permute(index) * contextLength
  }

  const offsets = (step: number): Float64Array => {
    if (!Number.isSafeInteger(step) || step < 0)
      throw new DataError('data-option', `a step is a whole number from 0 on, not ${step}`)
    const starts = new Float64Array(batchSize)
    if (order === 'random') {
      const rng = root.fork(step)
      for (let b = 0; b < batchSize; b++) starts[b] = rng.integer(tokens.length - contextLength)
      return starts
    }
    let epoch = -1
    let startOf = (index: number) => index
    for (let b = 0; b < batchSize; b++) {
      const sample = step * batchSize + b
      const sampleEpoch = Math.floor(sample / windowsPerEpoch)
      if (sampleEpoch !== epoch) {
        epoch = sampleEpoch
        startOf = epochOrder(epoch)
      }
      starts[b] = startOf(sample % windowsPerEpoch)
    }
    return starts
  }

  return {
    windowsPerEpoch,
    stepsPerEpoch: windowsPerEpoch / batchSize,
    offsets,
    batches(step, k = 1) {
      if (!Number.isSafeInteger(k) || k < 1)
        throw new DataError('data-option', `k must be a whole number from 1 on, not ${k}`)
      const inputs = new Int32Array(k * batchSize * contextLength)
      const targets = new Int32Array(inputs.length)
      const window = new Int32Array(contextLength + 1)
      let row = 0
      for (let i = 0; i < k; i++) {
        for (const start of offsets(step + i)) {
          tokens.read(start, contextLength + 1, window, 0)
          inputs.set(window.subarray(0, contextLength), row)
          targets.set(window.subarray(1), row)
          row += contextLength
        }
      }
      return { inputs, targets }
    },
  }
}
