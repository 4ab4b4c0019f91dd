import { describe, expect, it } from 'vitest'
import { compile, NDArray, printTrace, scalar, type Tensor, zeros } from '../tensor/index.js'
import { adamw, oneMinusPower } from './adamw.js'
import { OptimError } from './errors.js'
import { compileStep, device, errorAgainst, reference } from './testing/trajectories.js'

const f32 = (...shape: number[]) => ({ shape, dtype: 'f32' as const })

describe('adamw', () => {
  it('follows torch.optim.AdamW for 20 steps', async () => {
    const groups = () => ({ weightDecay: 0.01 })
    const { error } = await errorAgainst('adamw', adamw({ beta2: 0.999, groups }))
    expect(error).toBeLessThan(2e-6)
  })

  it('decays what has two axes or more by default', async () => {
    const { error } = await errorAgainst('adamw-groups', adamw())
    expect(error).toBeLessThan(2e-6)
  })

  it('folds clipping into its scalars with the result of clip_grad_norm_', async () => {
    const { error, norms } = await errorAgainst('adamw-clip', adamw({ eps: 1e-3 }), { maxNorm: 1 })
    expect(error).toBeLessThan(2e-6)
    const expected = reference.runs['adamw-clip']!.norms!
    expect(expected.filter((norm) => norm > 1).length).toBeGreaterThan(3)
    expect(expected.filter((norm) => norm < 1).length).toBeGreaterThan(3)
    norms.forEach((norm, i) => {
      expect(Math.abs(norm / expected[i]! - 1)).toBeLessThan(1e-6)
    })
  })

  it('gives the same numbers when its state is written in place', async () => {
    const { error } = await errorAgainst('adamw-clip', adamw({ eps: 1e-3 }), { maxNorm: 1, donate: true })
    expect(error).toBeLessThan(2e-6)
  })

  it('survives a step whose gradients are 10^12 times too large', async () => {
    const { step, state } = await compileStep(adamw(), { w: NDArray.from([1, -1]) }, { maxNorm: 1 })
    let now = state as never
    for (const [i, size] of [1, 1e12, 1, 1].entries()) {
      const out = await step(
        now,
        { w: NDArray.from([size, size / 2]) },
        NDArray.scalar(0.1),
        NDArray.scalar(i + 1),
      )
      now = out.state as never
      const values = Array.from((out.state.params as { w: NDArray }).w.data as Float32Array)
      expect(values.every((value) => Math.abs(value) < 2)).toBe(true)
    }
  })

  it('takes 11 passes over a matrix, clipping and decay included', () => {
    const optimizer = adamw()
    const text = printTrace(
      (
        w: Tensor,
        g: Tensor,
        m: Tensor,
        v: Tensor,
        scale: Tensor,
        lr: Tensor,
        step: Tensor,
        gradScale: Tensor,
      ) =>
        optimizer.update(
          { w },
          { w: g },
          { m: { w: m }, v: { w: v }, scale },
          { lr, step, gradScale },
        ) as never,
      [f32(8, 8), f32(8, 8), f32(8, 8), f32(8, 8), f32(), f32(), f32(), f32()],
    )
    const passes = text.split('\n').filter((line) => line.includes('f32[8, 8] =') && !line.includes('input('))
    expect(passes).toHaveLength(11)
  })

  it('trains in double precision too', async () => {
    const params = { w: NDArray.from([1, -2], [2], 'f64') }
    const { step, state } = await compileStep(adamw(), params, { maxNorm: 1 })
    const grads = { w: NDArray.from([0.3, -0.1], [2], 'f64') }
    const out = await step(state as never, grads, NDArray.scalar(0.5), NDArray.scalar(1))
    const [a, b] = await (out.state.params as typeof params).w.numbers()
    expect(a).toBeCloseTo(0.5, 5)
    expect(b).toBeCloseTo(-1.5, 5)
    await step.dispose()
  })

  it('multiplies the learning rate of a group', async () => {
    const groups = (path: string) => ({ lr: path === 'a' ? 0 : 1 })
    const { step, state } = await compileStep(adamw({ groups }), {
      a: NDArray.from([1]),
      b: NDArray.from([1]),
    })
    const grads = { a: NDArray.from([1]), b: NDArray.from([1]) }
    const out = await step(state as never, grads, NDArray.scalar(0.5), NDArray.scalar(1))
    const { a, b } = out.state.params as { a: NDArray; b: NDArray }
    expect(await a.item()).toBe(1)
    expect(await b.item()).toBeCloseTo(0.5, 5)
  })

  it('refuses options that are out of range, naming the field', () => {
    expect(() => adamw({ beta2: 1 })).toThrow(/adamw: 'beta2'/)
    expect(() => adamw({ wd: 1 } as never)).toThrow(OptimError)
    expect(() => adamw({ groups: () => ({ lr: -1 }) }).init({ w: f32(2) })).toThrow(
      /group of 'w' has lr = -1/,
    )
  })

  it('refuses parameters that it cannot train and state that does not fit', () => {
    expect(() => adamw().init({ ids: { shape: [2], dtype: 'i32' } })).toThrow(/'ids' is i32\[2\]/)
    const optimizer = adamw()
    const update = (state: object) =>
      printTrace(
        (w: Tensor, lr: Tensor) =>
          optimizer.update({ w }, { w }, state as never, { lr, step: lr }).params as never,
        [f32(2), f32()],
      )
    expect(() => update({})).toThrow(/no scalar 'scale'/)
    expect(() => update({ scale: scalar(1), m: {}, v: {} })).toThrow(
      /1 parameters, but the tensors 'm' of the state hold 0/,
    )
    const other = { w: zeros([3]) }
    expect(() => update({ scale: scalar(1), m: other, v: other })).toThrow(
      /'w' is f32\[2\].*have f32\[3\] there/,
    )
  })
})

describe('oneMinusPower', () => {
  it('keeps its precision from the first step to the last', async () => {
    const betas = [0.9, 0.95, 0.999, 0.9999]
    const f = await compile((step: Tensor) => betas.map((beta) => oneMinusPower(beta, step)), [f32()], {
      device,
    })
    for (const step of [1, 2, 7, 100, 5000, 1_000_000]) {
      const values = await f(NDArray.scalar(step))
      for (const [i, beta] of betas.entries()) {
        const exact = -Math.expm1(step * Math.log(beta))
        expect(Math.abs((await values[i]!.item()) / exact - 1)).toBeLessThan(1e-6)
      }
    }
    await f.dispose()
  })
})
