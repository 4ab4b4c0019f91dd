/** Log-likelihoods of many continuations at once: padded batches of similar lengths through one program for each shape. */
import { paddedLength } from '../infer/index.js'
import { gptHidden, gptLogits } from '../models/index.js'
import {
  argmax,
  type Compiled,
  cast,
  compile,
  concat,
  crossEntropy,
  equal,
  gather,
  NDArray,
  reshape,
  slice,
  type Tensor,
} from '../tensor/index.js'
import { EvaluationError } from './errors.js'
import type { MeasurableModel } from './perplexity.js'

/** Tokens of which those from index `from` on are scored, each given all before it. */
export interface LikelihoodRequest {
  readonly ids: ArrayLike<number>
  /** At least 1: nothing predicts the first token. */
  readonly from: number
}

export interface Likelihood {
  /** Sum of ln p over the scored tokens. */
  readonly logLikelihood: number
  /** Tokens scored. */
  readonly tokens: number
  /** Whether each scored token is the one that greedy decoding takes. */
  readonly greedy: boolean
  /** Tokens at the beginning that did not fit in the context and were not seen when the first token was scored. */
  readonly dropped: number
}

export interface LikelihoodOptions {
  readonly signal?: AbortSignal | undefined
  /** Requests scored so far. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined
}

/** Tokens and attention scores of a batch at most: what keeps memory within a few hundred megabytes beside the weights. */
const BATCH_TOKENS = 2048
const BATCH_SCORES = 2 ** 24
const CHUNK_LOGITS = 2 ** 22

/** A part of a request that fits in the context: its tokens are `ids`, those from `from` on are scored. */
interface Piece {
  readonly request: number
  /** Where in the request it begins. */
  readonly start: number
  readonly ids: Int32Array
  readonly from: number
}

/**
 * Scores requests, in any order of lengths. What is longer than the context loses its beginning, and scored tokens that are more
 * than a context are read in windows that overlap by half, as in `perplexity`.
 *
 * @throws EvaluationError `eval/options` for a request without a scored token
 */
export async function logLikelihoods(
  model: MeasurableModel,
  requests: readonly LikelihoodRequest[],
  { signal, onProgress }: LikelihoodOptions = {},
): Promise<Likelihood[]> {
  const { contextLength } = model.config
  const pieces = requests.flatMap((request, i) => [...piecesOf(request, i, contextLength)])
  const sums = requests.map(() => ({ logLikelihood: 0, tokens: 0, greedy: true, dropped: Infinity }))
  const left = new Int32Array(requests.length)
  for (const { request, start } of pieces) {
    left[request]!++
    sums[request]!.dropped = Math.min(sums[request]!.dropped, start)
  }
  pieces.sort((a, b) => b.ids.length - a.ids.length)
  let done = 0
  for (let start = 0; start < pieces.length; ) {
    signal?.throwIfAborted()
    const length = paddedLength(pieces[start]!.ids.length - 1, contextLength)
    const rows = rowsFor(length, model.config.nHead, pieces.length - start)
    const batch = pieces.slice(start, start + rows)
    const { losses, greedy } = await score(model, batch, rows, length)
    let at = 0
    for (const { request, ids, from } of batch) {
      const sum = sums[request]!
      for (let i = from; i < ids.length; i++, at++) {
        sum.logLikelihood -= losses[at]!
        sum.greedy &&= greedy[at] === 1
        sum.tokens++
      }
      left[request]!--
      if (left[request] === 0) done++
    }
    start += rows
    onProgress?.(done, requests.length)
  }
  return sums
}

function* piecesOf({ ids, from }: LikelihoodRequest, request: number, length: number): Generator<Piece> {
  const all = Int32Array.from(ids)
  const last = all.length - 1
  if (!(Number.isInteger(from) && from >= 1 && from <= last)) {
    throw new EvaluationError(
      'eval/options',
      `request ${request} has ${all.length} tokens and none to score from ${from} on; a continuation needs at least one token, and a token before it`,
    )
  }
  // What fits is read at once, if need be without its beginning.
  const first = last - from < length ? last : Math.max(length, from - 1 + Math.ceil(length / 2))
  for (let scored = from - 1; scored < last; ) {
    const end = scored === from - 1 ? first : Math.min(last, scored + Math.ceil(length / 2))
    const start = Math.max(0, end - length)
    yield { request, start, ids: all.subarray(start, end + 1), from: scored - start + 1 }
    scored = end
  }
}

/** A power of two from 16 on, or the limit: few distinct shapes, so that programs are shared. */
function bucket(size: number, limit: number): number {
  return Math.min(limit, 2 ** Math.max(4, Math.ceil(Math.log2(size))))
}

function rowsFor(length: number, heads: number, waiting: number): number {
  const room = Math.min(BATCH_TOKENS / length, BATCH_SCORES / (heads * length * length), 64)
  const most = 2 ** Math.max(0, Math.floor(Math.log2(room)))
  return Math.min(most, 2 ** Math.ceil(Math.log2(waiting)))
}

/** Losses of the scored tokens of a batch, piece after piece, and 1 where the token is the likeliest. */
async function score(model: MeasurableModel, batch: readonly Piece[], rows: number, length: number) {
  const scored = batch.reduce((sum, { ids, from }) => sum + ids.length - from, 0)
  const places = bucket(scored, rows * length)
  const ids = new Int32Array(rows * length)
  // Places that are not used look at the first token and are not read.
  const at = new Int32Array(places)
  const targets = new Int32Array(places)
  let place = 0
  batch.forEach((piece, row) => {
    ids.set(piece.ids.subarray(0, -1), row * length)
    for (let i = piece.from; i < piece.ids.length; i++, place++) {
      at[place] = row * length + i - 1
      targets[place] = piece.ids[i]!
    }
  })
  const program = await model.program(`likelihood ${rows} ${length} ${places}`, () =>
    compileScores(model, rows, length, places),
  )
  const result = await program(
    model.params,
    new NDArray('i32', [rows, length], ids),
    new NDArray('i32', [places], at),
    new NDArray('i32', [places], targets),
  )
  return { losses: (await result.losses.read()) as Float32Array, greedy: await result.greedy.read() }
}

type Scores = Compiled<
  [Readonly<Record<string, NDArray>>, NDArray, NDArray, NDArray],
  { losses: NDArray; greedy: NDArray }
>

function compileScores(
  model: MeasurableModel,
  rows: number,
  length: number,
  places: number,
): Promise<Scores> {
  const { config } = model
  const scores = (params: Readonly<Record<string, Tensor>>, ids: Tensor, at: Tensor, targets: Tensor) => {
    const hidden = reshape(gptHidden(config, params, ids), [rows * length, config.width]) // (B*T, C)
    const picked = gather(hidden, at) // (N, C)
    const losses: Tensor[] = []
    const greedy: Tensor[] = []
    const step = Math.max(1, Math.min(places, Math.floor(CHUNK_LOGITS / config.vocabSize)))
    for (let start = 0; start < places; start += step) {
      const range = [start, Math.min(places, start + step)] as const
      const logits = gptLogits(config, params, slice(picked, [range])) // (n, V)
      const wanted = slice(targets, [range])
      losses.push(crossEntropy(logits, wanted, { reduction: 'none' }))
      greedy.push(cast(equal(argmax(logits, -1), wanted), 'i32'))
    }
    return { losses: concat(losses), greedy: concat(greedy) }
  }
  const vector = { shape: [places], dtype: 'i32' as const }
  const compiled: unknown = compile(
    scores as never,
    [model.params, { shape: [rows, length], dtype: 'i32' as const }, vector, vector],
    { device: model.device },
  )
  return compiled as Promise<Scores>
}
