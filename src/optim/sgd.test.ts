import { describe, expect, it } from 'vitest'
import { sgd } from './sgd.js'
import { errorAgainst } from './testing/trajectories.js'

describe('sgd', () => {
  const all = () => ({ weightDecay: 0.1 })

  it('follows torch.optim.SGD without momentum', async () => {
    expect((await errorAgainst('sgd', sgd({ groups: all }))).error).toBeLessThan(1e-6)
  })

  it('folds clipping into the rate', async () => {
    const { error } = await errorAgainst('sgd-clip', sgd({ weightDecay: 0.1 }), { maxNorm: 1 })
    expect(error).toBeLessThan(1e-6)
  })

  it('follows torch.optim.SGD with momentum, in place', async () => {
    const { error } = await errorAgainst('sgd-momentum', sgd({ momentum: 0.9, groups: all }), {
      donate: true,
    })
    expect(error).toBeLessThan(2e-6)
  })

  it('follows torch.optim.SGD with Nesterov momentum and clipping', async () => {
    const optimizer = sgd({ momentum: 0.9, nesterov: true, weightDecay: 0.1 })
    expect((await errorAgainst('sgd-nesterov-clip', optimizer, { maxNorm: 1 })).error).toBeLessThan(2e-6)
  })

  it('refuses Nesterov momentum without momentum', () => {
    expect(() => sgd({ nesterov: true })).toThrow(/sgd: 'nesterov'/)
  })
})
