/**
 * Convolution (cross-correlation, as every framework means it) and its transpose. Layouts are those of ONNX and PyTorch:
 * inputs [N, C, ...spatial], convolution weights [O, C / groups, ...kernel], transposed [C, O / groups, ...kernel].
 *
 * The three gradients stay within these two operations (Dumoulin and Visin 2016, "A guide to convolution arithmetic for
 * deep learning"), so gradients of gradients follow.
 */
import { addSizes, isStatic, type Shape, sizeOf, sizesEqual, subtractSizes } from '../dim.js'
import { isFloat } from '../dtype.js'
import { TensorError } from '../errors.js'
import type { Emitter } from '../onnx/emitter.js'
import {
  apply,
  formatType,
  type Node,
  type Primitive,
  sameDType,
  type Tensor,
  type TensorType,
} from '../tensor.js'
import { reshape, slice, transpose } from './movement.js'
import { sum } from './reduce.js'
import {
  coveredSize,
  emitPad,
  emitWindows,
  extent,
  type PerAxis,
  perAxis,
  positions,
  slideShape,
  type Window,
  type WindowOptions,
  windowAttributes,
  windowOf,
} from './window.js'

interface ConvAttrs {
  readonly window: Window
  readonly groups: number
}

interface ConvTransposeAttrs extends ConvAttrs {
  /** Elements added to the end of each spatial axis, less than the stride. */
  readonly outputPadding: readonly number[]
}

/** Inputs: x, w and, if there is one, the bias [O]. */
const convPrimitive: Primitive<ConvAttrs> = {
  name: 'conv',
  infer: (inputs, { window, groups }) => {
    const [x, w] = inputs as [TensorType, TensorType]
    const outputs = w.shape[0] as number
    checkOperands('conv', inputs, w.shape[1] as number, groups, outputs)
    return [{ shape: [x.shape[0]!, outputs, ...slideShape('conv', x, window)], dtype: x.dtype }]
  },
  vjp: ({ inputs: [x, w], attrs, cotangents: [g], wanted }) => [
    wanted[0] ? convTransposeBy(g!, w!, x!.shape, attrs.window, attrs.groups) : undefined,
    wanted[1] ? convWeightGradient(x!, g!, attrs) : undefined,
    wanted[2] ? biasGradient(g!) : undefined,
  ],
  lower: (e, inputs, node) => {
    if (e.onCpuKernels && node.outputs[0]!.dtype === 'f64') return [convByMatmul(e, inputs, node)]
    const { window, groups } = node.attrs
    return [e.one('Conv', inputs, { ...windowAttributes(window), group: groups })]
  },
}

/** Inputs: x, w and, if there is one, the bias [O]. */
const convTransposePrimitive: Primitive<ConvTransposeAttrs> = {
  name: 'convTranspose',
  infer: (inputs, { window, groups, outputPadding }) => {
    const [x, w] = inputs as [TensorType, TensorType]
    const outputs = (w.shape[1] as number) * groups
    checkOperands('convTranspose', inputs, (w.shape[0] as number) / groups, groups, outputs)
    const spatial = x.shape
      .slice(2)
      .map((size, i) => addSizes(coveredSize(window, size, i), outputPadding[i]!))
    if (spatial.some((size) => typeof size === 'number' && size < 1)) {
      throw new TensorError(
        'shape',
        `convTranspose: the padding leaves nothing of the result of ${formatType(x)}`,
      )
    }
    return [{ shape: [x.shape[0]!, outputs, ...spatial], dtype: x.dtype }]
  },
  // The transpose of a linear map has the map itself as its gradient; input and cotangent change places for the weights.
  vjp: ({ inputs: [x, w], attrs: { window, groups }, cotangents: [g], wanted }) => [
    wanted[0] ? apply(convPrimitive, [g!, w!], { window, groups }) : undefined,
    wanted[1] ? convWeightGradient(g!, x!, { window, groups }) : undefined,
    wanted[2] ? biasGradient(g!) : undefined,
  ],
  lower: (e, inputs, node) => {
    if (e.onCpuKernels && node.outputs[0]!.dtype === 'f64') return [convTransposeByMatmul(e, inputs, node)]
    const { window, groups, outputPadding } = node.attrs
    const attributes = { ...windowAttributes(window), group: groups, output_padding: outputPadding }
    return [e.one('ConvTranspose', inputs, attributes)]
  },
}

