import { describe, expect, it } from 'vitest'
import { vjp } from '../autodiff.js'
import { compile, exportOnnx } from '../compile.js'
import { nodeDevice } from '../device/node.js'
import { dim } from '../dim.js'
import { NDArray } from '../ndarray.js'
import type { Tensor, TensorType } from '../tensor.js'
import { gradcheck, random, run, testDevice } from '../testing/gradcheck.js'
import { ones, scalar } from './constant.js'
import { scan } from './control.js'
import { mul } from './elementwise.js'
import { iota } from './indexing.js'
import { stack } from './movement.js'
import {
  bernoulli,
  dropout,
  foldIn,
  gumbel,
  randomInteger,
  randomNormal,
  randomUniform,
  splitKey,
} from './random.js'

const key = (seed: number | bigint) => NDArray.from([seed], [], 'i64')
const keyType: TensorType = { shape: [], dtype: 'i64' }

async function draw(fn: (key: Tensor) => Tensor, seed: number | bigint = 7): Promise<number[]> {
  return (await run(fn, [key(seed)])).numbers()
}

const mean = (xs: readonly number[]) => xs.reduce((a, b) => a + b, 0) / xs.length
const moment = (xs: readonly number[], order: number) => mean(xs.map((x) => x ** order))

function correlation(a: readonly number[], b: readonly number[]): number {
  const [ma, mb] = [mean(a), mean(b)]
  const covariance = mean(a.map((x, i) => (x - ma) * (b[i]! - mb)))
  return covariance / Math.sqrt(mean(a.map((x) => (x - ma) ** 2)) * mean(b.map((x) => (x - mb) ** 2)))
}

/** How many standard deviations the chi-square statistic of equally likely cells is from its mean. */
function chiSquareScore(counts: readonly number[]): number {
  const expected = mean(counts)
  const statistic = counts.reduce((sum, n) => sum + (n - expected) ** 2 / expected, 0)
  const freedom = counts.length - 1
  return (statistic - freedom) / Math.sqrt(2 * freedom)
}

function histogram(cells: readonly number[], count: number): number[] {
  const counts = Array<number>(count).fill(0)
  for (const cell of cells) counts[cell]!++
  return counts
}

const mask64 = (1n << 64n) - 1n
function splitmix(state: bigint): bigint {
  let z = state & mask64
  z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & mask64
  z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & mask64
  return z ^ (z >> 31n)
}

