import { describe, expect, it } from 'vitest'
import { createBatches } from './batches.js'
import { sliceTokens, tokensFromArray } from './token-source.js'

const counting = (n: number) => tokensFromArray(Int32Array.from({ length: n }, (_, i) => i))
const make = (n: number, order: 'random' | 'shuffle' | 'sequential', rest = {}) =>
  createBatches({ tokens: counting(n), batchSize: 4, contextLength: 8, seed: 1, order, ...rest })

describe('createBatches', () => {
  it.each(['random', 'shuffle', 'sequential'] as const)('%s: targets follow inputs by one', (order) => {
    const { inputs, targets } = make(1000, order).batches(3)
    expect(inputs.length).toBe(32)
    for (let i = 0; i < inputs.length; i++) {
      expect(targets[i]).toBe(inputs[i]! + 1)
      if (i % 8) expect(inputs[i]).toBe(inputs[i - 1]! + 1)
    }
  })

  it.each(['random', 'shuffle', 'sequential'] as const)(
    '%s: a step is the same however it is reached',
    (order) => {
      const straight = make(1000, order)
      const resumed = make(1000, order)
      for (let step = 0; step < 60; step++) straight.batches(step)
      expect(straight.batches(60)).toEqual(resumed.batches(60))
      const three = resumed.batches(60, 3)
      expect(three.inputs.length).toBe(3 * 32)
      for (let i = 0; i < 3; i++) {
        expect(three.inputs.slice(32 * i, 32 * (i + 1))).toEqual(straight.batches(60 + i).inputs)
        expect(three.targets.slice(32 * i, 32 * (i + 1))).toEqual(straight.batches(60 + i).targets)
      }
    },
  )

  it.each([
    [1000, 8, 4],
    [1001, 8, 4],
    [1008, 8, 5],
    [9, 8, 3],
    [30, 8, 64],
    [2, 1, 1],
  ])(
    'shuffle: %i tokens, context %i, batch %i: every window once per epoch, no token twice',
    (n, contextLength, batchSize) => {
      const batches = make(n, 'shuffle', { contextLength, batchSize })
      const windows = Math.floor((n - 1) / contextLength)
      expect(batches.windowsPerEpoch).toBe(windows)
      const starts: number[] = []
      for (let step = 0; starts.length < 5 * windows; step++) starts.push(...batches.offsets(step))
      for (let epoch = 0; epoch < 5; epoch++) {
        const epochStarts = starts.slice(epoch * windows, (epoch + 1) * windows).sort((a, b) => a - b)
        const first = epochStarts[0]!
        expect(first).toBeLessThanOrEqual(n - 1 - windows * contextLength)
        expect(epochStarts).toEqual(Array.from({ length: windows }, (_, i) => first + i * contextLength))
      }
    },
  )

  it('shuffle: covers every token exactly once per epoch when the windows fit', () => {
    const batches = make(8 * 25 + 1, 'shuffle', { batchSize: 5 })
    const seen = new Int32Array(201)
    for (let step = 0; step < 5; step++) for (const id of batches.batches(step).inputs) seen[id]!++
    expect([...seen]).toEqual([...new Array(200).fill(1), 0])
  })

  it('shuffle: reaches the left-over tail in some epoch', () => {
    const batches = make(15, 'shuffle', { batchSize: 1 })
    const starts = new Set(Array.from({ length: 200 }, (_, step) => batches.offsets(step)[0]))
    expect([...starts].sort()).toEqual([0, 1, 2, 3, 4, 5, 6])
  })

  it('shuffle: orders differ between epochs and seeds', () => {
    const batches = make(801, 'shuffle', { batchSize: 100 })
    expect(batches.offsets(0)).not.toEqual(batches.offsets(1))
    expect(batches.offsets(0)).not.toEqual(make(801, 'shuffle', { batchSize: 100, seed: 2 }).offsets(0))
  })

  it('random: reaches the first and the last window, evenly', () => {
    const batches = make(11, 'random', { batchSize: 1000 })
    const counts = [0, 0, 0]
    for (let step = 0; step < 30; step++) for (const start of batches.offsets(step)) counts[start]!++
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(400)
  })

  it('sequential: goes through the windows in order', () => {
    expect([...make(100, 'sequential').offsets(1)]).toEqual([32, 40, 48, 56])
  })

  it('names both numbers when the data is smaller than a window', () => {
    expect(() => make(8, 'random')).toThrow(/has 8 tokens, but one window of context length 8 needs 9/)
    expect(make(9, 'random').batches(0).inputs.length).toBe(32)
  })

  it('refuses numbers that mean nothing', () => {
    expect(() => make(100, 'random', { batchSize: 0 })).toThrow(/batchSize/)
    expect(() => make(100, 'random').batches(-1)).toThrow(/step/)
    expect(() => make(100, 'random').batches(0, 0)).toThrow(/k must/)
  })

  it('takes billions of tokens without allocating for them', () => {
    const tokens = {
      length: 3e12,
      read: (_start: number, _length: number, target: Int32Array) => void target.fill(1),
    }
    const batches = createBatches({ tokens, batchSize: 8, contextLength: 1024, seed: 1, order: 'shuffle' })
    expect(new Set(batches.offsets(12345)).size).toBe(8)
  })
})

describe('sliceTokens', () => {
  it('shows a part and nothing beyond it', () => {
    const part = sliceTokens(counting(100), 90)
    const target = new Int32Array(3)
    part.read(7, 3, target, 0)
    expect([...target]).toEqual([97, 98, 99])
    expect(() => part.read(8, 3, target, 0)).toThrow(/cannot read tokens 8 to 11 of 10/)
    expect(() => sliceTokens(counting(10), 5, 11)).toThrow()
  })
})
