/**
 * Random numbers from explicit keys, as in JAX: the same key gives the same numbers, on any number of threads. A key is an
 * i64 scalar; use each for one thing only, and make new ones with `splitKey` and `foldIn`.
 *
 * The generator is splitmix64 (Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators") read by
 * counter: number i of a key is mix(key + i gamma). Wrapping 64-bit arithmetic is written out in ONNX ops that every thread of
 * the CPU shares. WebGPU has no 64-bit integers: there, pass random tensors in as arguments.
 */
import { formatShape, type Shape, type Size, shapesEqual, sizeOf } from '../dim.js'
import { type DType, isFloat } from '../dtype.js'
import { TensorError } from '../errors.js'
import type { Emitter } from '../onnx/emitter.js'
import { apply, formatType, type Primitive, type Tensor, type TensorType } from '../tensor.js'
import { asTensor } from './constant.js'
import { add, cast, less, mul, type Operand } from './elementwise.js'
import { reshape, slice } from './movement.js'

// ---- splitmix64 in ONNX ----

/** TensorProto.DataType of unsigned 64-bit integers, which exist inside lowerings only. */
const UINT64 = 13
const GAMMA = 0x9e3779b97f4a7c15n
/** Counters are laid out in rows of this many, so that a broadcast sum makes them instead of three passes. */
const COLUMNS = 1024

/** What a key is used for: keeps the numbers drawn from a key apart from the keys made of it. */
const use = { draw: 0n, split: 0x5851f42d4c957f2dn, fold: 0x14057b7ef767814fn } as const

function unsigned(e: Emitter, value: bigint): string {
  return e.one('Cast', [e.constant('i64', [], BigInt64Array.of(BigInt.asIntN(64, value)))], { to: UINT64 })
}

function shiftRight(e: Emitter, x: string, bits: number): string {
  return bits === 0 ? x : e.one('BitShift', [x, unsigned(e, BigInt(bits))], { direction: 'RIGHT' })
}

/** splitmix64's output function. */
function mix(e: Emitter, x: string): string {
  const fold = (z: string, bits: number) => e.one('BitwiseXor', [z, shiftRight(e, z, bits)])
  const a = e.one('Mul', [fold(x, 30), unsigned(e, 0xbf58476d1ce4e5b9n)])
  const b = e.one('Mul', [fold(a, 27), unsigned(e, 0x94d049bb133111ebn)])
  return fold(b, 31)
}

/** The key as an unsigned integer, moved for its use. */
function seed(e: Emitter, key: string, purpose: keyof typeof use): string {
  if (e.device === 'webgpu') {
    e.unsupported(
      'drawing random numbers (there are no 64-bit integers; pass random tensors in as arguments)',
    )
  }
  const start = e.one('Cast', [key], { to: UINT64 })
  return use[purpose] === 0n ? start : e.one('BitwiseXor', [start, unsigned(e, use[purpose])])
}

/**
 * Fills `shape` from one stream: `parts` makes the values of `lanes` equal parts of the result from the stream's numbers,
 * u64 [rows, columns].
 */
function draw(
  e: Emitter,
  start: string,
  shape: Shape,
  lanes: number,
  parts: (bits: string) => readonly string[],
): string {
  const count = sizeOf(shape)
  const perLane = typeof count === 'number' ? Math.ceil(count / lanes) : Number.POSITIVE_INFINITY
  const columns = Math.max(1, Math.min(perLane, COLUMNS))
  const rows = Math.ceil(perLane / columns)
  const made = parts(
    stream(e, start, typeof count === 'number' ? rows : rowsFor(e, count, columns * lanes), columns),
  )
  const flat = e.one('Reshape', [
    made.length === 1 ? made[0]! : e.one('Concat', made, { axis: 0 }),
    e.ints([-1]),
  ])
  const exact =
    rows * columns * lanes === count ? flat : e.one('Slice', [flat, e.ints([0]), e.size(count), e.ints([0])])
  return e.one('Reshape', [exact, e.reshapeTarget(shape)])
}

/** ceil(count / perRow) as an i64 scalar. */
function rowsFor(e: Emitter, count: Size, perRow: number): string {
  const raised = e.one('Add', [e.size(count), e.ints([perRow - 1])])
  return e.one('Squeeze', [e.one('Div', [raised, e.ints([perRow])])])
}

