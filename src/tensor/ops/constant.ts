/** Values known when the graph is built. */
import { isStatic, type Shape, sizeOf } from '../dim.js'
import { type DType, dtypes, type TypedArray, toTypedArray } from '../dtype.js'
import { TensorError } from '../errors.js'
import { apply, type Primitive, Tensor } from '../tensor.js'

export interface ConstantAttrs {
  readonly dtype: DType
  readonly shape: Shape
  /** One number for every element (`full`), or all the elements. */
  readonly value: number | TypedArray
}

export const constantPrimitive: Primitive<ConstantAttrs> = {
  name: 'constant',
  infer: (_, { dtype, shape }) => [{ dtype, shape }],
  vjp: 'zero',
  lower(e, _, { attrs: { dtype, shape, value } }) {
    if (typeof value !== 'number') return [e.constant(dtype, shape as readonly number[], value)]
    // ONNX Runtime refuses to expand an axis to size 0.
    if (isStatic(shape) && shape.includes(0)) return [e.constant(dtype, shape, toTypedArray(dtype, []))]
    const scalar = e.scalar(dtype, value)
    return [shape.length === 0 ? scalar : e.one('Expand', [scalar, e.shape(shape)])]
  },
}

/** A tensor of `shape` filled with `value`. */
export function full(shape: Shape, value: number, dtype: DType = 'f32'): Tensor {
  return apply(constantPrimitive, [], { dtype, shape, value })
}

export function zeros(shape: Shape, dtype: DType = 'f32'): Tensor {
  return full(shape, 0, dtype)
}

export function ones(shape: Shape, dtype: DType = 'f32'): Tensor {
  return full(shape, 1, dtype)
}

/** A scalar. */
export function scalar(value: number, dtype: DType = 'f32'): Tensor {
  return full([], value, dtype)
}

type Nested = number | bigint | boolean | readonly Nested[]

/**
 * A constant from nested arrays of numbers, or from a typed array with an explicit shape.
 * @throws TensorError when rows differ in length or the element count does not fit the shape.
 */
export function constant(
  values: Nested | TypedArray,
  options: { dtype?: DType; shape?: readonly number[] } = {},
): Tensor {
  const dtype = options.dtype ?? 'f32'
  const flat: (number | bigint | boolean)[] = []
  const typed = ArrayBuffer.isView(values)
  const natural = typed ? [values.length] : flatten(values, flat, 0)
  const data: TypedArray =
    typed && values instanceof dtypes[dtype].array
      ? values
      : toTypedArray(dtype, typed ? (values as ArrayLike<number>) : flat)
  const shape = options.shape ?? natural
  if (!isStatic(shape) || sizeOf(shape) !== data.length) {
    throw new TensorError(
      'shape',
      `constant: ${data.length} values do not fill the shape [${shape.join(', ')}]`,
    )
  }
  return apply(constantPrimitive, [], { dtype, shape, value: data })
}

/** Whether every element of `tensor` is known to be `value`. */
export function isConstant(tensor: Tensor, value?: number): boolean {
  const known = constantValue(tensor)
  return known !== undefined && (value === undefined || known === value)
}

/** The number that every element of `tensor` is known to be, if it is one. */
export function constantValue(tensor: Tensor): number | undefined {
  if ((tensor.node.primitive as unknown) !== constantPrimitive) return undefined
  const { value } = tensor.node.attrs as ConstantAttrs
  if (typeof value === 'number') return value
  if (value.length !== 1 || tensor.dtype === 'f16') return undefined
  // Past 2^53 the number would be another.
  const known = Number(value[0])
  return typeof value[0] === 'bigint' && !Number.isSafeInteger(known) ? undefined : known
}

/** A tensor, or a number as a scalar of the given dtype. */
export function asTensor(value: Tensor | number, dtype: DType): Tensor {
  return value instanceof Tensor ? value : scalar(value, dtype)
}

function flatten(values: Nested, into: (number | bigint | boolean)[], depth: number): number[] {
  if (!Array.isArray(values)) {
    into.push(values as number | bigint | boolean)
    return []
  }
  const shapes = (values as readonly Nested[]).map((value) => flatten(value, into, depth + 1))
  if (shapes.some((shape) => shape.join() !== shapes[0]!.join())) {
    throw new TensorError('shape', `constant: the arrays at depth ${depth + 1} differ in length`)
  }
  return [values.length, ...(shapes[0] ?? [])]
}
