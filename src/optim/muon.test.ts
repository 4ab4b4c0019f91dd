import { describe, expect, it } from 'vitest'
import { compile, leavesWithPaths, matmul, NDArray, type Tensor } from '../tensor/index.js'
import { isHiddenMatrix, muon, muonWithAdamW } from './muon.js'
import { orthogonalize } from './newton-schulz.js'
import { partition } from './partition.js'
import { sgd } from './sgd.js'
import { compileStep, device, errorAgainst } from './testing/trajectories.js'

const f32 = (...shape: number[]) => ({ shape, dtype: 'f32' as const })

describe('muon', () => {
  it('follows a reference that works on singular values for 20 steps', async () => {
    expect((await errorAgainst('muon', muon({ weightDecay: 0.1 }))).error).toBeLessThan(2e-5)
  })

  it('does so without Nesterov momentum and with clipping, in place', async () => {
    const optimizer = muon({ momentum: 0.9, nesterov: false })
    const { error } = await errorAgainst('muon-clip', optimizer, { maxNorm: 1, donate: true })
    expect(error).toBeLessThan(2e-5)
  })

  it('scales updates to those of AdamW', async () => {
    expect((await errorAgainst('muon-rms', muon({ scale: 'rms' }))).error).toBeLessThan(2e-5)
  })

  it('knows which axis counts the outputs', async () => {
    expect((await errorAgainst('muon-inputs-first', muon({ outputAxis: 1 }))).error).toBeLessThan(2e-5)
  })

  it('refuses what is not a matrix', () => {
    expect(() => muon().init({ gain: f32(3) })).toThrow(/'gain' is f32\[3\], not a matrix/)
  })
})

describe('orthogonalize', () => {
  it('brings the singular values of a wide and of a tall matrix close to one', async () => {
    const values = Array.from({ length: 24 }, (_, i) => Math.sin(i * i))
    for (const [rows, columns] of [
      [3, 8],
      [8, 3],
    ] as const) {
      const f = await compile(
        (x: Tensor) => {
          const o = orthogonalize(x)
          return rows < columns ? matmul(o, o, { transB: true }) : matmul(o, o, { transA: true })
        },
        [f32(rows, columns)],
        { device },
      )
      const gram = (await f(NDArray.from(values, [rows, columns]))).data as Float32Array
      for (let i = 0; i < 3; i++) {
        for (let j = 0; j < 3; j++) {
          const value = gram[3 * i + j]!
          if (i === j) expect(value).toBeGreaterThan(0.4)
          expect(Math.abs(value - Number(i === j))).toBeLessThan(0.6)
        }
      }
      await f.dispose()
    }
  })

  it('leaves a matrix of zeros alone', async () => {
    const f = await compile((x: Tensor) => orthogonalize(x), [f32(2, 3)], { device })
    expect((await f(NDArray.zeros([2, 3]))).data).toEqual(new Float32Array(6))
    await f.dispose()
  })
})

describe('muonWithAdamW', () => {
  it('tells hidden matrices from embeddings and heads by their Hugging Face names', () => {
    const matrix = f32(4, 4)
    const hidden = ['transformer.h.0.attn.c_attn.weight', 'model.layers.1.mlp.up_proj.weight']
    const others = [
      'transformer.wte.weight',
      'model.embed_tokens.weight',
      'lm_head.weight',
      'wpe',
      'score.weight',
    ]
    for (const path of hidden) expect(isHiddenMatrix(path, matrix)).toBe(true)
    for (const path of others) expect(isHiddenMatrix(path, matrix)).toBe(false)
    expect(isHiddenMatrix('h.0.ln_1.weight', f32(4))).toBe(false)
  })

  it('gives every parameter to one of the two', async () => {
    const params = {
      wte: NDArray.from([1, 2, 3, 4], [2, 2]),
      h: NDArray.from([1, 0, 0, 1], [2, 2]),
      gain: NDArray.from([1, 1]),
    }
    const { step, state } = await compileStep(muonWithAdamW(), params)
    expect(leavesWithPaths(state.optimizer).map(([path]) => path)).toEqual([
      'muon.momentum.h',
      'muon.scale',
      'adamw.m.wte',
      'adamw.m.gain',
      'adamw.v.wte',
      'adamw.v.gain',
      'adamw.scale',
    ])
    const out = await step(state as never, params, NDArray.scalar(0.1), NDArray.scalar(1))
    const next = out.state.params as typeof params
    expect(Object.keys(next)).toEqual(['wte', 'h', 'gain'])
    expect((next.gain.data as Float32Array)[0]).toBeCloseTo(0.9, 5)
    await step.dispose()
  })
})

describe('partition', () => {
  it('names the parameter that goes to no optimizer', () => {
    const optimizer = partition({ a: sgd() }, () => 'b' as 'a')
    expect(() => optimizer.init({ w: f32(2) })).toThrow(/'w' goes to 'b'/)
  })
})
