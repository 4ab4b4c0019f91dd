import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { trace } from './compile.js'
import { dim } from './dim.js'
import type { DType } from './dtype.js'
import { GradientError, TensorError } from './errors.js'
import {
  add,
  argmax,
  broadcastTo,
  clip,
  concat,
  constant,
  cumsum,
  einsum,
  embedding,
  exp,
  expandDims,
  gather,
  logicalAnd,
  matmul,
  mean,
  mod,
  neg,
  oneHot,
  pad,
  pow,
  reshape,
  scatterAdd,
  slice,
  sort,
  split,
  squeeze,
  stack,
  stride,
  sum,
  swapAxes,
  takeAlongAxis,
  topK,
  transpose,
  tril,
  where,
} from './ops/index.js'
import type { Tensor } from './tensor.js'
import type { Tree } from './tree.js'

type Build = (x: Tensor, y: Tensor, ids: Tensor, flags: Tensor) => Tree<Tensor> | readonly Tensor[]

/** Builds with x f32[2, 3], y f32[4, 5], ids i32[2], flags bool[2, 3]. */
function build(fn: Build): void {
  const type = (dtype: DType, ...shape: number[]) => ({ shape, dtype })
  trace(fn as never, [type('f32', 2, 3), type('f32', 4, 5), type('i32', 2), type('bool', 2, 3)])
}

const shapeErrors: [string, Build, RegExp][] = [
  [
    'add',
    (x, y) => add(x, y),
    /^add: the shapes \[2, 3\] and \[4, 5\] do not broadcast: axis 0 has sizes 2 and 4/,
  ],
  ['where', (x, y, _, f) => where(f, x, y), /^where: the shapes \[2, 3\] and \[2, 3\] and \[4, 5\]/],
  [
    'matmul',
    (x, y) => matmul(x, y),
    /^matmul: f32\[2, 3\] times f32\[4, 5\]: the inner sizes 3 and 4 differ/,
  ],
  [
    'matmul with a transpose',
    (x) => matmul(x, x, { transA: true, transB: true }),
    /f32\[2, 3\] transposed times f32\[2, 3\] transposed: the inner sizes 2 and 3/,
  ],
  ['matmul of a vector', (x) => matmul(x, sum(x, 0)), /^matmul: f32\[2, 3\] times f32\[3\]/],
  [
    'matmul of batches',
    (x) => matmul(broadcastTo(x, [4, 2, 3]), broadcastTo(transpose(x), [5, 3, 2])),
    /^matmul: the shapes \[4\] and \[5\] do not broadcast/,
  ],
  ['reshape', (x) => reshape(x, [4, 2]), /^reshape: f32\[2, 3\] has 6 elements and does not fit \[4, 2\]/],
  ['reshape with -1', (x) => reshape(x, [-1, 4]), /^reshape: f32\[2, 3\].*\[-1, 4\]/],
  ['reshape with two -1', (x) => reshape(x, [-1, -1]), /^reshape/],
  ['reshape to a negative size', (x) => reshape(x, [-2, -3]), /^reshape/],
  ['broadcastTo', (x) => broadcastTo(x, [2, 4]), /^broadcastTo: .*\[2, 3\] and \[2, 4\]/],
  [
    'broadcastTo fewer axes',
    (x) => broadcastTo(x, [3]),
    /^broadcastTo: f32\[2, 3\] does not broadcast to \[3\]/,
  ],
  ['concat', (x, y) => concat([x, y], 1), /^concat along axis 1: f32\[2, 3\] and f32\[4, 5\]/],
  ['stack', (x, y) => stack([x, y]), /^(concat|stack)/],
  ['split', (x) => split(x, [1, 1], 1), /^split: axis 1 of f32\[2, 3\] cannot be cut into \[1, 1\]/],
  [
    'split into equal pieces',
    (x) => split(x, 2, 1),
    /^split: axis 1 of f32\[2, 3\] cannot be cut into 2 equal pieces/,
  ],
  ['split into nothing', (x) => split(x, 0, 1), /^split/],
  ['split into negative pieces', (x) => split(x, [4, -1], 1), /^split/],
  ['slice', (x) => slice(x, [undefined, [1, 4]]), /^slice: \[1, 4\) is not within axis 1 of f32\[2, 3\]/],
  ['slice backwards', (x) => slice(x, [[1, 0]]), /^slice: \[1, 0\) is not within axis 0/],
  ['squeeze', (x) => squeeze(x, [1]), /^squeeze: axis 1 of f32\[2, 3\]/],
  [
    'takeAlongAxis',
    (x, _, ids) => takeAlongAxis(x, expandDims(ids, 0)),
    /^takeAlongAxis: f32\[2, 3\] and indices i32\[1, 2\] differ beside axis 1/,
  ],
  [
    'scatterAdd',
    (x, _, ids) => scatterAdd(x, expandDims(ids, 1), x),
    /^scatterAdd: indices i32\[2, 1\] and updates f32\[2, 3\]/,
  ],
  [
    'scatterAdd beside the axis',
    (x, y, ids) => scatterAdd(x, broadcastTo(ids, [4, 2]), slice(y, [[0], [0, 2]]), 1),
    /^scatterAdd: indices i32\[4, 2\]/,
  ],
  ['embedding', (x, _, ids) => embedding(sum(x, 0), ids), /^embedding: the table is f32\[3\]/],
  ['tril', (x) => tril(sum(x, 0)), /^tril: f32\[3\] has fewer than two axes/],
  [
    'einsum of the wrong rank',
    (x, y) => einsum('ijk,kl->il', x, y),
    /^einsum: 'ijk' does not name the 2 axes of f32\[2, 3\]/,
  ],
  [
    'einsum of different sizes',
    (x, y) => einsum('ij,jk->ik', x, y),
    /^einsum: 'j' is 3 in one operand and 4 in another \(\[2, 3\], \[4, 5\]\)/,
  ],
  [
    'constant of ragged rows',
    () => constant([[1, 2], [3]]),
    /^constant: the arrays at depth 1 differ in length/,
  ],
  [
    'constant of the wrong shape',
    () => constant([1, 2, 3], { shape: [2] }),
    /^constant: 3 values do not fill the shape \[2\]/,
  ],
]

