/** What is done to logits before a token is drawn, and what is told of them afterwards. */
import type { Tokenizer } from '../../text/portable.js'
import { logProbability } from '../sampler.js'
import type { AlternativeLogprob, TokenLogprob } from './types.js'

export interface LogitRules {
  /** Of all tokens so far (CTRL, Keskar et al. 2019). */
  readonly repetitionPenalty: number
  /** Taken from the logits of tokens that were drawn, once ... */
  readonly presencePenalty: number
  /** ... and for each time. */
  readonly frequencyPenalty: number
  readonly bias: readonly (readonly [id: number, value: number])[]
}

/** The logits under the rules; the array itself is left alone. @param allowed one bit for each token; the others become impossible */
export function adjustLogits(
  logits: Float32Array,
  { repetitionPenalty, presencePenalty, frequencyPenalty, bias }: LogitRules,
  tokens: readonly number[],
  drawn: ReadonlyMap<number, number>,
  allowed: Uint32Array | undefined,
): Float32Array {
  const penalizes = presencePenalty !== 0 || frequencyPenalty !== 0
  if (repetitionPenalty === 1 && !penalizes && bias.length === 0 && !allowed) return logits
  const out = logits.slice()
  if (repetitionPenalty !== 1) {
    for (const token of new Set(tokens)) {
      const value = out[token]!
      out[token] = value > 0 ? value / repetitionPenalty : value * repetitionPenalty
    }
  }
  if (penalizes) for (const [token, count] of drawn) out[token]! -= presencePenalty + frequencyPenalty * count
  for (const [token, value] of bias) out[token]! += value
  if (allowed) {
    for (let token = 0; token < out.length; token++)
      if (((allowed[token >> 5]! >>> (token & 31)) & 1) === 0) out[token] = Number.NEGATIVE_INFINITY
  }
  return out
}

/** A token's log-probability under the model itself, with the `count` likeliest tokens. */
export function tokenLogprob(
  logits: Float32Array,
  token: number,
  count: number,
  tokenizer: Tokenizer | undefined,
): TokenLogprob {
  const top = count === 0 ? [] : likeliest(logits, count)
  // One pass over the vocabulary: ln p differs between tokens as their logits do.
  const own = logProbability(logits, token)
  const told = (id: number): AlternativeLogprob => ({
    ...spelling(id, tokenizer),
    id,
    logprob: own + (logits[id]! - logits[token]!),
  })
  return { ...told(token), top: top.map(told) }
}

const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })

/** A token's text and bytes; special tokens, which add nothing to the text, by their names and without bytes. */
export function spelling(id: number, tokenizer: Tokenizer | undefined): { token: string; bytes: number[] } {
  const name = tokenizer?.idToToken(id)
  if (!tokenizer || name === undefined) return { token: '', bytes: [] }
  if (tokenizer.specialTokens.has(name)) return { token: name, bytes: [] }
  const bytes = tokenizer.idToBytes(id)
  return { token: utf8.decode(bytes), bytes: [...bytes] }
}

/** Ids of the highest logits, highest first, the first of equals. */
function likeliest(logits: Float32Array, count: number): number[] {
  const best: number[] = []
  for (let id = 0; id < logits.length; id++) {
    if (best.length === count && logits[id]! <= logits[best.at(-1)!]!) continue
    let at = best.length
    while (at > 0 && logits[best[at - 1]!]! < logits[id]!) at--
    best.splice(at, 0, id)
    if (best.length > count) best.pop()
  }
  return best
}
