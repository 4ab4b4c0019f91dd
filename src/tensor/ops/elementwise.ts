/** Element-wise arithmetic, comparison and the usual functions. Two operands broadcast as in NumPy. */
import { formatShape, type Shape, shapesEqual, sizesEqual } from '../dim.js'
import { type DType, dtypes, isFloat } from '../dtype.js'
import { TensorError } from '../errors.js'
import type { Emitter } from '../onnx/emitter.js'
import { apply, formatType, type Primitive, sameDType, Tensor, type TensorType } from '../tensor.js'
import { asTensor } from './constant.js'
import { reshape } from './movement.js'
import { sum } from './reduce.js'

export type Operand = Tensor | number

/** The NumPy broadcast of several shapes. */
export function broadcastShapes(name: string, ...shapes: readonly Shape[]): Shape {
  const rank = Math.max(...shapes.map((shape) => shape.length))
  return Array.from({ length: rank }, (_, axis) => {
    const sizes = shapes.map((shape) => shape[axis - rank + shape.length] ?? 1)
    const size = sizes.find((s) => s !== 1) ?? 1
    if (sizes.some((s) => s !== 1 && !sizesEqual(s, size))) {
      throw new TensorError(
        'shape',
        `${name}: the shapes ${shapes.map(formatShape).join(' and ')} do not broadcast: axis ${axis} has sizes ${sizes.join(' and ')}`,
      )
    }
    return size
  })
}

/** Sums a cotangent over the axes that were broadcast from `shape`. */
export function unbroadcast(cotangent: Tensor, shape: Shape): Tensor {
  if (shapesEqual(cotangent.shape, shape)) return cotangent
  const extra = cotangent.rank - shape.length
  const axes = cotangent.shape
    .map((_, axis) => axis)
    .filter((axis) => axis < extra || (shape[axis - extra] === 1 && cotangent.shape[axis] !== 1))
  return reshape(sum(cotangent, axes), shape)
}

type Unary = (x: Tensor) => Tensor
type UnaryRule = (g: Tensor, x: Tensor, y: Tensor) => Tensor
type Lowering = (e: Emitter, inputs: readonly string[], type: TensorType) => string

interface UnaryOptions {
  readonly vjp: UnaryRule | 'zero'
  readonly evaluate: (x: number) => number
  readonly lower?: Lowering
  /** Which inputs it takes; default: floating point. */
  readonly accepts?: (dtype: DType) => boolean
}

function unary(name: string, onnx: string, options: UnaryOptions): Unary {
  const { vjp, evaluate, lower, accepts = isFloat } = options
  const primitive: Primitive<undefined> = {
    name,
    infer: ([x]) => {
      if (!accepts(x!.dtype))
        throw new TensorError('dtype', `${name} does not take ${formatType(x!)}; cast it first`)
      return [{ shape: x!.shape, dtype: x!.dtype }]
    },
    vjp: vjp === 'zero' ? 'zero' : ({ inputs: [x], outputs: [y], cotangents: [g] }) => [vjp(g!, x!, y!)],
    lower: (e, inputs, node) => [lower ? lower(e, inputs, node.outputs[0]!) : e.one(onnx, inputs)],
    evaluate,
  }
  return (x) => apply(primitive, [x], undefined)
}

type BinaryRule = (g: Tensor, a: Tensor, b: Tensor, y: Tensor) => Tensor

interface BinaryOptions {
  /** Cotangents before summing over broadcast axes, one for each operand. */
  readonly vjp: readonly [BinaryRule, BinaryRule] | 'zero'
  readonly evaluate: (a: number, b: number) => number
  readonly result?: DType
  readonly lower?: Lowering
  readonly accepts?: (dtype: DType) => boolean
}

