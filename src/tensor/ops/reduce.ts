/** Reductions over axes, cumulative sums and positions of extremes. */
import { type Shape, type Size, sizeOf } from '../dim.js'
import type { DType } from '../dtype.js'
import { TensorError } from '../errors.js'
import {
  apply,
  formatType,
  normalizeAxis,
  type Primitive,
  type Tensor,
  type TensorType,
  type VjpContext,
} from '../tensor.js'
import { stopGradient } from './control.js'
import { add, cast, div, equal, exp, log, mul, sub, where } from './elementwise.js'
import { broadcastTo, reshape } from './movement.js'

export interface ReduceOptions {
  /** Keep the reduced axes with size 1. Default false. */
  readonly keepDims?: boolean
}

interface ReduceAttrs {
  readonly axes: readonly number[]
  readonly keepDims: boolean
}

function reduceShape(shape: Shape, { axes, keepDims }: ReduceAttrs): Shape {
  const kept = shape.map((size, axis): Size | undefined =>
    axes.includes(axis) ? (keepDims ? 1 : undefined) : size,
  )
  return kept.filter((size) => size !== undefined)
}

/** A cotangent or result of a reduction, shaped to broadcast against the input. */
function expandReduced(x: Tensor, inputShape: Shape, axes: readonly number[]): Tensor {
  return reshape(
    x,
    inputShape.map((size, axis) => (axes.includes(axis) ? 1 : size)),
  )
}

function refuse(name: string, x: TensorType, ...dtypes: readonly DType[]): void {
  if (dtypes.includes(x.dtype))
    throw new TensorError('dtype', `${name} does not take ${formatType(x)}; cast it first`)
}

function reduction(
  name: string,
  onnx: string,
  vjp: (context: VjpContext<ReduceAttrs>) => readonly (Tensor | undefined)[],
  ...refused: readonly DType[]
) {
  const primitive: Primitive<ReduceAttrs> = {
    name,
    infer: ([x], attrs) => {
      refuse(name, x!, 'bool', ...refused)
      return [{ shape: reduceShape(x!.shape, attrs), dtype: x!.dtype }]
    },
    vjp,
    lower: (e, [x], { attrs }) => [
      e.one(onnx, [x!, e.ints(attrs.axes)], { keepdims: attrs.keepDims ? 1 : 0 }),
    ],
  }
  return (x: Tensor, axes?: number | readonly number[], options: ReduceOptions = {}): Tensor => {
    const list =
      axes === undefined ? x.shape.map((_, axis) => axis) : typeof axes === 'number' ? [axes] : axes
    const normalized = [...new Set(list.map((axis) => normalizeAxis(name, axis, x.rank)))].sort(
      (a, b) => a - b,
    )
    if (normalized.length === 0) return x
    return apply(primitive, [x], { axes: normalized, keepDims: options.keepDims ?? false })
  }
}

/** Sum over `axes` (default all). */
export const sum = reduction(
  'sum',
  'ReduceSum',
  ({ inputs: [x], attrs, cotangents: [g] }) => [
    broadcastTo(expandReduced(g!, x!.shape, attrs.axes), x!.shape),
  ],
  'u8',
)

/** Mean over `axes` (default all); of floating-point numbers only. */
export const mean = reduction(
  'mean',
  'ReduceMean',
  ({ inputs: [x], attrs, cotangents: [g] }) => {
    const count = sizeOf(attrs.axes.map((axis) => x!.shape[axis]!))
    const scaled = typeof count === 'number' ? div(g!, count) : div(g!, elementCount(x!, attrs.axes))
    return [broadcastTo(expandReduced(scaled, x!.shape, attrs.axes), x!.shape)]
  },
  'u8',
  'i32',
  'i64',
)

/** Largest over `axes` (default all); equal largest elements share the gradient. */
export const max = reduction('max', 'ReduceMax', extremeVjp)
/** Smallest over `axes` (default all); equal smallest elements share the gradient. */
export const min = reduction('min', 'ReduceMin', extremeVjp)

