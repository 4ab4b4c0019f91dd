/** The few layers that models are made of, as functions of parameters and input. Weights are [out, in], as in PyTorch. */
import {
  add,
  gelu,
  layerNorm,
  matmul,
  mul,
  relu,
  reluSquared,
  rmsNorm,
  silu,
  type Tensor,
} from '../tensor/index.js'

/** x [..., in] W^T + b -> [..., out]. */
export function linear(x: Tensor, weight: Tensor, bias?: Tensor): Tensor {
  const y = matmul(x, weight, { transB: true })
  return bias ? add(y, bias) : y
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
  readonly up: Tensor
  readonly down: Tensor
  /** Present for gated units (SwiGLU, GEGLU; Shazeer 2020). */
  readonly gate?: Tensor | undefined
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