function binary(name: string, onnx: string, options: BinaryOptions) {
  const { vjp, evaluate, lower, result, accepts = (dtype) => dtype !== 'bool' } = options
  const primitive: Primitive<undefined> = {
    name,
    infer: (inputs) => {
      const [a, b] = inputs as [TensorType, TensorType]
      const dtype = sameDType(name, inputs)
      if (!accepts(dtype))
        throw new TensorError('dtype', `${name} does not take ${formatType(a)}; cast it first`)
      return [{ shape: broadcastShapes(name, a.shape, b.shape), dtype: result ?? dtype }]
    },
    vjp:
      vjp === 'zero'
        ? 'zero'
        : ({ inputs, outputs: [y], cotangents: [g], wanted }) => {
            const [a, b] = inputs as [Tensor, Tensor]
            return inputs.map((input, i) =>
              wanted[i] ? unbroadcast(vjp[i]!(g!, a, b, y!), input.shape) : undefined,
            )
          },
    lower: (e, inputs, node) => [lower ? lower(e, inputs, node.inputs[0]!) : e.one(onnx, inputs)],
    evaluate,
  }
  return (a: Operand, b: Operand): Tensor => {
    const dtype = a instanceof Tensor ? a.dtype : b instanceof Tensor ? b.dtype : 'f32'
    return apply(primitive, [asTensor(a, dtype), asTensor(b, dtype)], undefined)
  }
}

const integer = (dtype: DType): boolean => !isFloat(dtype) && dtype !== 'bool'
const boolean = (dtype: DType): boolean => dtype === 'bool'
const numeric = (dtype: DType): boolean => dtype !== 'bool'
const notByte = (dtype: DType): boolean => dtype !== 'bool' && dtype !== 'u8'

// ---- arithmetic ----

export const add = binary('add', 'Add', { vjp: [(g) => g, (g) => g], evaluate: (a, b) => a + b })
export const sub = binary('sub', 'Sub', { vjp: [(g) => g, (g) => neg(g)], evaluate: (a, b) => a - b })
export const mul = binary('mul', 'Mul', {
  vjp: [(g, _a, b) => mul(g, b), (g, a) => mul(g, a)],
  evaluate: (a, b) => a * b,
})
/** a / b. Integers divide towards zero. */
export const div = binary('div', 'Div', {
  vjp: [(g, _a, b) => div(g, b), (g, _a, b, y) => neg(div(mul(g, y), b))],
  evaluate: (a, b) => a / b,
})
/** a^b. The gradient for b needs a > 0, or a = 0 and b >= 0, where it is 0. */
export const pow = binary('pow', 'Pow', {
  // At 0 the derivatives are limits that the formulas miss (0 * inf): those of a^0 and of 0^b are 0.
  vjp: [
    (g, a, b) => mul(g, where(equal(b, 0), 0, mul(b, pow(a, sub(b, 1))))),
    (g, a, b, y) => mul(g, where(logicalAnd(equal(a, 0), greaterEqual(b, 0)), 0, mul(y, log(a)))),
  ],
  evaluate: (a, b) => a ** b,
  accepts: notByte,
})
/** The remainder with the sign of the divisor (integers only). */
export const mod = binary('mod', 'Mod', {
  vjp: 'zero',
  evaluate: (a, b) => ((a % b) + b) % b,
  accepts: integer,
  lower: (e, [a, b]) => {
    if (e.device !== 'webgpu') return e.one('Mod', [a!, b!])
    // WebGPU has no Mod: a - floor(a / b) b, exact for magnitudes below 2^24.
    const quotient = e.one('Floor', [e.one('Div', [e.cast(a!, 'f32'), e.cast(b!, 'f32')])])
    return e.one('Sub', [a!, e.one('Mul', [e.cast(quotient, 'i32'), b!])])
  },
})

/** The larger of two; where they are equal each gets half the gradient. */
export const maximum = binary('maximum', 'Max', {
  vjp: [(g, a, b) => mul(g, share(a, b)), (g, a, b) => mul(g, share(b, a))],
  evaluate: Math.max,
})
/** The smaller of two; where they are equal each gets half the gradient. */
export const minimum = binary('minimum', 'Min', {
  vjp: [(g, a, b) => mul(g, share(b, a)), (g, a, b) => mul(g, share(a, b))],
  evaluate: Math.min,
})

/** 1 where a > b, 1/2 where a = b, 0 where a < b. */
function share(a: Tensor, b: Tensor): Tensor {
  return mul(add(cast(greater(a, b), a.dtype), cast(greaterEqual(a, b), a.dtype)), 0.5)
}