function checkOperands(
  name: string,
  inputs: readonly TensorType[],
  channelsPerGroup: number,
  groups: number,
  outputs: number,
): void {
  const [x, w, bias] = inputs as [TensorType, TensorType, TensorType?]
  const dtype = sameDType(name, inputs)
  if (!isFloat(dtype)) throw new TensorError('dtype', `${name} does not take ${formatType(x)}; cast it first`)
  if (!sizesEqual(x.shape[1]!, channelsPerGroup * groups) || outputs % groups !== 0) {
    throw new TensorError(
      'shape',
      `${name}: ${formatType(x)} with weights ${formatType(w)} in ${groups} group(s): the channels do not fit`,
    )
  }
  if (bias && (bias.shape.length !== 1 || bias.shape[0] !== outputs)) {
    throw new TensorError('shape', `${name}: the bias is ${formatType(bias)}, not [${outputs}]`)
  }
}

// ---- gradients ----

/** The gradient of a convolution for its input, of shape `shape`: each output spread over the window it came from. */
export function convTransposeBy(g: Tensor, w: Tensor, shape: Shape, window: Window, groups = 1): Tensor {
  // What a stride left unread at the end gets zeros.
  const outputPadding = window.stride.map((_, i) => {
    const unread = subtractSizes(shape[i + 2]!, coveredSize(window, g.shape[i + 2]!, i))
    return unread as number
  })
  return apply(convTransposePrimitive, [g, w], { window, groups, outputPadding })
}

/**
 * dw[o, c, k] = sum over n, p of g[n, o, p] x[n, c, stride p + dilation k]: a convolution of x by g that sums over the batch,
 * with stride and dilation exchanged. The groups go beside the batch on the summed axis.
 */
function convWeightGradient(x: Tensor, g: Tensor, { window, groups }: ConvAttrs): Tensor {
  const [batch, channels, ...spatial] = x.shape
  const axes = spatial.map((_, i) => i)
  const perGroup = (channels as number) / groups
  const grouped = reshape(x, [batch!, groups, perGroup, ...spatial])
  const folded = reshape(transpose(grouped, [2, 1, 0, ...axes.map((i) => i + 3)]), [
    perGroup,
    sizeOf([groups, batch!]),
    ...spatial,
  ])
  const swapped = (t: Tensor) => transpose(t, [1, 0, ...axes.map((i) => i + 2)])
  const kernel = requireKernel('conv gradient', g.shape.slice(2))
  const exchanged: Window = {
    kernel,
    stride: window.dilation,
    dilation: window.stride,
    padding: window.padding,
  }
  const full = swapped(apply(convPrimitive, [folded, swapped(g)], { window: exchanged, groups }))
  // Where the stride left elements unread at the end, taps beyond the kernel appear.
  return slice(full, [undefined, undefined, ...window.kernel.map((size) => [0, size] as const)])
}

function biasGradient(g: Tensor): Tensor {
  return sum(
    g,
    g.shape.flatMap((_, axis) => (axis === 1 ? [] : [axis])),
  )
}

// ---- double precision: ONNX Runtime's CPU kernels are single precision only ----

