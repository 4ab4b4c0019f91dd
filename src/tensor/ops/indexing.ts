/** Reading and adding at positions held in a tensor, and the index tensors that masks are made of. */
import { formatShape, isStatic, type Shape, type Size, shapesEqual, sizeOf, sizesEqual } from '../dim.js'
import type { DType } from '../dtype.js'
import { TensorError } from '../errors.js'
import {
  apply,
  formatType,
  normalizeAxis,
  type Primitive,
  sameDType,
  type Tensor,
  type TensorType,
} from '../tensor.js'
import { zeros } from './constant.js'
import { cast, equal, greaterEqual, sub, where } from './elementwise.js'
import { broadcastTo, expandDims, reshape } from './movement.js'

function checkIndices(name: string, indices: TensorType): void {
  if (indices.dtype !== 'i32' && indices.dtype !== 'i64') {
    throw new TensorError('dtype', `${name}: the indices are ${formatType(indices)}; cast them to i32`)
  }
}

function agreeBeside(axis: number, a: TensorType, b: TensorType): boolean {
  const same = (size: Size, i: number) => i === axis || sizesEqual(size, b.shape[i]!)
  return a.shape.length === b.shape.length && a.shape.every(same)
}

const gatherPrimitive: Primitive<{ readonly axis: number }> = {
  name: 'gather',
  infer: ([x, indices], { axis }) => {
    checkIndices('gather', indices!)
    return [
      {
        shape: [...x!.shape.slice(0, axis), ...indices!.shape, ...x!.shape.slice(axis + 1)],
        dtype: x!.dtype,
      },
    ]
  },
  vjp: ({ inputs: [x, indices], attrs: { axis }, cotangents: [g] }) => [
    indexAdd(zeros(x!.shape, x!.dtype), indices!, g!, axis),
  ],
  lower: (e, [x, indices], { attrs }) => [e.one('Gather', [x!, indices!], { axis: attrs.axis })],
}

/**
 * The slices of x at `indices` along an axis: x[..., indices, ...]. Shape: x's with that axis replaced by the shape of
 * `indices`. An index outside the axis is an error when it runs.
 */
export function gather(x: Tensor, indices: Tensor, axis = 0): Tensor {
  return apply(gatherPrimitive, [x, indices], { axis: normalizeAxis('gather', axis, x.rank) })
}

/** Rows of a table [V, C] for ids of any shape [...]: [..., C]. The gradient adds rows up where ids repeat. */
export function embedding(table: Tensor, ids: Tensor): Tensor {
  if (table.rank !== 2)
    throw new TensorError('shape', `embedding: the table is ${formatType(table)}, not [V, C]`)
  return gather(table, ids, 0)
}

const takePrimitive: Primitive<{ readonly axis: number }> = {
  name: 'takeAlongAxis',
  infer: ([x, indices], { axis }) => {
    checkIndices('takeAlongAxis', indices!)
    if (!agreeBeside(axis, x!, indices!))
      throw new TensorError(
        'shape',
        `takeAlongAxis: ${formatType(x!)} and indices ${formatType(indices!)} differ beside axis ${axis}`,
      )
    return [{ shape: indices!.shape, dtype: x!.dtype }]
  },
  vjp: ({ inputs: [x, indices], attrs: { axis }, cotangents: [g] }) => [
    scatterAdd(zeros(x!.shape, x!.dtype), indices!, g!, axis),
  ],
  lower: (e, [x, indices], { attrs }) => [e.one('GatherElements', [x!, indices!], { axis: attrs.axis })],
}

/** One element for each element of `indices` along an axis; the shapes agree beside that axis. */
export function takeAlongAxis(x: Tensor, indices: Tensor, axis = -1): Tensor {
  return apply(takePrimitive, [x, indices], { axis: normalizeAxis('takeAlongAxis', axis, x.rank) })
}

const scatterPrimitive: Primitive<{ readonly axis: number }> = {
  name: 'scatterAdd',
  infer: ([x, indices, updates], { axis }) => {
    checkIndices('scatterAdd', indices!)
    sameDType('scatterAdd', [x!, updates!])
    if (!shapesEqual(indices!.shape, updates!.shape) || !agreeBeside(axis, x!, indices!)) {
      throw new TensorError(
        'shape',
        `scatterAdd: indices ${formatType(indices!)} and updates ${formatType(updates!)} must have one shape, that of ${formatType(x!)} beside axis ${axis}`,
      )
    }
    return [{ shape: x!.shape, dtype: x!.dtype }]
  },
  vjp: ({ inputs: [, indices], attrs: { axis }, cotangents: [g] }) => [
    g,
    undefined,
    takeAlongAxis(g!, indices!, axis),
  ],
  // ScatterElements adds one update after the other, so repeated indices all count; ScatterND loses some.
  lower: (e, inputs, { attrs, outputs: [y] }) => {
    const [x, indices, updates] = inputs as [string, string, string]
    const scatter = (into: string, values: string) =>
      e.one('ScatterElements', [into, indices, values], { axis: attrs.axis, reduction: 'add' })
    // The CPU cannot add halves here: it does so in single precision.
    return e.onCpuKernels && y!.dtype === 'f16'
      ? [e.cast(scatter(e.cast(x, 'f32'), e.cast(updates, 'f32')), 'f16')]
      : [scatter(x, updates)]
  },
}

/** x with `updates` added at `indices` along an axis; indices may repeat. */
export function scatterAdd(x: Tensor, indices: Tensor, updates: Tensor, axis = -1): Tensor {
  return apply(scatterPrimitive, [x, indices, updates], { axis: normalizeAxis('scatterAdd', axis, x.rank) })
}

