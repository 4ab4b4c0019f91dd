import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { grad, valueAndGrad } from '../autodiff.js'
import { printTrace, trace } from '../compile.js'
import { dim } from '../dim.js'
import { printGraph } from '../graph.js'
import { NDArray } from '../ndarray.js'
import { optimize } from '../passes/index.js'
import type { Tensor } from '../tensor.js'
import { gradcheck, load, random, run } from '../testing/gradcheck.js'
import {
  add,
  cast,
  checkpoint,
  cumsum,
  div,
  exp,
  full,
  gather,
  iota,
  less,
  matmul,
  mean,
  mul,
  reshape,
  scan,
  square,
  stopGradient,
  sub,
  sum,
  tanh,
  where,
  zeros,
} from './index.js'

const x3 = NDArray.from([1, 2, 3])

describe('checkpoint', () => {
  type Params = { w: Tensor; v: Tensor }
  const block = (p: Params, x: Tensor) => add(x, matmul(tanh(matmul(x, p.w)), p.v))
  const plain = (p: Params, x: Tensor) => sum(square(block(p, block(p, x))))
  const saving = (p: Params, x: Tensor) => sum(square(checkpoint(block)(p, checkpoint(block)(p, x))))
  const inputs = [
    { w: random([3, 4], { seed: 1 }), v: random([4, 3], { seed: 2 }) },
    random([2, 3], { seed: 3 }),
  ] as const

  it('changes neither the value nor the gradients', async () => {
    const [kept, again] = await run(
      (p: Params, x: Tensor) => [valueAndGrad(plain)(p, x), valueAndGrad(saving)(p, x)] as const,
      [inputs[0], inputs[1]],
    )
    expect(await again[0].item()).toBe(await kept[0].item())
    expect(await again[1].w.numbers()).toEqual(await kept[1].w.numbers())
    expect(await again[1].v.numbers()).toEqual(await kept[1].v.numbers())
  })

  it('computes its inside a second time when the gradient needs it', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'checkpoint-'))
    const count = async (loss: typeof plain, name: string) => {
      const step = await load((p: Params, x: Tensor) => valueAndGrad(loss)(p, x), inputs, {
        profile: join(folder, name),
      })
      await step(...inputs)
      await step.dispose()
      const file = readdirSync(folder).find((entry) => entry.startsWith(name))!
      const events: { name: string; args?: { op_name?: string } }[] = JSON.parse(
        readFileSync(join(folder, file), 'utf8'),
      )
      return events.filter((e) => e.args?.op_name === 'Tanh' && e.name.endsWith('kernel_time')).length
    }
    expect([await count(plain, 'plain'), await count(saving, 'saving')]).toEqual([2, 4])
    rmSync(folder, { recursive: true })
  })

  it('gives gradients to what the function closes over', async () => {
    const [g, expected] = await run(
      (w: Tensor, x: Tensor) => {
        const loss = (wrap: typeof checkpoint) => (p: Tensor) => {
          const scaled = mul(p, 2)
          return sum(wrap((y: Tensor) => tanh(mul(add(y, p), scaled)))(x))
        }
        return [grad(loss(checkpoint))(w), grad(loss((f) => f))(w)] as const
      },
      [x3, NDArray.from([0.1, 0.2, 0.3])],
    )
    expect(await g.numbers()).toEqual(await expected.numbers())
  })

  it('nests, and has gradients of gradients', async () => {
    const inner = checkpoint((x: Tensor) => exp(tanh(x)))
    const outer = checkpoint((x: Tensor, k: Tensor) => mul(inner(mul(x, k)), inner(x)))
    await gradcheck((x, k) => outer(x!, k!), [random([3]), NDArray.scalar(0.5)], { second: true })
  })

  it('takes trees, whole numbers and results that are not used', async () => {
    const pick = checkpoint((p: { table: Tensor; ids: Tensor }) => ({
      rows: square(gather(p.table, p.ids)),
      count: sum(p.ids),
      unused: exp(p.table),
    }))
    const g = await run(
      (table: Tensor, ids: Tensor) => grad((t: Tensor) => sum(pick({ table: t, ids }).rows))(table),
      [x3, NDArray.from([0, 2, 2], [3], 'i32')],
    )
    expect(await g.numbers()).toEqual([2, 0, 12])
  })

  it('takes a dynamic axis', async () => {
    const f = await load(
      (x: Tensor) => grad((p: Tensor) => mean(checkpoint((y: Tensor) => square(tanh(y)))(p)))(x),
      [{ shape: [dim('T')], dtype: 'f32' }],
    )
    const g = await f(NDArray.from([0.5, 1]))
    const slope = (x: number) => Math.tanh(x) * (1 - Math.tanh(x) ** 2)
    const [a, b] = await g.numbers()
    expect(a).toBeCloseTo(slope(0.5), 6)
    expect(b).toBeCloseTo(slope(1), 6)
    await f.dispose()
  })

  it('shows in the printed graph', () => {
    const printed = printTrace(
      (x: Tensor) => grad((p: Tensor) => sum(checkpoint(tanh)(p)))(x),
      [{ shape: [2], dtype: 'f32' }],
    )
    expect(printed).toMatchInlineSnapshot(`
      "%0: f32[2] = input() { name=0, shape=[2], dtype=f32 }
      %1: f32[] = constant() { dtype=f32, shape=[], value=1 }
      %2: f32[2] = barrier(%0, %1)
      %3: f32[2] = tanh(%2)
      %4: f32[2] = mul(%3, %3)
      %5: f32[2] = sub(%1, %4)
      return %5"
    `)
  })
})