const argumentErrors: [string, Build, RegExp][] = [
  ['expandDims', (x) => expandDims(x, 4), /^expandDims: axis 4/],
  ['slice with too many ranges', (x) => slice(x, [[0], [0], [0]]), /^slice: 3 ranges for f32\[2, 3\]/],
  ['sum', (x) => sum(x, 2), /^sum: axis 2 is out of range for a tensor with 2 axes/],
  ['sum over half an axis', (x) => sum(x, 0.5), /^sum: axis 0.5/],
  [
    'transpose',
    (x) => transpose(x, [0, 0]),
    /^transpose: \[0, 0\] is not a permutation of the 2 axes of f32\[2, 3\]/,
  ],
  ['swapAxes', (x) => swapAxes(x, 0, 2), /^swapAxes: axis 2/],
  ['concat of nothing', () => concat([]), /^concat: there is nothing/],
  ['stack of nothing', () => stack([]), /nothing/],
  [
    'pad',
    (x) => pad(x, [[1, 1]]),
    /^pad: \[\[1,1\]\] is not one \[before, after\] for each axis of f32\[2, 3\]/,
  ],
  [
    'pad by a negative number',
    (x) =>
      pad(x, [
        [-1, 1],
        [0, 0],
      ]),
    /^pad/,
  ],
  ['stride', (x) => stride(x, 0), /^stride: a step of 0/],
  ['topK', (x) => topK(x, 4), /^topK: k = 4 for axis -1 of f32\[2, 3\]/],
  ['clip', (x) => clip(x, 1, 0), /^clip: the lower limit 1 is above the upper limit 0/],
  ['einsum without a result', (x) => einsum('ij', x), /^einsum: 'ij' must name 1 operand/],
  ['einsum with a new letter in the result', (x) => einsum('ij->ik', x), /^einsum: the result 'ik'/],
]

