/** Pooling over sliding windows of [N, C, ...spatial]. */
import { formatShape, isStatic, type Shape, sizeOf } from '../dim.js'
import { isFloat, toTypedArray } from '../dtype.js'
import { TensorError } from '../errors.js'
import type { Emitter } from '../onnx/emitter.js'
import { apply, formatType, type Node, type Primitive, type Tensor, type TensorType } from '../tensor.js'
import { constant, full, zeros } from './constant.js'
import { convTransposeBy } from './conv.js'
import { mul } from './elementwise.js'
import { scatterAdd } from './indexing.js'
import { reshape } from './movement.js'
import {
  emitWindows,
  extent,
  type Padding,
  type PerAxis,
  perAxis,
  positions,
  slideShape,
  type Window,
  windowAttributes,
  windowOf,
} from './window.js'

interface PoolAttrs {
  readonly window: Window
}

function pooledShape(name: string, x: TensorType, window: Window): Shape {
  if (!isFloat(x.dtype))
    throw new TensorError('dtype', `${name} does not take ${formatType(x)}; cast it first`)
  return [...x.shape.slice(0, 2), ...slideShape(name, x, window)]
}

// ---- maximum ----

/** Outputs: the maxima, and where each is in x flattened (i32), the first of equals. */
const maxPoolPrimitive: Primitive<PoolAttrs> = {
  name: 'maxPool',
  infer: ([x], { window }) => {
    const shape = pooledShape('maxPool', x!, window)
    return [
      { shape, dtype: x!.dtype },
      { shape, dtype: 'i32' },
    ]
  },
  vjp: ({ inputs: [x], outputs: [, indices], cotangents: [g] }) => {
    if (!g) return [undefined]
    const flat = (t: Tensor) => reshape(t, [sizeOf(t.shape)])
    return [reshape(scatterAdd(zeros([sizeOf(x!.shape)], x!.dtype), flat(indices!), flat(g), 0), x!.shape)]
  },
  lower: (e, [x], node) => {
    if (e.device === 'webgpu') return maxPoolByWindows(e, x!, node)
    const [values, indices] = e.op('MaxPool', [x!], windowAttributes(node.attrs.window), { outputs: 2 })
    return [values!, e.cast(indices!, 'i32')]
  },
}

/** WebGPU's MaxPool gives no positions: every window is written out and searched. */
function maxPoolByWindows(e: Emitter, x: string, node: Node<PoolAttrs>): string[] {
  const [input] = node.inputs as [Tensor]
  const { window } = node.attrs
  const { shape, dtype } = node.outputs[0]!
  if (!isStatic(shape) || !isStatic(input.shape)) {
    throw new TensorError('shape', `maxPool: on WebGPU ${formatType(input)} must have a static shape`)
  }
  const [batch, channels, ...count] = shape
  const sizes = input.shape.slice(2)
  const windows = emitWindows(e, x, window, count, dtype, dtype === 'f16' ? -65504 : -3.4e38)
  const values = e.one('ReduceMax', [windows, e.ints([2])], { keepdims: 0 })
  const tap = e.cast(e.one('ArgMax', [windows], { axis: 2, keepdims: 0 }), 'i32')
  // Position = where the window's first tap is + how far the tap is from it + where the plane starts.
  const along = (steps: readonly number[]) => steps.reduce((at, step, i) => at * sizes[i]! + step, 0)
  const i32 = (values: readonly number[], dims: readonly number[]) =>
    e.constant('i32', dims, toTypedArray('i32', values))
  const taps = positions(window.kernel).map((k) => along(k.map((n, i) => n * window.dilation[i]!)))
  const first = positions(count).map((p) =>
    along(p.map((n, i) => n * window.stride[i]! - window.padding[i]![0])),
  )
  const planes = Array.from({ length: batch! * channels! }, (_, i) => i * sizes.reduce((a, b) => a * b, 1))
  const within = e.one('Add', [
    e.one('Gather', [i32(taps, [taps.length]), tap]),
    i32(first, [1, 1, ...count]),
  ])
  return [values, e.one('Add', [within, i32(planes, [batch!, channels!, ...count.map(() => 1)])])]
}

// ---- mean ----

/** The mean over the taps of each window, padding counted as zeros. */
const avgPoolPrimitive: Primitive<PoolAttrs> = {
  name: 'avgPool',
  infer: ([x], { window }) => [{ shape: pooledShape('avgPool', x!, window), dtype: x!.dtype }],
  // Each cotangent spreads evenly over its window: a transposed convolution, plane by plane.
  vjp: ({ inputs: [x], attrs: { window }, cotangents: [g] }) => {
    const plane = (shape: Shape): Shape => [sizeOf(shape.slice(0, 2)), 1, ...shape.slice(2)]
    const taps = window.kernel.reduce((a, b) => a * b, 1)
    const even = full([1, 1, ...window.kernel], 1 / taps, x!.dtype)
    const spread = convTransposeBy(reshape(g!, plane(g!.shape)), even, plane(x!.shape), window)
    return [reshape(spread, x!.shape)]
  },
  lower: (e, [x], { attrs: { window }, outputs: [y] }) => {
    if (e.onCpuKernels && y!.dtype === 'f64') {
      // ONNX Runtime's CPU kernel is single precision only.
      const windows = emitWindows(e, x!, window, requireStatic(y!).slice(2), 'f64')
      return [e.one('ReduceMean', [windows, e.ints([2])], { keepdims: 0 })]
    }
    return [e.one('AveragePool', [x!], { ...windowAttributes(window), count_include_pad: 1 })]
  },
}

