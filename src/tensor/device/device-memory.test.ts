/** What stays in a GPU's memory, and the two ways to lose the process or the numbers that are guarded against. */
import { describe, expect, it } from 'vitest'
import {
  add,
  compile,
  DeviceError,
  mul,
  NDArray,
  randomUniform,
  reshape,
  sum,
  type Tensor,
} from '../index.js'
import { webgpuDevice } from '../testing/software-gpu.js'
import { nodeDevice } from './node.js'

const device = await webgpuDevice()
const type = { shape: [3], dtype: 'f32' as const }
const values = NDArray.from([1, 2, 3])

describe.skipIf(!device)(
  `device memory${device ? '' : ' (skipped: no GPU found, nor the software GPU of Chromium)'}`,
  () => {
    const resident = { device: device!, keepOnDevice: true }
    const accumulate = (x: Tensor, y: Tensor) => add(mul(x, 2), y)

    it('keeps results, takes them back and reads them, also after the session is gone', async () => {
      const twice = await compile((x: Tensor) => mul(x, 2), [type], resident)
      const once = await twice(values)
      const again = await twice(once)
      await twice.dispose()
      expect(again.onHost).toBe(false)
      expect(() => again.data).toThrow(/await array.read/)
      expect(await again.numbers()).toEqual([4, 8, 12])
    })

    it.each(['i32', 'i64', 'bool', 'u8'] as const)('reads %s', async (dtype) => {
      const turn = await compile((x: Tensor) => reshape(x, [3, 2]), [{ shape: [2, 3], dtype }], resident)
      const bits = [1, 0, 1, 1, 0, 0]
      expect(await (await turn(NDArray.from(bits, [2, 3], dtype))).numbers()).toEqual(bits)
    })

    it('refuses arrays that were freed or donated', async () => {
      const step = await compile(accumulate, [type, type], { ...resident, donate: [0] })
      const first = await step(values, values)
      const second = await step(first, values)
      await expect(first.read()).rejects.toThrow(/donated to a call/)
      await expect(step(first, values)).rejects.toThrow(DeviceError)
      second.dispose()
      second.dispose()
      await expect(second.read()).rejects.toThrow(/after it was disposed/)
    })

    it('keeps a donated array that is another argument too', async () => {
      const step = await compile(accumulate, [type, type], { ...resident, donate: [0] })
      const first = await step(values, values)
      expect(await (await step(first, first)).numbers()).toEqual([9, 18, 27])
      expect(await first.numbers()).toEqual([3, 6, 9])
    })

    it('refuses to hand an array to another device, where it would be garbage', async () => {
      const twice = await compile((x: Tensor) => mul(x, 2), [type], resident)
      const onCpu = await compile((x: Tensor) => sum(x), [type], {
        device: nodeDevice('cpu', { threads: 1 }),
      })
      const array = await twice(values)
      await expect(onCpu(array)).rejects.toThrow(/lives on 'webgpu' was given to 'cpu'.*read\(\)/)
      expect(await (await onCpu(NDArray.from(await array.read()))).item()).toBe(12)
    })

    it('cannot hold random numbers drawn there', async () => {
      const draw = compile((key: Tensor) => randomUniform(key, [2]), [{ shape: [], dtype: 'i64' as const }], {
        device: device!,
      })
      await expect(draw).rejects.toThrow(DeviceError)
    })
  },
)
