import { describe, expect, it } from 'vitest'
import { vjp } from '../autodiff.js'
import { input } from '../graph.js'
import { NDArray } from '../ndarray.js'
import type { Tensor } from '../tensor.js'
import { convCases, expectReference } from '../testing/conv-cases.js'
import { distinct, gradcheck, random, run } from '../testing/gradcheck.js'
import { ones } from './constant.js'
import { avgPool1d, avgPool2d, maxPool1d, maxPool2d } from './pool.js'

type Inputs = Record<string, Tensor>

describe('maxPool1d and maxPool2d', () => {
  it.each(convCases('conv-maxpool'))('are PyTorch’s: $name', async (reference) => {
    const { kernel, ...options } = reference.options
    const fn = ({ x }: Inputs) => (x!.rank === 3 ? maxPool1d : maxPool2d)(x!, kernel!, options)
    await expectReference(fn, reference, 'f32')
    await expectReference(fn, reference, 'f64')
  })

  it('have a gradient of the gradient', async () => {
    const fn = (x: Tensor) => maxPool2d(x, 3, { stride: 2, padding: [[0, 1], 1] })
    await gradcheck(fn as never, [distinct([2, 2, 6, 7])], { second: true })
  })

  it('never choose the padding', async () => {
    const fn = (x: Tensor) => maxPool2d(x, 3, { padding: 1 })
    const { data } = await run(fn, [NDArray.from([-5, -6, -7, -8], [1, 1, 2, 2])])
    expect([...data]).toEqual([-5])
  })

  it('send a whole cotangent to one of equal elements', async () => {
    const fn = (x: Tensor) => vjp((t: Tensor) => maxPool2d(t, 2), x).pullback(ones([1, 1, 1, 1]))[0]
    const { data } = await run(fn, [NDArray.from([3, 3, 3, 3], [1, 1, 2, 2])])
    expect([...data]).toEqual([1, 0, 0, 0])
  })

  it('refuse padding that a window could get lost in', () => {
    const x = input('x', { shape: [1, 1, 8, 8], dtype: 'f32' })
    expect(() => maxPool2d(x, 2, { padding: 2 })).toThrow(/must be less than a window of 2/)
    expect(() => maxPool1d(x, 2)).toThrow(/not \[N, C, size\]/)
  })
})

describe('avgPool1d and avgPool2d', () => {
  it.each(convCases('conv-avgpool'))('are PyTorch’s: $name', async (reference) => {
    const { kernel, ...options } = reference.options
    const fn = ({ x }: Inputs) => (x!.rank === 3 ? avgPool1d : avgPool2d)(x!, kernel!, options)
    await expectReference(fn, reference, 'f32')
    await expectReference(fn, reference, 'f64')
  })

  it('have a gradient of the gradient', async () => {
    const fn = (x: Tensor) =>
      avgPool2d(x, [3, 2], { stride: 2, padding: [[0, 1], 1], countIncludePad: false })
    await gradcheck(fn as never, [random([2, 2, 6, 7])], { second: true })
  })
})
