/** Cross-entropy over a vocabulary, from logits or straight from hidden states. */
import { isStatic, shapesEqual, sizeOf } from '../dim.js'
import { TensorError } from '../errors.js'
import { formatType, type Tensor } from '../tensor.js'
import { softCap } from './activation.js'
import { full } from './constant.js'
import { customVjp } from './control.js'
import { add, cast, div, exp, maximum, mul, notEqual, square, sub, where } from './elementwise.js'
import { scatterAdd, takeAlongAxis } from './indexing.js'
import { matmul } from './linear.js'
import { reshape, slice } from './movement.js'
import { mean, sum } from './reduce.js'
import { logSoftmax } from './softmax.js'

export interface CrossEntropyOptions {
  /** Targets of this value do not count. Default -100, as PyTorch. */
  readonly ignoreIndex?: number
  /** Mixes the target with the uniform distribution (Szegedy et al. 2016). Default 0. */
  readonly labelSmoothing?: number
  /** Adds zLoss * logsumexp(logits)^2, which keeps logits from drifting (PaLM). Default 0. */
  readonly zLoss?: number
  /** 'mean' is over the targets that count (0 if none does). Default 'mean'. */
  readonly reduction?: 'mean' | 'sum' | 'none'
}

export interface LinearCrossEntropyOptions extends Omit<CrossEntropyOptions, 'reduction'> {
  readonly reduction?: 'mean' | 'sum'
  /** Rows of x taken at a time: logits exist for that many only. Default about 4 M logits. */
  readonly rowsPerChunk?: number
  /** Limits logits to +-softCap by a tanh (Gemma 2). */
  readonly softCap?: number
}

/**
 * Cross-entropy of logits [..., V] against target ids [...]. Result: a scalar, or [...] for reduction 'none'.
 * Matches torch.nn.functional.cross_entropy.
 */
export function crossEntropy(logits: Tensor, targets: Tensor, options: CrossEntropyOptions = {}): Tensor {
  if (!shapesEqual(logits.shape.slice(0, -1), targets.shape)) {
    throw new TensorError(
      'shape',
      `crossEntropy: logits ${formatType(logits)} and targets ${formatType(targets)} do not fit`,
    )
  }
  const { losses, counted } = rowLosses(logits, targets, options)
  return reduceLosses(losses, counted, options.reduction ?? 'mean')
}

/** Losses of each row, zero where the target is ignored, and 1 or 0 for whether it counts. */
function rowLosses(logits: Tensor, targets: Tensor, options: CrossEntropyOptions) {
  const { ignoreIndex = -100, labelSmoothing = 0, zLoss = 0 } = options
  const counted = cast(notEqual(targets, ignoreIndex), logits.dtype)
  const safe = validTargets(targets, ignoreIndex)
  const column = reshape(safe, [...targets.shape, 1])
  const logProbabilities = logSoftmax(logits)
  const picked = reshape(takeAlongAxis(logProbabilities, column), targets.shape)
  let losses = mul(picked, -(1 - labelSmoothing))
  if (labelSmoothing > 0) losses = sub(losses, mul(mean(logProbabilities, -1), labelSmoothing))
  if (zLoss > 0) {
    const logNormalizer = sub(reshape(takeAlongAxis(logits, column), targets.shape), picked)
    losses = add(losses, mul(square(logNormalizer), zLoss))
  }
  // Not a product: the loss of a row that does not count may be infinite.
  return {
    losses: where(notEqual(targets, ignoreIndex), losses, 0),
    counted,
    column,
    logProbabilities,
  }
}

/** Targets with ignored ones replaced by 0, so that they can be looked up. */
function validTargets(targets: Tensor, ignoreIndex: number): Tensor {
  return mul(targets, cast(notEqual(targets, ignoreIndex), targets.dtype))
}

