import { describe, expect, it } from 'vitest'
import { valueAndGrad } from './autodiff.js'
import {
  addSizes,
  dim,
  divideSizes,
  evaluateSize,
  formatShape,
  multiplySizes,
  shapesEqual,
  sizeOf,
  sizesEqual,
  subtractSizes,
} from './dim.js'
import { NDArray } from './ndarray.js'
import {
  add,
  broadcastTo,
  concat,
  cumsum,
  div,
  einsum,
  embedding,
  expandDims,
  full,
  gather,
  iota,
  logSumExp,
  matmul,
  max,
  mean,
  mul,
  oneHot,
  ones,
  pad,
  reshape,
  scatterAdd,
  slice,
  split,
  sqrt,
  square,
  stack,
  sub,
  sum,
  takeAlongAxis,
  tanh,
  tile,
  topK,
  transpose,
  tril,
  trilMask,
  where,
  zeros,
} from './ops/index.js'
import type { Tensor } from './tensor.js'
import { load, random } from './testing/gradcheck.js'

const [T, B] = [dim('T'), dim('B')]

describe('sizes', () => {
  it('are polynomials with whole coefficients', () => {
    const total = multiplySizes(addSizes(T, 1), addSizes(B, T))
    expect(`${total}`).toBe('B+B*T+T+T*T')
    expect(
      evaluateSize(
        total,
        new Map([
          ['T', 3],
          ['B', 2],
        ]),
      ),
    ).toBe(20)
    expect(subtractSizes(total, total)).toBe(0)
    expect(`${subtractSizes(T, 3)}`).toBe('-3+T')
    expect(`${multiplySizes(T, -1)}`).toBe('-1*T')
    expect(multiplySizes(T, 0)).toBe(0)
    expect(formatShape([T, 2, addSizes(T, T)])).toBe('[T, 2, 2*T]')
  })

  it('divide where the quotient is whole', () => {
    const product = multiplySizes(multiplySizes(B, T), 6)
    expect(`${divideSizes(product, T)}`).toBe('6*B')
    expect(`${divideSizes(product, multiplySizes(B, 2))}`).toBe('3*T')
    expect(divideSizes(product, product)).toBe(1)
    expect(divideSizes(product, 4)).toBeUndefined()
    expect(divideSizes(T, B)).toBeUndefined()
    expect(divideSizes(12, 5)).toBeUndefined()
    expect(divideSizes(12, 0)).toBeUndefined()
    expect(divideSizes(0, 0)).toBe(1)
    expect(divideSizes(0, 3)).toBe(0)
  })

  it('are equal when their polynomials are, however they came about', () => {
    expect(sizesEqual(multiplySizes(T, B), multiplySizes(B, T))).toBe(true)
    expect(sizesEqual(addSizes(1, T), addSizes(T, 1))).toBe(true)
    expect(sizesEqual(T, B)).toBe(false)
    expect(shapesEqual([T, 2], [dim('T'), 2])).toBe(true)
    expect(sizeOf([])).toBe(1)
  })

  it('refuse names that are no identifiers, and axes without a value', () => {
    expect(() => dim('2T')).toThrow(/'2T' is not an identifier/)
    expect(() => dim('a*b')).toThrow(/identifier/)
    expect(() => evaluateSize(T, new Map())).toThrow(/the dynamic axis 'T' is not an axis of any input/)
  })
})

type Fn = (x: Tensor, w: Tensor, ids: Tensor) => Tensor | readonly Tensor[]

/** Functions of x [B, T, 4], w [4, 4] and ids [B, T], which say nothing of the sizes B and T themselves. */
const functions: Record<string, Fn> = {
  'element-wise ops that broadcast': (x, w) => tanh(add(mul(x, sum(w, 0)), sum(x, 1, { keepDims: true }))),
  reductions: (x) => [sum(x), sum(x, [0, 1]), max(x, 1), logSumExp(x, [0, 2])],
  means: (x) => [mean(x), mean(square(x), 1), mean(x, [0, 1], { keepDims: true })],
  'a standard deviation': (x) => sqrt(mean(square(sub(x, mean(x, [0, 1], { keepDims: true }))), [0, 1])),
  'products with a weight': (x, w) => [matmul(x, w), matmul(x, w, { transB: true })],
  attention: (x, w) => {
    const [, t] = x.shape
    const q = transpose(reshape(matmul(x, w), [x.shape[0]!, t!, 2, 2]), [0, 2, 1, 3])
    const scores = where(trilMask(t!, t!), matmul(q, q, { transB: true }), -1e9)
    const weights = matmul(sub(scores, logSumExp(scores, -1, { keepDims: true })), q)
    return reshape(transpose(weights, [0, 2, 1, 3]), [x.shape[0]!, -1, 4])
  },
  einsum: (x, w) => [einsum('btc,cd->bdt', x, w), einsum('btc,bsc->bts', x, x), einsum('btc,btd->cd', x, x)],
  'flattening and back': (x) => reshape(square(reshape(x, [-1, 4])), x.shape),
  'merging two dynamic axes': (x) => square(reshape(x, [-1])),
  'splitting a merged axis': (x) => reshape(square(reshape(x, [-1, 2])), [x.shape[0]!, x.shape[1]!, 2, 2]),
  concat: (x) => square(concat([x, slice(x, [undefined, [0, 1]]), x], 1)),
  stack: (x) => square(stack([x, tanh(x)], 1)),
  split: (x) => split(square(concat([x, x], 1)), [x.shape[1]!, x.shape[1]!], 1)[1]!,
  'slices from the start and the end': (x) => [
    square(slice(x, [undefined, [1]])),
    square(slice(x, [undefined, [-2]])),
    square(slice(x, [undefined, [1, -1]])),
    square(slice(x, [undefined, [0, 2]])),
  ],
  pad: (x) =>
    square(
      pad(
        x,
        [
          [0, 0],
          [2, 1],
          [0, 0],
        ],
        1.5,
      ),
    ),
  'broadcasting to a dynamic shape': (x, w) => mul(broadcastTo(w, [x.shape[0]!, 4, 4]), sum(x)),
  tile: (x) => square(tile(x, 3, 1)),
  'cumulative sums': (x) => [cumsum(square(x), 1), cumsum(x, 1, { exclusive: true, reverse: true })],
  'embeddings and gathers': (x, w, ids) => [square(embedding(w, ids)), gather(x, iota(x.shape[1]!), 1)],
  'picking along an axis': (x, _, ids) => square(takeAlongAxis(x, expandDims(ids, -1))),
  'adding at positions': (x, _, ids) =>
    square(scatterAdd(x, expandDims(ids, -1), slice(x, [undefined, undefined, [0, 1]]))),
  'one-hot rows': (x, w, ids) => mul(matmul(oneHot(ids, 4), w), mean(x)),
  triangles: (x) => square(tril(x)),
  'largest elements': (x) => square(topK(x, 2, 2).values),
  'constants of a dynamic shape': (x) => add(mul(full(x.shape, 2), x), sub(ones(x.shape), zeros(x.shape))),
  'sizes as numbers': (x) => div(x, add(iota(x.shape[1]!, 'f32'), 1).shape.length),
}

