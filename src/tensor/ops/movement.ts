/** Ops that move elements without changing them: reshape, transpose, broadcast, concat, split, slice, pad, stack. */
import {
  addSizes,
  divideSizes,
  formatShape,
  isStatic,
  multiplySizes,
  type Shape,
  type Size,
  shapesEqual,
  sizeOf,
  sizesEqual,
  subtractSizes,
} from '../dim.js'
import { toTypedArray } from '../dtype.js'
import { TensorError } from '../errors.js'
import {
  apply,
  applyAll,
  formatType,
  normalizeAxis,
  type Primitive,
  sameDType,
  type Tensor,
} from '../tensor.js'
import { zeros } from './constant.js'
import { broadcastShapes, unbroadcast } from './elementwise.js'

// ---- reshape ----

const reshapePrimitive: Primitive<{ readonly shape: Shape }> = {
  name: 'reshape',
  infer: ([x], { shape }) => [{ shape, dtype: x!.dtype }],
  vjp: ({ inputs: [x], cotangents: [g] }) => [reshape(g!, x!.shape)],
  lower: (e, [x], { attrs: { shape } }) => {
    // Unless told otherwise, a 0 in the target of Reshape means "as in the input".
    const literal = shape.includes(0) || shape.filter((size) => typeof size !== 'number').length > 1
    return [e.one('Reshape', [x!, e.reshapeTarget(shape)], literal ? { allowzero: 1 } : {})]
  },
}

/** The same elements in another shape; one axis may be -1 and takes what is left. */
export function reshape(x: Tensor, shape: Shape): Tensor {
  const total = sizeOf(x.shape)
  const free = shape.indexOf(-1)
  const known = sizeOf(shape.filter((_, axis) => axis !== free))
  const rest = free < 0 ? undefined : divideSizes(total, known)
  const target =
    free < 0
      ? shape
      : rest === undefined
        ? undefined
        : shape.map((size, axis) => (axis === free ? rest : size))
  const negative = target?.some((size) => typeof size === 'number' && size < 0)
  if (!target || negative || !sizesEqual(sizeOf(target), total)) {
    throw new TensorError(
      'shape',
      `reshape: ${formatType(x)} has ${total} elements and does not fit ${formatShape(shape)}`,
    )
  }
  return shapesEqual(target, x.shape) ? x : apply(reshapePrimitive, [x], { shape: target })
}

/** Removes axes of size 1 (all, or those named). */
export function squeeze(x: Tensor, axes?: readonly number[]): Tensor {
  const chosen = axes?.map((axis) => normalizeAxis('squeeze', axis, x.rank))
  const wrong = chosen?.find((axis) => x.shape[axis] !== 1)
  if (wrong !== undefined)
    throw new TensorError('shape', `squeeze: axis ${wrong} of ${formatType(x)} is not of size 1`)
  return reshape(
    x,
    x.shape.filter((size, axis) => (chosen ? !chosen.includes(axis) : size !== 1)),
  )
}

/** Inserts an axis of size 1 before `axis`. */
export function expandDims(x: Tensor, axis: number): Tensor {
  const at = normalizeAxis('expandDims', axis, x.rank + 1)
  return reshape(x, [...x.shape.slice(0, at), 1, ...x.shape.slice(at)])
}

// ---- transpose ----

export const transposePrimitive: Primitive<{ readonly perm: readonly number[] }> = {
  name: 'transpose',
  infer: ([x], { perm }) => [{ shape: perm.map((axis) => x!.shape[axis]!), dtype: x!.dtype }],
  vjp: ({ attrs: { perm }, cotangents: [g] }) => [transpose(g!, invertPermutation(perm))],
  lower: (e, [x], { attrs }) => [e.one('Transpose', [x!], { perm: attrs.perm })],
}

/** Reorders the axes: axis i of the result is axis perm[i] of x. Default: reversed. */
export function transpose(
  x: Tensor,
  perm: readonly number[] = x.shape.map((_, i) => x.rank - 1 - i),
): Tensor {
  const normalized = perm.map((axis) => normalizeAxis('transpose', axis, x.rank))
  if (normalized.length !== x.rank || new Set(normalized).size !== x.rank) {
    throw new TensorError(
      'argument',
      `transpose: [${perm.join(', ')}] is not a permutation of the ${x.rank} axes of ${formatType(x)}`,
    )
  }
  return normalized.every((axis, i) => axis === i) ? x : apply(transposePrimitive, [x], { perm: normalized })
}

