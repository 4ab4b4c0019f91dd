/** Normalisation over the last axis, or over groups of channels. */
import { type Shape, shapesEqual, sizeOf } from '../dim.js'
import type { DType } from '../dtype.js'
import { TensorError } from '../errors.js'
import type { Emitter } from '../onnx/emitter.js'
import { apply, applyAll, formatType, type Primitive, type Tensor } from '../tensor.js'
import { isConstant, ones } from './constant.js'
import { add, mul, rsqrt, square, sub } from './elementwise.js'
import { broadcastTo, reshape } from './movement.js'
import { mean, sum } from './reduce.js'

interface NormAttrs {
  readonly epsilon: number
}

const perRow = (shape: Shape): Shape => [...shape.slice(0, -1), 1]

/** Inputs x, weight; outputs y = (x - mean) * inverse std * weight, mean, inverse std. */
const layerNormPrimitive: Primitive<NormAttrs> = {
  name: 'layerNorm',
  infer: ([x]) => [
    { shape: x!.shape, dtype: x!.dtype },
    { shape: perRow(x!.shape), dtype: x!.dtype },
    { shape: perRow(x!.shape), dtype: x!.dtype },
  ],
  vjp: ({ inputs: [x, weight], outputs: [, average, inverse], cotangents: [g, gMean, gInverse], wanted }) => {
    const normalized = mul(sub(x!, average!), inverse!)
    const [h, dWeight] = g ? normGradient(g, normalized, weight!, wanted) : []
    const centred = h && g && mul(sub(h, mean(mul(g, weight!), -1, { keepDims: true })), inverse!)
    const throughMean = gMean && broadcastTo(mul(gMean, 1 / lastSize(x!)), x!.shape)
    return [total(centred, throughMean, gInverse && inverseGradient(gInverse, normalized, inverse!)), dWeight]
  },
  lower: (e, [x, weight], { attrs: { epsilon }, inputs: [type] }) => {
    const { dtype } = type!
    if (dtype === 'f64') {
      const average = e.one('ReduceMean', [x!, e.ints([-1])], { keepdims: 1 })
      const centred = e.one('Sub', [x!, average])
      const inverse = inverseRms(e, centred, epsilon, dtype)
      return [e.one('Mul', [e.one('Mul', [centred, inverse]), weight!]), average, inverse]
    }
    const attributes = { axis: -1, epsilon: { float: epsilon } }
    const [y, ...statistics] = e.op('LayerNormalization', [x!, weight!], attributes, { outputs: 3 })
    // The statistics are in single precision, whatever x is.
    return [y!, ...statistics.map((name) => (dtype === 'f32' ? name : e.cast(name, dtype)))]
  },
}

/** 1 / sqrt(mean(x^2) + epsilon) over the last axis. */
function inverseRms(e: Emitter, x: string, epsilon: number, dtype: DType): string {
  const power = e.one('ReduceMean', [e.one('Mul', [x, x]), e.ints([-1])], { keepdims: 1 })
  return e.one('Reciprocal', [e.one('Sqrt', [e.one('Add', [power, e.scalar(dtype, epsilon)])])])
}

/** Inputs x, weight; outputs y = x * inverse rms * weight, inverse rms. */
const rmsNormPrimitive: Primitive<NormAttrs> = {
  name: 'rmsNorm',
  infer: ([x]) => [
    { shape: x!.shape, dtype: x!.dtype },
    { shape: perRow(x!.shape), dtype: x!.dtype },
  ],
  vjp: ({ inputs: [x, weight], outputs: [y, inverse], cotangents: [g, gInverse], wanted }) => {
    const normalized = isConstant(weight!, 1) ? y! : mul(x!, inverse!)
    const [h, dWeight] = g ? normGradient(g, normalized, weight!, wanted) : []
    const dx = h && mul(h, inverse!)
    return [total(dx, gInverse && inverseGradient(gInverse, normalized, inverse!)), dWeight]
  },
  lower: (e, [x, weight], { attrs: { epsilon }, inputs: [type] }) => {
    if (e.onCpuKernels && !e.portable && type!.dtype === 'f32') {
      return e.op(
        'SimplifiedLayerNormalization',
        [x!, weight!],
        { axis: -1, epsilon: { float: epsilon } },
        { outputs: 2 },
      )
    }
    const inverse = inverseRms(e, x!, epsilon, type!.dtype)
    return [e.one('Mul', [e.one('Mul', [x!, inverse]), weight!]), inverse]
  },
}

