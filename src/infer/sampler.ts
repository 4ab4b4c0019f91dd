/** From logits to the next token. Pure: the same logits, history and generator give the same token. */
import { z } from 'zod'
import type { Rng } from '../rng.js'
import { InferError } from './errors.js'
import { fastExp } from './fast-exp.js'

export const samplingSchema = z.object({
  /** Divides the logits; 0 always takes the likeliest token (the first of equals). */
  temperature: z.number().min(0).default(0.8),
  /** Only the k likeliest tokens (Fan et al. 2018). */
  topK: z.number().int().min(1).optional(),
  /** Only the likeliest tokens that together have this probability (nucleus sampling, Holtzman et al. 2020). */
  topP: z.number().gt(0).max(1).optional(),
  /** Only tokens at least this likely relative to the likeliest (Nguyen et al. 2024). */
  minP: z.number().min(0).max(1).optional(),
  /** Logits of tokens that were there are divided (negative ones multiplied) by this (CTRL, Keskar et al. 2019). */
  repetitionPenalty: z.number().positive().default(1),
})

export type SamplingOptions = z.input<typeof samplingSchema>
export type Sampling = z.output<typeof samplingSchema>

export interface Sampled {
  readonly token: number
  /** ln of the probability of the token under the model itself: before temperature, penalty and filters. */
  readonly logProbability: number
}

/**
 * Draws the next token. The order is transformers': penalty, temperature, top-k, top-p, min-p; each works on what the one
 * before left.
 * @param history the tokens so far, prompt included, for the repetition penalty
 * @throws InferError `infer/logits` where a logit is NaN or +infinity, or all are -infinity
 */
export function sample(
  logits: Float32Array,
  sampling: Sampling,
  rng: Rng,
  history: readonly number[] = [],
): number {
  const likeliest = checkLogits(logits)
  const scores = penalize(logits, history, sampling.repetitionPenalty)
  const best = scores === logits ? likeliest : greedy(scores)
  if (sampling.temperature === 0) return best
  const { topK, topP = 1, minP = 0 } = sampling
  if (topK === undefined && topP === 1 && minP === 0)
    return drawn(scores, scores[best]!, sampling.temperature, rng)
  const { candidates, weights } = distribution(scores, scores[best]!, sampling)
  let total = 0
  for (const weight of weights) total += weight
  let left = rng.uniform() * total
  for (let i = 0; i < candidates.length; i++) {
    left -= weights[i]!
    if (left < 0) return candidates[i]!
  }
  return candidates[weights.findLastIndex((weight) => weight > 0)]!
}

/** A draw from softmax(scores / temperature), without filters: what rollouts spend their time on. */
function drawn(scores: Float32Array, top: number, temperature: number, rng: Rng): number {
  const weights = new Float64Array(scores.length)
  let total = 0
  for (let i = 0; i < weights.length; i++) {
    const weight = fastExp((scores[i]! - top) / temperature)
    weights[i] = weight
    total += weight
  }
  let left = rng.uniform() * total
  for (let i = 0; i < weights.length; i++) {
    left -= weights[i]!
    if (left < 0) return i
  }
  return weights.findLastIndex((weight) => weight > 0)
}

/** The index of the highest logit, the first of equals. */
export function greedy(logits: ArrayLike<number>): number {
  let best = 0
  let highest = logits[0]!
  for (let i = 1; i < logits.length; i++) {
    if (logits[i]! > highest) {
      highest = logits[i]!
      best = i
    }
  }
  return best
}

/** ln softmax(logits / temperature)[token], in double precision. */
export function logProbability(logits: ArrayLike<number>, token: number, temperature = 1): number {
  const top = logits[greedy(logits)]!
  let total = 0
  for (let i = 0; i < logits.length; i++) total += fastExp((logits[i]! - top) / temperature)
  return (logits[token]! - top) / temperature - Math.log(total)
}

