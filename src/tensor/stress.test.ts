/** Many elements, many duplicates, two threads: where kernels race and sums lose digits. */
import { describe, expect, it } from 'vitest'
import { grad } from './autodiff.js'
import { NDArray } from './ndarray.js'
import {
  embedding,
  indexAdd,
  logSumExp,
  mean,
  mul,
  scatterAdd,
  softmax,
  sum,
  takeAlongAxis,
  zeros,
} from './ops/index.js'
import type { Tensor } from './tensor.js'
import { random, run } from './testing/gradcheck.js'

describe('with two threads', () => {
  it('the gradient of an embedding counts every one of many duplicates', async () => {
    const [V, C, N] = [7, 16, 20_000]
    const ids = random([N], { dtype: 'i32', low: 0, high: V })
    const g = await run(
      (table: Tensor, at: Tensor) => grad((w: Tensor) => sum(embedding(w, at)))(table),
      [NDArray.zeros([V, C]), ids],
    )
    const counts = Array<number>(V).fill(0)
    for (const id of ids.data as Int32Array) counts[id]!++
    const expected = counts.flatMap((count) => Array<number>(C).fill(count))
    for (let i = 0; i < 3; i++) expect(await g.numbers()).toEqual(expected)
  })

  it('additions at repeated positions all count', async () => {
    const [N, K] = [64, 4000]
    const at = random([N, K], { dtype: 'i32', low: 0, high: 3, seed: 2 })
    const ones = NDArray.from(new Float32Array(N * K).fill(1), [N, K])
    const [rows, all, taken] = await run(
      (indices: Tensor, updates: Tensor) => [
        scatterAdd(zeros([N, 3]), indices, updates),
        indexAdd(zeros([3]), indices, updates),
        grad((x: Tensor) => sum(takeAlongAxis(x, indices)))(zeros([N, 3])),
      ],
      [at, ones],
    )
    const expected = Array<number>(N * 3).fill(0)
    ;(at.data as Int32Array).forEach((index, i) => {
      expected[Math.floor(i / K) * 3 + index]!++
    })
    expect(await rows!.numbers()).toEqual(expected)
    expect(await taken!.numbers()).toEqual(expected)
    const columns = [0, 1, 2].map((j) => expected.filter((_, i) => i % 3 === j).reduce((a, b) => a + b))
    expect(await all!.numbers()).toEqual(columns)
  })

  it('sums of a million numbers keep six digits', async () => {
    const x = random([1000, 1000], { low: 0, high: 1, seed: 3 })
    const exact = (x.data as Float32Array).reduce((total, value) => total + value, 0)
    const [total, average, byRow, byColumn, normal] = await run(
      (a: Tensor) => [sum(a), mean(a), sum(sum(a, 0)), sum(sum(a, 1)), sum(softmax(a, 0))],
      [x],
    )
    for (const found of [total!, byRow!, byColumn!])
      expect(Math.abs((await found.item()) / exact - 1)).toBeLessThan(2e-6)
    expect(Math.abs((await average!.item()) / (exact / 1e6) - 1)).toBeLessThan(2e-6)
    expect(Math.abs((await normal!.item()) / 1000 - 1)).toBeLessThan(2e-6)
  })

  it('logSumExp of a hundred thousand equal numbers is right', async () => {
    const x = NDArray.from(new Float32Array(100_000).fill(12.5))
    const y = await run((a: Tensor) => logSumExp(mul(a, 1)), [x])
    expect(await y.item()).toBeCloseTo(12.5 + Math.log(100_000), 4)
  })
})