describe('scan', () => {
  it('carries a tree and stacks a tree of results', async () => {
    const [state, out] = await run(
      (xs: { a: Tensor; b: Tensor }) =>
        scan(
          (carry: { total: Tensor; last: [Tensor] }, x: { a: Tensor; b: Tensor }) => {
            const total = add(carry.total, mul(x.a, x.b))
            return [
              { total, last: [x.a] as [Tensor] },
              { before: carry.total, pair: [x.a, carry.last[0]] },
            ] as const
          },
          { total: zeros([2]), last: [zeros([2])] as [Tensor] },
          xs,
        ),
      [{ a: NDArray.from([1, 2, 3, 4, 5, 6], [3, 2]), b: NDArray.from([1, 1, 2], [3, 1]) }],
    )
    expect(await state.total.numbers()).toEqual([14, 18])
    expect(await state.last[0].numbers()).toEqual([5, 6])
    expect(await out.before.numbers()).toEqual([0, 0, 1, 2, 4, 6])
    expect(await out.pair[1]!.numbers()).toEqual([0, 0, 1, 2, 3, 4])
    expect(out.before.shape).toEqual([3, 2])
  })

  it('reads tensors from outside, computed once there', async () => {
    const f = (x: Tensor, k: Tensor) => {
      const outside = exp(mul(k, 2))
      return scan((c: Tensor, y: Tensor) => [add(mul(c, outside), y), mul(outside, k)] as const, k, x)
    }
    const [last, ys] = await run(f, [x3, NDArray.scalar(0)])
    expect(await last.item()).toBe(6)
    expect(await ys.numbers()).toEqual([0, 0, 0])
    const printed = printTrace(f, [
      { shape: [3], dtype: 'f32' },
      { shape: [], dtype: 'f32' },
    ])
    expect(printed.split('\n').filter((line) => line.includes('exp('))).toHaveLength(1)
    expect(printed).not.toMatch(/^ {4}.*exp\(/m)
  })

  it('hands states on that do not change, swap or are constants', async () => {
    const [[a, b, c, d]] = await run(
      (x: Tensor, xs: Tensor) =>
        scan(
          (s: [Tensor, Tensor, Tensor, Tensor], y: Tensor) =>
            [[s[1], s[0], full([], 7), s[3]] as [Tensor, Tensor, Tensor, Tensor], y] as const,
          [x, mul(x, 10), x, x] as [Tensor, Tensor, Tensor, Tensor],
          xs,
        ),
      [NDArray.scalar(1), x3],
    )
    expect([await a.item(), await b.item(), await c.item(), await d.item()]).toEqual([10, 1, 7, 1])
  })

  it('stacks results that do not depend on the state', async () => {
    const [, [same, outer, entry]] = await run(
      (x: Tensor, xs: Tensor) =>
        scan((s: Tensor, y: Tensor) => [s, [full([2], 3), mul(x, 2), y]] as const, x, xs),
      [NDArray.scalar(4), x3],
    )
    expect(await same!.numbers()).toEqual([3, 3, 3, 3, 3, 3])
    expect(await outer!.numbers()).toEqual([8, 8, 8])
    expect(await entry!.numbers()).toEqual([1, 2, 3])
  })

  it('nests', async () => {
    const inner = (c: Tensor, x: Tensor, k: Tensor) =>
      scan((s: Tensor, y: Tensor) => [add(mul(s, k), y), s] as const, c, x)
    const [last, all] = await run(
      (xs: Tensor, k: Tensor) => scan((c: Tensor, row: Tensor) => inner(c, row, add(k, c)), zeros([]), xs),
      [NDArray.from([1, 2, 3, 4], [2, 2]), NDArray.scalar(1)],
    )
    // Row 1: k = 1: 0 -> 1 -> 3. Row 2: k = 4: 3 -> 15 -> 64.
    expect(await last.item()).toBe(64)
    expect(await all.numbers()).toEqual([0, 1, 3, 15])
  })

  it('runs a training loop whose gradient is in the body, next to a gradient outside', async () => {
    const loss = (w: Tensor, x: Tensor) => mean(square(sub(matmul(x, w), 1)))
    const [last, losses, final] = await run(
      (w: Tensor, xs: Tensor, k: Tensor) => {
        const [end, ls] = scan(
          (p: Tensor, x: Tensor) => {
            const [l, g] = valueAndGrad(loss)(p, mul(x, k))
            return [sub(p, mul(g, 0.1)), l] as const
          },
          w,
          xs,
        )
        return [end, ls, grad(loss)(end, gather(xs, cast(sub(k, 1), 'i32')))] as const
      },
      [random([2, 1]), random([5, 3, 2], { seed: 2 }), NDArray.scalar(1)],
    )
    let w = Array.from(random([2, 1]).data as Float32Array)
    const xs = Array.from(random([5, 3, 2], { seed: 2 }).data as Float32Array)
    const slope = (p: number[], at: number) => {
      const g = [0, 0]
      let total = 0
      for (let r = 0; r < 3; r++) {
        const row = [xs[at * 6 + r * 2]!, xs[at * 6 + r * 2 + 1]!]
        const error = row[0]! * p[0]! + row[1]! * p[1]! - 1
        total += error ** 2 / 3
        row.forEach((value, i) => {
          g[i]! += (2 / 3) * error * value
        })
      }
      return { g, total }
    }
    const expected: number[] = []
    for (let at = 0; at < 5; at++) {
      const { g, total } = slope(w, at)
      expected.push(total)
      w = w.map((value, i) => value - 0.1 * g[i]!)
    }
    const close = async (array: NDArray, values: number[]) =>
      (await array.numbers()).forEach((value, i) => {
        expect(value).toBeCloseTo(values[i]!, 5)
      })
    await close(last, w)
    await close(losses, expected)
    await close(final, slope(w, 0).g)
  })

  it('takes a step that checkpoints', async () => {
    const step = (c: Tensor, x: Tensor) =>
      [add(c, grad((p: Tensor) => sum(checkpoint((q: Tensor) => tanh(mul(q, c)))(p)))(x)), c] as const
    const [last] = await run(
      (c: Tensor, xs: Tensor) => scan(step, c, xs),
      [NDArray.scalar(0.5), NDArray.from([0])],
    )
    expect(await last.item()).toBe(1)
  })

  it('takes whole numbers and bools', async () => {
    const [[i, any], flags] = await run(
      (xs: Tensor) =>
        scan(
          ([n, seen]: [Tensor, Tensor], x: Tensor) => {
            const hit = less(x, 2)
            return [[add(n, 1), where(hit, hit, seen)] as [Tensor, Tensor], hit] as const
          },
          [full([], 0, 'i32'), full([], 0, 'bool')] as [Tensor, Tensor],
          xs,
        ),
      [NDArray.from([3, 1, 2], [3], 'i64')],
    )
    expect([await i.item(), await any.item(), await flags.numbers()]).toEqual([3, 1, [0, 1, 0]])
  })

  it('refuses a state that changes its type, and sequences of different or unknown length', () => {
    const fails = (
      f: (x: Tensor) => unknown,
      message: RegExp,
      shape: (number | ReturnType<typeof dim>)[] = [3],
    ) => expect(() => trace(f as never, [{ shape, dtype: 'f32' }])).toThrow(message)
    fails(
      (x) => scan((c: Tensor, y: Tensor) => [add(c, x), y] as const, sum(x), x),
      /starts as f32\[\] and becomes f32\[3\]/,
    )
    fails(
      (x) => scan((c: Tensor, y: Tensor) => [cast(c, 'i32'), y] as const, sum(x), x),
      /starts as f32\[\] and becomes i32\[\]/,
    )
    fails(
      (x) => scan((c: Tensor) => [c, c] as const, sum(x), [x, reshape(x, [1, 3])] as never),
      /share a known length/,
    )
    fails((x) => scan((c: Tensor, y: Tensor) => [c, y] as const, sum(x), x), /share a known length/, [
      dim('T'),
    ])
    fails((x) => scan((c: Tensor, y: Tensor) => [c, y] as const, sum(x), sum(x)), /share a known length/)
  })

  it('keeps dynamic axes inside its body', async () => {
    const f = await load(
      (x: Tensor, xs: Tensor) =>
        scan((c: Tensor, y: Tensor) => [div(add(cumsum(c), y), 2), mean(c)] as const, x, xs),
      [
        { shape: [dim('T')], dtype: 'f32' },
        { shape: [2], dtype: 'f32' },
      ],
    )
    const [last, means] = await f(NDArray.from([1, 2, 3]), NDArray.from([1, 1]))
    // [1, 2, 3] -> ([1, 3, 6] + 1) / 2 = [1, 2, 3.5] -> ([1, 3, 6.5] + 1) / 2.
    expect(await last.numbers()).toEqual([1, 2, 3.75])
    expect(await means.numbers()).toEqual([2, Math.fround(6.5 / 3)])
    await f.dispose()
  })

  it('makes shapes from a dynamic axis inside its body', async () => {
    const f = await load(
      (x: Tensor, xs: Tensor) =>
        scan((c: Tensor, y: Tensor) => [add(c, mul(iota(x.shape[0]!, 'f32'), y)), y] as const, x, xs),
      [
        { shape: [dim('T')], dtype: 'f32' },
        { shape: [2], dtype: 'f32' },
      ],
    )
    const [last] = await f(NDArray.from([0, 0, 0]), NDArray.from([1, 2]))
    expect(await last.numbers()).toEqual([0, 3, 6])
    await f.dispose()
  })
})

describe('stopGradient', () => {
  it('is gone from the optimised graph', () => {
    const { graph } = trace((x: Tensor) => mul(stopGradient(x), 2), [{ shape: [2], dtype: 'f32' }])
    expect(printGraph(graph)).toContain('stopGradient')
    expect(printGraph(optimize(graph))).not.toContain('stopGradient')
  })
})