/** Convolution as one matrix product over the windows ("im2col"). */
function convByMatmul(e: Emitter, [x, w, bias]: readonly string[], node: Node<ConvAttrs>): string {
  const { window, groups } = node.attrs
  const [batch, outputs, ...count] = staticShape(node.outputs[0]!)
  const inner = product(staticShape(node.inputs[1]!).slice(1))
  const windows = emitWindows(e, x!, window, count, node.outputs[0]!.dtype)
  const columns = e.one('Reshape', [windows, e.ints([batch!, groups, inner, product(count)])])
  const rows = e.one('Reshape', [w!, e.ints([groups, outputs! / groups, inner])])
  const result = e.one('Reshape', [e.one('MatMul', [rows, columns]), e.ints([batch!, outputs!, ...count])])
  return addBias(e, result, bias, outputs!, count.length)
}

/** The reverse: one matrix product, whose columns are added back where their windows were ("col2im"). */
function convTransposeByMatmul(
  e: Emitter,
  [x, w, bias]: readonly string[],
  node: Node<ConvTransposeAttrs>,
): string {
  const { window, groups, outputPadding } = node.attrs
  const [batch, channels, ...size] = staticShape(node.inputs[0]!)
  const [, outputs, ...out] = staticShape(node.outputs[0]!)
  const { dtype } = node.outputs[0]!
  const taps = positions(window.kernel)
  const perGroup = outputs! / groups
  const rows = e.one('Reshape', [w!, e.ints([groups, channels! / groups, perGroup * taps.length])])
  const columns = e.one('Reshape', [x!, e.ints([batch!, groups, channels! / groups, product(size)])])
  const spread = e.one('Reshape', [
    e.one('MatMul', [e.one('Transpose', [rows], { perm: [0, 2, 1] }), columns]),
    e.ints([batch!, outputs!, taps.length, ...size.flatMap((n) => [n, 1])]),
  ])
  // Zeros between neighbours: [n, 1] -> [n, stride] -> [n * stride].
  const apart = e.one('Reshape', [
    emitPad(
      e,
      spread,
      [
        [0, 0],
        [0, 0],
        [0, 0],
        ...window.stride.flatMap((s) => [
          [0, 0],
          [0, s - 1],
        ]),
      ],
      dtype,
    ),
    e.ints([batch!, outputs!, taps.length, ...size.map((n, i) => n * window.stride[i]!)]),
  ])
  const spatial = size.map((_, i) => i + 2)
  const whole = size.map((n, i) => (n - 1) * window.stride[i]! + extent(window, i) + outputPadding[i]!)
  const placed = taps.map((tap, t) => {
    const one = e.one('Squeeze', [
      e.one('Slice', [apart, e.ints([t]), e.ints([t + 1]), e.ints([2])]),
      e.ints([2]),
    ])
    const sides = tap.map((k, i) => {
      const before = k * window.dilation[i]!
      // A negative pad cuts the zeros after the last element.
      return [before, whole[i]! - before - size[i]! * window.stride[i]!] as const
    })
    return emitPad(e, one, [[0, 0], [0, 0], ...sides], dtype)
  })
  const total = placed.length === 1 ? placed[0]! : e.one('Sum', placed)
  const starts = window.padding.map(([before]) => before)
  const ends = starts.map((start, i) => start + out[i]!)
  const result = e.one('Slice', [total, e.ints(starts), e.ints(ends), e.ints(spatial)])
  return addBias(e, result, bias, outputs!, out.length)
}

function addBias(e: Emitter, x: string, bias: string | undefined, channels: number, axes: number): string {
  if (bias === undefined) return x
  return e.one('Add', [x, e.one('Reshape', [bias, e.ints([channels, ...Array<number>(axes).fill(1)])])])
}

function product(sizes: readonly number[]): number {
  return sizes.reduce((a, b) => a * b, 1)
}

function staticShape(x: TensorType): readonly number[] {
  if (isStatic(x.shape)) return x.shape
  throw new TensorError(
    'shape',
    `conv: in double precision on the CPU ${formatType(x)} must have a static shape`,
  )
}

function requireKernel(name: string, shape: Shape): readonly number[] {
  if (isStatic(shape)) return shape
  throw new TensorError('shape', `${name}: the window [${shape.join(', ')}] must have a static shape`)
}