describe('the generator', () => {
  it('is splitmix64: the published numbers for the seed 1234567, modulo 2^52', async () => {
    const published = [
      6457827717110365317n,
      3203168211198807973n,
      9817491932198370423n,
      4593380528125082431n,
      16408922859458223821n,
    ]
    const found = await run(
      (k: Tensor) => randomInteger(k, 0, 2 ** 52, [5], { dtype: 'i64' }),
      [key(1234567)],
    )
    expect([...found.data]).toEqual(published.map((n) => n % 2n ** 52n))
  })

  it('counts on across rows', async () => {
    const found = await run(
      (k: Tensor) => randomInteger(k, 0, 2 ** 52, [3, 1000], { dtype: 'i64' }),
      [key(-5)],
    )
    const at = (i: number) => splitmix(-5n + BigInt(i + 1) * 0x9e3779b97f4a7c15n) % 2n ** 52n
    expect([0, 1, 1023, 1024, 2999].map((i) => found.data[i])).toEqual([0, 1, 1023, 1024, 2999].map(at))
  })

  it('gives the same bits on any number of threads', async () => {
    const draws = (k: Tensor) => ({
      uniform: randomUniform(k, [333, 777]),
      normal: randomNormal(k, [333, 779]),
      gumbel: gumbel(k, [100_003]),
      large: randomNormal(k, [100_003]),
      dropout: dropout(ones([777, 333]), 0.3, k),
      integer: randomInteger(k, -9, 1000, [99_991]),
    })
    const results = await Promise.all(
      [1, 2, 3, 5].map((threads) => run(draws, [key(42)], nodeDevice('cpu', { threads }))),
    )
    for (const result of results.slice(1)) {
      for (const [name, array] of Object.entries(results[0]!)) {
        const other = result[name as keyof typeof result].data
        expect(Buffer.compare(bytes(other), bytes(array.data)), name).toBe(0)
      }
    }
  })

  it('takes dynamic shapes and gives what the static shape gives', async () => {
    const [B, T] = [dim('B'), dim('T')]
    const fn = await compile(
      (x: Tensor, k: Tensor) => ({ y: dropout(x, 0.5, k), n: randomNormal(k, x.shape) }),
      [{ shape: [B, T], dtype: 'f32' }, keyType] as [TensorType, TensorType],
      { device: testDevice },
    )
    for (const shape of [
      [3, 5],
      [64, 64],
      [1, 4097],
    ] as const) {
      const x = random(shape, { low: 1, high: 2 })
      const { y, n } = await fn(x, key(3))
      expect([y.shape, n.shape]).toEqual([shape, shape])
      const kept = (y.data as Float32Array).filter((v) => v !== 0).length / y.data.length
      expect(Math.abs(kept - 0.5)).toBeLessThan(3.5 / Math.sqrt(y.data.length))
    }
    const again = await fn(random([64, 64]), key(3))
    const fixed = await run((k: Tensor) => randomNormal(k, [64, 64]), [key(3)])
    expect(again.n.data).toEqual(fixed.data)
    await fn.dispose()
  })

  it('gives the same inside a loop as outside', async () => {
    const fn = (k: Tensor) => {
      const draw = (step: Tensor) => randomNormal(foldIn(k, step), [70])
      const [, inside] = scan((c: Tensor, step: Tensor) => [c, draw(step)] as const, k, iota(3, 'i64'))
      return { inside, outside: stack([0, 1, 2].map((step) => draw(scalar(step, 'i64')))) }
    }
    const { inside, outside } = await run(fn, [key(8)])
    expect(inside.data).toEqual(outside.data)
  })

  it('refuses a key of another type', () => {
    expect(() => randomUniform(iota(3), [2])).toThrow(/the key is i32\[3\]; a key is an i64 scalar/)
    expect(() => splitKey(scalar(1))).toThrow(/key is f32\[\]/)
  })

  it('says on WebGPU that random numbers come from outside', () => {
    expect(() => exportOnnx((k: Tensor) => randomUniform(k, [2]), [keyType], 'webgpu')).toThrow(
      /pass random tensors in as arguments/,
    )
  })
})

describe('keys', () => {
  const keysOf = (seed: number, count: number) => run((k: Tensor) => stack(splitKey(k, count)), [key(seed)])

  it('split into keys that are all different, and differ from those of a neighbour', async () => {
    const all = [...(await keysOf(0, 500)).data, ...(await keysOf(1, 500)).data]
    expect(new Set(all.map(String)).size).toBe(1000)
  })

  it('give numbers that have nothing to do with the numbers of the keys made of them', async () => {
    const own = await draw((k) => randomUniform(k, [40_000]))
    const child = await draw((k) => randomUniform(splitKey(k)[0]!, [40_000]))
    expect(Math.abs(correlation(own, child))).toBeLessThan(4 / 200)
  })

  it('are the same for a number folded in as a constant or as a tensor', async () => {
    const constant = await draw((k) => foldIn(k, 12))
    const tensor = await run((k: Tensor, step: Tensor) => foldIn(k, step), [key(7), key(12)])
    expect(await tensor.numbers()).toEqual(constant)
    expect(await draw((k) => foldIn(k, 13))).not.toEqual(constant)
  })

  it.each([
    ['neighbouring keys', 0, 1],
    ['keys of opposite sign', 5, -5],
    ['keys that differ in bit 20', 3, 3 + 2 ** 20],
    ['keys that differ in bit 40', 3, 3 + 2 ** 40],
    ['keys that differ in the top bit', 3n, 3n - 2n ** 63n],
  ])('%s give uncorrelated numbers', async (_, a, b) => {
    const n = 40_000
    const [x, y] = [await draw((k) => randomUniform(k, [n]), a), await draw((k) => randomUniform(k, [n]), b)]
    for (const lag of [0, 1, 2]) {
      expect(Math.abs(correlation(x.slice(lag), y.slice(0, n - lag)))).toBeLessThan(4 / Math.sqrt(n))
    }
  })

  it('turn over half of the output bits when one of theirs changes', async () => {
    const bits = async (seed: bigint) =>
      [
        ...(await run((k: Tensor) => randomInteger(k, 0, 2 ** 32, [500], { dtype: 'i64' }), [key(seed)]))
          .data,
      ].map(BigInt)
    const base = await bits(99n)
    for (const bit of [0n, 7n, 31n, 50n, 62n]) {
      const other = await bits(99n ^ (1n << bit))
      const flips = base.map((x, i) => [...(x ^ other[i]!).toString(2)].filter((d) => d === '1').length)
      expect(mean(flips)).toBeGreaterThan(15.5)
      expect(mean(flips)).toBeLessThan(16.5)
    }
  })
})