const dtypeErrors: [string, Build, RegExp][] = [
  ['add', (x, _, ids) => add(sum(x, 1), ids), /^add: the dtypes differ: f32\[2\] and i32\[2\]; cast one/],
  ['add of bools', (_x, _y, _i, f) => add(f, f), /^add does not take bool\[2, 3\]; cast it first/],
  ['neg of bytes', () => neg(constant([1], { dtype: 'u8' })), /^neg does not take u8\[1\]/],
  ['pow of bytes', () => pow(constant([1], { dtype: 'u8' }), 2), /^pow does not take u8\[1\]/],
  ['exp', (_x, _y, ids) => exp(ids), /^exp does not take i32\[2\]; cast it first/],
  ['mod', (x) => mod(x, 2), /^mod does not take f32\[2, 3\]/],
  ['logicalAnd', (x) => logicalAnd(x, x), /^logicalAnd does not take f32\[2, 3\]/],
  ['where', (x) => where(x, x, x), /^where: the condition is f32\[2, 3\], not bool/],
  ['where with different sides', (x, _, ids, f) => where(f, x, sum(ids)), /^where: the dtypes differ/],
  ['sum', (_x, _y, _i, f) => sum(f), /^sum does not take bool\[2, 3\]/],
  ['mean of whole numbers', (_x, _y, ids) => mean(ids), /^mean does not take i32\[2\]; cast it first/],
  ['argmax', (_x, _y, _i, f) => argmax(f), /^argmax does not take bool/],
  ['cumsum', (_x, _y, _i, f) => cumsum(f), /^cumsum does not take bool/],
  ['sort', (_x, _y, _i, f) => sort(f).values, /sort do not take bool/],
  ['clip', (_x, _y, _i, f) => clip(f, 0, 1), /^clip does not take bool/],
  [
    'matmul',
    (_x, _y, ids) => matmul(expandDims(ids, 0), expandDims(ids, 1)),
    /^matmul does not take i32\[1, 2\]/,
  ],
  ['concat', (x, _, ids) => concat([sum(x, 1), ids]), /^concat: the dtypes differ: f32\[2\] and i32\[2\]/],
  ['gather', (x) => gather(x, x), /^gather: the indices are f32\[2, 3\]; cast them to i32/],
  ['oneHot', (x) => oneHot(x, 3), /^oneHot: the indices are f32/],
]

describe('errors while tracing', () => {
  it.each(shapeErrors)('of shape: %s', (_, fn, message) => {
    expectError(fn, 'tensor/shape', message)
  })
  it.each(argumentErrors)('of arguments: %s', (_, fn, message) => {
    expectError(fn, 'tensor/argument', message)
  })
  it.each(dtypeErrors)('of dtype: %s', (_, fn, message) => {
    expectError(fn, 'tensor/dtype', message)
  })

  it("come from the user's own line", () => {
    const error = caught((x, y) => add(x, y))
    expect(error.stack).toContain(fileURLToPath(import.meta.url))
  })

  it('name a dynamic size', () => {
    const T = dim('T')
    const types = [{ shape: [T, 3], dtype: 'f32' }] as const
    expect(() => trace((x: Tensor) => add(x, broadcastTo(x, [T, 4])), types)).toThrow(/\[T, 3\].*\[T, 4\]/)
    expect(() => trace((x: Tensor) => reshape(x, [4, -1]), types)).toThrow(/f32\[T, 3\] has 3\*T elements/)
    expect(() => trace((x: Tensor) => sort(x, 0).values, types)).toThrow(
      /sort: axis 0 of f32\[T, 3\] is dynamic/,
    )
  })

  it('are typed', () => {
    expect(caught((x, y) => add(x, y))).toBeInstanceOf(TensorError)
    expect(new GradientError('x').code).toBe('tensor/gradient')
  })
})

function caught(fn: Build): TensorError {
  try {
    build(fn)
  } catch (error) {
    return error as TensorError
  }
  throw new Error('nothing was thrown')
}

function expectError(fn: Build, code: string, message: RegExp): void {
  const error = caught(fn)
  expect(error.message).toMatch(message)
  expect(error.code).toBe(code)
}