// ---- what users call ----

export interface ConvOptions extends WindowOptions {
  /** Added to each output channel: [O]. */
  readonly bias?: Tensor
  /** Blocks of channels that do not see each other; as many as channels is a depthwise convolution. Default 1. */
  readonly groups?: number
}

export interface ConvTransposeOptions extends ConvOptions {
  /** Extra elements at the end of each spatial axis, less than the stride: chooses among the sizes that a stride allows. Default 0. */
  readonly outputPadding?: PerAxis
}

function conv(name: string, axes: number, x: Tensor, w: Tensor, options: ConvOptions): Tensor {
  const { groups, window } = convGeometry(name, axes, x, w, options)
  return apply(convPrimitive, options.bias ? [x, w, options.bias] : [x, w], { window, groups })
}

function convTranspose(
  name: string,
  axes: number,
  x: Tensor,
  w: Tensor,
  options: ConvTransposeOptions,
): Tensor {
  const { groups, window } = convGeometry(name, axes, x, w, options)
  const outputPadding = perAxis(name, 'outputPadding', options.outputPadding ?? 0, axes, 0)
  if (outputPadding.some((extra, i) => extra >= window.stride[i]!)) {
    throw new TensorError(
      'argument',
      `${name}: outputPadding [${outputPadding.join(', ')}] must be less than the stride [${window.stride.join(', ')}]`,
    )
  }
  return apply(convTransposePrimitive, options.bias ? [x, w, options.bias] : [x, w], {
    window,
    groups,
    outputPadding,
  })
}

function convGeometry(name: string, axes: number, x: Tensor, w: Tensor, options: ConvOptions) {
  if (x.rank !== axes + 2 || w.rank !== axes + 2 || !isStatic(w.shape)) {
    throw new TensorError(
      'shape',
      `${name}: x is ${formatType(x)} and w is ${formatType(w)}; both need ${axes + 2} axes, those of w static`,
    )
  }
  const [groups] = perAxis(name, 'groups', options.groups ?? 1, 1, 1)
  return { groups: groups!, window: windowOf(name, w.shape.slice(2), options) }
}

/**
 * Convolution over one axis: x [N, C, L], w [O, C / groups, K] -> [N, O, L'], where
 * L' = floor((L + padding - dilation (K - 1) - 1) / stride) + 1. A stride of 1 lets L be dynamic in the forward direction.
 * @throws TensorError when shapes or options do not fit.
 */
export function conv1d(x: Tensor, w: Tensor, options: ConvOptions = {}): Tensor {
  return conv('conv1d', 1, x, w, options)
}

/**
 * Convolution over two axes: x [N, C, H, W], w [O, C / groups, KH, KW] -> [N, O, H', W'], sizes as in `conv1d`.
 * @throws TensorError when shapes or options do not fit.
 */
export function conv2d(x: Tensor, w: Tensor, options: ConvOptions = {}): Tensor {
  return conv('conv2d', 2, x, w, options)
}

/**
 * The transpose (gradient) of a convolution over one axis: x [N, C, L], w [C, O / groups, K] -> [N, O, L'], where
 * L' = stride (L - 1) - padding + dilation (K - 1) + 1 + outputPadding.
 * @throws TensorError when shapes or options do not fit.
 */
export function convTranspose1d(x: Tensor, w: Tensor, options: ConvTransposeOptions = {}): Tensor {
  return convTranspose('convTranspose1d', 1, x, w, options)
}

/**
 * The transpose (gradient) of a convolution over two axes: x [N, C, H, W], w [C, O / groups, KH, KW] -> [N, O, H', W'],
 * sizes as in `convTranspose1d`.
 * @throws TensorError when shapes or options do not fit.
 */
export function convTranspose2d(x: Tensor, w: Tensor, options: ConvTransposeOptions = {}): Tensor {
  return convTranspose('convTranspose2d', 2, x, w, options)
}
