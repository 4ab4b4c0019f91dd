/**
 * Convolutions in ONNX. On the CPU some are written in other operations: ONNX Runtime's kernels there are single precision
 * only, and slow at windows as large as the input, which is what the gradients for the weights of small kernels are.
 */
import { formatShape, isStatic, type Shape } from '../dim.js'
import { TensorError } from '../errors.js'
import type { Emitter } from '../onnx/emitter.js'
import type { TensorType } from '../tensor.js'
import { emitPad, emitWindows, extent, positions, type Window, windowAttributes } from './window.js'

export interface ConvAttrs {
  readonly window: Window
  readonly groups: number
}

export interface ConvTransposeAttrs extends ConvAttrs {
  /** Elements added to the end of each spatial axis, less than the stride. */
  readonly outputPadding: readonly number[]
}

/** What a convolution is between. */
interface Types {
  readonly x: Shape
  readonly w: Shape
  readonly y: TensorType
}

/** ONNX names of x, w and, if there is one, the bias. */
type Names = readonly string[]

export function lowerConv(e: Emitter, names: Names, types: Types, attrs: ConvAttrs): string {
  if (e.onCpuKernels && fewPlaces(types, attrs)) return convByPlace(e, names, types, attrs)
  if (e.onCpuKernels && types.y.dtype === 'f64') return convByMatmul(e, names, types, attrs)
  return e.one('Conv', names, { ...windowAttributes(attrs.window), group: attrs.groups })
}

export function lowerConvTranspose(
  e: Emitter,
  names: Names,
  types: Types,
  attrs: ConvTransposeAttrs,
): string {
  if (e.device === 'webgpu' && attrs.groups > 1) return convTransposeOnWebgpu(e, names, types, attrs)
  if (e.onCpuKernels && isConvolution(types, attrs.window)) return convTransposeByConv(e, names, types, attrs)
  if (e.onCpuKernels && types.y.dtype === 'f64') return convTransposeByMatmul(e, names, types, attrs)
  return e.one('ConvTranspose', names, convTransposeAttributes(attrs))
}

function convTransposeAttributes({ window, groups, outputPadding }: ConvTransposeAttrs) {
  return { ...windowAttributes(window), group: groups, output_padding: outputPadding }
}

/**
 * WebGPU's kernel takes groups with one output for depthwise, and reads only the first input of each: such groups are given
 * one input at a time.
 */
function convTransposeOnWebgpu(
  e: Emitter,
  [x, w, ...bias]: Names,
  types: Types,
  attrs: ConvTransposeAttrs,
): string {
  const [channels, outputs] = requireStatic(types.w.slice(0, 2))
  const perGroup = channels! / attrs.groups
  const attributes = convTransposeAttributes(attrs)
  if (outputs! > 1 || perGroup === 1) return e.one('ConvTranspose', [x!, w!, ...bias], attributes)
  const every = (name: string, axis: number, from: number) =>
    e.one('Slice', [name, ...[from, 2 ** 31 - 1, axis, perGroup].map((n) => e.ints([n]))])
  const parts = Array.from({ length: perGroup }, (_, i) =>
    e.one('ConvTranspose', [every(x!, 1, i), every(w!, 0, i)], attributes),
  )
  return addBias(e, e.one('Sum', parts), bias[0], attrs.groups, attrs.window.kernel.length)
}

/** Whether a large window has few places to be. */
function fewPlaces({ x, y }: Types, { window, groups }: ConvAttrs): boolean {
  if (groups > 1 || !isStatic(x) || !isStatic(y.shape)) return false
  const places = product(y.shape.slice(2))
  return places <= 25 && places < product(window.kernel)
}

/** One matrix product for each place of the window: two to four times as fast as Conv at this. */
function convByPlace(e: Emitter, [x, w, bias]: Names, { y }: Types, { window }: ConvAttrs): string {
  const [batch, outputs, ...count] = requireStatic(y.shape)
  const padded = emitPad(e, x!, [[0, 0], [0, 0], ...window.padding], y.dtype)
  const rows = e.one('Reshape', [w!, e.ints([outputs!, -1])])
  const spatial = e.ints(count.map((_, i) => i + 2))
  const places = positions(count).map((place) => {
    const starts = place.map((n, i) => n * window.stride[i]!)
    const ends = starts.map((start, i) => start + extent(window, i))
    const view = e.one('Slice', [padded, e.ints(starts), e.ints(ends), spatial, e.ints(window.dilation)])
    const columns = e.one('Reshape', [view, e.ints([batch!, -1])])
    const sums = e.one('FusedMatMul', [columns, rows], { transB: 1 }, 'com.microsoft')
    return e.one('Unsqueeze', [sums, e.ints([2])])
  })
  const all = places.length === 1 ? places[0]! : e.one('Concat', places, { axis: 2 })
  const result = e.one('Reshape', [all, e.ints([batch!, outputs!, ...count])])
  return addBias(e, result, bias, outputs!, count.length)
}