/** The first numbers of a stream, u64 [rows, columns]. */
function stream(e: Emitter, start: string, rows: string | number, columns: number): string {
  const limit = typeof rows === 'number' ? e.scalar('i64', rows) : rows
  const range = e.one('Range', [e.scalar('i64', 0), limit, e.scalar('i64', 1)])
  const row = e.one('Cast', [e.one('Unsqueeze', [range, e.ints([1])])], { to: UINT64 })
  const rowStart = e.one('Add', [e.one('Mul', [row, unsigned(e, GAMMA * BigInt(columns))]), start])
  const steps = BigInt64Array.from({ length: columns }, (_, c) => BigInt.asIntN(64, GAMMA * BigInt(c + 1)))
  const column = e.one('Cast', [e.constant('i64', [1, columns], steps)], { to: UINT64 })
  return mix(e, e.one('Add', [rowStart, column]))
}

/** Bits [from, from + width) of each number, as a tensor of `dtype`. */
function bitField(e: Emitter, x: string, from: number, width: number, dtype: DType): string {
  const high = shiftRight(e, x, from)
  const field =
    from + width === 64 ? high : e.one('BitwiseAnd', [high, unsigned(e, (1n << BigInt(width)) - 1n)])
  return e.cast(field, dtype)
}

// ---- primitives ----

interface DrawAttrs {
  readonly shape: Shape
}

function drawing<A extends DrawAttrs>(
  name: string,
  dtype: (attrs: A) => DType,
  lower: (e: Emitter, key: string, attrs: A) => string,
): Primitive<A> {
  return {
    name,
    infer: ([key], attrs) => {
      checkKey(name, key!)
      return [{ shape: attrs.shape, dtype: dtype(attrs) }]
    },
    vjp: 'zero',
    lower: (e, [key], { attrs }) => [lower(e, key!, attrs)],
  }
}

function checkKey(name: string, key: TensorType): void {
  if (key.dtype !== 'i64' || key.shape.length !== 0) {
    throw new TensorError('dtype', `${name}: the key is ${formatType(key)}; a key is an i64 scalar`)
  }
}

/** Multiples of 2^-24 in [0, 1), two from each number. */
const uniformPrimitive = drawing<DrawAttrs>(
  'randomUniform',
  () => 'f32',
  (e, key, { shape }) => {
    const whole = draw(e, seed(e, key, 'draw'), shape, 2, (bits) => [
      bitField(e, bits, 40, 24, 'f32'),
      bitField(e, bits, 8, 24, 'f32'),
    ])
    return e.one('Mul', [whole, e.scalar('f32', 2 ** -24)])
  },
)

/**
 * Box and Muller 1958: a number gives a radius and an angle, and these two normal numbers. The logarithm is taken in double
 * precision and rounded, because the last bit of ONNX Runtime's single-precision one depends on the number of threads.
 */
const normalPrimitive = drawing<DrawAttrs>(
  'randomNormal',
  () => 'f32',
  (e, key, { shape }) =>
    draw(e, seed(e, key, 'draw'), shape, 2, (bits) => {
      const logarithm = e.one('Log', [openUniform(e, bits, 32)])
      const radius = e.one('Sqrt', [e.cast(e.one('Mul', [logarithm, e.scalar('f64', -2)]), 'f32')])
      const turn = e.scalar('f32', 2 * Math.PI * 2 ** -32)
      const angle = e.one('Mul', [bitField(e, bits, 0, 32, 'f32'), turn])
      return ['Cos', 'Sin'].map((side) => e.one('Mul', [radius, e.one(side, [angle])]))
    }),
)

/** -log(-log(u)), in double precision for the same reason. */
const gumbelPrimitive = drawing<DrawAttrs>(
  'gumbel',
  () => 'f32',
  (e, key, { shape }) =>
    draw(e, seed(e, key, 'draw'), shape, 2, (bits) =>
      [32, 0].map((from) => {
        const minusLog = (x: string) => e.one('Neg', [e.one('Log', [x])])
        return e.cast(minusLog(minusLog(openUniform(e, bits, from))), 'f32')
      }),
    ),
)

