import { expect, it } from 'vitest'
import { Rng } from '../rng.js'
import { fastExp } from './fast-exp.js'

it('is the exponential of numbers that are not positive', () => {
  const rng = Rng.seed(3)
  for (let i = 0; i < 10_000; i++) {
    const x = -40 * rng.uniform() ** 3
    expect(Math.abs(fastExp(x) / Math.exp(x) - 1)).toBeLessThan(1e-12)
  }
  for (const x of [0, -1 / 128, -1 / 64, -39.999, -40]) expect(fastExp(x) / Math.exp(x)).toBeCloseTo(1, 12)
  expect(fastExp(-0)).toBe(1)
  expect(fastExp(-41)).toBe(0)
  expect(fastExp(Number.NEGATIVE_INFINITY)).toBe(0)
})
