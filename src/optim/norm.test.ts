import { describe, expect, it } from 'vitest'
import {
  compile,
  grad,
  type MapTree,
  mul,
  NDArray,
  sum,
  type Tensor,
  type TensorType,
} from '../tensor/index.js'
import { OptimError } from './errors.js'
import { allFinite, clipByGlobalNorm, clipFactor, globalNorm, sumSquares, updateIf } from './norm.js'
import { arraysOf, device, reference } from './testing/trajectories.js'

const f32 = (...shape: number[]) => ({ shape, dtype: 'f32' as const })

describe('clipByGlobalNorm', () => {
  it('limits the norm of all gradients together and reports the norm before', async () => {
    const types = { a: f32(2), b: f32(1, 1) }
    type G = MapTree<typeof types, TensorType, Tensor>
    const f = await compile((g: G) => clipByGlobalNorm(g, 1), [types], { device })
    const large = await f({ a: NDArray.from([3, 0]), b: NDArray.from([4], [1, 1]) })
    expect(await large.norm.item()).toBeCloseTo(5, 6)
    expect((large.grads.a.data as Float32Array)[0]).toBeCloseTo(0.6, 6)
    expect(await large.grads.b.item()).toBeCloseTo(0.8, 6)
    const small = await f({ a: NDArray.from([0.3, 0]), b: NDArray.from([0.4], [1, 1]) })
    expect(small.grads.a.data).toEqual(Float32Array.of(0.3, 0))
    await f.dispose()
  })

  it('refuses a limit that is not positive', () => {
    expect(() => clipFactor(undefined as never, 0)).toThrow(OptimError)
    expect(() => clipFactor(undefined as never, Number.NaN)).toThrow(/must be > 0/)
  })
})

describe('globalNorm', () => {
  it('covers tensors of every rank', async () => {
    const arrays = arraysOf(reference.grads[0]!)
    const f = await compile((g: Record<string, Tensor>) => globalNorm(g), [arrays] as never, { device })
    const exact = Math.hypot(...Object.values(reference.grads[0]!).flat())
    expect(
      Math.abs(
        (await (f as never as (g: object) => Promise<NDArray>)(arrays).then((n) => n.item())) / exact - 1,
      ),
    ).toBeLessThan(1e-6)
    await f.dispose()
  })

  it('has a gradient', async () => {
    const f = await compile((x: Tensor) => grad((y: Tensor) => mul(sumSquares(y), sum(y)))(x), [f32(2)], {
      device,
    })
    // d/dx (S s) = 2 x s + S
    expect((await f(NDArray.from([1, 2]))).data).toEqual(Float32Array.of(11, 17))
    await f.dispose()
  })
})

describe('allFinite', () => {
  it('sees an infinity or a NaN anywhere', async () => {
    const f = await compile((a: Tensor, b: Tensor) => allFinite([a, b]), [f32(2), f32(2)], { device })
    for (const [value, finite] of [
      [1, 1],
      [Number.NaN, 0],
      [Number.POSITIVE_INFINITY, 0],
      [Number.NEGATIVE_INFINITY, 0],
    ] as const) {
      const flag = await f(NDArray.from([1, 2]), NDArray.from([0, value]))
      expect([flag.dtype, await flag.item()]).toEqual(['bool', finite])
    }
    await f.dispose()
  })

  it('lets a step keep what it had', async () => {
    const f = await compile(
      (p: Tensor, g: Tensor) => updateIf(allFinite({ g }), { p: mul(p, g) }, { p }),
      [f32(2), f32(2)],
      { device },
    )
    const p = NDArray.from([1, 2])
    expect((await f(p, NDArray.from([2, 2]))).p.data).toEqual(Float32Array.of(2, 4))
    expect((await f(p, NDArray.from([2, Number.NaN]))).p.data).toEqual(Float32Array.of(1, 2))
    await f.dispose()
  })
})