/** The index of the highest logit, the first of equals, like `greedy`. */
function checkLogits(logits: Float32Array): number {
  let best = -1
  let highest = Number.NEGATIVE_INFINITY
  for (let i = 0; i < logits.length; i++) {
    const value = logits[i]!
    // False for NaN too.
    if (!(value < Number.POSITIVE_INFINITY)) {
      throw new InferError(
        'infer/logits',
        `the model's logit for token ${i} is ${value}: its weights are damaged or its training diverged; use an earlier checkpoint`,
      )
    }
    if (value > highest) {
      highest = value
      best = i
    }
  }
  if (best >= 0) return best
  throw new InferError(
    'infer/logits',
    `none of the ${logits.length} tokens is possible: every logit is -Infinity`,
  )
}

function penalize(logits: Float32Array, history: readonly number[], penalty: number): Float32Array {
  if (penalty === 1 || history.length === 0) return logits
  const out = logits.slice()
  for (const token of new Set(history)) {
    const value = out[token]
    if (value !== undefined) out[token] = value > 0 ? value / penalty : value * penalty
  }
  return out
}

/** The tokens that may be drawn, ascending, and their weights (probabilities, up to a factor). */
function distribution(
  scores: Float32Array,
  top: number,
  sampling: Sampling,
): { candidates: Int32Array; weights: Float64Array } {
  const { temperature, topK, topP, minP } = sampling
  let candidates = topK !== undefined && topK < scores.length ? largest(scores, topK) : indices(scores.length)
  let weights = new Float64Array(candidates.length)
  for (let i = 0; i < weights.length; i++) weights[i] = fastExp((scores[candidates[i]!]! - top) / temperature)
  const keep = (positions: readonly number[]) => {
    candidates = Int32Array.from(positions, (at) => candidates[at]!)
    weights = Float64Array.from(positions, (at) => weights[at]!)
  }
  if (topP !== undefined && topP < 1) keep(nucleus(weights, topP))
  // The likeliest token has weight 1.
  if (minP !== undefined && minP > 0) keep([...weights.keys()].filter((at) => weights[at]! >= minP))
  return { candidates, weights }
}

function indices(length: number): Int32Array {
  const out = new Int32Array(length)
  for (let i = 0; i < length; i++) out[i] = i
  return out
}

/** Positions of the smallest set of largest weights whose sum reaches the share; ascending. */
function nucleus(weights: Float64Array, share: number): number[] {
  let total = 0
  for (const weight of weights) total += weight
  // What is lighter than this weighs less than 1 - share all together, so it cannot be needed; sorting skips it.
  const floor = ((1 - share) * total) / weights.length
  const heavy: number[] = []
  for (let i = 0; i < weights.length; i++) if (weights[i]! >= floor) heavy.push(i)
  heavy.sort((a, b) => weights[b]! - weights[a]! || a - b)
  let sum = 0
  let end = 0
  while (end < heavy.length && sum < share * total) sum += weights[heavy[end++]!]!
  return heavy.slice(0, end).sort((a, b) => a - b)
}

/** Indices of the k largest, the first of equals; ascending. A heap of the k best so far, worst on top. */
function largest(scores: Float32Array, k: number): Int32Array {
  const heap = new Int32Array(k)
  const worse = (a: number, b: number) => scores[a]! < scores[b]! || (scores[a] === scores[b] && a > b)
  const sink = (from: number, size: number) => {
    let at = from
    for (;;) {
      let child = 2 * at + 1
      if (child >= size) return
      if (child + 1 < size && worse(heap[child + 1]!, heap[child]!)) child++
      if (!worse(heap[child]!, heap[at]!)) return
      const moved = heap[at]!
      heap[at] = heap[child]!
      heap[child] = moved
      at = child
    }
  }
  for (let i = 0; i < k; i++) heap[i] = i
  for (let i = (k >> 1) - 1; i >= 0; i--) sink(i, k)
  for (let i = k; i < scores.length; i++) {
    if (worse(heap[0]!, i)) {
      heap[0] = i
      sink(0, k)
    }
  }
  return heap.sort()
}