/** 32 bits of each number as f64 in (0, 1), without the ends. */
function openUniform(e: Emitter, bits: string, from: number): string {
  const middle = e.one('Add', [bitField(e, bits, from, 32, 'f64'), e.scalar('f64', 0.5)])
  return e.one('Mul', [middle, e.scalar('f64', 2 ** -32)])
}

interface IntegerAttrs extends DrawAttrs {
  readonly low: number
  readonly high: number
  readonly dtype: 'i32' | 'i64'
}

const integerPrimitive = drawing<IntegerAttrs>(
  'randomInteger',
  ({ dtype }) => dtype,
  (e, key, { shape, low, high, dtype }) =>
    draw(e, seed(e, key, 'draw'), shape, 1, (bits) => {
      const offset = e.cast(e.one('Mod', [bits, unsigned(e, BigInt(high - low))]), 'i64')
      return [e.cast(e.one('Add', [offset, e.scalar('i64', low)]), dtype)]
    }),
)

/** Bits of a dropout decision. Four decisions share a number, each with a spare bit. */
const LANE = 15

interface MaskAttrs extends DrawAttrs {
  /** How many of the 2^LANE outcomes are 1. */
  readonly ones: number
}

/** 1 or 0: to the 15-bit random number in each 16-bit lane `ones` is added, and the carry is the decision. */
const maskPrimitive = drawing<MaskAttrs>(
  'dropoutMask',
  () => 'f32',
  (e, key, { shape, ones }) =>
    draw(e, seed(e, key, 'draw'), shape, 4, (bits) => {
      const inLanes = (value: number) => unsigned(e, BigInt(value) * 0x0001000100010001n)
      const sums = e.one('Add', [e.one('BitwiseAnd', [bits, inLanes(2 ** LANE - 1)]), inLanes(ones)])
      return [0, 16, 32, 48].map((lane) => bitField(e, sums, lane + LANE, 1, 'f32'))
    }),
)

const splitPrimitive = drawing<DrawAttrs>(
  'splitKey',
  () => 'i64',
  (e, key, { shape }) => draw(e, seed(e, key, 'split'), shape, 1, (bits) => [e.cast(bits, 'i64')]),
)

const foldPrimitive: Primitive<undefined> = {
  name: 'foldIn',
  infer: ([key, data]) => {
    checkKey('foldIn', key!)
    checkKey('foldIn', data!)
    return [{ shape: [], dtype: 'i64' }]
  },
  vjp: 'zero',
  lower: (e, [key, data]) => {
    const steps = e.one('Mul', [e.one('Cast', [data!], { to: UINT64 }), unsigned(e, GAMMA)])
    return [e.cast(mix(e, e.one('Add', [seed(e, key!, 'fold'), steps])), 'i64')]
  },
}

// ---- what users call ----

/**
 * `count` new keys, independent of each other and of the numbers drawn from `key`.
 * @throws TensorError when the key is not an i64 scalar.
 */
export function splitKey(key: Tensor, count = 2): readonly Tensor[] {
  if (!Number.isInteger(count) || count < 1)
    throw new TensorError('argument', `splitKey: ${count} keys were asked for`)
  const keys = apply(splitPrimitive, [key], { shape: [count] })
  return Array.from({ length: count }, (_, i) => reshape(slice(keys, [[i, i + 1]]), []))
}

/**
 * A new key for a number, such as the step of a loop or the index of a layer.
 * @throws TensorError when the key or a `data` that is a tensor is not an i64 scalar.
 */
export function foldIn(key: Tensor, data: Tensor | number): Tensor {
  if (typeof data === 'number' && !Number.isSafeInteger(data))
    throw new TensorError('argument', `foldIn: ${data} is not an integer`)
  return apply(foldPrimitive, [key, asTensor(data, 'i64')], undefined)
}

export interface RandomOptions {
  /** Floating-point type of the result; numbers are made in single precision. Default f32. */
  readonly dtype?: DType
}

export interface UniformOptions extends RandomOptions {
  /** Default 0. */
  readonly low?: number
  /** Default 1; itself never drawn, but where rounding makes it so. */
  readonly high?: number
}