/** One matrix product over all windows written out ("im2col"). */
function convByMatmul(e: Emitter, [x, w, bias]: Names, types: Types, { window, groups }: ConvAttrs): string {
  const [batch, outputs, ...count] = requireStatic(types.y.shape)
  const inner = product(requireStatic(types.w).slice(1))
  const windows = emitWindows(e, x!, window, count, types.y.dtype)
  const columns = e.one('Reshape', [windows, e.ints([batch!, groups, inner, product(count)])])
  const rows = e.one('Reshape', [w!, e.ints([groups, outputs! / groups, inner])])
  const result = e.one('Reshape', [e.one('MatMul', [rows, columns]), e.ints([batch!, outputs!, ...count])])
  return addBias(e, result, bias, outputs!, count.length)
}

/**
 * With a stride of 1, and no more padding than a window reaches, the transpose is itself a convolution: a faster one, unless
 * the weights, which must be turned round, are more than the input.
 */
function isConvolution({ x, w }: Types, window: Window): boolean {
  const inside = window.padding.every((sides, i) => sides.every((n) => n < extent(window, i)))
  const lightWeights = !isStatic(x) || product(requireStatic(w)) < product(x)
  return inside && lightWeights && window.stride.every((n) => n === 1)
}

/** A convolution by the weights turned round, their channels exchanged. */
function convTransposeByConv(
  e: Emitter,
  [x, w, ...bias]: Names,
  types: Types,
  { window, groups }: ConvAttrs,
): string {
  const [channels, outputs, ...kernel] = requireStatic(types.w)
  const axes = kernel.map((_, i) => i)
  const each = (value: number) => e.ints(axes.map(() => value))
  const turned =
    product(kernel) === 1
      ? w!
      : e.one('Slice', [w!, each(-1), each(-(2 ** 31)), e.ints(axes.map((i) => i + 2)), each(-1)])
  const grouped = e.one('Reshape', [turned, e.ints([groups, channels! / groups, outputs!, ...kernel])])
  const exchanged = e.one('Transpose', [grouped], { perm: [0, 2, 1, ...axes.map((i) => i + 3)] })
  const shape = [groups * outputs!, channels! / groups, ...kernel]
  const padding = window.padding.map(([before, after], i) => {
    const reach = extent(window, i) - 1
    return [reach - before, reach - after] as const
  })
  const names = [x!, e.one('Reshape', [exchanged, e.ints(shape)]), ...bias]
  return lowerConv(e, names, { ...types, w: shape }, { window: { ...window, padding }, groups })
}

/** One matrix product, whose columns are added back where their windows were ("col2im"). */
function convTransposeByMatmul(
  e: Emitter,
  [x, w, bias]: Names,
  types: Types,
  { window, groups, outputPadding }: ConvTransposeAttrs,
): string {
  const [batch, channels, ...size] = requireStatic(types.x)
  const [, outputs, ...out] = requireStatic(types.y.shape)
  const { dtype } = types.y
  const taps = positions(window.kernel)
  const rows = e.one('Reshape', [w!, e.ints([groups, channels! / groups, (outputs! / groups) * taps.length])])
  const columns = e.one('Reshape', [x!, e.ints([batch!, groups, channels! / groups, product(size)])])
  const spread = e.one('Reshape', [
    e.one('MatMul', [e.one('Transpose', [rows], { perm: [0, 2, 1] }), columns]),
    e.ints([batch!, outputs!, taps.length, ...size.flatMap((n) => [n, 1])]),
  ])
  // Zeros between neighbours: [n, 1] -> [n, stride] -> [n * stride].
  const between = window.stride.flatMap((step) => [
    [0, 0],
    [0, step - 1],
  ])
  const apart = e.one('Reshape', [
    emitPad(e, spread, [[0, 0], [0, 0], [0, 0], ...between], dtype),
    e.ints([batch!, outputs!, taps.length, ...size.map((n, i) => n * window.stride[i]!)]),
  ])
  const whole = size.map((n, i) => (n - 1) * window.stride[i]! + extent(window, i) + outputPadding[i]!)
  const placed = taps.map((tap, t) => {
    const slice = e.one('Slice', [apart, e.ints([t]), e.ints([t + 1]), e.ints([2])])
    const sides = tap.map((k, i) => {
      const before = k * window.dilation[i]!
      // A negative number cuts the zeros after the last element.
      return [before, whole[i]! - before - size[i]! * window.stride[i]!]
    })
    return emitPad(e, e.one('Squeeze', [slice, e.ints([2])]), [[0, 0], [0, 0], ...sides], dtype)
  })
  const total = placed.length === 1 ? placed[0]! : e.one('Sum', placed)
  const starts = window.padding.map(([before]) => before)
  const ends = starts.map((start, i) => start + out[i]!)
  const result = e.one('Slice', [total, e.ints(starts), e.ints(ends), e.ints(size.map((_, i) => i + 2))])
  return addBias(e, result, bias, outputs!, out.length)
}

function addBias(e: Emitter, x: string, bias: string | undefined, channels: number, axes: number): string {
  if (bias === undefined) return x
  return e.one('Add', [x, e.one('Reshape', [bias, e.ints([channels, ...Array<number>(axes).fill(1)])])])
}

function product(sizes: readonly number[]): number {
  return sizes.reduce((a, b) => a * b, 1)
}

function requireStatic(shape: Shape): readonly number[] {
  if (isStatic(shape)) return shape
  throw new TensorError(
    'shape',
    `conv: here ${formatShape(shape)} must be static (in double precision on the CPU; channels in groups on WebGPU)`,
  )
}