function requireStatic(x: TensorType): readonly number[] {
  if (isStatic(x.shape)) return x.shape
  throw new TensorError(
    'shape',
    `avgPool: in double precision on the CPU ${formatType(x)} must have a static shape`,
  )
}

/** All taps of each window over those that are not padding. */
function realShare(window: Window, sizes: Shape, count: Shape): readonly number[] {
  if (!isStatic(sizes) || !isStatic(count)) {
    throw new TensorError(
      'shape',
      `avgPool: countIncludePad: false needs static spatial axes, not ${formatShape(sizes)}`,
    )
  }
  const share = (at: number, i: number) => {
    const start = at * window.stride[i]! - window.padding[i]![0]
    const end = Math.min(start + window.kernel[i]!, sizes[i]!)
    return window.kernel[i]! / (end - Math.max(start, 0))
  }
  return positions(count).map((at) => at.reduce((product, n, i) => product * share(n, i), 1))
}

// ---- what users call ----

export interface PoolOptions {
  /** Step between neighbouring windows. Default: the kernel, so that windows touch. */
  readonly stride?: PerAxis
  /** Elements added around the input, fewer than a window reaches; they never are the maximum. Default 0. */
  readonly padding?: Padding
}

export interface MaxPoolOptions extends PoolOptions {
  /** Distance between neighbouring taps of a window. Default 1. */
  readonly dilation?: PerAxis
}

export interface AvgPoolOptions extends PoolOptions {
  /** Whether padding counts, as zeros, in the mean. Default true. */
  readonly countIncludePad?: boolean
}

function poolWindow(name: string, axes: number, x: Tensor, kernel: PerAxis, options: MaxPoolOptions): Window {
  if (x.rank !== axes + 2) {
    throw new TensorError('shape', `${name}: x is ${formatType(x)}, not [N, C${', size'.repeat(axes)}]`)
  }
  const window = windowOf(name, perAxis(name, 'kernel', kernel, axes, 1), {
    ...options,
    stride: options.stride ?? kernel,
  })
  window.padding.forEach((sides, i) => {
    if (sides.some((n) => n >= extent(window, i))) {
      throw new TensorError(
        'argument',
        `${name}: padding [${sides.join(', ')}] along axis ${i + 2} must be less than a window of ${extent(window, i)}`,
      )
    }
  })
  return window
}

function maxPool(name: string, axes: number, x: Tensor, kernel: PerAxis, options: MaxPoolOptions): Tensor {
  return apply(maxPoolPrimitive, [x], { window: poolWindow(name, axes, x, kernel, options) })
}

function avgPool(name: string, axes: number, x: Tensor, kernel: PerAxis, options: AvgPoolOptions): Tensor {
  const { countIncludePad = true, ...rest } = options
  const window = poolWindow(name, axes, x, kernel, rest)
  const y = apply(avgPoolPrimitive, [x], { window })
  if (countIncludePad || window.padding.flat().every((n) => n === 0)) return y
  const count = y.shape.slice(2)
  const factor = realShare(window, x.shape.slice(2), count)
  return mul(
    y,
    constant(toTypedArray('f64', factor), { dtype: y.dtype, shape: [1, 1, ...count] as number[] }),
  )
}

/**
 * The largest element of each window over the last axis: [N, C, L] -> [N, C, L'], sizes as in `conv1d` (rounded down).
 * The gradient goes to one element of a window, the first of equals.
 * @throws TensorError when shapes or options do not fit.
 */
export function maxPool1d(x: Tensor, kernel: number, options: MaxPoolOptions = {}): Tensor {
  return maxPool('maxPool1d', 1, x, kernel, options)
}

/**
 * The largest element of each window over the last two axes: [N, C, H, W] -> [N, C, H', W'], sizes as in `conv1d` (rounded
 * down). The gradient goes to one element of a window, the first of equals.
 * @throws TensorError when shapes or options do not fit.
 */
export function maxPool2d(x: Tensor, kernel: PerAxis, options: MaxPoolOptions = {}): Tensor {
  return maxPool('maxPool2d', 2, x, kernel, options)
}

/**
 * The mean of each window over the last axis: [N, C, L] -> [N, C, L'], sizes as in `conv1d` (rounded down).
 * @throws TensorError when shapes or options do not fit.
 */
export function avgPool1d(x: Tensor, kernel: number, options: AvgPoolOptions = {}): Tensor {
  return avgPool('avgPool1d', 1, x, kernel, options)
}

/**
 * The mean of each window over the last two axes: [N, C, H, W] -> [N, C, H', W'], sizes as in `conv1d` (rounded down).
 * @throws TensorError when shapes or options do not fit.
 */
export function avgPool2d(x: Tensor, kernel: PerAxis, options: AvgPoolOptions = {}): Tensor {
  return avgPool('avgPool2d', 2, x, kernel, options)
}
