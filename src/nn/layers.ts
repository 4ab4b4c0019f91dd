/** The few layers that models are made of, as functions of parameters and input. Weights are [out, in], as in PyTorch. */
import {
  add,
  embedding,
  gelu,
  layerNorm,
  matmul,
  mul,
  type QuantizedMatrix,
  quantizedEmbedding,
  quantizedMatmul,
  relu,
  reluSquared,
  rmsNorm,
  silu,
  Tensor,
} from '../tensor/index.js'

/** A matrix in single precision, or in 8 or 4 bits (for inference: those have no gradient). */
export type Matrix = Tensor | QuantizedMatrix

/** x [..., in] W^T + b -> [..., out]. */
export function linear(x: Tensor, weight: Matrix, bias?: Tensor): Tensor {
  const y = weight instanceof Tensor ? matmul(x, weight, { transB: true }) : quantizedMatmul(x, weight)
  return bias ? add(y, bias) : y
}

/** Rows of a table [V, width] for ids [...]: [..., width]. */
export function embed(table: Matrix, ids: Tensor, width: number): Tensor {
  return table instanceof Tensor ? embedding(table, ids) : quantizedEmbedding(table, ids, width)
}

/** Activations of one input; the gated ones multiply one projection by the activation of another. */
export const activations = {
  gelu: (x: Tensor) => gelu(x),
  geluTanh: (x: Tensor) => gelu(x, { approximate: 'tanh' }),
  relu,
  reluSquared,
  silu,
} as const

export type Activation = keyof typeof activations

export interface MlpWeights {
  readonly up: Matrix
  readonly down: Matrix
  /** Present for gated units (SwiGLU, GEGLU; Shazeer 2020). */
  readonly gate?: Matrix | undefined
  readonly upBias?: Tensor | undefined
  readonly downBias?: Tensor | undefined
  readonly gateBias?: Tensor | undefined
}

/** Two linear layers with an activation between: [..., C] -> [..., C]. */
export function mlp(x: Tensor, weights: MlpWeights, activation: Activation): Tensor {
  const act = activations[activation]
  const up = linear(x, weights.up, weights.upBias)
  const inner = weights.gate ? mul(act(linear(x, weights.gate, weights.gateBias)), up) : act(up)
  return linear(inner, weights.down, weights.downBias)
}

export interface NormOptions {
  readonly kind: 'layerNorm' | 'rmsNorm'
  readonly epsilon: number
}

/** LayerNorm or RMSNorm over the last axis, with or without a learned weight and bias. */
export function norm(
  x: Tensor,
  weight: Tensor | undefined,
  bias: Tensor | undefined,
  options: NormOptions,
): Tensor {
  if (options.kind === 'layerNorm') return layerNorm(x, weight, bias, options.epsilon)
  const y = rmsNorm(x, weight, options.epsilon)
  return bias ? add(y, bias) : y
}