/**
 * Uniform numbers in [low, high), of 2^24 equally spaced values.
 * @throws TensorError when the key is not an i64 scalar or the limits are out of order.
 */
export function randomUniform(key: Tensor, shape: Shape, options: UniformOptions = {}): Tensor {
  const { low = 0, high = 1 } = options
  if (!(low < high) || !Number.isFinite(high - low))
    throw new TensorError('argument', `randomUniform: the interval [${low}, ${high}) is empty or infinite`)
  const unit = apply(uniformPrimitive, [key], { shape })
  return inType('randomUniform', low === 0 && high === 1 ? unit : add(mul(unit, high - low), low), options)
}

/**
 * Normal numbers of mean 0 and variance 1, at most 6.8 from 0.
 * @throws TensorError when the key is not an i64 scalar.
 */
export function randomNormal(key: Tensor, shape: Shape, options: RandomOptions = {}): Tensor {
  return inType('randomNormal', apply(normalPrimitive, [key], { shape }), options)
}

/**
 * Integers in [low, high), all equally likely up to one part in 2^64 / (high - low).
 * @throws TensorError when the key is not an i64 scalar or the limits are not integers in order that fit the type.
 */
export function randomInteger(
  key: Tensor,
  low: number,
  high: number,
  shape: Shape,
  options: { readonly dtype?: 'i32' | 'i64' } = {},
): Tensor {
  const { dtype = 'i32' } = options
  const limit = dtype === 'i32' ? 2 ** 31 : Number.MAX_SAFE_INTEGER
  const whole = Number.isSafeInteger(low) && Number.isSafeInteger(high) && Number.isSafeInteger(high - low)
  if (!whole || low >= high || low < -limit || high > limit)
    throw new TensorError('argument', `randomInteger: [${low}, ${high}) is not a range of ${dtype}`)
  return apply(integerPrimitive, [key], { shape, low, high, dtype })
}

/**
 * true with probability p (a number, or a tensor that broadcasts to `shape`), to a resolution of 2^-24.
 * @throws TensorError when the key is not an i64 scalar or p, being a number, is not within [0, 1].
 */
export function bernoulli(key: Tensor, p: Operand, shape: Shape): Tensor {
  if (typeof p === 'number' && !(p >= 0 && p <= 1))
    throw new TensorError('argument', `bernoulli: the probability ${p} is not within [0, 1]`)
  const drawn = less(randomUniform(key, shape), typeof p === 'number' ? p : cast(p, 'f32'))
  if (!shapesEqual(drawn.shape, shape))
    throw new TensorError('shape', `bernoulli: p ${p} does not broadcast to ${formatShape(shape)}`)
  return drawn
}

/**
 * Gumbel numbers, -log(-log(u)), between -3.2 and 22.9: the largest of `logits + gumbel` is a sample from softmax(logits).
 * @throws TensorError when the key is not an i64 scalar.
 */
export function gumbel(key: Tensor, shape: Shape, options: RandomOptions = {}): Tensor {
  return inType('gumbel', apply(gumbelPrimitive, [key], { shape }), options)
}

/**
 * x with each element set to 0 with probability `rate`, and the others scaled so that the expectation is x (Srivastava et
 * al. 2014). The rate is rounded to a multiple of 2^-15, and the scale is that of the rounded rate.
 * @throws TensorError when the key is not an i64 scalar or the rate is not within [0, 1).
 */
export function dropout(x: Tensor, rate: number, key: Tensor): Tensor {
  if (!(rate >= 0 && rate < 1))
    throw new TensorError('argument', `dropout: the rate ${rate} is not within [0, 1)`)
  const ones = Math.max(1, Math.round((1 - rate) * 2 ** LANE))
  if (ones === 2 ** LANE) return x
  const mask = cast(apply(maskPrimitive, [key], { shape: x.shape, ones }), x.dtype)
  return mul(x, mul(mask, 2 ** LANE / ones))
}

function inType(name: string, x: Tensor, { dtype = 'f32' }: RandomOptions): Tensor {
  if (!isFloat(dtype)) throw new TensorError('dtype', `${name} makes floating-point numbers, not ${dtype}`)
  return cast(x, dtype)
}