/** Exchanges two axes. */
export function swapAxes(x: Tensor, a = -2, b = -1): Tensor {
  const perm = x.shape.map((_, axis) => axis)
  const [i, j] = [normalizeAxis('swapAxes', a, x.rank), normalizeAxis('swapAxes', b, x.rank)]
  perm[i] = j
  perm[j] = i
  return transpose(x, perm)
}

export function invertPermutation(perm: readonly number[]): number[] {
  const inverse: number[] = []
  perm.forEach((axis, i) => {
    inverse[axis] = i
  })
  return inverse
}

// ---- broadcast ----

export const broadcastPrimitive: Primitive<{ readonly shape: Shape }> = {
  name: 'broadcast',
  infer: ([x], { shape }) => [{ shape, dtype: x!.dtype }],
  vjp: ({ inputs: [x], cotangents: [g] }) => [unbroadcast(g!, x!.shape)],
  lower: (e, [x], { attrs: { shape }, outputs: [y] }) => {
    // ONNX Runtime refuses to expand an axis to size 0.
    if (isStatic(shape) && shape.includes(0)) return [e.constant(y!.dtype, shape, toTypedArray(y!.dtype, []))]
    return [e.one('Expand', [x!, e.shape(shape)])]
  },
}

/** Repeats x along new axes and axes of size 1, as in NumPy. */
export function broadcastTo(x: Tensor, shape: Shape): Tensor {
  if (!shapesEqual(broadcastShapes('broadcastTo', x.shape, shape), shape)) {
    throw new TensorError(
      'shape',
      `broadcastTo: ${formatType(x)} does not broadcast to ${formatShape(shape)}`,
    )
  }
  return shapesEqual(x.shape, shape) ? x : apply(broadcastPrimitive, [x], { shape })
}

// ---- concat, split, stack ----

const concatPrimitive: Primitive<{ readonly axis: number }> = {
  name: 'concat',
  infer: (inputs, { axis }) => {
    const [first] = inputs
    for (const other of inputs) {
      const fits =
        other.shape.length === first!.shape.length &&
        other.shape.every((size, i) => i === axis || sizesEqual(size, first!.shape[i]!))
      if (!fits)
        throw new TensorError(
          'shape',
          `concat along axis ${axis}: ${inputs.map(formatType).join(' and ')} differ in another axis`,
        )
    }
    const total = inputs.reduce<Size>((size, x) => addSizes(size, x.shape[axis]!), 0)
    return [
      {
        shape: first!.shape.map((size, i) => (i === axis ? total : size)),
        dtype: sameDType('concat', inputs),
      },
    ]
  },
  vjp: ({ inputs, attrs: { axis }, cotangents: [g] }) =>
    split(
      g!,
      inputs.map((x) => x.shape[axis]!),
      axis,
    ),
  lower: (e, inputs, { attrs }) => [e.one('Concat', inputs, { axis: attrs.axis })],
}

/** Joins tensors along an axis. */
export function concat(tensors: readonly Tensor[], axis = 0): Tensor {
  if (tensors.length === 0) throw new TensorError('argument', 'concat: there is nothing to join')
  if (tensors.length === 1) return tensors[0]!
  return apply(concatPrimitive, tensors, { axis: normalizeAxis('concat', axis, tensors[0]!.rank) })
}

const splitPrimitive: Primitive<{ readonly sizes: readonly Size[]; readonly axis: number }> = {
  name: 'split',
  infer: ([x], { sizes, axis }) =>
    sizes.map((size) => ({ shape: x!.shape.map((s, i) => (i === axis ? size : s)), dtype: x!.dtype })),
  vjp: ({ outputs, attrs: { axis }, cotangents }) => [
    concat(
      outputs.map((output, i) => cotangents[i] ?? zeros(output.shape, output.dtype)),
      axis,
    ),
  ],
  lower: (e, [x], { attrs: { sizes, axis } }) =>
    e.op('Split', [x!, e.shape(sizes)], { axis }, { outputs: sizes.length }),
}

