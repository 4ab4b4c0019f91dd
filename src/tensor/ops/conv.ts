/**
 * Convolution (cross-correlation, as every framework means it) and its transpose. Layouts are those of ONNX and PyTorch:
 * inputs [N, C, ...spatial], convolution weights [O, C / groups, ...kernel], transposed [C, O / groups, ...kernel].
 *
 * The three gradients stay within these two operations (Dumoulin and Visin 2016, "A guide to convolution arithmetic for
 * deep learning"), so gradients of gradients follow.
 */
import {
  addSizes,
  divideSizes,
  isStatic,
  multiplySizes,
  type Shape,
  type Size,
  sizeOf,
  sizesEqual,
  subtractSizes,
} from '../dim.js'
import { isFloat } from '../dtype.js'
import { TensorError } from '../errors.js'
import { apply, formatType, type Primitive, sameDType, type Tensor, type TensorType } from '../tensor.js'
import { type ConvAttrs, type ConvTransposeAttrs, lowerConv, lowerConvTranspose } from './conv-lower.js'
import { reshape, slice, transpose } from './movement.js'
import { sum } from './reduce.js'
import {
  coveredSize,
  type PerAxis,
  perAxis,
  slideShape,
  type Window,
  type WindowOptions,
  windowOf,
} from './window.js'

/** Inputs: x, w and, if there is one, the bias [O]. */
const convPrimitive: Primitive<ConvAttrs> = {
  name: 'conv',
  infer: (inputs, { window, groups }) => {
    const [x, w] = inputs as [TensorType, TensorType]
    const outputs = w.shape[0]!
    checkOperands('conv', inputs, multiplySizes(w.shape[1]!, groups), groups, outputs)
    return [{ shape: [x.shape[0]!, outputs, ...slideShape('conv', x, window)], dtype: x.dtype }]
  },
  vjp: ({ inputs: [x, w], attrs, cotangents: [g], wanted }) => [
    wanted[0] ? convTransposeBy(g!, w!, x!.shape, attrs.window, attrs.groups) : undefined,
    wanted[1] ? convWeightGradient(x!, g!, attrs) : undefined,
    wanted[2] ? biasGradient(g!) : undefined,
  ],
  lower: (e, names, { inputs: [x, w], outputs: [y], attrs }) => [
    lowerConv(e, names, { x: x!.shape, w: w!.shape, y: y! }, attrs),
  ],
}

/** Inputs: x, w and, if there is one, the bias [O]. */
const convTransposePrimitive: Primitive<ConvTransposeAttrs> = {
  name: 'convTranspose',
  infer: (inputs, { window, groups, outputPadding }) => {
    const [x, w] = inputs as [TensorType, TensorType]
    const outputs = multiplySizes(w.shape[1]!, groups)
    checkOperands('convTranspose', inputs, w.shape[0]!, groups, outputs)
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
  lower: (e, names, { inputs: [x, w], outputs: [y], attrs }) => [
    lowerConvTranspose(e, names, { x: x!.shape, w: w!.shape, y: y! }, attrs),
  ],
}

function checkOperands(
  name: string,
  inputs: readonly TensorType[],
  channels: Size,
  groups: number,
  outputs: Size,
): void {
  const [x, w, bias] = inputs as [TensorType, TensorType, TensorType?]
  const dtype = sameDType(name, inputs)
  if (!isFloat(dtype)) throw new TensorError('dtype', `${name} does not take ${formatType(x)}; cast it first`)
  const divides = [channels, outputs].every((size) => divideSizes(size, groups) !== undefined)
  if (!sizesEqual(x.shape[1]!, channels) || !divides) {
    throw new TensorError(
      'shape',
      `${name}: ${formatType(x)} with weights ${formatType(w)} in ${groups} group(s): the channels do not fit`,
    )
  }
  if (bias && (bias.shape.length !== 1 || !sizesEqual(bias.shape[0]!, outputs))) {
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
  const perGroup = divideSizes(channels!, groups)!
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