describe('randomUniform', () => {
  const n = 200_000

  it('is uniform: mean, variance, and chi-square over 1000 cells', async () => {
    const xs = await draw((k) => randomUniform(k, [n]))
    expect(Math.min(...xs.slice(0, 1e5))).toBeGreaterThanOrEqual(0)
    expect(xs.every((x) => x >= 0 && x < 1)).toBe(true)
    expect(Math.abs(mean(xs) - 0.5)).toBeLessThan(4 / Math.sqrt(12 * n))
    expect(Math.abs(moment(xs, 2) - 1 / 3)).toBeLessThan(4 * Math.sqrt(4 / 45 / n))
    expect(
      Math.abs(
        chiSquareScore(
          histogram(
            xs.map((x) => Math.floor(x * 1000)),
            1000,
          ),
        ),
      ),
    ).toBeLessThan(4)
  })

  it('fills the square: neighbours, and the two halves of a number, are independent', async () => {
    const xs = await draw((k) => randomUniform(k, [n]))
    const cell = (a: number, b: number) => Math.floor(a * 30) * 30 + Math.floor(b * 30)
    const neighbours = xs.slice(1).map((x, i) => cell(xs[i]!, x))
    const halves = xs.slice(0, n / 2).map((x, i) => cell(x, xs[i + n / 2]!))
    expect(Math.abs(chiSquareScore(histogram(neighbours, 900)))).toBeLessThan(4)
    expect(Math.abs(chiSquareScore(histogram(halves, 900)))).toBeLessThan(4)
  })

  it('is good down to its last bits', async () => {
    const xs = await draw((k) => randomUniform(k, [n]))
    const last = xs.map((x) => (x * 2 ** 24) % 64)
    expect(Math.abs(chiSquareScore(histogram(last, 64)))).toBeLessThan(4)
  })

  it('takes limits and a dtype', async () => {
    const found = await run(
      (k: Tensor) => randomUniform(k, [1000], { low: -3, high: 5, dtype: 'f64' }),
      [key(1)],
    )
    const xs = await found.numbers()
    expect(found.dtype).toBe('f64')
    expect(Math.min(...xs)).toBeGreaterThanOrEqual(-3)
    expect(Math.max(...xs)).toBeLessThan(5)
    expect(Math.abs(mean(xs) - 1)).toBeLessThan(0.3)
    expect(() => randomUniform(scalar(1, 'i64'), [2], { low: 1, high: 1 })).toThrow(/empty/)
  })

  it('makes scalars and empty tensors', async () => {
    expect((await run((k: Tensor) => randomUniform(k, []), [key(1)])).shape).toEqual([])
    expect((await run((k: Tensor) => randomUniform(k, [0, 3]), [key(1)])).shape).toEqual([0, 3])
  })
})

describe('randomNormal', () => {
  it('has the moments and the tails of the normal distribution', async () => {
    const n = 400_000
    const xs = await draw((k) => randomNormal(k, [n]))
    const within = (value: number, expected: number, deviation: number) =>
      expect(Math.abs(value - expected)).toBeLessThan((4 * deviation) / Math.sqrt(n))
    within(mean(xs), 0, 1)
    within(moment(xs, 2), 1, Math.sqrt(2))
    within(moment(xs, 3), 0, Math.sqrt(15))
    within(moment(xs, 4), 3, Math.sqrt(96))
    for (const [limit, tail] of [
      [1, 0.317311],
      [2, 0.0455],
      [3, 0.0027],
      [4, 6.334e-5],
    ] as const) {
      const share = xs.filter((x) => Math.abs(x) > limit).length / n
      within(share, tail, Math.sqrt(tail))
    }
    expect(Math.abs(correlation(xs.slice(0, n / 2), xs.slice(n / 2)))).toBeLessThan(4 / Math.sqrt(n / 2))
  })
})