/** Cuts x into pieces along an axis: `sizes` lists them, or is how many equal ones there are. */
export function split(x: Tensor, sizes: number | readonly Size[], axis = 0): readonly Tensor[] {
  const at = normalizeAxis('split', axis, x.rank)
  const whole = x.shape[at]!
  const piece = typeof sizes === 'number' ? divideSizes(whole, sizes) : undefined
  const list = typeof sizes === 'number' ? (piece === undefined ? [] : Array<Size>(sizes).fill(piece)) : sizes
  const negative = list.some((size) => typeof size === 'number' && size < 0)
  if (list.length === 0 || negative || !sizesEqual(list.reduce(addSizes, 0), whole)) {
    throw new TensorError(
      'shape',
      `split: axis ${axis} of ${formatType(x)} cannot be cut into ${typeof sizes === 'number' ? `${sizes} equal pieces` : formatShape(sizes)}`,
    )
  }
  return list.length === 1 ? [x] : applyAll(splitPrimitive, [x], { sizes: list, axis: at })
}

/** Joins tensors of one shape along a new axis. */
export function stack(tensors: readonly Tensor[], axis = 0): Tensor {
  return concat(
    tensors.map((x) => expandDims(x, axis)),
    axis < 0 ? axis + (tensors[0]?.rank ?? 0) + 1 : axis,
  )
}

// ---- slice and pad ----

interface SliceAttrs {
  readonly starts: readonly Size[]
  readonly ends: readonly Size[]
}

const slicePrimitive: Primitive<SliceAttrs> = {
  name: 'slice',
  infer: ([x], { starts, ends }) => [
    { shape: starts.map((start, axis) => subtractSizes(ends[axis]!, start)), dtype: x!.dtype },
  ],
  vjp: ({ inputs: [x], attrs: { starts, ends }, cotangents: [g] }) => [
    pad(
      g!,
      starts.map((start, axis) => [start, subtractSizes(x!.shape[axis]!, ends[axis]!)] as const),
    ),
  ],
  lower: (e, [x], { attrs: { starts, ends }, inputs: [input] }) => {
    const axes = starts
      .map((_, axis) => axis)
      .filter((axis) => starts[axis] !== 0 || !sizesEqual(ends[axis]!, input!.shape[axis]!))
    const pick = (sizes: readonly Size[]) => e.shape(axes.map((axis) => sizes[axis]!))
    return [e.one('Slice', [x!, pick(starts), pick(ends), e.ints(axes)])]
  },
}

/** A range for an axis: [start, end), a single `start` up to the end, or undefined for all of it. Negative numbers count from the end. */
export type Range = readonly [Size, Size?] | undefined

/** The part of x within the given ranges; axes without one are taken whole. */
export function slice(x: Tensor, ranges: readonly Range[]): Tensor {
  if (ranges.length > x.rank)
    throw new TensorError('argument', `slice: ${ranges.length} ranges for ${formatType(x)}`)
  const fromEnd = (value: Size, size: Size) =>
    typeof value === 'number' && value < 0 ? addSizes(size, value) : value
  const starts = x.shape.map((size, axis) => fromEnd(ranges[axis]?.[0] ?? 0, size))
  const ends = x.shape.map((size, axis) => fromEnd(ranges[axis]?.[1] ?? size, size))
  x.shape.forEach((size, axis) => {
    const [start, end] = [starts[axis]!, ends[axis]!]
    const known = typeof start === 'number' && typeof end === 'number'
    if (known && (start < 0 || start > end || (typeof size === 'number' && end > size))) {
      throw new TensorError(
        'shape',
        `slice: [${start}, ${end}) is not within axis ${axis} of ${formatType(x)}`,
      )
    }
  })
  const whole = starts.every((start, axis) => start === 0 && sizesEqual(ends[axis]!, x.shape[axis]!))
  return whole ? x : apply(slicePrimitive, [x], { starts, ends })
}