function reduceLosses(losses: Tensor, counted: Tensor, reduction: 'mean' | 'sum' | 'none'): Tensor {
  if (reduction === 'none') return losses
  return reduction === 'sum' ? sum(losses) : div(sum(losses), maximum(sum(counted), 1))
}

/**
 * Cross-entropy of the logits x W^T against targets, computed a chunk of rows at a time: value and gradient without ever
 * holding all logits. x is [..., C], W (the output or the tied embedding) is [V, C], targets [...].
 * Equal to `crossEntropy(matmul(x, W, { transB: true }), targets)`.
 */
export function linearCrossEntropy(
  x: Tensor,
  weight: Tensor,
  targets: Tensor,
  options: LinearCrossEntropyOptions = {},
): Tensor {
  if (!isStatic(x.shape) || !isStatic(weight.shape) || weight.rank !== 2) {
    throw new TensorError(
      'shape',
      `linearCrossEntropy: x ${formatType(x)} and weight ${formatType(weight)} must have known sizes`,
    )
  }
  if (!shapesEqual(x.shape.slice(0, -1), targets.shape) || x.shape.at(-1) !== weight.shape[1]) {
    throw new TensorError(
      'shape',
      `linearCrossEntropy: x ${formatType(x)}, weight ${formatType(weight)} and targets ${formatType(targets)} do not fit`,
    )
  }
  const rows = sizeOf(targets.shape) as number
  const vocabulary = weight.shape[0] as number
  const step = Math.min(rows, options.rowsPerChunk ?? Math.max(64, Math.floor(2 ** 22 / vocabulary)))
  const flat = reshape(x, [rows, x.shape.at(-1)!])
  const ids = reshape(targets, [rows])
  const counted = cast(notEqual(ids, options.ignoreIndex ?? -100), x.dtype)
  const scale = options.reduction === 'sum' ? undefined : maximum(sum(counted), 1)
  const parts: Tensor[] = []
  for (let start = 0; start < rows; start += step) {
    const range = [start, Math.min(rows, start + step)] as const
    parts.push(chunkLoss(slice(flat, [range]), weight, slice(ids, [range]), options))
  }
  const total = parts.reduce(add)
  return scale ? div(total, scale) : total
}

/** Sum of the losses of one chunk, with a gradient that works from the probabilities in place. */
function chunkLoss(x: Tensor, weight: Tensor, targets: Tensor, options: LinearCrossEntropyOptions): Tensor {
  const { labelSmoothing = 0, zLoss = 0, softCap: cap } = options
  const logitsOf = (h: Tensor, w: Tensor) => {
    const logits = matmul(h, w, { transB: true })
    return cap === undefined ? logits : softCap(logits, cap)
  }
  const run = customVjp(
    (h, w, ids) => [sum(rowLosses(logitsOf(h!, w!), ids!, options).losses)],
    ({ inputs: [h, w, ids], cotangents: [g] }) => {
      const logits = logitsOf(h!, w!)
      const { logProbabilities, column, counted } = rowLosses(logits, ids!, options)
      let gradient = exp(logProbabilities)
      if (zLoss > 0) {
        const logNormalizer = sub(takeAlongAxis(logits, column), takeAlongAxis(logProbabilities, column))
        gradient = mul(gradient, add(mul(logNormalizer, 2 * zLoss), 1))
      }
      if (labelSmoothing > 0) gradient = sub(gradient, labelSmoothing / (w!.shape[0] as number))
      gradient = scatterAdd(gradient, column, full(column.shape, labelSmoothing - 1, gradient.dtype))
      if (cap !== undefined) gradient = mul(gradient, sub(1, square(mul(logits, 1 / cap))))
      // The factors of each row go onto the narrow side of the products instead of the wide one.
      const perRow = mul(reshape(counted, [h!.shape[0]!, 1]), g!)
      return [
        mul(matmul(gradient, w!), perRow),
        matmul(gradient, mul(h!, perRow), { transA: true }),
        undefined,
      ]
    },
  )
  return run(x, weight, targets)[0]!
}
