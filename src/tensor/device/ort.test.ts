import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import * as ort from 'onnxruntime-node'
import { describe, expect, it } from 'vitest'
import { add, compile, DeviceError, mul, NDArray, sum, type Tensor } from '../index.js'
import { browserDevice } from './browser.js'
import { nodeDevice } from './node.js'
import { OrtDevice } from './ort.js'
import type { OrtPackage } from './ort-tensor.js'

const device = nodeDevice('cpu', { threads: 1 })
const type = { shape: [3], dtype: 'f32' as const }
const runtime = dirname(createRequire(import.meta.url).resolve('onnxruntime-node'))
const hasCuda = existsSync(
  join(runtime, `../bin/napi-v6/${process.platform}/${process.arch}/libonnxruntime_providers_cuda.so`),
)

describe('devices', () => {
  it('are told apart by name', async () => {
    expect(() => nodeDevice('tpu')).toThrow(/no device 'tpu'.*cpu, webgpu, cuda/)
    await expect(browserDevice('cuda')).rejects.toThrow(/no device 'cuda'.*wasm, webgpu/)
  })

  it.skipIf(hasCuda)('say what to install for CUDA', async () => {
    const failure = compile((x: Tensor) => add(x, 1), [type], { device: nodeDevice('cuda') })
    await expect(failure).rejects.toMatchObject({
      code: 'device/missing',
      message: expect.stringMatching(/CUDA 12 and cuDNN 9.*ONNXRUNTIME_NODE_INSTALL/),
    })
  })

  it('say that a page has no WebGPU', async () => {
    // Node has no navigator.gpu either.
    await expect(browserDevice('webgpu')).rejects.toThrow(DeviceError)
  })
})

describe('donated arrays on the CPU', () => {
  it('take the results', async () => {
    const options = { device, donate: [0] }
    const step = await compile((x: Tensor, y: Tensor) => add(mul(x, 2), y), [type, type], options)
    const x = NDArray.from([1, 2, 3])
    const next = await step(x, NDArray.from([1, 1, 1]))
    expect(next.data.buffer).toBe(x.data.buffer)
    expect(Array.from(next.data, Number)).toEqual([3, 5, 7])
  })

  it('are left alone by a runtime that does not write outputs to the memory it is given', async () => {
    const create = async (bytes: Uint8Array, options?: ort.InferenceSession.SessionOptions) => {
      const session = await ort.InferenceSession.create(bytes, options)
      const run = (feeds: ort.InferenceSession.FeedsType, fetches: ort.InferenceSession.FetchesType) => {
        if (!Array.isArray(fetches)) throw new Error('Non tensor type is temporarily not supported.')
        return session.run(feeds, fetches)
      }
      return { run, release: () => session.release() }
    }
    const other = new OrtDevice({
      kind: 'cpu',
      ort: { Tensor: ort.Tensor, InferenceSession: { create } } as unknown as OrtPackage,
      session: {},
      missing: '',
    })
    const step = await compile((x: Tensor) => ({ x: mul(x, 2), total: sum(x) }), [type], {
      device: other,
      donate: [0],
    })
    const x = NDArray.from([1, 2, 3])
    for (const _ of [1, 2]) {
      const next = await step(x)
      expect(await next.x.numbers()).toEqual([2, 4, 6])
      expect(await next.total.item()).toBe(6)
    }
    expect(await x.numbers()).toEqual([1, 2, 3])
    await step.dispose()
  })

  it('are left alone where another argument shares their memory', async () => {
    const step = await compile(
      (s: { m: Tensor; v: Tensor }) => ({ m: mul(s.m, 2), v: add(s.v, 1) }),
      [{ m: type, v: type }],
      { device, donate: [0] },
    )
    const same = NDArray.from([1, 2, 3])
    const next = await step({ m: same, v: same })
    expect(await next.m.numbers()).toEqual([2, 4, 6])
    expect(await next.v.numbers()).toEqual([2, 3, 4])
    const packed = Float32Array.of(1, 2, 3, 4)
    const overlapping = await step({
      m: new NDArray('f32', [3], packed.subarray(0, 3)),
      v: new NDArray('f32', [3], packed.subarray(1)),
    })
    expect(await overlapping.m.numbers()).toEqual([2, 4, 6])
    expect(await overlapping.v.numbers()).toEqual([3, 4, 5])
  })
})
