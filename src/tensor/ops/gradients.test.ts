/** Gradients, and gradients of gradients, against central differences in double precision. */
import { describe, expect, it } from 'vitest'
import { NDArray } from '../ndarray.js'
import type { Fn } from '../testing/fixtures.js'
import { distinct, gradcheck, random } from '../testing/gradcheck.js'
import {
  abs,
  add,
  broadcastTo,
  cast,
  clip,
  concat,
  constant,
  cos,
  cumsum,
  div,
  einsum,
  exp,
  gather,
  indexAdd,
  log,
  logSumExp,
  matmul,
  max,
  maximum,
  mean,
  min,
  minimum,
  mul,
  neg,
  pad,
  pow,
  reciprocal,
  reshape,
  rsqrt,
  scatterAdd,
  sigmoid,
  sin,
  slice,
  sort,
  split,
  sqrt,
  square,
  stack,
  stopGradient,
  stride,
  sub,
  sum,
  takeAlongAxis,
  tanh,
  tile,
  topK,
  transpose,
  tril,
  trilMask,
  triu,
  where,
} from './index.js'

/** Positive, and away from every kink below. */
const positive = (...shape: number[]) => random(shape, { low: 0.4, high: 1.6, seed: shape.length })
const signed = (...shape: number[]) => random(shape, { low: -1.5, high: 1.5, seed: 10 + shape.length })
const i32 = (values: number[], shape = [values.length]) => NDArray.from(values, shape, 'i32')

type Check = readonly [name: string, fn: Fn, ...inputs: NDArray[]]

const elementwise: Check[] = [
  ['add', (a, b) => add(a!, b!), signed(2, 1, 3), signed(4, 1)],
  ['sub', (a, b) => sub(a!, b!), signed(1, 3), signed(2, 1)],
  ['mul', (a, b) => mul(a!, b!), signed(2, 1, 3), signed(4, 1)],
  ['mul of one tensor with itself', (a) => mul(a!, mul(a!, a!)), signed(2, 3)],
  ['div', (a, b) => div(a!, b!), signed(2, 1, 3), positive(4, 1)],
  ['pow', (a, b) => pow(a!, b!), positive(2, 1, 3), signed(4, 1)],
  ['pow to constants', (a) => [pow(a!, 3), pow(a!, 0.5), pow(a!, -2), pow(2, a!)], positive(3)],
  ['pow of negative numbers', (a) => [pow(a!, 2), pow(a!, 3)], signed(4)],
  ['maximum and minimum', (a, b) => [maximum(a!, b!), minimum(a!, b!)], signed(2, 3), signed(3)],
  ['neg, abs and square', (a) => [neg(a!), abs(a!), square(a!)], signed(5)],
  ['exp', (a) => exp(a!), signed(5)],
  ['log', (a) => log(a!), positive(5)],
  ['sqrt', (a) => sqrt(a!), positive(5)],
  ['rsqrt', (a) => rsqrt(a!), positive(5)],
  ['reciprocal', (a) => reciprocal(a!), positive(5)],
  ['tanh', (a) => tanh(a!), signed(5)],
  ['sigmoid', (a) => sigmoid(a!), signed(5)],
  ['sin and cos', (a) => [sin(a!), cos(a!)], signed(5)],
  ['where', (a, b) => where(constant([[1], [0]], { dtype: 'bool' }), a!, b!), signed(1, 3), signed(2, 1)],
  ['clip', (a) => mul(clip(a!, -0.7, 0.8), a!), signed(7)],
  ['cast to the same precision', (a) => mul(cast(a!, a!.dtype), a!), signed(3)],
]

const reductions: Check[] = [
  ['sum', (a) => [sum(a!), sum(a!, [0, -1]), sum(square(a!), 1, { keepDims: true })], signed(2, 3, 4)],
  ['mean', (a) => [mean(a!), mean(a!, [0, -1]), mean(square(a!), 1, { keepDims: true })], signed(2, 3, 4)],
  ['max', (a) => [max(a!), max(square(a!), 1), max(a!, [0, 2], { keepDims: true })], distinct([2, 3, 4])],
  ['min', (a) => [min(a!), min(square(a!), 1), min(a!, [0, 2], { keepDims: true })], distinct([2, 3, 4])],
  [
    'logSumExp',
    (a) => [logSumExp(a!), logSumExp(a!, [0, 2]), logSumExp(a!, 1, { keepDims: true })],
    signed(2, 3, 4),
  ],
  [
    'cumsum',
    (a) => [cumsum(square(a!)), cumsum(square(a!), 0, { exclusive: true, reverse: true })],
    signed(3, 4),
  ],
]

