/** Sliding windows over spatial axes: what convolution and pooling share. */
import { addSizes, multiplySizes, type Shape, type Size, subtractSizes } from '../dim.js'
import type { DType } from '../dtype.js'
import { TensorError } from '../errors.js'
import type { Emitter } from '../onnx/emitter.js'
import { formatType, type TensorType } from '../tensor.js'

/** One number for all spatial axes, or one for each. */
export type PerAxis = number | readonly number[]
/** One number for all sides, or for each spatial axis a number for both sides or a pair [before, after]. */
export type Padding = number | readonly (number | readonly [before: number, after: number])[]

export interface WindowOptions {
  /** Step between neighbouring windows. */
  readonly stride?: PerAxis
  /** Elements added around the input. Default 0. */
  readonly padding?: Padding
  /** Distance between neighbouring taps of a window. Default 1. */
  readonly dilation?: PerAxis
}

/** Window geometry with an entry for each spatial axis. */
export interface Window {
  readonly kernel: readonly number[]
  readonly stride: readonly number[]
  readonly padding: readonly (readonly [before: number, after: number])[]
  readonly dilation: readonly number[]
}

/** A number for each of `axes` spatial axes, integers of at least `least`. */
export function perAxis(name: string, what: string, value: PerAxis, axes: number, least: number): number[] {
  const list = typeof value === 'number' ? Array<number>(axes).fill(value) : [...value]
  if (list.length !== axes || list.some((n) => !Number.isInteger(n) || n < least)) {
    throw new TensorError(
      'argument',
      `${name}: ${what} is ${JSON.stringify(value)}; give an integer of at least ${least}, or ${axes} of them`,
    )
  }
  return list
}

/** @throws TensorError when an option is not one whole number, or one for each spatial axis. */
export function windowOf(name: string, kernel: readonly number[], options: WindowOptions): Window {
  const axes = kernel.length
  const { stride = 1, padding = 0, dilation = 1 } = options
  const sides = typeof padding === 'number' ? Array<number>(axes).fill(padding) : padding
  const pairs = sides.map((side) => (typeof side === 'number' ? ([side, side] as const) : side))
  if (pairs.length !== axes || pairs.flat().some((n) => !Number.isInteger(n) || n < 0)) {
    throw new TensorError(
      'argument',
      `${name}: padding is ${JSON.stringify(padding)}; give a number, or ${axes} numbers or pairs [before, after]`,
    )
  }
  return {
    kernel,
    stride: perAxis(name, 'stride', stride, axes, 1),
    padding: pairs,
    dilation: perAxis(name, 'dilation', dilation, axes, 1),
  }
}

/** How far a window reaches along spatial axis i, first tap to last. */
export function extent({ kernel, dilation }: Window, i: number): number {
  return dilation[i]! * (kernel[i]! - 1) + 1
}

/**
 * The number of windows along each spatial axis of `x` [N, C, ...spatial], rounded down.
 * @throws TensorError when no window fits, or a dynamic axis has a stride.
 */
export function slideShape(name: string, x: TensorType, window: Window): Shape {
  return x.shape.slice(2).map((size, i) => {
    const [before, after] = window.padding[i]!
    const steps = addSizes(size, before + after - extent(window, i))
    const stride = window.stride[i]!
    if (stride === 1 && typeof steps !== 'number') return addSizes(steps, 1)
    if (typeof steps !== 'number') {
      throw new TensorError(
        'shape',
        `${name}: axis ${i + 2} of ${formatType(x)} is dynamic; its stride must be 1`,
      )
    }
    if (steps < 0) {
      throw new TensorError(
        'shape',
        `${name}: a window of ${extent(window, i)} does not fit axis ${i + 2} of ${formatType(x)} with padding [${before}, ${after}]`,
      )
    }
    return Math.floor(steps / stride) + 1
  })
}

/** The size of the input whose windows are `count` along spatial axis i, if they fit exactly. */
export function coveredSize(window: Window, count: Size, i: number): Size {
  const [before, after] = window.padding[i]!
  const span = addSizes(multiplySizes(subtractSizes(count, 1), window.stride[i]!), extent(window, i))
  return subtractSizes(span, before + after)
}

/** The attributes that ONNX gives every windowed operator. */
export function windowAttributes({ kernel, stride, padding, dilation }: Window) {
  return {
    kernel_shape: kernel,
    strides: stride,
    dilations: dilation,
    pads: [...padding.map(([before]) => before), ...padding.map(([, after]) => after)],
  }
}

/** All positions of a box, in row-major order. */
export function positions(sizes: readonly number[]): number[][] {
  return sizes.reduce<number[][]>(
    (rows, size) => rows.flatMap((row) => Array.from({ length: size }, (_, i) => [...row, i])),
    [[]],
  )
}

type Sides = readonly (readonly number[])[]

/** ONNX Pad with `sides[axis] = [before, after]`; a negative number cuts. */
export function emitPad(e: Emitter, x: string, sides: Sides, dtype: DType, value = 0): string {
  if (sides.flat().every((n) => n === 0)) return x
  const pads = [...sides.map((side) => side[0]!), ...sides.map((side) => side[1]!)]
  return e.one('Pad', [x, e.ints(pads), e.scalar(dtype, value)])
}

/**
 * Every window written out: [N, C, ...spatial] -> [N, C, taps, ...windows], from one strided slice for each tap. For what
 * has no kernel of its own.
 */
export function emitWindows(
  e: Emitter,
  x: string,
  window: Window,
  count: readonly number[],
  dtype: DType,
  padding = 0,
): string {
  const padded = emitPad(e, x, [[0, 0], [0, 0], ...window.padding], dtype, padding)
  const spatial = count.map((_, i) => i + 2)
  const views = positions(window.kernel).map((tap) => {
    const starts = tap.map((k, i) => k * window.dilation[i]!)
    const ends = starts.map((start, i) => start + (count[i]! - 1) * window.stride[i]! + 1)
    const view = e.one('Slice', [
      padded,
      ...[starts, ends, spatial, window.stride].map((list) => e.ints(list)),
    ])
    return e.one('Unsqueeze', [view, e.ints([2])])
  })
  return views.length === 1 ? views[0]! : e.one('Concat', views, { axis: 2 })
}
