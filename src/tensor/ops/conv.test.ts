import { describe, expect, it } from 'vitest'
import { grad } from '../autodiff.js'
import { compile } from '../compile.js'
import { dim } from '../dim.js'
import { input } from '../graph.js'
import type { NDArray } from '../ndarray.js'
import type { Tensor, TensorType } from '../tensor.js'
import { convCases, expectReference } from '../testing/conv-cases.js'
import { gradcheck, random, run, testDevice } from '../testing/gradcheck.js'
import { conv1d, conv2d, convTranspose1d, convTranspose2d } from './conv.js'
import { square } from './elementwise.js'
import { sum } from './reduce.js'

type Inputs = Record<string, Tensor>

const byRank = (x: Tensor, one: typeof conv1d, two: typeof conv1d) => (x.rank === 3 ? one : two)

describe('conv1d and conv2d', () => {
  it.each(convCases('conv-conv'))('are PyTorch’s: $name', async (reference) => {
    const fn = ({ x, w, bias }: Inputs) =>
      byRank(x!, conv1d, conv2d)(x!, w!, { ...reference.options, ...(bias ? { bias } : {}) })
    await expectReference(fn, reference, 'f32')
    await expectReference(fn, reference, 'f64')
  })

  it('have a gradient of the gradient', async () => {
    const fn = (x: Tensor, w: Tensor, bias: Tensor) =>
      conv2d(x, w, { bias, stride: [2, 3], padding: [[1, 0], 2], dilation: [1, 2], groups: 2 })
    const inputs = [random([2, 4, 6, 8]), random([4, 2, 3, 2]), random([4])]
    await gradcheck(fn as never, inputs, { second: true, elements: 16 })
  })

  it('have single-precision gradients near central differences (step 1e-2)', async () => {
    const fn = (x: Tensor, w: Tensor) => conv2d(x, w, { stride: 2, padding: 1, dilation: 2, groups: 3 })
    await gradcheck(fn as never, [random([2, 3, 8, 9]), random([6, 1, 3, 3])], { dtype: 'f32', elements: 12 })
  })

  it('have the gradient of the gradient where the window has few places', async () => {
    const fn = (x: Tensor, w: Tensor) => conv2d(x, w, { stride: 2, padding: [[1, 0], 1], dilation: [1, 2] })
    await gradcheck(fn as never, [random([2, 3, 7, 9]), random([2, 3, 4, 4])], { second: true, elements: 12 })
  })

  it('have the gradient of the gradient at stride 1, where a transpose is a convolution', async () => {
    const fn = (x: Tensor, w: Tensor) => conv1d(x, w, { padding: [[4, 0]], dilation: 2, groups: 2 })
    await gradcheck(fn as never, [random([2, 4, 13]), random([6, 2, 3])], { second: true, elements: 12 })
  })

  it('train with a dynamic batch as with a static one', async () => {
    const [x, w] = [random([3, 4, 6, 5]), random([6, 2, 3, 3], { seed: 2 })]
    const step = (x: Tensor, w: Tensor) =>
      grad((t: Tensor) => sum(square(conv2d(x, t, { stride: 2, groups: 2 }))))(w)
    const types = [{ shape: [dim('B'), 4, 6, 5], dtype: 'f32' }, w] as [TensorType, NDArray]
    const dynamic = await compile(step as never, types, { device: testDevice })
    const found = await (dynamic as unknown as (...xs: NDArray[]) => Promise<NDArray>)(x, w)
    const expected = await run(step, [x, w])
    expect(found.data).toEqual(expected.data)
    await dynamic.dispose()
  })

  it('take a dynamic batch, and a dynamic length where the stride is 1', async () => {
    const [B, T] = [dim('B'), dim('T')]
    const w = input('w', { shape: [2, 3, 5], dtype: 'f32' })
    const x = input('x', { shape: [B, 3, T], dtype: 'f32' })
    expect(conv1d(x, w, { padding: [[4, 0]] }).shape).toEqual([B, 2, T])
    expect(() => conv1d(x, w, { stride: 2 })).toThrow(/dynamic; its stride must be 1/)
  })

  it.each([
    ['channels', [2, 3, 4, 4], [2, 4, 3, 3], {}, /channels do not fit/],
    ['groups', [2, 4, 4, 4], [3, 2, 3, 3], { groups: 2 }, /channels do not fit/],
    ['a window larger than x', [2, 3, 2, 4], [2, 3, 3, 3], {}, /a window of 3 does not fit axis 2/],
    ['a stride of 0', [2, 3, 4, 4], [2, 3, 3, 3], { stride: 0 }, /stride is 0/],
    ['half a padding', [2, 3, 4, 4], [2, 3, 3, 3], { padding: 0.5 }, /padding is 0.5/],
    ['too many strides', [2, 3, 4, 4], [2, 3, 3, 3], { stride: [1, 1, 1] }, /give an integer/],
    ['a missing axis', [2, 3, 4], [2, 3, 3], {}, /both need 4 axes/],
  ] as const)('refuse %s', (_, x, w, options, message) => {
    const of = (shape: readonly number[]) => input('t', { shape, dtype: 'f32' })
    expect(() => conv2d(of(x), of(w), options)).toThrow(message)
  })

  it('refuse a bias of another size', () => {
    const of = (...shape: number[]) => input('t', { shape, dtype: 'f32' })
    expect(() => conv2d(of(1, 3, 4, 4), of(2, 3, 3, 3), { bias: of(3) })).toThrow(
      /bias is f32\[3\], not \[2\]/,
    )
  })
})

describe('convTranspose1d and convTranspose2d', () => {
  it.each(convCases('conv-transpose'))('are PyTorch’s: $name', async (reference) => {
    const fn = ({ x, w, bias }: Inputs) =>
      byRank(x!, convTranspose1d, convTranspose2d)(x!, w!, {
        ...reference.options,
        ...(bias ? { bias } : {}),
      })
    await expectReference(fn, reference, 'f32')
    await expectReference(fn, reference, 'f64')
  })

  it('have a gradient of the gradient', async () => {
    const fn = (x: Tensor, w: Tensor) =>
      convTranspose2d(x, w, { stride: [3, 2], padding: [[1, 0], 1], outputPadding: [2, 0], groups: 2 })
    await gradcheck(fn as never, [random([2, 4, 3, 4]), random([4, 2, 3, 4])], { second: true, elements: 16 })
  })

  it('undo the shape of a convolution with the same options', async () => {
    const options = { stride: 2, padding: 1 }
    const fn = (x: Tensor, w: Tensor) =>
      convTranspose2d(conv2d(x, w, options), w, { ...options, outputPadding: 1 })
    expect((await run(fn, [random([1, 3, 8, 8]), random([5, 3, 3, 3])])).shape).toEqual([1, 3, 8, 8])
  })

  it('refuse an output padding as large as the stride', () => {
    const of = (...shape: number[]) => input('t', { shape, dtype: 'f32' })
    expect(() => convTranspose1d(of(1, 2, 4), of(2, 3, 3), { stride: 2, outputPadding: 2 })).toThrow(
      /outputPadding \[2\] must be less than the stride \[2\]/,
    )
  })
})