/**
 * What LayerNorm and RMSNorm share: with n the normalised input and h = g * weight, the gradient of x before the factor
 * of the inverse deviation is h - n * mean(h n) (LayerNorm also takes off mean(h)); that of the weight is sum(g n).
 */
function normGradient(g: Tensor, normalized: Tensor, weight: Tensor, wanted: readonly boolean[]) {
  const h = mul(g, weight)
  const dx = () => sub(h, mul(normalized, mean(mul(h, normalized), -1, { keepDims: true })))
  const dWeight = () =>
    sum(
      mul(g, normalized),
      normalized.shape.slice(0, -1).map((_, axis) => axis),
    )
  return [wanted[0] ? dx() : undefined, wanted[1] ? dWeight() : undefined] as const
}

/** The gradient of x through r = (variance + epsilon)^(-1/2): -r^2 (normalised x) / C. Only second derivatives ask for it. */
function inverseGradient(g: Tensor, normalized: Tensor, inverse: Tensor): Tensor {
  return mul(mul(normalized, mul(g, square(inverse))), -1 / lastSize(normalized))
}

function total(...parts: readonly (Tensor | undefined)[]): Tensor | undefined {
  const present = parts.filter((part) => part !== undefined)
  return present.length === 0 ? undefined : present.reduce(add)
}

function lastSize(x: Tensor): number {
  const size = x.shape.at(-1)
  if (typeof size !== 'number')
    throw new TensorError('shape', `a normalised axis must have a known size: ${formatType(x)}`)
  return size
}

function checkWeight(name: string, x: Tensor, weight: Tensor | undefined): Tensor {
  const size = x.shape.slice(-1)
  if (weight && !shapesEqual(weight.shape, size)) {
    throw new TensorError(
      'shape',
      `${name}: the weight ${formatType(weight)} does not fit the last axis of ${formatType(x)}`,
    )
  }
  return weight ?? ones(size, x.dtype)
}

/** (x - mean) / sqrt(variance + epsilon) * weight + bias over the last axis (Ba et al. 2016). */
export function layerNorm(x: Tensor, weight?: Tensor, bias?: Tensor, epsilon = 1e-5): Tensor {
  const y = applyAll(layerNormPrimitive, [x, checkWeight('layerNorm', x, weight)], { epsilon })[0]!
  return bias ? add(y, bias) : y
}

/** x / sqrt(mean(x^2) + epsilon) * weight over the last axis (Zhang & Sennrich 2019). */
export function rmsNorm(x: Tensor, weight?: Tensor, epsilon = 1e-6): Tensor {
  return apply(rmsNormPrimitive, [x, checkWeight('rmsNorm', x, weight)], { epsilon })
}

/**
 * Normalises x [N, C, ...] over each of `groups` groups of channels with everything behind them (Wu & He 2018); weight and
 * bias are [C].
 */
export function groupNorm(x: Tensor, groups: number, weight?: Tensor, bias?: Tensor, epsilon = 1e-5): Tensor {
  const [batch, channels, ...rest] = x.shape
  if (typeof channels !== 'number' || channels % groups !== 0) {
    throw new TensorError(
      'shape',
      `groupNorm: ${groups} groups do not divide the channels of ${formatType(x)}`,
    )
  }
  const grouped = reshape(x, [batch!, groups, sizeOf([channels / groups, ...rest])])
  const centred = sub(grouped, mean(grouped, -1, { keepDims: true }))
  const inverse = rsqrt(add(mean(square(centred), -1, { keepDims: true }), epsilon))
  const y = reshape(mul(centred, inverse), x.shape)
  const perChannel = (p: Tensor) => reshape(p, [channels, ...rest.map(() => 1)])
  const scaled = weight ? mul(y, perChannel(weight)) : y
  return bias ? add(scaled, perChannel(bias)) : scaled
}
