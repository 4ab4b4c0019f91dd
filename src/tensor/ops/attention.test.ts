import { describe, expect, it } from 'vitest'
import { trace } from '../compile.js'
import { NDArray } from '../ndarray.js'
import type { Tensor } from '../tensor.js'
import { comparesToPyTorch, type Fn } from '../testing/fixtures.js'
import { gradcheck, random, run } from '../testing/gradcheck.js'
import { type AttentionOptions, attention, cachedAttention, constant, rotary } from './index.js'

const attend =
  (options: AttentionOptions = {}): Fn =>
  (q, k, v) =>
    attention(q!, k!, v!, options)

/** cos and sin of position / 10^i, [8, 2]. */
function tables(dtype: 'f32' | 'f64' = 'f32'): [Tensor, Tensor] {
  const angles = Array.from({ length: 8 }, (_, p) => [p, p / 10])
  const of = (fn: (x: number) => number) =>
    constant(
      angles.map((row) => row.map(fn)),
      { dtype },
    )
  return [of(Math.cos), of(Math.sin)]
}

describe('attention', () => {
  comparesToPyTorch('attention', {
    plain: attend(),
    causal: attend({ causal: true }),
    'causal in blocks': attend({ causal: true, blockSize: 2 }),
    'causal with a window in blocks': attend({ causal: true, window: 2, blockSize: 2 }),
    'causal with more keys than queries': attend({ causal: true, blockSize: 2 }),
    'one query': attend({ causal: true }),
    grouped: attend({ causal: true }),
    'grouped in blocks': attend({ causal: true, blockSize: 3 }),
    'one key head': attend(),
    'with a scale and a cap': attend({ causal: true, scale: 0.7, softCap: 2 }),
    'with a bias': (q, k, v, bias) => attention(q!, k!, v!, { bias: bias! }),
    'grouped with a bias for each head': (q, k, v, bias) => attention(q!, k!, v!, { bias: bias! }),
    'with a mask of keys': (q, k, v, keyMask) => attention(q!, k!, v!, { keyMask: keyMask! }),
    'causal with documents': (q, k, v, documents) =>
      attention(q!, k!, v!, { causal: true, documents: documents! }),
    'grouped causal with documents in blocks': (q, k, v, documents) =>
      attention(q!, k!, v!, { causal: true, documents: documents!, blockSize: 2 }),
    rotary: (x, positions) => rotary(x!, positions!, ...tables()),
    'rotary with shared positions': (x, positions) => rotary(x!, positions!, ...tables()),
  })

  const [q, k, v] = [
    random([2, 4, 3, 2], { seed: 1 }),
    random([2, 2, 5, 2], { seed: 2 }),
    random([2, 2, 5, 2], { seed: 3 }),
  ]

  it('has the gradients of differences, twice', async () => {
    const options = { causal: true, blockSize: 2, softCap: 3 }
    await gradcheck((a, b, c) => attention(a!, b!, c!, options), [q, k, v], { second: true })
  })

  it('has the gradients of differences for its bias', async () => {
    const bias = random([1, 4, 3, 5], { seed: 4 })
    await gradcheck((a, b, c, d) => attention(a!, b!, c!, { bias: d! }), [q, k, v, bias], { second: true })
  })

  it('gives a bias that is shared by heads, rows or batches the sum of its gradients', async () => {
    for (const shape of [
      [3, 5],
      [1, 1, 3, 5],
      [2, 1, 1, 5],
      [4, 1, 5],
    ]) {
      const bias = random(shape, { seed: 4 })
      await gradcheck((a, b, c, d) => attention(a!, b!, c!, { bias: d! }), [q, k, v, bias])
    }
  })

  it('rotary positions have the gradients of differences', async () => {
    const positions = NDArray.from([0, 3, 7], [1, 3], 'i32')
    await gradcheck((x, p) => rotary(x!, p!, ...tables(x!.dtype as 'f64')), [random([2, 3, 3, 4]), positions])
  })

  it.each([
    ['one new position in each of two rows', 2, 1],
    ['many new positions in one row', 1, 3],
  ])('over a cache is causal attention over what has been seen: %s', async (_, rows, added) => {
    const [heads, groups, width, room] = [4, 2, 8, 8]
    const pasts = [3, 1].slice(0, rows)
    const lengths = pasts.map((past) => past + added)
    const of = (count: number, positions: number, seed: number) =>
      random([rows, count, positions, width], { seed })
    const [keys, values] = [of(groups, room, 5), of(groups, room, 6)]
    const fresh = [of(heads, added, 7), of(groups, added, 8), of(groups, added, 9)] as const
    const found = await run(
      (a: Tensor, b: Tensor, c: Tensor, pk: Tensor, pv: Tensor, n: Tensor, total: Tensor) =>
        cachedAttention(a, b, c, { keys: pk, values: pv }, n, total),
      [...fresh, keys, values, NDArray.from(lengths, [rows], 'i32'), NDArray.scalar(lengths[0]!, 'i32')],
    )
    for (const [row, past] of pasts.entries()) {
      const join = (cache: NDArray, extra: NDArray) =>
        positionsOf(cache, row, past).flatMap((head, h) => [...head, ...positionsOf(extra, row, added)[h]!])
      const seen = [join(keys, fresh[1]), join(values, fresh[2])] as const
      const n = past + added
      const expected = await run(
        (a: Tensor, b: Tensor, c: Tensor) => attention(a, b, c, { causal: true }),
        [
          NDArray.from(positionsOf(fresh[0], row, added).flat(), [1, heads, added, width]),
          NDArray.from(seen[0], [1, groups, n, width]),
          NDArray.from(seen[1], [1, groups, n, width]),
        ],
      )
      const target = await expected.numbers()
      for (const [i, value] of positionsOf(found.out, row, added).flat().entries())
        expect(value).toBeCloseTo(target[i]!, 5)
      expect(positionsOf(found.keys, row, n).flat()).toEqual(seen[0])
      expect(positionsOf(found.values, row, n).flat()).toEqual(seen[1])
    }
  })

  it('refuses heads that do not fit', () => {
    const f32 = (...shape: number[]) => ({ shape, dtype: 'f32' as const })
    const build =
      (...types: ReturnType<typeof f32>[]) =>
      () =>
        trace(((a: Tensor, b: Tensor, c: Tensor) => attention(a, b, c)) as never, types)
    expect(build(f32(2, 3, 4, 2), f32(2, 2, 4, 2), f32(2, 2, 4, 2))).toThrow(
      /attention: q, k and v do not fit: f32\[2, 3, 4, 2\]/,
    )
    expect(build(f32(2, 4, 2), f32(2, 4, 2), f32(2, 4, 2))).toThrow(
      /must be \[batch, heads, positions, width\]/,
    )
    expect(build(f32(2, 2, 4, 2), f32(2, 2, 4, 2), f32(2, 2, 5, 2))).toThrow(/do not fit/)
  })
})

/** The first `count` positions of one row of [B, H, T, D], head by head. */
function positionsOf(x: NDArray, row: number, count: number): number[][] {
  const [, heads, positions, width] = x.shape as [number, number, number, number]
  return Array.from({ length: heads }, (_, h) => {
    const start = (row * heads + h) * positions * width
    return Array.from((x.data as Float32Array).slice(start, start + count * width))
  })
}
