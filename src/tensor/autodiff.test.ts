import { describe, expect, it } from 'vitest'
import { backward, grad, valueAndGrad, vjp } from './autodiff.js'
import { NDArray } from './ndarray.js'
import {
  add,
  addTrees,
  cast,
  cumsum,
  customVjp,
  exp,
  floor,
  gather,
  identity,
  mean,
  mul,
  scaleTree,
  scan,
  sin,
  split,
  square,
  stopGradient,
  sub,
  sum,
  tanh,
} from './ops/index.js'
import type { Tensor } from './tensor.js'
import { random, run } from './testing/gradcheck.js'

const x3 = NDArray.from([1, 2, 3])
const numbers = async (x: NDArray) => (await x.numbers()).map((value) => Math.round(value * 1e4) / 1e4)

describe('valueAndGrad', () => {
  it('gives a gradient for every leaf of the first argument, zero for what is not used', async () => {
    const f = (p: { a: Tensor; b: { c: Tensor; unused: Tensor } }, x: Tensor) => sum(mul(mul(p.a, x), p.b.c))
    const [value, g] = await run(
      (p: { a: Tensor; b: { c: Tensor; unused: Tensor } }, x: Tensor) => valueAndGrad(f)(p, x),
      [{ a: x3, b: { c: NDArray.scalar(2), unused: x3 } }, x3],
    )
    expect(await value.item()).toBe(28)
    expect(await g.a.numbers()).toEqual([2, 4, 6])
    expect(await g.b.c.item()).toBe(14)
    expect(await g.b.unused.numbers()).toEqual([0, 0, 0])
  })

  it('hands on what comes along with the loss', async () => {
    const [value, g] = await run(
      (x: Tensor) => valueAndGrad((p: Tensor) => ({ loss: sum(square(p)), half: mul(p, 0.5) }))(x),
      [x3],
    )
    expect(await value.loss.item()).toBe(14)
    expect(await value.half.numbers()).toEqual([0.5, 1, 1.5])
    expect(await g.numbers()).toEqual([2, 4, 6])
  })

  it('adds up the gradients of all uses', async () => {
    const [, g] = await run(
      (x: Tensor) => valueAndGrad((p: Tensor) => sum(add(mul(p, p), add(p, mul(p, 3)))))(x),
      [x3],
    )
    expect(await g.numbers()).toEqual([6, 8, 10])
  })

  it('is of one argument, wherever else the same tensor goes', async () => {
    const g = await run((x: Tensor) => grad((p: Tensor, q: Tensor) => sum(mul(p, q)))(x, x), [x3])
    expect(await g.numbers()).toEqual([1, 2, 3])
  })

  it('differentiates a parameter that is the loss itself', async () => {
    const [value, g] = await run((x: Tensor) => valueAndGrad((p: Tensor) => p)(x), [NDArray.scalar(3)])
    expect([await value.item(), await g.item()]).toEqual([3, 1])
  })

  it('does not reach into whole numbers, comparisons and rounding', async () => {
    const g = await run(
      (x: Tensor, at: Tensor) =>
        grad((p: { x: Tensor; at: Tensor }) =>
          sum(mul(gather(p.x, p.at), floor(cast(cast(p.x, 'i32'), 'f32')))),
        )({
          x,
          at,
        }),
      [x3, NDArray.from([2, 2, 0], [3], 'i32')],
    )
    expect(await g.x.numbers()).toEqual([3, 0, 3])
    expect(g.at.dtype).toBe('i32')
    expect(await g.at.numbers()).toEqual([0, 0, 0])
  })

  it('nests: the third derivative of sin is -cos', async () => {
    const d = (f: (x: Tensor) => Tensor) => (x: Tensor) => grad((p: Tensor) => f(p))(x)
    const third = await run((x: Tensor) => d(d(d(sin)))(x), [NDArray.scalar(0.7)])
    expect(await third.item()).toBeCloseTo(-Math.cos(0.7), 6)
  })

  it('nests with a closure over the outer variable', async () => {
    // d/dx [x * d/dy (x + y)^2 at y = x] = d/dx [4 x^2] = 8x.
    const outer = (x: Tensor) => mul(x, grad((y: Tensor) => square(add(x, y)))(x))
    const g = await run((x: Tensor) => grad(outer)(x), [NDArray.scalar(1.5)])
    expect(await g.item()).toBe(12)
  })

  it('gives Hessian-vector products', async () => {
    const f = (x: Tensor) => sum(mul(square(x), cumsum(x)))
    const hvp = (x: Tensor, v: Tensor) => grad((p: Tensor) => sum(mul(grad(f)(p), v)))(x)
    const dot = (x: Tensor, u: Tensor, v: Tensor) => [sum(mul(hvp(x, u), v)), sum(mul(hvp(x, v), u))]
    const [a, b] = await run(
      (x: Tensor, u: Tensor, v: Tensor) => dot(x, u, v),
      [random([4], { seed: 1 }), random([4], { seed: 2 }), random([4], { seed: 3 })],
    )
    expect(await a!.item()).toBeCloseTo(await b!.item(), 5)
  })

  it('refuses what is not a floating-point scalar', () => {
    const trace = (fn: (x: Tensor) => Tensor) => run((x: Tensor) => grad(fn)(x), [x3])
    return Promise.all([
      expect(trace((x) => x)).rejects.toThrow(/f32\[3\]; reduce it with sum or mean/),
      expect(trace((x) => cast(sum(x), 'i32'))).rejects.toThrow(/i32\[\]/),
    ])
  })
})

