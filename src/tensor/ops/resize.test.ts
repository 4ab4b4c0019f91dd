import { describe, expect, it } from 'vitest'
import { input } from '../graph.js'
import type { Tensor } from '../tensor.js'
import { convCases, expectReference } from '../testing/conv-cases.js'
import { gradcheck, random } from '../testing/gradcheck.js'
import { type ResizeOptions, resize } from './resize.js'

describe('resize', () => {
  it.each(convCases('conv-resize'))('is PyTorch’s: $name', async (reference) => {
    const fn = ({ x }: Record<string, Tensor>) => resize(x!, reference.options as unknown as ResizeOptions)
    await expectReference(fn, reference, 'f32')
    await expectReference(fn, reference, 'f64')
  })

  it('has a gradient of the gradient', async () => {
    const fn = (x: Tensor) => resize(x, { size: [7, 3], mode: 'bilinear' })
    await gradcheck(fn as never, [random([2, 2, 4, 5])], { second: true })
  })

  it('leaves x alone where nothing changes', () => {
    const x = input('x', { shape: [1, 2, 3, 4], dtype: 'f32' })
    expect(resize(x, { scale: 1, mode: 'bilinear' })).toBe(x)
    expect(resize(x, { size: [3, 4], mode: 'nearest' })).toBe(x)
  })

  it.each([
    [{ mode: 'bilinear' }, /give size or scale/],
    [{ mode: 'bilinear', size: [2, 2], scale: 2 }, /give size or scale/],
    [{ mode: 'nearest', scale: 0.1 }, /at least one pixel/],
    [{ mode: 'nearest', scale: 2, alignCorners: true }, /alignCorners is for the mode bilinear/],
    [{ mode: 'cubic', scale: 2 }, /'cubic' is not/],
  ])('refuses %j', (options, message) => {
    const x = input('x', { shape: [1, 2, 3, 4], dtype: 'f32' })
    expect(() => resize(x, options as never)).toThrow(message)
  })
})
