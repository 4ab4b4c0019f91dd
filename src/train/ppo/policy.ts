/**
 * What policy and critic say of answers: symbolic, and compiled for the rollouts of a step.
 *
 * Shapes: B rows of T tokens, R tokens of an answer, C = width, V vocabulary.
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
import { type AnswerRows, answerBatch } from './rollout.js'

export interface PolicyOptions {
  readonly temperature: number
  /** Tokens that can be drawn: the tokenizer's. Rows of the embedding beyond them are no tokens. */
  readonly vocabulary: number
}

/** The states that predict the tokens of the answers: [B, R, C]. */
function answerStates(config: GptConfig, params: Params, ids: Tensor, at: Tensor): Tensor {
  const hidden = gptHidden(config, params, ids) // (B, T, C)
  return gather(reshape(hidden, [-1, config.width]), at)
}

/** ln p of the answers' tokens as they are drawn, and the entropy (without gradient) of each draw: [B, R] each. */
export function answerLogProbs(
  config: GptConfig,
  params: Params,
  { ids, at, targets }: { ids: Tensor; at: Tensor; targets: Tensor },
  { temperature, vocabulary }: PolicyOptions,
): { logProbs: Tensor; entropy: Tensor } {
  const [B, R] = at.shape as [number, number]
  const states = reshape(answerStates(config, params, ids, at), [B * R, config.width])
  const flat = reshape(targets, [B * R])
  const output = params[config.tied ? 'model.embed_tokens.weight' : 'lm_head.weight']!
  const pieceOf = (h: Tensor, chosen: Tensor, weight: Tensor) => {
    const weights = { [config.tied ? 'model.embed_tokens.weight' : 'lm_head.weight']: weight }
    const all = gptLogits(config, weights, h)
    const logits = vocabulary < config.vocabSize ? slice(all, [undefined, [0, vocabulary]]) : all
    const { logProbs, entropy } = tokenLogProbs(logits, chosen, temperature)
    return [logProbs, stopGradient(entropy)] as const
  }
  const rows = Math.max(64, Math.floor(2 ** 23 / config.vocabSize))
  const pieces = Array.from({ length: Math.ceil((B * R) / rows) }, (_, i) => {
    const range = [i * rows, Math.min(B * R, (i + 1) * rows)] as const
    // Where all logits at once would be too much, those of each piece are computed again for the gradient.
    const piece = B * R > rows ? checkpoint(pieceOf) : pieceOf
    return piece(slice(states, [range]), slice(flat, [range]), output)
  })
  const join = (which: 0 | 1) => reshape(concat(pieces.map((piece) => piece[which])), [B, R])
  return { logProbs: join(0), entropy: join(1) }
}

/** What is expected of each answer before each of its tokens: [B, R], from a decoder with a scalar head. */
export function answerValues(
  config: GptConfig,
  params: Params,
  { ids, at }: { ids: Tensor; at: Tensor },
): Tensor {
  const states = answerStates(config, params, ids, at)
  return reshape(linear(states, params['score.weight']!, params['score.bias']), at.shape)
}

/** Numbers of all answers' tokens: [N, R], row-major; what stands in the padding means nothing. */
export interface Evaluation {
  readonly logProbs: Float32Array
  readonly entropy: Float32Array
}

export interface Evaluator<Out> {
  (params: Weights, rows: AnswerRows): Promise<Out>
  dispose(): Promise<void>
}

/** Measures log-probabilities of rollouts, `batchSize` rows at a time. */
export function policyEvaluator(
  config: GptConfig,
  device: Device,
  batchSize: number,
  options: PolicyOptions,
): Evaluator<Evaluation> {
  const program = jit<
    [Weights, Record<'ids' | 'at' | 'targets', NDArray>],
    Record<'logProbs' | 'entropy', Tensor>
  >((params, batch) => answerLogProbs(config, params, batch, options), { device })
  const evaluate = async (params: Weights, rows: AnswerRows) => {
    const logProbs = new Float32Array(rows.count * rows.width)
    const entropy = new Float32Array(rows.count * rows.width)
    await eachPart(rows, batchSize, async ({ ids, at, targets }, start, size) => {
      const out = await program(params, { ids, at, targets })
      logProbs.set((out.logProbs.data as Float32Array).subarray(0, size), start)
      entropy.set((out.entropy.data as Float32Array).subarray(0, size), start)
    })
    return { logProbs, entropy }
  }
  return Object.assign(evaluate, { dispose: () => program.dispose() })
}

/** Measures values of rollouts, `batchSize` rows at a time. */
export function valueEvaluator(
  config: GptConfig,
  device: Device,
  batchSize: number,
): Evaluator<Float32Array> {
  const program = jit<[Weights, Record<'ids' | 'at', NDArray>], Tensor>(
    (params, batch) => answerValues(config, params, batch),
    { device },
  )
  const evaluate = async (params: Weights, rows: AnswerRows) => {
    const values = new Float32Array(rows.count * rows.width)
    await eachPart(rows, batchSize, async ({ ids, at }, start, size) => {
      const out = await program(params, { ids, at })
      values.set((out.data as Float32Array).subarray(0, size), start)
    })
    return values
  }
  return Object.assign(evaluate, { dispose: () => program.dispose() })
}

/** Rows in parts of equal size, the last filled up with its first row: one program serves all. */
async function eachPart(
  rows: AnswerRows,
  batchSize: number,
  run: (batch: ReturnType<typeof answerBatch>, start: number, size: number) => Promise<void>,
): Promise<void> {
  const size = Math.min(batchSize, rows.count)
  for (let start = 0; start < rows.count; start += size) {
    const real = Math.min(size, rows.count - start)
    const chosen = Array.from({ length: size }, (_, i) => start + (i < real ? i : 0))
    await run(answerBatch(rows, chosen), start * rows.width, real * rows.width)
  }
}
