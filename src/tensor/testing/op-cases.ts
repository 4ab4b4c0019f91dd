/** One use or more of every op, with inputs: what two devices are compared on. */
import { Rng } from '../../rng.js'
import type { DType } from '../dtype.js'
import * as T from '../index.js'

type Op = (...inputs: T.Tensor[]) => T.Tensor | readonly T.Tensor[]

export interface OpCase {
  readonly name: string
  readonly run: Op
  readonly inputs: readonly T.NDArray[]
  /** Largest difference from the CPU, relative to max(1, |value|); default 1e-5. */
  readonly tolerance: number
  /** Kernels that WebGPU leaves to the CPU; for integers and bools only, and never in the gradient of a GPT. */
  readonly onCpu: readonly string[]
}

interface Spec {
  readonly dtype: DType
  readonly shape: readonly number[]
  /** Values are drawn from [low, high), integers from low ... high - 1. */
  readonly low: number
  readonly high: number
}

const f32 = (...shape: number[]): Spec => ({ dtype: 'f32', shape, low: 0.2, high: 2.2 })
const signed = (...shape: number[]): Spec => ({ dtype: 'f32', shape, low: -2, high: 2 })
const i32 = (...shape: number[]): Spec => ({ dtype: 'i32', shape, low: -3, high: 4 })
const ids = (below: number, ...shape: number[]): Spec => ({ dtype: 'i32', shape, low: 0, high: below })
const bool = (...shape: number[]): Spec => ({ dtype: 'bool', shape, low: 0, high: 2 })

function make({ dtype, shape, low, high }: Spec, rng: Rng): T.NDArray {
  const count = shape.reduce((a, b) => a * b, 1)
  const draw = () => (dtype === 'f32' ? low + (high - low) * rng.uniform() : low + rng.integer(high - low))
  return T.NDArray.from(Array.from({ length: count }, draw), shape, dtype)
}

/** WGSL promises sin and cos to 2^-11 only. */
const trigonometric = { tolerance: 1e-3 }

type Entry = readonly [run: Op, inputs: readonly Spec[], options?: { tolerance?: number; onCpu?: string[] }]

const unary = (op: (x: T.Tensor) => T.Tensor, spec = f32(3, 5)): Entry => [(x) => op(x!), [spec]]
const binary = (op: (a: T.Tensor, b: T.Tensor) => T.Tensor, a = f32(3, 5), b = f32(5)): Entry => [
  (x, y) => op(x!, y!),
  [a, b],
]

