import { afterAll, describe, expect, it } from 'vitest'
import { nodeDevice } from './device/node.js'
import { add, jit, mul, NDArray, sum, type Tensor } from './index.js'

const device = nodeDevice('cpu', { threads: 1 })
let traces = 0
const f = jit<[{ x: NDArray }, NDArray], { y: Tensor; total: Tensor }>(
  ({ x }, scale) => {
    traces++
    const y = mul(x, scale)
    return { y, total: add(sum(y), 1) }
  },
  { device },
)
afterAll(() => f.dispose())

const row = (n: number) => ({
  x: new NDArray(
    'f32',
    [n],
    Float32Array.from({ length: n }, (_, i) => i),
  ),
})

describe('jit', () => {
  it('compiles once for each set of shapes, whatever order they come in', async () => {
    for (const n of [2, 5, 2, 5, 3]) {
      const { y, total } = await f(row(n), NDArray.scalar(2))
      expect([...y.data]).toEqual(Array.from({ length: n }, (_, i) => 2 * i))
      expect(await total.item()).toBe(n * (n - 1) + 1)
    }
    expect(traces).toBe(3)
  })

  it('compiles ahead where it is asked to, and again after it was disposed', async () => {
    await f.prepare(row(7), NDArray.scalar(1))
    expect(traces).toBe(4)
    await f(row(7), NDArray.scalar(1))
    expect(traces).toBe(4)
    await f.dispose()
    await f(row(7), NDArray.scalar(1))
    expect(traces).toBe(5)
  })

  it('passes on what is wrong, and does not remember it', async () => {
    const wrong = jit<[NDArray, NDArray], Tensor>((a, b) => add(a, b), { device })
    const [a, b] = [NDArray.zeros([2]), NDArray.zeros([3])]
    await expect(wrong(a, b)).rejects.toThrow(/\[2\].*\[3\]/s)
    expect((await wrong(a, a)).shape).toEqual([2])
    await wrong.dispose()
  })
})