describe('vjp', () => {
  it('pulls a cotangent of a tree back to all arguments', async () => {
    const [value, gradient] = await run(
      (a: Tensor, b: Tensor, u: Tensor) => {
        const { value, pullback } = vjp((p: Tensor, q: Tensor) => ({ y: mul(p, q), z: sum(q) }), a, b)
        return [value, pullback({ y: u, z: sum(u) })] as const
      },
      [x3, NDArray.from([4, 5, 6]), NDArray.from([1, 0, -1])],
    )
    expect(await value.y.numbers()).toEqual([4, 10, 18])
    expect(await gradient[0].numbers()).toEqual([4, 0, -6])
    expect(await gradient[1].numbers()).toEqual([1, 0, -3])
  })

  it('can be pulled back more than once', async () => {
    const [a, b] = await run(
      (x: Tensor) => {
        const { pullback } = vjp((p: Tensor) => square(p), x)
        return [pullback(x)[0], pullback(mul(x, 2))[0]] as const
      },
      [x3],
    )
    expect(await numbers(a)).toEqual([2, 8, 18])
    expect(await numbers(b)).toEqual([4, 16, 36])
  })

  it('of a split needs a cotangent for the used piece only', async () => {
    const g = await run((x: Tensor) => grad((p: Tensor) => sum(square(split(p, [1, 2])[1]!)))(x), [x3])
    expect(await g.numbers()).toEqual([0, 4, 6])
  })
})

describe('stopGradient', () => {
  it('keeps the value and drops the gradient', async () => {
    const [value, g] = await run(
      (x: Tensor) => valueAndGrad((p: Tensor) => sum(mul(p, stopGradient(square(p)))))(x),
      [x3],
    )
    expect(await value.item()).toBe(36)
    expect(await g.numbers()).toEqual([1, 4, 9])
  })
})

describe('identity', () => {
  it('lets a gradient be taken at one use', async () => {
    const g = await run(
      (x: Tensor) => {
        const here = identity(x)
        const y = sum(mul(here, exp(x)))
        return backward([y], [identity(sum(mul(x, 0)))], [here])[0]!
      },
      [x3],
    )
    expect(await g.numbers()).toEqual([0, 0, 0])
  })
})

describe('customVjp', () => {
  const steeper = customVjp(
    (x) => [square(x!)],
    ({ inputs: [x], outputs, cotangents: [g] }) => {
      expect(outputs).toHaveLength(1)
      return [mul(mul(g!, x!), 20)]
    },
  )

  it('replaces the gradient, not the value', async () => {
    const [value, g] = await run(
      (x: Tensor) => valueAndGrad((p: Tensor) => sum(mul(steeper(p)[0]!, 3)))(x),
      [x3],
    )
    expect(await value.item()).toBe(42)
    expect(await g.numbers()).toEqual([60, 120, 180])
  })

  it('is differentiated through its backward rule the second time', async () => {
    // The rule says 20x, so the derivative of sum(g) is 20 for each element.
    const g = await run(
      (x: Tensor) => grad((p: Tensor) => sum(grad((q: Tensor) => sum(steeper(q)[0]!))(p)))(x),
      [x3],
    )
    expect(await g.numbers()).toEqual([20, 20, 20])
  })

  it('gives the same inside another function', async () => {
    const g = await run(
      (x: Tensor) => grad((p: Tensor) => sum(sub(tanh(steeper(mul(p, 0.1))[0]!), p)))(x),
      [NDArray.from([0])],
    )
    expect(await g.numbers()).toEqual([-1])
  })
})

describe('gradients and loops', () => {
  it('are taken inside the body of a loop', async () => {
    const [last, losses] = await run(
      (w: Tensor, xs: Tensor) =>
        scan(
          (p: { w: Tensor }, x: Tensor) => {
            const [loss, g] = valueAndGrad((q: { w: Tensor }) => mean(square(sub(mul(q.w, x), 1))))(p)
            return [addTrees(p, scaleTree(g, -0.1)), loss] as const
          },
          { w },
          xs,
        ),
      [NDArray.scalar(0), NDArray.from([1, 1, 1])],
    )
    expect(await last.w.item()).toBeCloseTo(1 - 0.8 ** 3, 6)
    expect(await numbers(losses)).toEqual([1, 0.64, 0.4096])
  })

  it('say so when they are asked of the loop itself', async () => {
    const f = (x: Tensor) => sum(scan((c: Tensor, y: Tensor) => [add(c, y), c] as const, sum(x), x)[0])
    await expect(run((x: Tensor) => grad(f)(x), [x3])).rejects.toThrow(/scan: there is no gradient/)
  })
})