export const neg = unary('neg', 'Neg', { vjp: (g) => neg(g), evaluate: (x) => -x, accepts: notByte })
/** |x|, with gradient 0 at 0. */
export const abs = unary('abs', 'Abs', {
  vjp: (g, x) => mul(g, sign(x)),
  evaluate: Math.abs,
  accepts: numeric,
})
/** -1, 0 or 1. */
export const sign = unary('sign', 'Sign', {
  vjp: 'zero',
  evaluate: Math.sign,
  accepts: numeric,
  lower: (e, [x], { dtype }) => {
    if (e.device !== 'webgpu') return e.one('Sign', [x!])
    const zero = e.scalar(dtype, 0)
    return e.one('Sub', [
      e.cast(e.one('Greater', [x!, zero]), dtype),
      e.cast(e.one('Less', [x!, zero]), dtype),
    ])
  },
})
export const floor = unary('floor', 'Floor', { vjp: 'zero', evaluate: Math.floor })
export const ceil = unary('ceil', 'Ceil', { vjp: 'zero', evaluate: Math.ceil })
export const square = unary('square', 'Mul', {
  vjp: (g, x) => mul(mul(g, 2), x),
  evaluate: (x) => x * x,
  accepts: numeric,
  lower: (e, [x]) => e.one('Mul', [x!, x!]),
})
/** 1 where x > 0, else 0, in x's dtype. */
export const heaviside = unary('heaviside', 'HardSigmoid', {
  vjp: 'zero',
  evaluate: (x) => (x > 0 ? 1 : 0),
  // A slope so steep that every normal number above 0 reaches 1: one fast kernel instead of a comparison and a slow cast.
  lower: (e, [x], { dtype }) =>
    dtype === 'f32'
      ? e.one('HardSigmoid', [x!], { alpha: { float: 3.4e38 }, beta: { float: 0 } })
      : e.cast(e.one('Greater', [x!, e.scalar(dtype, 0)]), dtype),
})

// ---- exponentials and friends ----

export const exp = unary('exp', 'Exp', { vjp: (g, _x, y) => mul(g, y), evaluate: Math.exp })
export const log = unary('log', 'Log', { vjp: (g, x) => div(g, x), evaluate: Math.log })
export const sqrt = unary('sqrt', 'Sqrt', { vjp: (g, _x, y) => div(mul(g, 0.5), y), evaluate: Math.sqrt })
/** 1 / sqrt(x). */
export const rsqrt = unary('rsqrt', 'Reciprocal', {
  vjp: (g, x, y) => mul(mul(g, -0.5), div(y, x)),
  evaluate: (x) => 1 / Math.sqrt(x),
  lower: (e, inputs) => e.one('Reciprocal', [e.one('Sqrt', inputs)]),
})
export const reciprocal = unary('reciprocal', 'Reciprocal', {
  vjp: (g, _x, y) => neg(mul(g, mul(y, y))),
  evaluate: (x) => 1 / x,
})
export const tanh = unary('tanh', 'Tanh', {
  vjp: (g, _x, y) => mul(g, sub(1, mul(y, y))),
  evaluate: Math.tanh,
})
export const sigmoid = unary('sigmoid', 'Sigmoid', {
  vjp: (g, _x, y) => mul(g, mul(y, sub(1, y))),
  evaluate: (x) => 1 / (1 + Math.exp(-x)),
})
export const sin = unary('sin', 'Sin', { vjp: (g, x) => mul(g, cos(x)), evaluate: Math.sin })
export const cos = unary('cos', 'Cos', { vjp: (g, x) => neg(mul(g, sin(x))), evaluate: Math.cos })

// ---- comparison and logic (results are bool) ----

const comparison = (
  name: string,
  onnx: string,
  evaluate: (a: number, b: number) => number,
  accepts = numeric,
) => binary(name, onnx, { vjp: 'zero', evaluate, result: 'bool', accepts })

