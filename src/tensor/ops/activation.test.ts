import { describe, it } from 'vitest'
import { comparesToPyTorch, type Fn } from '../testing/fixtures.js'
import { gradcheck, random } from '../testing/gradcheck.js'
import { erf, gelu, logSigmoid, relu, reluSquared, silu, softCap, softplus } from './index.js'

const functions: Record<string, Fn> = {
  erf: (x) => erf(x!),
  gelu: (x) => gelu(x!),
  'gelu tanh': (x) => gelu(x!, { approximate: 'tanh' }),
  silu: (x) => silu(x!),
  softplus: (x) => softplus(x!),
  logSigmoid: (x) => logSigmoid(x!),
  softCap: (x) => softCap(x!, 5),
  relu: (x) => relu(x!),
  reluSquared: (x) => reluSquared(x!),
}
const { softplus: _, reluSquared: __, ...ofHuge } = functions

describe('activations', () => {
  comparesToPyTorch('activation', {
    ...functions,
    ...Object.fromEntries(Object.entries(functions).map(([name, fn]) => [`${name} of a matrix`, fn])),
    'all of huge numbers': (x) => Object.values(ofHuge).map((fn) => fn(x!)) as never,
  })

  it.each(Object.entries(functions))('%s has the gradients of differences, twice', async (_name, fn) => {
    await gradcheck((x) => fn(x!), [random([2, 7], { low: -3, high: 3 })], { second: true })
  })
})