const table: Readonly<Record<string, readonly Entry[]>> = {
  // Constants and control.
  constant: [[(x) => T.add(x!, T.constant([1, 2, 3])), [f32(2, 3)]]],
  full: [[(x) => T.add(x!, T.full([2, 3], 2)), [f32(3)]]],
  ones: [[(x) => T.add(x!, T.ones([2, 3])), [f32(3)]]],
  zeros: [[(x) => T.concat([x!, T.zeros([3])]), [f32(3)]]],
  scalar: [[(x) => T.mul(x!, T.scalar(2)), [f32(3)]]],
  identity: [unary(T.identity)],
  stopGradient: [unary((x) => T.mul(x, T.stopGradient(x)))],
  checkpoint: [unary((x) => T.checkpoint((y: T.Tensor) => T.tanh(T.square(y)))(x))],
  customVjp: [
    unary(
      (x) =>
        T.customVjp(
          (y) => [T.exp(y!)],
          ({ cotangents: [g] }) => [g],
        )(x)[0]!,
    ),
  ],
  scan: [
    [
      (k, xs) => {
        const [last, all] = T.scan(
          (c: T.Tensor, x: T.Tensor) => [T.add(T.mul(c, 0.5), x), T.mul(c, c)] as const,
          k!,
          xs!,
        )
        return [T.stopGradient(last), T.stopGradient(all)]
      },
      [f32(4), f32(3, 4)],
      { onCpu: ['Loop', 'Identity'] },
    ],
  ],
  addTrees: [binary((a, b) => T.addTrees({ a }, { a: b }).a)],
  scaleTree: [unary((a) => T.scaleTree({ a }, 2).a)],

  // Element-wise.
  add: [binary(T.add), binary(T.add, i32(3, 5), i32(5))],
  sub: [binary(T.sub), binary(T.sub, i32(3, 5), i32(5))],
  mul: [binary(T.mul), binary(T.mul, i32(3, 5), i32(5))],
  div: [binary(T.div), [(a) => T.div(a!, 3), [i32(3, 5)]]],
  pow: [binary(T.pow)],
  mod: [[(a) => T.mod(a!, 3), [i32(3, 5)]]],
  maximum: [binary(T.maximum), binary(T.maximum, i32(3, 5), i32(5))],
  minimum: [binary(T.minimum), binary(T.minimum, i32(3, 5), i32(5))],
  neg: [unary(T.neg), [(x) => T.neg(x!), [i32(3)], { onCpu: ['Neg'] }]],
  abs: [unary(T.abs, signed(3, 5)), [(x) => T.abs(x!), [i32(3)], { onCpu: ['Abs'] }]],
  sign: [unary(T.sign, signed(3, 5)), unary(T.sign, i32(3, 5))],
  floor: [unary(T.floor, signed(3, 5))],
  ceil: [unary(T.ceil, signed(3, 5))],
  square: [unary(T.square)],
  exp: [unary(T.exp)],
  log: [unary(T.log)],
  sqrt: [unary(T.sqrt)],
  rsqrt: [unary(T.rsqrt)],
  reciprocal: [unary(T.reciprocal)],
  tanh: [unary(T.tanh, signed(3, 5))],
  sigmoid: [unary(T.sigmoid, signed(3, 5))],
  sin: [[(x) => T.sin(x!), [signed(3, 5)], trigonometric]],
  cos: [[(x) => T.cos(x!), [signed(3, 5)], trigonometric]],
  equal: [
    binary(T.equal, i32(3, 5), i32(5)),
    [(a, b) => T.equal(a!, b!), [bool(3), bool(3)], { onCpu: ['Equal'] }],
  ],
  notEqual: [binary(T.notEqual, i32(3, 5), i32(5))],
  less: [binary(T.less), binary(T.less, i32(3, 5), i32(5))],
  lessEqual: [binary(T.lessEqual), binary(T.lessEqual, i32(3, 5), i32(5))],
  greater: [binary(T.greater), binary(T.greater, i32(3, 5), i32(5))],
  greaterEqual: [binary(T.greaterEqual), binary(T.greaterEqual, i32(3, 5), i32(5))],
  logicalAnd: [binary(T.logicalAnd, bool(3, 5), bool(5))],
  logicalOr: [[(a, b) => T.logicalOr(a!, b!), [bool(3, 5), bool(5)], { onCpu: ['Or'] }]],
  logicalNot: [unary(T.logicalNot, bool(3, 5))],
  where: [
    [(c, a, b) => T.where(c!, a!, b!), [bool(3, 1), f32(3, 5), f32(5)]],
    [(c, a, b) => T.where(c!, a!, b!), [bool(3, 1), i32(3, 5), i32(5)]],
  ],
  cast: [
    [(x) => T.cast(x!, 'i32'), [signed(3, 5)]],
    [(x) => T.cast(x!, 'f32'), [i32(3, 5)]],
    [(x) => T.cast(x!, 'bool'), [i32(3, 5)]],
    [(x) => T.cast(x!, 'f32'), [bool(3, 5)]],
    [(x) => T.cast(x!, 'i32'), [bool(3, 5)]],
    [(x) => T.cast(x!, 'f32'), [{ ...ids(9, 3), dtype: 'i64' }], { onCpu: ['Cast'] }],
    [(x) => T.cast(x!, 'i32'), [{ ...ids(9, 3), dtype: 'i64' }], { onCpu: ['Cast'] }],
  ],
  clip: [unary((x) => T.clip(x, 0.5, 1)), unary((x) => T.clip(x, -1, 2), i32(3, 5))],

  // Reductions.
  sum: [
    unary((x) => T.sum(x)),
    unary((x) => T.sum(x, [0, 2]), f32(3, 4, 5)),
    unary((x) => T.sum(x, 1, { keepDims: true }), f32(3, 4, 5)),
    unary((x) => T.sum(x, 0), i32(3, 4)),
  ],
  mean: [unary((x) => T.mean(x)), unary((x) => T.mean(x, -1), f32(3, 4, 5))],
  max: [unary((x) => T.max(x)), unary((x) => T.max(x, 0), f32(3, 4)), unary((x) => T.max(x, 0), i32(3, 4))],
  min: [unary((x) => T.min(x)), unary((x) => T.min(x, 1), f32(3, 4)), unary((x) => T.min(x, 0), i32(3, 4))],
  logSumExp: [unary((x) => T.logSumExp(x, -1), signed(3, 5))],
  argmax: [[(x) => T.argmax(x!), [f32(3, 5)], { onCpu: ['Cast'] }]],
  argmin: [[(x) => T.argmin(x!, 0), [f32(3, 5)], { onCpu: ['Cast'] }]],
  cumsum: [
    unary((x) => T.cumsum(x)),
    unary((x) => T.cumsum(x, 0, { exclusive: true, reverse: true })),
    unary((x) => T.cumsum(x), i32(3, 5)),
  ],

  // Products.
  matmul: [
    binary(T.matmul, signed(3, 4), signed(4, 5)),
    binary(T.matmul, signed(2, 3, 4), signed(4, 5)),
    binary((a, b) => T.matmul(a, b, { transA: true }), signed(2, 4, 3), signed(2, 4, 5)),
    binary((a, b) => T.mul(T.matmul(a, b, { transB: true }), 0.3), signed(4, 3), signed(5, 3)),
    binary(
      (a, b) => T.mul(T.matmul(a, b, { transA: true, transB: true }), 0.3),
      signed(2, 3, 4),
      signed(2, 5, 3),
    ),
  ],
  einsum: [binary((a, b) => T.einsum('bthd,bshd->bhts', a, b), signed(2, 3, 2, 4), signed(2, 5, 2, 4))],

  // Movement.
  reshape: [unary((x) => T.reshape(x, [5, 3])), unary((x) => T.reshape(x, [5, 3]), bool(3, 5))],
  squeeze: [unary((x) => T.squeeze(x), f32(3, 1, 5))],
  expandDims: [unary((x) => T.expandDims(x, 1))],
  transpose: [
    unary((x) => T.transpose(x, [2, 0, 1]), f32(3, 4, 5)),
    unary((x) => T.transpose(x), i32(3, 5)),
    [(x) => T.transpose(x!), [bool(3, 5)], { onCpu: ['Transpose'] }],
  ],
  swapAxes: [unary((x) => T.swapAxes(x))],
  broadcastTo: [
    unary((x) => T.broadcastTo(x, [2, 3, 5]), f32(3, 1)),
    unary((x) => T.broadcastTo(x, [2, 3, 5]), i32(3, 1)),
    unary((x) => T.broadcastTo(x, [2, 3, 5]), bool(3, 1)),
  ],
  concat: [
    binary((a, b) => T.concat([a, b], 1), f32(3, 5), f32(3, 2)),
    binary((a, b) => T.concat([a, b], 1), i32(3, 5), i32(3, 2)),
    [(a, b) => T.concat([a!, b!], 1), [bool(3, 5), bool(3, 2)], { onCpu: ['Concat'] }],
  ],
  split: [
    [(x) => T.split(x!, [2, 3], 1), [f32(3, 5)]],
    [(x) => T.split(x!, 5, 1), [i32(3, 5)]],
  ],
  stack: [binary((a, b) => T.stack([a, b], 1), f32(3, 5), f32(3, 5))],
  slice: [
    unary((x) => T.slice(x, [[1, 3], [-2]])),
    [(x) => T.slice(x!, [[1, 3]]), [i32(3, 5)], { onCpu: ['Slice'] }],
    [(x) => T.slice(x!, [[1, 3]]), [bool(3, 5)], { onCpu: ['Slice'] }],
  ],
  stride: [unary((x) => T.stride(x, 2)), unary((x) => T.stride(x, -1))],
  pad: [
    unary((x) =>
      T.pad(
        x,
        [
          [1, 3],
          [0, 2],
        ],
        0.5,
      ),
    ),
  ],
  tile: [unary((x) => T.tile(x, 3, 1))],

  // Indices.
  gather: [
    binary(T.gather, f32(4, 5), ids(4, 3, 2)),
    binary((x, i) => T.gather(x, i, 1), f32(4, 5), ids(5, 3)),
  ],
  embedding: [binary(T.embedding, f32(7, 5), ids(7, 3, 4))],
  takeAlongAxis: [binary((x, i) => T.takeAlongAxis(x, i), f32(4, 5), ids(5, 4, 2))],
  scatterAdd: [[(x, i, u) => T.scatterAdd(x!, i!, u!), [f32(4, 5), ids(5, 4, 3), f32(4, 3)]]],
  indexAdd: [[(x, i, u) => T.indexAdd(x!, i!, u!), [f32(4, 5), ids(4, 6), f32(6, 5)]]],
  iota: [unary((x) => T.add(x, T.iota(5, 'f32')))],
  oneHot: [unary((i) => T.oneHot(i, 4), ids(4, 3, 2))],
  tril: [unary((x) => T.tril(x), f32(2, 4, 4))],
  triu: [unary((x) => T.triu(x, 1), f32(4, 4))],
  trilMask: [[(x) => T.where(T.trilMask(4, 4), x!, 0), [f32(4, 4)]]],
  topK: [
    [
      (x) => {
        const { values, indices } = T.topK(x!, 2)
        return [values, indices]
      },
      [f32(3, 5)],
      { onCpu: ['Cast'] },
    ],
  ],
  sort: [[(x) => T.sort(x!).values, [f32(3, 5)], { onCpu: ['Cast'] }]],

  // Neural networks.
  relu: [unary(T.relu, signed(3, 5))],
  reluSquared: [unary(T.reluSquared, signed(3, 5))],
  erf: [unary(T.erf, signed(3, 5))],
  gelu: [
    unary((x) => T.gelu(x), signed(3, 5)),
    unary((x) => T.gelu(x, { approximate: 'tanh' }), signed(3, 5)),
  ],
  silu: [unary(T.silu, signed(3, 5))],
  softplus: [unary(T.softplus, signed(3, 5))],
  logSigmoid: [unary(T.logSigmoid, signed(3, 5))],
  softCap: [unary((x) => T.softCap(x, 3), signed(3, 5))],
  softmax: [unary((x) => T.softmax(x), signed(3, 5)), unary((x) => T.softmax(x, 0), signed(3, 5))],
  logSoftmax: [unary((x) => T.logSoftmax(x), signed(3, 5)), unary((x) => T.logSoftmax(x, 0), signed(3, 5))],
  layerNorm: [[(x, w, b) => T.layerNorm(x!, w!, b!), [signed(2, 3, 8), f32(8), f32(8)]]],
  rmsNorm: [[(x, w) => T.rmsNorm(x!, w!), [signed(2, 3, 8), f32(8)]]],
  groupNorm: [[(x, w, b) => T.groupNorm(x!, 2, w!, b!), [signed(2, 4, 3, 3), f32(4), f32(4)]]],
  crossEntropy: [
    [
      (x, t) => T.crossEntropy(x!, t!, { ignoreIndex: 0, labelSmoothing: 0.1, zLoss: 0.01 }),
      [signed(3, 4, 6), ids(6, 3, 4)],
    ],
  ],
  linearCrossEntropy: [
    [
      (x, w, t) => T.linearCrossEntropy(x!, w!, t!, { rowsPerChunk: 5, softCap: 5 }),
      [signed(3, 4, 6), signed(7, 6), ids(7, 3, 4)],
      { onCpu: ['Slice'] },
    ],
  ],
  attention: [
    [
      (q, k, v) => T.attention(q!, k!, v!, { causal: true }),
      [signed(2, 4, 6, 8), signed(2, 2, 6, 8), signed(2, 2, 6, 8)],
    ],
    [
      (q, k, v, documents) => T.attention(q!, k!, v!, { causal: true, window: 3, documents: documents! }),
      [signed(2, 2, 6, 8), signed(2, 2, 6, 8), signed(2, 2, 6, 8), ids(2, 2, 6)],
    ],
    [
      (q, k, v, mask) => T.attention(q!, k!, v!, { keyMask: mask! }),
      [signed(2, 2, 6, 8), signed(2, 2, 6, 8), signed(2, 2, 6, 8), bool(2, 6)],
    ],
  ],
  rotary: [
    [
      (x, p, c, s) => T.rotary(x!, p!, c!, s!),
      [signed(2, 2, 3, 8), ids(5, 2, 3), signed(5, 4), signed(5, 4)],
    ],
  ],
  cachedAttention: [
    [
      (q, k, v, keys, values) => {
        const lengths = T.constant([3, 5], { dtype: 'i32' })
        const cache = { keys: T.stopGradient(keys!), values: T.stopGradient(values!) }
        const result = T.cachedAttention(q!, k!, v!, cache, lengths, T.scalar(5, 'i32'))
        return [T.stopGradient(result.out)]
      },
      [signed(2, 4, 1, 8), signed(2, 2, 1, 8), signed(2, 2, 1, 8), signed(2, 2, 6, 8), signed(2, 2, 6, 8)],
    ],
  ],

  // Images and sequences.
  conv1d: [binary((x, w) => T.conv1d(x, w, { padding: 1 }), signed(2, 3, 8), signed(4, 3, 3))],
  conv2d: [
    binary((x, w) => T.conv2d(x, w, { padding: 1, stride: 2 }), signed(2, 3, 8, 8), signed(4, 3, 3, 3)),
    binary((x, w) => T.conv2d(x, w, { groups: 4 }), signed(2, 4, 6, 6), signed(4, 1, 3, 3)),
  ],
  convTranspose1d: [
    binary((x, w) => T.convTranspose1d(x, w, { stride: 2 }), signed(2, 3, 5), signed(3, 4, 3)),
  ],
  convTranspose2d: [
    binary((x, w) => T.convTranspose2d(x, w, { stride: 2 }), signed(2, 3, 4, 4), signed(3, 4, 3, 3)),
  ],
  maxPool1d: [[(x) => T.maxPool1d(x!, 2), [signed(2, 3, 8)], { onCpu: ['Cast'] }]],
  maxPool2d: [[(x) => T.maxPool2d(x!, 2), [signed(2, 3, 6, 6)], { onCpu: ['Cast'] }]],
  avgPool1d: [unary((x) => T.avgPool1d(x, 2), signed(2, 3, 8))],
  avgPool2d: [unary((x) => T.avgPool2d(x, 3, { stride: 2, padding: 1 }), signed(2, 3, 6, 6))],
  resize: [
    unary((x) => T.resize(x, { scale: 2, mode: 'nearest' }), signed(1, 2, 3, 3)),
    unary((x) => T.resize(x, { size: [5, 7], mode: 'bilinear' }), signed(1, 2, 3, 3)),
  ],
}

/** Exports of the tensor library that compute nothing on a device, or refuse to on WebGPU. */
export const notCompared: ReadonlySet<string> = new Set([
  'broadcastShapes',
  // On the CPU only.
  'quantizedMatmul',
  'quantizedEmbedding',
])

/** Ops that need 64-bit integers on the device. */
export const needInt64: ReadonlySet<string> = new Set([
  'bernoulli',
  'dropout',
  'foldIn',
  'gumbel',
  'randomInteger',
  'randomNormal',
  'randomUniform',
  'splitKey',
])

export const comparedOps: ReadonlySet<string> = new Set(Object.keys(table))

export function opCases(): OpCase[] {
  return Object.entries(table).flatMap(([name, entries]) =>
    entries.map(([run, specs, options], i) => {
      const rng = Rng.seed(i + 1).fork(name)
      return {
        name: entries.length > 1 ? `${name} ${i + 1}` : name,
        run,
        inputs: specs.map((spec) => make(spec, rng)),
        tolerance: options?.tolerance ?? 1e-5,
        onCpu: options?.onCpu ?? [],
      }
    }),
  )
}