/** The reverse of `gather`: x with the slices `updates` added at `indices` along an axis; indices may repeat. */
export function indexAdd(x: Tensor, indices: Tensor, updates: Tensor, axis = 0): Tensor {
  const at = normalizeAxis('indexAdd', axis, x.rank)
  const flat: Shape = [...x.shape.slice(0, at), sizeOf(indices.shape), ...x.shape.slice(at + 1)]
  const rows = reshape(updates, flat)
  const positions = reshape(
    indices,
    flat.map((size, i) => (i === at ? size : 1)),
  )
  return scatterAdd(x, broadcastTo(positions, flat), rows, at)
}

const iotaPrimitive: Primitive<{ readonly size: Size; readonly dtype: DType }> = {
  name: 'iota',
  infer: (_, { size, dtype }) => [{ shape: [size], dtype }],
  vjp: 'zero',
  lower: (e, _, { attrs: { size, dtype } }) => {
    const limit = e.one('Squeeze', [e.size(size)])
    const range = e.one('Range', [e.scalar('i64', 0), limit, e.scalar('i64', 1)])
    return [dtype === 'i64' ? range : e.cast(range, dtype)]
  },
}

/** 0, 1, ... size - 1. */
export function iota(size: Size, dtype: DType = 'i32'): Tensor {
  return apply(iotaPrimitive, [], { size, dtype })
}

/** A new last axis of size `depth`: 1 where it equals the index, else 0 (all 0 where the index is outside). */
export function oneHot(indices: Tensor, depth: number, dtype: DType = 'f32'): Tensor {
  checkIndices('oneHot', indices)
  return cast(equal(expandDims(indices, -1), iota(depth, indices.dtype)), dtype)
}

/** bool [rows, columns]: true on and below the diagonal moved up by `offset`. */
export function trilMask(rows: Size, columns: Size, offset = 0): Tensor {
  const row = expandDims(iota(rows), 1)
  const column = expandDims(iota(columns), 0)
  return greaterEqual(row, sub(column, offset))
}

/** The lower triangle of the last two axes, zeros above the diagonal moved up by `offset`. */
export function tril(x: Tensor, offset = 0): Tensor {
  if (x.rank < 2) throw new TensorError('shape', `tril: ${formatType(x)} has fewer than two axes`)
  return where(trilMask(x.shape.at(-2)!, x.shape.at(-1)!, offset), x, 0)
}

/** The upper triangle of the last two axes, zeros below the diagonal moved up by `offset`. */
export function triu(x: Tensor, offset = 0): Tensor {
  if (x.rank < 2) throw new TensorError('shape', `triu: ${formatType(x)} has fewer than two axes`)
  return where(trilMask(x.shape.at(-2)!, x.shape.at(-1)!, offset - 1), 0, x)
}

interface TopKAttrs {
  readonly k: number
  readonly axis: number
  readonly largest: boolean
}

const topKPrimitive: Primitive<TopKAttrs> = {
  name: 'topK',
  infer: ([x], { k, axis }) => {
    if (x!.dtype === 'bool')
      throw new TensorError('dtype', `topK and sort do not take ${formatType(x!)}; cast it first`)
    const shape = x!.shape.map((size, i) => (i === axis ? k : size))
    return [
      { shape, dtype: x!.dtype },
      { shape, dtype: 'i32' },
    ]
  },
  vjp: ({ inputs: [x], outputs: [, indices], attrs: { axis }, cotangents: [g] }) => [
    g && scatterAdd(zeros(x!.shape, x!.dtype), indices!, g, axis),
  ],
  lower: (e, [x], { attrs: { k, axis, largest } }) => {
    const [values, indices] = e.op(
      'TopK',
      [x!, e.ints([k])],
      { axis, largest: largest ? 1 : 0, sorted: 1 },
      { outputs: 2 },
    )
    return [values!, e.cast(indices!, 'i32')]
  },
}

/** The k largest elements along an axis, largest first, and their positions (i32); of equals the first comes first. */
export function topK(x: Tensor, k: number, axis = -1): { values: Tensor; indices: Tensor } {
  return extremes('topK', x, k, axis, true)
}

/** Sorts along an axis, with the positions (i32) where the elements came from; equals keep their order. */
export function sort(
  x: Tensor,
  axis = -1,
  options: { descending?: boolean } = {},
): { values: Tensor; indices: Tensor } {
  const size = x.shape[normalizeAxis('sort', axis, x.rank)]!
  if (typeof size !== 'number')
    throw new TensorError('shape', `sort: axis ${axis} of ${formatType(x)} is dynamic`)
  return extremes('sort', x, size, axis, options.descending ?? false)
}

function extremes(name: string, x: Tensor, k: number, axis: number, largest: boolean) {
  const at = normalizeAxis(name, axis, x.rank)
  const size = x.shape[at]!
  if (!Number.isInteger(k) || k < 1 || (typeof size === 'number' && k > size)) {
    throw new TensorError('argument', `${name}: k = ${k} for axis ${axis} of ${formatType(x)}`)
  }
  const [values, indices] = applyPair(x, { k, axis: at, largest })
  return { values, indices }
}

function applyPair(x: Tensor, attrs: TopKAttrs): [Tensor, Tensor] {
  const values = apply(topKPrimitive, [x], attrs)
  return [values, values.node.outputs[1]!]
}

/** Throws unless a shape has no dynamic axis. */
export function requireStatic(name: string, shape: Shape): readonly number[] {
  if (!isStatic(shape))
    throw new TensorError('shape', `${name}: the shape ${formatShape(shape)} has a dynamic axis`)
  return shape
}