describe('randomInteger', () => {
  it('is uniform over its range, limits included and excluded', async () => {
    const xs = await draw((k) => randomInteger(k, -3, 7, [100_000]))
    expect(
      Math.abs(
        chiSquareScore(
          histogram(
            xs.map((x) => x + 3),
            10,
          ),
        ),
      ),
    ).toBeLessThan(4)
    expect([Math.min(...xs.slice(0, 1000)), Math.max(...xs.slice(0, 1000))]).toEqual([-3, 6])
  })

  it('refuses a range that is empty or does not fit', () => {
    const k = scalar(1, 'i64')
    expect(() => randomInteger(k, 3, 3, [2])).toThrow(/\[3, 3\) is not a range of i32/)
    expect(() => randomInteger(k, 0, 2 ** 32, [2])).toThrow(/not a range of i32/)
  })
})

describe('bernoulli and gumbel', () => {
  it('bernoulli is true as often as it should be, for a number and for a tensor of probabilities', async () => {
    const n = 50_000
    const number = await draw((k) => bernoulli(k, 0.03, [n]))
    expect(Math.abs(mean(number) - 0.03)).toBeLessThan(4 * Math.sqrt(0.03 / n))
    const found = await run(
      (k: Tensor, p: Tensor) => bernoulli(k, p, [n, 3]),
      [key(4), NDArray.from([0, 0.6, 1])],
    )
    const rows = await found.numbers()
    const column = (c: number) => mean(rows.filter((_, i) => i % 3 === c))
    expect([column(0), column(2)]).toEqual([0, 1])
    expect(Math.abs(column(1) - 0.6)).toBeLessThan(4 * Math.sqrt(0.24 / n))
  })

  it('bernoulli refuses impossible probabilities and shapes', () => {
    const k = scalar(1, 'i64')
    expect(() => bernoulli(k, 1.5, [2])).toThrow(/1.5 is not within \[0, 1\]/)
    expect(() => bernoulli(k, ones([3, 2]), [2])).toThrow(/does not broadcast/)
  })

  it('gumbel has its mean (Euler’s constant) and variance (pi^2 / 6), and is finite', async () => {
    const n = 200_000
    const xs = await draw((k) => gumbel(k, [n]))
    const m = mean(xs)
    expect(xs.every(Number.isFinite)).toBe(true)
    expect(Math.abs(m - 0.5772157)).toBeLessThan(4 * Math.sqrt(1.645 / n))
    expect(Math.abs(mean(xs.map((x) => (x - m) ** 2)) - Math.PI ** 2 / 6)).toBeLessThan(0.04)
  })
})

describe('dropout', () => {
  it('drops at its rate and keeps the expectation', async () => {
    const n = 200_000
    for (const rate of [0.1, 0.5, 0.85]) {
      const y = await draw((k) => dropout(ones([n]), rate, k))
      const dropped = y.filter((v) => v === 0).length / n
      expect(Math.abs(dropped - rate)).toBeLessThan(4 * Math.sqrt((rate * (1 - rate)) / n))
      expect(Math.abs(mean(y) - 1)).toBeLessThan(4 * Math.sqrt(rate / (1 - rate) / n))
      expect(new Set(y).size).toBe(2)
    }
  })

  it('decides for each element by itself, in and across the lanes of a number', async () => {
    const n = 200_000
    const y = await draw((k) => dropout(ones([n]), 0.3, k))
    for (const lag of [1, 2, 1024, n / 4, n / 2]) {
      expect(Math.abs(correlation(y.slice(lag), y.slice(0, n - lag)))).toBeLessThan(4 / Math.sqrt(n - lag))
    }
  })

  it('is x itself at rate 0', () => {
    const x = ones([3])
    expect(dropout(x, 0, scalar(1, 'i64'))).toBe(x)
    expect(() => dropout(x, 1, scalar(1, 'i64'))).toThrow(/rate 1 is not within \[0, 1\)/)
  })

  it('uses the same mask in the gradient', async () => {
    const both = (x: Tensor, k: Tensor) => {
      const { value, pullback } = vjp((t: Tensor) => dropout(t, 0.4, k), x)
      return { value, gradient: mul(pullback(ones(x.shape))[0], x) }
    }
    const { value, gradient } = await run(both, [random([50, 41]), key(11)])
    expect(gradient.data).toEqual(value.data)
  })

  it('has the gradient of central differences', async () => {
    const fn = (x: Tensor, k: Tensor) => dropout(mul(x, x), 0.4, k)
    await gradcheck(fn as never, [random([6, 7]), key(11)], { second: true })
  })
})

function bytes(array: ArrayBufferView): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength)
}
