import { describe, expect, it } from 'vitest'
import { nodeDevice } from './device/node.js'
import {
  add,
  compile,
  dim,
  matmul,
  mean,
  mul,
  NDArray,
  printTrace,
  scan,
  square,
  sub,
  sum,
  type Tensor,
  TensorError,
  tanh,
  valueAndGrad,
} from './index.js'

const device = nodeDevice('cpu', { threads: 1 })
const f32 = (...shape: number[]) => ({ shape, dtype: 'f32' as const })

describe('compile', () => {
  it('runs a function over trees of arrays', async () => {
    const step = await compile(
      (p: { w: Tensor; b: Tensor }, x: Tensor) => ({ y: add(matmul(x, p.w), p.b) }),
      [{ w: f32(2, 3), b: f32(3) }, f32(1, 2)],
      { device },
    )
    const { y } = await step(
      { w: NDArray.from([1, 2, 3, 4, 5, 6], [2, 3]), b: NDArray.from([10, 20, 30]) },
      NDArray.from([1, 1], [1, 2]),
    )
    expect(Array.from(y.data as Float32Array)).toEqual([15, 27, 39])
    await step.dispose()
  })

  it('differentiates and trains', async () => {
    const loss = (p: { w: Tensor }, x: Tensor, y: Tensor) => mean(square(sub(tanh(matmul(x, p.w)), y)))
    const step = await compile(
      (p: { w: Tensor }, x: Tensor, y: Tensor) => {
        const [value, g] = valueAndGrad(loss)(p, x, y)
        return { value, p: { w: sub(p.w, mul(g.w, 0.5)) } }
      },
      [{ w: f32(2, 1) }, f32(4, 2), f32(4, 1)],
      { device },
    )
    let p = { w: NDArray.from([0.1, -0.2], [2, 1]) }
    const x = NDArray.from([1, 0, 0, 1, 1, 1, -1, 1], [4, 2])
    const y = NDArray.from([0.5, -0.5, 0, -0.8], [4, 1])
    const losses: number[] = []
    for (let i = 0; i < 20; i++) {
      const out = await step(p, x, y)
      p = out.p
      losses.push(await out.value.item())
    }
    expect(losses.at(-1)).toBeLessThan(losses[0]! * 0.1)
  })

  it('takes any size of a dynamic axis', async () => {
    const T = dim('T')
    const f = await compile((x: Tensor) => sum(mul(x, 2), 0), [{ shape: [T, 2], dtype: 'f32' as const }], {
      device,
    })
    expect((await f(NDArray.from([1, 2, 3, 4], [2, 2]))).data).toEqual(Float32Array.of(8, 12))
    expect((await f(NDArray.from([1, 2], [1, 2]))).data).toEqual(Float32Array.of(2, 4))
  })

  it('repeats a step inside one call', async () => {
    const f = await compile(
      (s: Tensor, xs: Tensor, k: Tensor) =>
        scan((c: Tensor, x: Tensor) => [add(mul(c, k), x), mul(c, c)] as const, s, xs),
      [f32(), f32(3), f32()],
      { device },
    )
    const [last, squares] = await f(NDArray.scalar(1), NDArray.from([1, 2, 3]), NDArray.scalar(2))
    expect(last.data).toEqual(Float32Array.of(19))
    expect(squares.data).toEqual(Float32Array.of(1, 9, 64))
  })

  it('writes results over donated arguments', async () => {
    const f = await compile(
      (s: { p: Tensor }, g: Tensor) => ({ s: { p: sub(s.p, g) }, total: sum(s.p) }),
      [{ p: f32(4) }, f32(4)],
      { device, donate: [0] },
    )
    const p = NDArray.from([1, 2, 3, 4])
    const out = await f({ p }, NDArray.from([1, 1, 1, 1]))
    expect(out.s.p.data).toEqual(Float32Array.of(0, 1, 2, 3))
    expect(out.total.data).toEqual(Float32Array.of(10))
  })

  it('names the argument that does not fit', async () => {
    const f = await compile((p: { w: Tensor }) => sum(p.w), [{ w: f32(2) }], { device })
    await expect(f({ w: NDArray.from([1, 2, 3]) })).rejects.toThrow(
      /argument '0\.w' is f32\[3\] and must be f32\[2\]/,
    )
    await expect(f({ v: NDArray.from([1, 2]) } as never)).rejects.toThrow(TensorError)
  })

  it('prints a readable graph', () => {
    expect(printTrace((x: Tensor) => mul(add(x, 0), 2), [f32(2)])).toMatchInlineSnapshot(`
      "%0: f32[2] = input() { name=0, shape=[2], dtype=f32 }
      %1: f32[] = constant() { dtype=f32, shape=[], value=2 }
      %2: f32[2] = mul(%0, %1)
      return %2"
    `)
  })
})