describe('a dynamic axis', () => {
  it.each(Object.entries(functions))('gives what fixed sizes give: %s', async (name, fn) => {
    const step = (x: Tensor, w: Tensor, ids: Tensor) => {
      const loss = (p: { x: Tensor; w: Tensor }) => {
        const results = [fn(p.x, p.w, ids)].flat()
        return { loss: results.map((y) => sum(mul(y, y))).reduce((a, b) => add(a, b)), results }
      }
      return valueAndGrad(loss)({ x, w })
    }
    const w = random([4, 4], { seed: 3 })
    const dynamic = await load(step, [{ shape: [B, T, 4], dtype: 'f32' }, w, { shape: [B, T], dtype: 'i32' }])
    for (const [b, t] of [
      [2, 3],
      [1, 5],
      [3, 2],
    ] as const) {
      const inputs = [
        random([b, t, 4], { seed: b }),
        w,
        random([b, t], { dtype: 'i32', low: 0, high: 4, seed: t }),
      ] as const
      const fixed = await load(step, inputs)
      const [value, gradient] = await dynamic(...inputs)
      const [expected, slope] = await fixed(...inputs)
      const pairs: [NDArray, NDArray][] = [
        ...value.results.map((y, i): [NDArray, NDArray] => [y, expected.results[i]!]),
        [gradient.x, slope.x],
        [gradient.w, slope.w],
      ]
      for (const [found, reference] of pairs) {
        expect(found.shape, name).toEqual(reference.shape)
        const target = await reference.numbers()
        for (const [i, found_] of (await found.numbers()).entries()) {
          expect(Math.abs(found_ - target[i]!)).toBeLessThanOrEqual(1e-5 * Math.max(1, Math.abs(target[i]!)))
        }
      }
      await fixed.dispose()
    }
    await dynamic.dispose()
  })

  it('can be empty', async () => {
    const f = await load(
      (x: Tensor) => [sum(x, 0), concat([x, ones([1, 2])]), reshape(x, [-1]), matmul(x, ones([2, 3]))],
      [{ shape: [T, 2], dtype: 'f32' }],
    )
    const [total, joined, flat, product] = await f(NDArray.zeros([0, 2]))
    expect(await total!.numbers()).toEqual([0, 0])
    expect(await joined!.numbers()).toEqual([1, 1])
    expect([flat!.shape, product!.shape]).toEqual([[0], [0, 3]])
    await f.dispose()
  })

  it('must be equal wherever its name stands', async () => {
    const f = await load(
      (x: Tensor, y: Tensor) => add(x, y),
      [
        { shape: [T], dtype: 'f32' },
        { shape: [T], dtype: 'f32' },
      ],
    )
    await expect(f(NDArray.from([1, 2]), NDArray.from([1]))).rejects.toThrow(
      /argument '1' is f32\[1\] and must be f32\[T\]/,
    )
    await f.dispose()
  })

  it('of a sum of names is checked when its parts are known', async () => {
    const f = await load(
      (x: Tensor, y: Tensor, z: Tensor) => add(concat([x, y]), z),
      [
        { shape: [dim('past')], dtype: 'f32' },
        { shape: [T], dtype: 'f32' },
        { shape: [addSizes(dim('past'), T)], dtype: 'f32' },
      ],
    )
    const [two, one, three] = [NDArray.from([1, 2]), NDArray.from([3]), NDArray.from([1, 1, 1])]
    expect(await (await f(two, one, three)).numbers()).toEqual([2, 3, 4])
    await expect(f(two, two, three)).rejects.toThrow(/must be f32\[T\+past\]/)
    await f.dispose()
  })
})
