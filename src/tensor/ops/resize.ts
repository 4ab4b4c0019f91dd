/** Resizing images, with the coordinates of torch.nn.functional.interpolate. */
import type { Size } from '../dim.js'
import { TensorError } from '../errors.js'
import { formatType, type Tensor } from '../tensor.js'
import { constant } from './constant.js'
import { gather } from './indexing.js'
import { matmul } from './linear.js'
import { broadcastTo, expandDims, reshape } from './movement.js'

export interface ResizeOptions {
  /** Height and width of the result. Give this or `scale`. */
  readonly size?: readonly [height: number, width: number]
  /** Factor for both axes or for each; sizes are rounded down. */
  readonly scale?: number | readonly [height: number, width: number]
  readonly mode: 'nearest' | 'bilinear'
  /** Bilinear only: the centres of the corner pixels stay where they are, instead of the image's edges. Default false. */
  readonly alignCorners?: boolean
}

/** How one axis is resized. `step` is the distance between results, in elements of the input. */
interface AxisPlan {
  readonly from: number
  readonly to: number
  readonly step: number
}

/**
 * x [N, C, H, W] at another height and width. Both axes are interpolated by themselves: bilinear is two products with
 * constant matrices, so gradients of any order are exact. Shrinking takes single pixels and does not average.
 * @throws TensorError when the height or width is dynamic, or the options do not fit.
 */
export function resize(x: Tensor, options: ResizeOptions): Tensor {
  const { mode, alignCorners = false } = options
  if (x.rank !== 4) throw new TensorError('shape', `resize: x is ${formatType(x)}, not [N, C, H, W]`)
  if (mode !== 'nearest' && mode !== 'bilinear')
    throw new TensorError('argument', `resize: the mode '${mode}' is not nearest or bilinear`)
  if (mode === 'nearest' && alignCorners)
    throw new TensorError('argument', `resize: alignCorners is for the mode bilinear`)
  return [2, 3].reduce((y, axis) => {
    const plan = planAxis(x, axis, options)
    if (plan.from === plan.to && plan.step === 1) return y
    return mode === 'nearest' ? nearest(y, axis, plan) : linear(y, axis, plan, alignCorners)
  }, x)
}

function planAxis(x: Tensor, axis: number, { size, scale }: ResizeOptions): AxisPlan {
  const from: Size = x.shape[axis]!
  if (typeof from !== 'number')
    throw new TensorError('shape', `resize: axis ${axis} of ${formatType(x)} is dynamic`)
  const factor = typeof scale === 'number' ? scale : scale?.[axis - 2]
  const to = size?.[axis - 2] ?? Math.floor(from * (factor ?? Number.NaN))
  if ((size === undefined) === (scale === undefined) || !Number.isInteger(to) || to < 1) {
    throw new TensorError(
      'argument',
      `resize: give size or scale, of at least one pixel (size ${JSON.stringify(size)}, scale ${JSON.stringify(scale)}, x ${formatType(x)})`,
    )
  }
  return { from, to, step: factor === undefined ? from / to : 1 / factor }
}

function nearest(x: Tensor, axis: number, { from, to, step }: AxisPlan): Tensor {
  // As in PyTorch, a size that is kept or doubled is taken so, whatever fraction the scale had.
  if (to === from) return x
  if (to === 2 * from || (to * step === from && Number.isInteger(to / from))) {
    const apart = expandDims(x, axis + 1)
    const repeated = broadcastTo(
      apart,
      apart.shape.map((size, i) => (i === axis + 1 ? to / from : size)),
    )
    return reshape(
      repeated,
      x.shape.map((size, i) => (i === axis ? to : size)),
    )
  }
  // PyTorch computes in single precision, which decides which side of a border a pixel falls on.
  const single = Math.fround(step)
  const indices = Array.from({ length: to }, (_, i) =>
    Math.min(Math.floor(Math.fround(i * single)), from - 1),
  )
  return gather(x, constant(indices, { dtype: 'i32' }), axis)
}

function linear(x: Tensor, axis: number, { from, to, step }: AxisPlan, alignCorners: boolean): Tensor {
  const weights = new Float64Array(to * from)
  for (let i = 0; i < to; i++) {
    const exact = alignCorners ? (to > 1 ? (i * (from - 1)) / (to - 1) : 0) : (i + 0.5) * step - 0.5
    const position = Math.min(Math.max(exact, 0), from - 1)
    const low = Math.floor(position)
    weights[i * from + low]! += 1 - (position - low)
    weights[i * from + Math.min(low + 1, from - 1)]! += position - low
  }
  const matrix = constant(weights, { dtype: x.dtype, shape: [to, from] })
  return axis === 2 ? matmul(matrix, x) : matmul(x, matrix, { transB: true })
}