/** Every `step`-th element of x along an axis (a negative step walks backwards from the end). */
export function stride(x: Tensor, step: number, axis = -1): Tensor {
  const at = normalizeAxis('stride', axis, x.rank)
  if (!Number.isInteger(step) || step === 0 || typeof x.shape[at] !== 'number') {
    throw new TensorError('argument', `stride: a step of ${step} along axis ${axis} of ${formatType(x)}`)
  }
  return step === 1 ? x : apply(stridePrimitive, [x], { step, axis: at })
}

const stridePrimitive: Primitive<{ readonly step: number; readonly axis: number }> = {
  name: 'stride',
  infer: ([x], { step, axis }) => [
    {
      shape: x!.shape.map((size, i) => (i === axis ? Math.ceil((size as number) / Math.abs(step)) : size)),
      dtype: x!.dtype,
    },
  ],
  vjp: ({ inputs: [x], attrs: { step, axis }, cotangents: [g] }) => {
    // Spread the cotangent out with zeros between, then turn it round for a negative step.
    const size = x!.shape[axis] as number
    const s = Math.abs(step)
    const spread = pad(
      expandDims(g!, axis + 1),
      g!.shape.flatMap((_, i) =>
        i === axis
          ? [
              [0, 0],
              [0, s - 1],
            ]
          : [[0, 0]],
      ) as [number, number][],
    )
    const flat = reshape(
      spread,
      g!.shape.map((n, i) => (i === axis ? (n as number) * s : n)),
    )
    const cut = slice(
      (flat.shape[axis]! as number) < size
        ? pad(
            flat,
            flat.shape.map((n, i) => [0, i === axis ? size - (n as number) : 0]),
          )
        : flat,
      flat.shape.map((_, i) => (i === axis ? [0, size] : undefined)),
    )
    return [step < 0 ? stride(cut, -1, axis) : cut]
  },
  lower: (e, [x], { attrs: { step, axis } }) => {
    const [start, end] = step > 0 ? [0, Number.MAX_SAFE_INTEGER] : [-1, -Number.MAX_SAFE_INTEGER]
    return [e.one('Slice', [x!, e.ints([start]), e.ints([end]), e.ints([axis]), e.ints([step])])]
  },
}

interface PadAttrs {
  readonly pads: readonly (readonly [Size, Size])[]
  readonly value: number
}

const padPrimitive: Primitive<PadAttrs> = {
  name: 'pad',
  infer: ([x], { pads }) => [
    {
      shape: x!.shape.map((size, axis) => addSizes(size, addSizes(pads[axis]![0], pads[axis]![1]))),
      dtype: x!.dtype,
    },
  ],
  vjp: ({ inputs: [x], attrs: { pads }, cotangents: [g] }) => [
    slice(
      g!,
      pads.map(([before], axis) => [before, addSizes(before, x!.shape[axis]!)] as const),
    ),
  ],
  lower: (e, [x], { attrs: { pads, value }, outputs: [y] }) => [
    e.one('Pad', [
      x!,
      e.shape([...pads.map(([before]) => before), ...pads.map(([, after]) => after)]),
      e.scalar(y!.dtype, value),
    ]),
  ],
}

/** Adds `pads[axis] = [before, after]` elements of `value` around x. */
export function pad(x: Tensor, pads: readonly (readonly [Size, Size])[], value = 0): Tensor {
  if (pads.length !== x.rank || pads.flat().some((size) => typeof size === 'number' && size < 0)) {
    throw new TensorError(
      'argument',
      `pad: ${JSON.stringify(pads)} is not one [before, after] for each axis of ${formatType(x)}`,
    )
  }
  return pads.flat().every((size) => size === 0) ? x : apply(padPrimitive, [x], { pads, value })
}

/** Repeats the whole of x `times` times along an axis. */
export function tile(x: Tensor, times: number, axis = 0): Tensor {
  const at = normalizeAxis('tile', axis, x.rank)
  const expanded = expandDims(x, at)
  const repeated = broadcastTo(
    expanded,
    expanded.shape.map((size, i) => (i === at ? times : size)),
  )
  return reshape(
    repeated,
    x.shape.map((size, i) => (i === at ? multiplySizes(size, times) : size)),
  )
}
