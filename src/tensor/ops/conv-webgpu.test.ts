/** Convolution and pooling on WebGPU, where there is a GPU or Chromium's software GPU: the cases whose lowering is special there. */
import { describe, it } from 'vitest'
import type { Tensor } from '../tensor.js'
import { convCases, expectReference } from '../testing/conv-cases.js'
import { webgpuDevice } from '../testing/software-gpu.js'
import { conv1d, conv2d, convTranspose1d, convTranspose2d } from './conv.js'
import { maxPool1d, maxPool2d } from './pool.js'

type Inputs = Record<string, Tensor>

const webgpu = await webgpuDevice()
const named = (file: string, names: readonly string[]) =>
  convCases(file).filter(({ name }) => names.includes(name))

describe.skipIf(!webgpu)('on WebGPU', () => {
  it.each(
    named('conv-conv', [
      'one axis, stride 3, dilation 2, groups 2',
      'strides and dilations that differ',
      'groups 4',
      'depthwise',
      'depthwise, two outputs a channel',
    ]),
  )('convolutions are PyTorch’s: $name', async (reference) => {
    const fn = ({ x, w, bias }: Inputs) =>
      (x!.rank === 3 ? conv1d : conv2d)(x!, w!, { ...reference.options, ...(bias ? { bias } : {}) })
    await expectReference(fn, reference, 'f32', webgpu)
  })

  it.each(named('conv-transpose', ['strides that differ', 'groups 2, dilation 2', 'depthwise']))(
    'transposed convolutions are PyTorch’s: $name',
    async (reference) => {
      const fn = ({ x, w, bias }: Inputs) =>
        (x!.rank === 3 ? convTranspose1d : convTranspose2d)(x!, w!, {
          ...reference.options,
          ...(bias ? { bias } : {}),
        })
      await expectReference(fn, reference, 'f32', webgpu)
    },
  )

  it.each(
    named('conv-maxpool', [
      'one axis',
      'dilation 2',
      'equal elements: the first wins',
      'sizes that do not divide',
    ]),
  )('maxima are PyTorch’s: $name', async (reference) => {
    const { kernel, ...options } = reference.options
    const fn = ({ x }: Inputs) => (x!.rank === 3 ? maxPool1d : maxPool2d)(x!, kernel!, options)
    await expectReference(fn, reference, 'f32', webgpu)
  })
})
