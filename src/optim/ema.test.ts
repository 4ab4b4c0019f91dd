import { describe, expect, it } from 'vitest'
import { compile, NDArray, type Tensor } from '../tensor/index.js'
import { ema } from './ema.js'
import { arraysOf, device, reference, relativeError } from './testing/trajectories.js'

describe('ema', () => {
  for (const [run, warmup] of [
    ['ema', false],
    ['ema-warmup', true],
  ] as const) {
    it(`follows the definition ${warmup ? 'with' : 'without'} warm-up, in place`, async () => {
      const rule = ema({ decay: 0.9, warmup })
      const params = arraysOf(reference.params)
      let average = rule.init(params)
      const step = (await compile(
        ((average: Record<string, Tensor>, params: Record<string, Tensor>, step: Tensor) =>
          rule.update(average, params, step)) as never,
        [average, params, NDArray.scalar(0, 'i32')],
        { device, donate: [0] },
      )) as never as (a: typeof average, p: typeof params, t: NDArray) => Promise<typeof average>
      for (const [i, grads] of reference.grads.entries()) {
        average = await step(average, arraysOf(grads), NDArray.scalar(i + 1, 'i32'))
        const expected = reference.runs[run]!.params[i + 1]
        if (expected) expect(relativeError(average, expected)).toBeLessThan(1e-6)
      }
    })
  }

  it('starts from a copy', () => {
    const params = { w: NDArray.from([1, 2]) }
    const average = ema().init(params)
    ;(params.w.data as Float32Array)[0] = 5
    expect(average.w.data).toEqual(Float32Array.of(1, 2))
  })

  it('refuses a decay of one', () => {
    expect(() => ema({ decay: 1 })).toThrow(/ema: 'decay'/)
  })
})
