/** How likely a model finds given tokens, one number for each: what DPO, PPO and their relatives compare. */
import {
  concat,
  customVjp,
  div,
  exp,
  formatType,
  isStatic,
  logSoftmax,
  matmul,
  mul,
  reshape,
  scatterAdd,
  slice,
  softCap,
  square,
  sub,
  type Tensor,
  TensorError,
  takeAlongAxis,
} from '../tensor/index.js'
import { type ForwardOptions, gptHidden, type Params } from './gpt.js'
import type { GptConfig } from './gpt-config.js'

export interface LogProbsOptions extends ForwardOptions {
  /** The logits are divided by it. Default 1. */
  readonly temperature?: number
  /** Tokens whose logits exist at a time. Default about 4 M logits. */
  readonly rowsPerChunk?: number
}

/**
 * log p of each token given those before it: ids i32 [B, T] -> [B, T - 1], entry t that of token t + 1. The gradient never
 * holds more than the log-probabilities of one chunk beside those that the forward pass keeps.
 */
export function gptLogProbs(
  config: GptConfig,
  params: Params,
  ids: Tensor,
  options: LogProbsOptions = {},
): Tensor {
  if (!isStatic(ids.shape) || ids.rank !== 2 || (ids.shape[1] as number) < 2)
    throw new TensorError('shape', `gptLogProbs: ids ${formatType(ids)} must be [B, T] with T of 2 or more`)
  const [B, T] = ids.shape as [number, number]
  const { temperature = 1 } = options
  const weight = params[config.tied ? 'model.embed_tokens.weight' : 'lm_head.weight']!
  const [V, C] = weight.shape as [number, number]
  const rows = B * (T - 1)
  const hidden = gptHidden(config, params, ids, options)
  const x = reshape(slice(hidden, [undefined, [0, T - 1]]), [rows, C])
  const targets = reshape(slice(ids, [undefined, [1, T]]), [rows, 1])
  const step = options.rowsPerChunk ?? Math.max(64, Math.floor(2 ** 22 / V))
  const parts: Tensor[] = []
  for (let start = 0; start < rows; start += step) {
    const range = [start, Math.min(rows, start + step)] as const
    parts.push(chunk(slice(x, [range]), weight, slice(targets, [range]), temperature, config.logitSoftCap))
  }
  return reshape(parts.length === 1 ? parts[0]! : concat(parts), [B, T - 1])
}

/** x [n, C], weight [V, C], targets [n, 1] -> [n, 1]. */
function chunk(x: Tensor, weight: Tensor, targets: Tensor, temperature: number, cap?: number): Tensor {
  const logitsOf = (h: Tensor, w: Tensor) => {
    const logits = matmul(h, w, { transB: true })
    return cap === undefined ? logits : softCap(logits, cap)
  }
  const scaled = (logits: Tensor) => (temperature === 1 ? logits : div(logits, temperature))
  const run = customVjp(
    (h, w, ids) => [takeAlongAxis(logSoftmax(scaled(logitsOf(h!, w!))), ids!)],
    ({ inputs: [h, w, ids], cotangents: [g] }) => {
      const logits = logitsOf(h!, w!)
      const share = scaled(g!)
      // d log p(id) / d logits = (1 at id) - p
      const spread = mul(exp(logSoftmax(scaled(logits))), mul(share, -1))
      const gradient = scatterAdd(spread, ids!, share)
      const inner = cap === undefined ? gradient : mul(gradient, sub(1, square(mul(logits, 1 / cap))))
      return [matmul(inner, w!), matmul(inner, h!, { transA: true }), undefined]
    },
  )
  return run(x, weight, targets)[0]!
}