const movement: Check[] = [
  ['reshape and transpose', (a) => square(reshape(transpose(a!, [2, 0, 1]), [6, 4])), signed(2, 3, 4)],
  ['broadcastTo', (a) => square(broadcastTo(a!, [2, 3, 4])), signed(3, 1)],
  ['concat', (a, b) => square(concat([a!, b!, a!], 1)), signed(2, 1), signed(2, 3)],
  ['stack', (a, b) => square(stack([a!, b!, a!], -1)), signed(2, 3), signed(2, 3)],
  [
    'split',
    (a) => {
      const [p, , r] = split(a!, [1, 2, 1], 1)
      return [square(r!), mul(p!, r!)]
    },
    signed(2, 4),
  ],
  ['slice', (a) => square(slice(a!, [[1], [-3, -1]])), signed(3, 4)],
  ['stride', (a) => [square(stride(a!, 2)), square(stride(a!, -3)), square(stride(a!, -1, 0))], signed(2, 7)],
  [
    'pad',
    (a) =>
      square(
        pad(
          a!,
          [
            [1, 0],
            [0, 2],
          ],
          3,
        ),
      ),
    signed(2, 3),
  ],
  ['tile', (a) => square(tile(a!, 3, 1)), signed(2, 3)],
]

const indexing: Check[] = [
  ['gather', (a, at) => square(gather(a!, at!, 1)), signed(2, 3, 2), i32([0, 2, 2, 0, 2, 1], [3, 2])],
  ['takeAlongAxis', (a, at) => square(takeAlongAxis(a!, at!)), signed(2, 3), i32([0, 2, 2, 1, 1, 1], [2, 3])],
  [
    'scatterAdd',
    (a, at, u) => square(scatterAdd(a!, at!, u!)),
    signed(2, 3),
    i32([0, 2, 2, 0, 1, 1, 1, 1], [2, 4]),
    signed(2, 4),
  ],
  ['indexAdd', (a, at, u) => square(indexAdd(a!, at!, u!)), signed(3, 2), i32([1, 1, 0, 1]), signed(4, 2)],
  ['tril and triu', (a) => [square(tril(a!)), square(triu(a!, 1))], signed(3, 4)],
  ['topK', (a) => square(topK(a!, 2).values), distinct([2, 5])],
  ['sort', (a) => [square(sort(a!).values), exp(sort(a!, 0, { descending: true }).values)], distinct([2, 5])],
]

const products: Check[] = [
  ['matmul', (a, b) => matmul(a!, b!), signed(2, 3), signed(3, 4)],
  [
    'matmul with transposes',
    (a, b) => [matmul(a!, b!, { transA: true, transB: true }), matmul(b!, a!)],
    signed(3, 2),
    signed(4, 3),
  ],
  ['matmul that broadcasts', (a, b) => matmul(a!, b!), signed(2, 1, 2, 3), signed(3, 3, 2)],
  ['matmul with a shared weight', (a, b) => matmul(a!, b!, { transB: true }), signed(2, 3, 4), signed(2, 4)],
  ['matmul with a factor', (a, b) => mul(matmul(a!, b!), 0.3), signed(2, 3), signed(3, 2)],
  ['matmul of a tensor with itself', (a) => matmul(a!, a!, { transB: true }), signed(2, 2, 3)],
  ['einsum', (q, k) => einsum('bthd,bshd->bhts', q!, k!), signed(1, 2, 2, 3), signed(1, 3, 2, 3)],
]

const smooth = [...elementwise, ...reductions, ...movement, ...indexing, ...products]

describe('gradients and their gradients', () => {
  it.each(smooth.map((check) => [check[0], check] as const))('%s', async (_, [, fn, ...inputs]) => {
    await gradcheck((...xs) => fn(...xs), inputs, { second: true })
  })

  it('pow of 0', async () => {
    await gradcheck((a) => [pow(a!, 2), pow(a!, 3)], [NDArray.from([0, 0])], { second: true })
  })

  it('a network with attention, normalisation and cross-entropy', async () => {
    const targets = i32([3, 1, 3, 0], [4, 1])
    await gradcheck(
      (x, w, v, at) => {
        const centered = sub(x!, mean(x!, -1, { keepDims: true }))
        const h = mul(centered, rsqrt(add(mean(square(centered), -1, { keepDims: true }), 1e-2)))
        const scores = where(trilMask(4, 4), matmul(matmul(h, w!), h, { transB: true }), -Infinity)
        const weights = exp(sub(scores, logSumExp(scores, -1, { keepDims: true })))
        const logits = matmul(tanh(matmul(weights, h)), v!)
        return mean(sub(logSumExp(logits, -1, { keepDims: true }), takeAlongAxis(logits, at!)))
      },
      [signed(4, 3), signed(3, 3), random([3, 5]), targets],
      { second: true },
    )
  })

  it('the checker finds a wrong gradient', async () => {
    await expect(gradcheck((a) => mul(a!, stopGradient(a!)), [signed(3)])).rejects.toThrow(
      /3 gradients are wrong/,
    )
  })
})