export const equal = comparison(
  'equal',
  'Equal',
  (a, b) => Number(a === b),
  () => true,
)
export const less = comparison('less', 'Less', (a, b) => Number(a < b))
export const lessEqual = comparison('lessEqual', 'LessOrEqual', (a, b) => Number(a <= b))
export const greater = comparison('greater', 'Greater', (a, b) => Number(a > b))
export const greaterEqual = comparison('greaterEqual', 'GreaterOrEqual', (a, b) => Number(a >= b))
export const logicalAnd = comparison('logicalAnd', 'And', (a, b) => a & b, boolean)
export const logicalOr = comparison('logicalOr', 'Or', (a, b) => a | b, boolean)
export const logicalNot = unary('logicalNot', 'Not', {
  vjp: 'zero',
  evaluate: (x) => 1 - x,
  accepts: boolean,
})
export const notEqual = (a: Operand, b: Operand): Tensor => logicalNot(equal(a, b))

// ---- selection and conversion ----

const wherePrimitive: Primitive<undefined> = {
  name: 'where',
  infer: ([condition, a, b]) => {
    if (condition!.dtype !== 'bool')
      throw new TensorError('dtype', `where: the condition is ${formatType(condition!)}, not bool`)
    const dtype = sameDType('where', [a!, b!])
    return [{ shape: broadcastShapes('where', condition!.shape, a!.shape, b!.shape), dtype }]
  },
  vjp: ({ inputs: [condition, a, b], cotangents: [g], wanted }) => [
    undefined,
    wanted[1] ? unbroadcast(where(condition!, g!, 0), a!.shape) : undefined,
    wanted[2] ? unbroadcast(where(condition!, 0, g!), b!.shape) : undefined,
  ],
  lower: (e, inputs, { inputs: [, type] }) => {
    if (type!.dtype !== 'bool') return [e.one('Where', inputs)]
    const [condition, a, b] = inputs as [string, string, string]
    return [e.one('Or', [e.one('And', [condition, a]), e.one('And', [e.one('Not', [condition]), b])])]
  },
  evaluate: (condition, a, b) => (condition ? a! : b!),
}

/** a where the condition holds, b elsewhere. The side not chosen gets no gradient, even if it is infinite. */
export function where(condition: Tensor, a: Operand, b: Operand): Tensor {
  const dtype = a instanceof Tensor ? a.dtype : b instanceof Tensor ? b.dtype : 'f32'
  return apply(wherePrimitive, [condition, asTensor(a, dtype), asTensor(b, dtype)], undefined)
}

const castPrimitive: Primitive<{ readonly dtype: DType }> = {
  name: 'cast',
  infer: ([x], { dtype }) => [{ shape: x!.shape, dtype }],
  vjp: ({ inputs: [x], cotangents: [g] }) => [isFloat(x!.dtype) ? cast(g!, x!.dtype) : undefined],
  lower: (e, [x], { attrs }) => [e.one('Cast', [x!], { to: dtypes[attrs.dtype].onnx })],
}

/** Converts the elements; to bool, everything but 0 is true. */
export function cast(x: Tensor, dtype: DType): Tensor {
  return x.dtype === dtype ? x : apply(castPrimitive, [x], { dtype })
}

/** x limited to [low, high]; the gradient is zero outside and passes at the limits. */
export function clip(x: Tensor, low: number, high: number): Tensor {
  if (!(low <= high))
    throw new TensorError('argument', `clip: the lower limit ${low} is above the upper limit ${high}`)
  return apply(clipPrimitive, [x], { low, high })
}

const clipPrimitive: Primitive<{ readonly low: number; readonly high: number }> = {
  name: 'clip',
  infer: ([x]) => {
    if (!numeric(x!.dtype))
      throw new TensorError('dtype', `clip does not take ${formatType(x!)}; cast it first`)
    return [{ shape: x!.shape, dtype: x!.dtype }]
  },
  vjp: ({ inputs: [x], attrs: { low, high }, cotangents: [g] }) => [
    where(logicalAnd(greaterEqual(x!, low), lessEqual(x!, high)), g!, 0),
  ],
  lower: (e, [x], { attrs, outputs: [y] }) => {
    if (isFloat(y!.dtype))
      return [e.one('Clip', [x!, e.scalar(y!.dtype, attrs.low), e.scalar(y!.dtype, attrs.high)])]
    return [e.one('Min', [e.one('Max', [x!, e.scalar(y!.dtype, attrs.low)]), e.scalar(y!.dtype, attrs.high)])]
  },
}
