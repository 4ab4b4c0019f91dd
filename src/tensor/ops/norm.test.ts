import { describe, expect, it } from 'vitest'
import type { Tensor } from '../tensor.js'
import { comparesToPyTorch, type Fn } from '../testing/fixtures.js'
import { gradcheck, random, run } from '../testing/gradcheck.js'
import { groupNorm, layerNorm, mul, rmsNorm } from './index.js'

describe('norms', () => {
  comparesToPyTorch(
    'norm',
    {
      layerNorm: (x, w, b) => layerNorm(x!, w, b),
      'layerNorm without weight and bias': (x) => layerNorm(x!),
      'layerNorm far from zero': (x, w) => layerNorm(x!, w),
      'layerNorm of equal elements': (x, w, b) => layerNorm(x!, w, b),
      rmsNorm: (x, w) => rmsNorm(x!, w),
      'rmsNorm without weight': (x) => rmsNorm(x!),
      'rmsNorm of tiny numbers': (x, w) => rmsNorm(x!, w),
      groupNorm: (x, w, b) => groupNorm(x!, 2, w, b),
      'groupNorm without weight and bias': (x) => groupNorm(x!, 3),
    },
    // Centring on 100 costs five bits of single precision.
    { 'layerNorm far from zero': 2e-4 },
  )

  const x = random([2, 3, 4], { low: -2, high: 2 })
  const w = random([4], { low: 0.5, high: 1.5 })
  const checks: [string, Fn][] = [
    ['layerNorm', (a, b) => mul(layerNorm(a!, b!, b!), a!)],
    ['rmsNorm', (a, b) => mul(rmsNorm(a!, b!), a!)],
    ['groupNorm', (a) => mul(groupNorm(a!, 3), a!)],
  ]
  it.each(checks)('%s has the gradients of differences, twice', async (_, fn) => {
    await gradcheck((a, b) => fn(a!, b!), [x, w], { second: true })
  })

  it('names a weight that does not fit', async () => {
    await expect(run((a: Tensor, b: Tensor) => layerNorm(b, a), [x, w])).rejects.toThrow(
      /layerNorm: the weight f32\[2, 3, 4\] does not fit the last axis of f32\[4\]/,
    )
    await expect(run((a: Tensor) => groupNorm(a, 2), [x])).rejects.toThrow(/2 groups do not divide/)
  })
})
