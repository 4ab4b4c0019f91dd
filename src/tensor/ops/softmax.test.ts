import { describe, it } from 'vitest'
import { comparesToPyTorch } from '../testing/fixtures.js'
import { gradcheck, random } from '../testing/gradcheck.js'
import { logSoftmax, mul, softmax } from './index.js'

describe('softmax and logSoftmax', () => {
  comparesToPyTorch('softmax', {
    softmax: (x) => [softmax(x!), softmax(x!, 0), softmax(x!, 1)],
    logSoftmax: (x) => [logSoftmax(x!), logSoftmax(x!, 0), logSoftmax(x!, 1)],
    'of huge numbers': (x) => [softmax(x!), logSoftmax(x!)],
    'with -inf': (x) => softmax(x!),
    'of one element': (x) => [softmax(x!), logSoftmax(x!)],
  })

  it('have the gradients of differences, twice', async () => {
    await gradcheck(
      (x) => [softmax(x!), mul(logSoftmax(x!, 0), x!)],
      [random([3, 4], { low: -2, high: 2 })],
      { second: true },
    )
  })
})
