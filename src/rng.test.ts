import { describe, expect, it } from 'vitest'
import { createPermutation, philox4x32, Rng, RngError } from './rng.js'

const block = (counter: number[], key: number[]) =>
  [
    ...philox4x32(new Uint32Array(4), counter[0]!, counter[1]!, counter[2]!, counter[3]!, key[0]!, key[1]!),
  ].map((word) => word.toString(16).padStart(8, '0'))

describe('philox4x32-10', () => {
  // The known-answer vectors published with the Random123 library.
  it('gives the published words for zeros', () => {
    expect(block([0, 0, 0, 0], [0, 0])).toEqual(['6627e8d5', 'e169c58d', 'bc57ac4c', '9b00dbd8'])
  })

  it('gives the published words for ones', () => {
    const ones = 0xffffffff
    expect(block([ones, ones, ones, ones], [ones, ones])).toEqual([
      '408f276d',
      '41c83b0e',
      'a20bc7c6',
      '6d5451fd',
    ])
  })

  it('gives the published words for the digits of pi', () => {
    expect(block([0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0])).toEqual([
      'd16cfe09',
      '94fdcceb',
      '5001e420',
      '24126ea1',
    ])
  })
})

describe('Rng', () => {
  it('draws the words of the key in order', () => {
    const rng = Rng.seed(0)
    expect([rng.uint32(), rng.uint32(), rng.uint32(), rng.uint32()]).toEqual([
      0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8,
    ])
  })

  it('continues from a saved state, through JSON', () => {
    const rng = Rng.seed(2 ** 40 + 7)
    for (let i = 0; i < 13; i++) rng.uniform()
    const copy = new Rng(JSON.parse(JSON.stringify(rng.state())))
    expect(Array.from({ length: 20 }, () => copy.normal())).toEqual(
      Array.from({ length: 20 }, () => rng.normal()),
    )
  })

  it('forks by label, whatever was drawn before', () => {
    const a = Rng.seed(5)
    const b = Rng.seed(5)
    b.uniform()
    expect(a.fork('dropout').uint32()).toBe(b.fork('dropout').uint32())
    const labels = [
      '',
      'a',
      'b',
      'ab',
      'a\0',
      'dropout',
      'dropout1',
      'a long label of more than eight bytes',
      0,
      1,
      2 ** 40,
    ]
    expect(new Set(labels.map((label) => a.fork(label).uint32())).size).toBe(labels.length)
  })

  it('is uniform: mean 1/2, variance 1/12', () => {
    const rng = Rng.seed(1)
    const n = 200_000
    let sum = 0
    let squares = 0
    for (let i = 0; i < n; i++) {
      const x = rng.uniform()
      expect(x >= 0 && x < 1).toBe(true)
      sum += x
      squares += x * x
    }
    expect(sum / n).toBeCloseTo(0.5, 2)
    expect(squares / n - (sum / n) ** 2).toBeCloseTo(1 / 12, 3)
  })

  it.each(['normal', 'fillNormal'] as const)('%s has mean 0, variance 1, kurtosis 3', (kind) => {
    const rng = Rng.seed(3)
    const values =
      kind === 'normal'
        ? Float32Array.from({ length: 200_001 }, () => rng.normal())
        : rng.fillNormal(new Float32Array(200_001))
    const moment = (p: number) => values.reduce((sum, x) => sum + x ** p, 0) / values.length
    expect(Math.abs(moment(1))).toBeLessThan(0.01)
    expect(Math.abs(moment(2) - 1)).toBeLessThan(0.02)
    expect(Math.abs(moment(3))).toBeLessThan(0.05)
    expect(Math.abs(moment(4) - 3)).toBeLessThan(0.1)
  })

  it('draws integers below n without bias', () => {
    const rng = Rng.seed(9)
    const counts = new Array<number>(7).fill(0)
    for (let i = 0; i < 70_000; i++) counts[rng.integer(7)]!++
    const chiSquare = counts.reduce((sum, count) => sum + (count - 10_000) ** 2 / 10_000, 0)
    expect(chiSquare).toBeLessThan(22.5) // p = 0.001 at 6 degrees of freedom
    for (let i = 0; i < 100; i++) expect(rng.integer(2 ** 50)).toBeLessThan(2 ** 50)
    expect(rng.integer(1)).toBe(0)
  })

  it('shuffles into a permutation, each order about as often', () => {
    const rng = Rng.seed(11)
    const counts = new Map<string, number>()
    for (let i = 0; i < 6000; i++) {
      const order =
        rng.shuffle(['a', 'b', 'c']).sort().length === 3 ? rng.shuffle(['a', 'b', 'c']).join('') : ''
      counts.set(order, (counts.get(order) ?? 0) + 1)
    }
    expect(counts.size).toBe(6)
    for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(130)
  })

  it('refuses seeds and bounds that mean nothing', () => {
    expect(() => Rng.seed(-1)).toThrow(RngError)
    expect(() => Rng.seed(0.5)).toThrow(/integer/)
    expect(() => Rng.seed(1).integer(0)).toThrow(RngError)
    expect(() => new Rng({ key: [0, 2 ** 33], position: 0 })).toThrow(RngError)
  })
})

describe('createPermutation', () => {
  it.each([1, 2, 3, 5, 16, 17, 1000, 4097])('visits each of %i numbers once', (size) => {
    const permute = createPermutation(size, Rng.seed(4))
    const seen = new Set(Array.from({ length: size }, (_, i) => permute(i)))
    expect(seen.size).toBe(size)
    expect(Math.max(...seen)).toBe(size - 1)
  })

  it('differs by seed, and neighbours are scattered', () => {
    const one = createPermutation(1000, Rng.seed(1))
    const two = createPermutation(1000, Rng.seed(2))
    const indices = Array.from({ length: 1000 }, (_, i) => i)
    expect(indices.filter((i) => one(i) === two(i)).length).toBeLessThan(10)
    expect(indices.filter((i) => i > 0 && Math.abs(one(i) - one(i - 1)) === 1).length).toBeLessThan(12)
  })

  it('works on a domain far beyond memory', () => {
    const permute = createPermutation(2 ** 45 + 3, Rng.seed(1))
    expect(new Set(Array.from({ length: 500 }, (_, i) => permute(i))).size).toBe(500)
  })
})
