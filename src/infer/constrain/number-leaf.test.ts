import { describe, expect, it } from 'vitest'
import { Rng } from '../../rng.js'
import type { LeafState } from './nodes.js'
import { type NumberBounds, numberLeaf } from './number-leaf.js'

const accepts = (bounds: NumberBounds, text: string) => takes(numberLeaf(bounds), text)

function takes(start: LeafState, text: string): boolean {
  let state: LeafState | undefined = start
  for (const byte of new TextEncoder().encode(text)) state = state?.next(byte)
  return state?.accepting ?? false
}

describe('numberLeaf', () => {
  it('takes exactly the integers within the bounds', () => {
    const rng = Rng.seed(4)
    for (let round = 0; round < 60; round++) {
      const [a, b] = [rng.integer(2400) - 1200, rng.integer(2400) - 1200]
      const bounds = {
        integer: true,
        minimum: Math.min(a, b),
        maximum: Math.max(a, b),
        exclusiveMinimum: rng.integer(2) === 0,
        exclusiveMaximum: rng.integer(2) === 0,
        multipleOf: [undefined, 1, 3, 10, 250][rng.integer(5)],
      }
      const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf = 1 } = bounds
      const leaf = numberLeaf(bounds)
      for (let n = -1300; n <= 1300; n++) {
        const expected =
          (exclusiveMinimum ? n > minimum : n >= minimum) &&
          (exclusiveMaximum ? n < maximum : n <= maximum) &&
          n % multipleOf === 0
        if (takes(leaf, String(n)) !== expected) expect({ bounds, n }).toEqual({ bounds, n: !expected })
      }
    }
  })

  it('takes exactly the decimals within the bounds', () => {
    const rng = Rng.seed(5)
    for (let round = 0; round < 40; round++) {
      const [a, b] = [(rng.integer(4000) - 2000) / 100, (rng.integer(4000) - 2000) / 1000]
      const bounds = {
        integer: false,
        minimum: Math.min(a, b),
        maximum: Math.max(a, b),
        exclusiveMinimum: rng.integer(2) === 0,
      }
      const leaf = numberLeaf(bounds)
      for (let n = -2100; n <= 2100; n += 7) {
        const text = (n / 100).toFixed(1 + rng.integer(3))
        const value = Number(text)
        const expected =
          (bounds.exclusiveMinimum ? value > bounds.minimum : value >= bounds.minimum) &&
          value <= bounds.maximum &&
          !Object.is(value, -0)
        if (takes(leaf, text) !== expected) expect({ bounds, text }).toEqual({ bounds, text: !expected })
      }
    }
  })

  it('never begins what cannot be ended', () => {
    const rng = Rng.seed(6)
    for (let round = 0; round < 200; round++) {
      const low = (rng.integer(2_000_000) - 1_000_000) / 10 ** rng.integer(6)
      const bounds = { integer: false, minimum: low, maximum: low + rng.uniform() / 10 ** rng.integer(8) }
      let state: LeafState = numberLeaf(bounds)
      let text = ''
      for (;;) {
        const next = [...'-.0123456789'].filter((char) => state.next(char.charCodeAt(0)))
        if (next.length === 0 || (state.accepting && rng.integer(4) === 0)) break
        const char = next[rng.integer(next.length)]!
        text += char
        state = state.next(char.charCodeAt(0))!
      }
      if (text === '') continue // no number of 15 digits is within
      expect(state.accepting, JSON.stringify({ text, bounds })).toBe(true)
      expect(Number(text)).toBeGreaterThanOrEqual(bounds.minimum)
      expect(Number(text)).toBeLessThanOrEqual(bounds.maximum)
    }
  })

  it('keeps within what every reader reads', () => {
    expect(accepts({ integer: true }, '999999999999999')).toBe(true)
    expect(accepts({ integer: true }, '1000000000000000')).toBe(false)
    for (const text of ['', '-', '1.', '.5', '01', '1e3', '+1', '-0', '--1', '1.2.3']) {
      expect(accepts({ integer: false }, text), text).toBe(false)
    }
    for (const text of ['0', '-0.5', '0.000', '12.50'])
      expect(accepts({ integer: false }, text), text).toBe(true)
    expect(accepts({ integer: false, minimum: 1e300 }, '1')).toBe(false)
    expect(accepts({ integer: false, exclusiveMinimum: true, minimum: 5e-324 }, '0')).toBe(false)
  })
})