function extremeVjp({
  inputs: [x],
  outputs: [y],
  attrs: { axes },
  cotangents: [g],
}: VjpContext<ReduceAttrs>) {
  const hit = cast(equal(x!, expandReduced(y!, x!.shape, axes)), x!.dtype)
  return [mul(div(expandReduced(g!, x!.shape, axes), sum(hit, axes, { keepDims: true })), hit)]
}

const countPrimitive: Primitive<{ readonly axes: readonly number[] }> = {
  name: 'count',
  infer: ([x]) => [{ shape: [], dtype: x!.dtype }],
  vjp: 'zero',
  lower: (e, [x], { attrs, outputs: [y] }) => {
    const sizes = e.one('Gather', [e.one('Shape', [x!]), e.ints(attrs.axes)])
    return [e.cast(e.one('ReduceProd', [sizes], { keepdims: 0 }), y!.dtype)]
  },
}

/** How many elements `axes` have together, as a scalar of x's dtype: for dynamic axes. */
function elementCount(x: Tensor, axes: readonly number[]): Tensor {
  return apply(countPrimitive, [x], { axes })
}

/** log(sum(exp(x))) over `axes`, without overflow. */
export function logSumExp(x: Tensor, axes?: number | readonly number[], options: ReduceOptions = {}): Tensor {
  const top = stopGradient(max(x, axes, { keepDims: true }))
  const finite = where(equal(sub(top, top), 0), top, 0)
  const total = log(sum(exp(sub(x, finite)), axes, { keepDims: true }))
  const kept = add(total, finite)
  return options.keepDims ? kept : reshape(kept, sum(x, axes).shape)
}

interface ArgAttrs {
  readonly axis: number
  readonly keepDims: boolean
}

function argExtreme(name: string, onnx: string) {
  const primitive: Primitive<ArgAttrs> = {
    name,
    infer: ([x], { axis, keepDims }) => {
      refuse(name, x!, 'bool')
      return [{ shape: reduceShape(x!.shape, { axes: [axis], keepDims }), dtype: 'i32' }]
    },
    vjp: 'zero',
    lower: (e, [x], { attrs }) => {
      const index = e.one(onnx, [x!], { axis: attrs.axis, keepdims: attrs.keepDims ? 1 : 0 })
      return [e.cast(index, 'i32')]
    },
  }
  return (x: Tensor, axis = -1, options: ReduceOptions = {}): Tensor =>
    apply(primitive, [x], { axis: normalizeAxis(name, axis, x.rank), keepDims: options.keepDims ?? false })
}

/** Position (i32) of the largest element along an axis; the first of equals. */
export const argmax = argExtreme('argmax', 'ArgMax')
/** Position (i32) of the smallest element along an axis; the first of equals. */
export const argmin = argExtreme('argmin', 'ArgMin')

export interface CumsumOptions {
  /** Leave the element itself out. */
  readonly exclusive?: boolean
  /** Sum from the end. */
  readonly reverse?: boolean
}

const cumsumPrimitive: Primitive<{
  readonly axis: number
  readonly exclusive: boolean
  readonly reverse: boolean
}> = {
  name: 'cumsum',
  infer: ([x]) => {
    refuse('cumsum', x!, 'bool', 'u8')
    return [{ shape: x!.shape, dtype: x!.dtype }]
  },
  vjp: ({ attrs, cotangents: [g] }) => [apply(cumsumPrimitive, [g!], { ...attrs, reverse: !attrs.reverse })],
  lower: (e, [x], { attrs }) => [
    e.one('CumSum', [x!, e.scalar('i64', attrs.axis)], {
      exclusive: attrs.exclusive ? 1 : 0,
      reverse: attrs.reverse ? 1 : 0,
    }),
  ],
}

/** Cumulative sum along an axis. */
export function cumsum(x: Tensor, axis = -1, options: CumsumOptions = {}): Tensor {
  return apply(cumsumPrimitive, [x], {
    axis: normalizeAxis('cumsum', axis, x.rank),
    exclusive: options.exclusive ?? false,
    reverse: options.reverse ?? false,
  })
}
