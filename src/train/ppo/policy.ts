/**
 * What policy and critic say of answers: symbolic, and compiled for the rollouts of a step.
 *
 * Shapes: B rows of T tokens, K tokens of answers in them, C = width, V vocabulary.
 */
import { type GptConfig, gptHidden, gptLogits, type Params } from '../../models/index.js'
import { linear } from '../../nn/index.js'
import {
  checkpoint,
  concat,
  type Device,
  gather,
  jit,
  type NDArray,
  reshape,
  slice,
  stopGradient,
  type Tensor,
} from '../../tensor/index.js'
import type { Weights } from '../training-step.js'
import { tokenLogProbs } from './losses.js'
import { type EpisodeBatch, type Episodes, packEpisodes } from './rollout.js'

export interface PolicyOptions {
  readonly temperature: number
  /** Tokens that can be drawn: the tokenizer's. Rows of the embedding beyond them are no tokens. */
  readonly vocabulary: number
}

/** What is read of episodes: `EpisodeBatch`, traced. */
export interface EpisodeInput {
  readonly ids: Tensor
  readonly positions: Tensor
  readonly documents: Tensor
  readonly at: Tensor
}

/** The states that predict the tokens of the answers: [K, C]. */
function answerStates(config: GptConfig, params: Params, { ids, positions, documents, at }: EpisodeInput) {
  const hidden = gptHidden(config, params, ids, { positions, documents }) // (B, T, C)
  return gather(reshape(hidden, [-1, config.width]), at)
}

/** ln p of the answers' tokens as they are drawn, and the entropy (without gradient) of each draw: [K] each. */
export function answerLogProbs(
  config: GptConfig,
  params: Params,
  batch: EpisodeInput & { readonly targets: Tensor },
  { temperature, vocabulary }: PolicyOptions,
): { logProbs: Tensor; entropy: Tensor } {
  const K = batch.at.shape[0] as number
  const states = answerStates(config, params, batch)
  const output = params[config.tied ? 'model.embed_tokens.weight' : 'lm_head.weight']!
  const pieceOf = (h: Tensor, chosen: Tensor, weight: Tensor) => {
    const weights = { [config.tied ? 'model.embed_tokens.weight' : 'lm_head.weight']: weight }
    const all = gptLogits(config, weights, h)
    const logits = vocabulary < config.vocabSize ? slice(all, [undefined, [0, vocabulary]]) : all
    const { logProbs, entropy } = tokenLogProbs(logits, chosen, temperature)
    return [logProbs, stopGradient(entropy)] as const
  }
  const rows = Math.max(64, Math.floor(2 ** 23 / config.vocabSize))
  const pieces = Array.from({ length: Math.ceil(K / rows) }, (_, i) => {
    const range = [i * rows, Math.min(K, (i + 1) * rows)] as const
    // Where all logits at once would be too much, those of each piece are computed again for the gradient.
    const piece = K > rows ? checkpoint(pieceOf) : pieceOf
    return piece(slice(states, [range]), slice(batch.targets, [range]), output)
  })
  const join = (which: 0 | 1) => concat(pieces.map((piece) => piece[which]))
  return { logProbs: join(0), entropy: join(1) }
}

/** What is expected of each answer before each of its tokens: [K], from a decoder with a scalar head. */
export function answerValues(config: GptConfig, params: Params, batch: EpisodeInput): Tensor {
  const states = answerStates(config, params, batch)
  return reshape(linear(states, params['score.weight']!, params['score.bias']), batch.at.shape)
}

/** Numbers of all answers' tokens: [N, width], row-major, 0 in the padding. */
export interface Evaluation {
  readonly logProbs: Float32Array
  readonly entropy: Float32Array
}

export interface Evaluator<Out> {
  (params: Weights, episodes: Episodes): Promise<Out>
  dispose(): Promise<void>
}

/** Measures log-probabilities of rollouts, `batchSize` episodes at a time. */
export function policyEvaluator(
  config: GptConfig,
  device: Device,
  batchSize: number,
  options: PolicyOptions,
): Evaluator<Evaluation> {
  const program = jit<[Weights, EpisodeBatch], Record<'logProbs' | 'entropy', Tensor>>(
    (params, batch) => answerLogProbs(config, params, batch, options),
    { device },
  )
  const evaluate = async (params: Weights, episodes: Episodes) => {
    const [logProbs, entropy] = [0, 1].map(() => new Float32Array(episodes.count * episodes.width))
    for (const { batch, source } of parts(episodes, batchSize)) {
      const out = await program(params, batch)
      putTokens(logProbs!, out.logProbs, source)
      putTokens(entropy!, out.entropy, source)
    }
    return { logProbs: logProbs!, entropy: entropy! }
  }
  return Object.assign(evaluate, { dispose: () => program.dispose() })
}

/** Measures values of rollouts, `batchSize` episodes at a time. */
export function valueEvaluator(
  config: GptConfig,
  device: Device,
  batchSize: number,
): Evaluator<Float32Array> {
  const program = jit<[Weights, Omit<EpisodeBatch, 'targets' | 'mask'>], Tensor>(
    (params, batch) => answerValues(config, params, batch),
    { device },
  )
  const evaluate = async (params: Weights, episodes: Episodes) => {
    const values = new Float32Array(episodes.count * episodes.width)
    for (const { batch, source } of parts(episodes, batchSize)) {
      const { ids, positions, documents, at } = batch
      putTokens(values, await program(params, { ids, positions, documents, at }), source)
    }
    return values
  }
  return Object.assign(evaluate, { dispose: () => program.dispose() })
}

function* parts(episodes: Episodes, batchSize: number) {
  for (let start = 0; start < episodes.count; start += batchSize) {
    const size = Math.min(batchSize, episodes.count - start)
    yield packEpisodes(
      episodes,
      Array.from({ length: size }, (_, i) => start + i),
    )
  }
}

/** The reverse of `takeTokens`. */
function putTokens(out: Float32Array, tokens: NDArray, source: Int32Array): void {
  const data = tokens.data as Float32Array
  source.forEach((to, k) => {
    out[to] = data[k]!
  })
}
