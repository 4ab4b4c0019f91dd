/** Softmax and its logarithm. */
import { isFloat } from '../dtype.js'
import { TensorError } from '../errors.js'
import { apply, formatType, normalizeAxis, type Primitive, type Tensor } from '../tensor.js'
import { mul, sub } from './elementwise.js'
import { sum } from './reduce.js'

interface AxisAttrs {
  readonly axis: number
}

const softmaxPrimitive: Primitive<AxisAttrs> = {
  name: 'softmax',
  infer: ([x]) => [{ shape: x!.shape, dtype: x!.dtype }],
  vjp: ({ outputs: [y], attrs: { axis }, cotangents: [g] }) => [
    mul(y!, sub(g!, sum(mul(g!, y!), axis, { keepDims: true }))),
  ],
  lower: (e, [x], { attrs }) => [e.one('Softmax', [x!], { axis: attrs.axis })],
}

const logSoftmaxPrimitive: Primitive<AxisAttrs> = {
  name: 'logSoftmax',
  infer: ([x]) => [{ shape: x!.shape, dtype: x!.dtype }],
  vjp: ({ inputs: [x], attrs: { axis }, cotangents: [g] }) => [
    sub(g!, mul(softmax(x!, axis), sum(g!, axis, { keepDims: true }))),
  ],
  lower: (e, [x], { attrs: { axis } }) => {
    if (e.device !== 'webgpu') return [e.one('LogSoftmax', [x!], { axis })]
    const centred = e.one('Sub', [x!, e.one('ReduceMax', [x!, e.ints([axis])], { keepdims: 1 })])
    const total = e.one('ReduceSum', [e.one('Exp', [centred]), e.ints([axis])], { keepdims: 1 })
    return [e.one('Sub', [centred, e.one('Log', [total])])]
  },
}

function along(name: string, primitive: Primitive<AxisAttrs>, x: Tensor, axis: number): Tensor {
  if (!isFloat(x.dtype))
    throw new TensorError('dtype', `${name} does not take ${formatType(x)}; cast it first`)
  return apply(primitive, [x], { axis: normalizeAxis(name, axis, x.rank) })
}

/** exp(x) / sum(exp(x)) along an axis, without overflow. */
export function softmax(x: Tensor, axis = -1): Tensor {
  return along('softmax', softmaxPrimitive, x, axis)
}

/** log(softmax(x)) along an axis, without overflow. */
export function logSoftmax(x: Tensor, axis = -1): Tensor {
  return along('logSoftmax', logSoftmaxPrimitive, x, axis)
}
