import { describe, expect, it } from 'vitest'
import type { Estimate } from '../../src/eval/index.js'
import { checkGuards, decide } from '../../src/recipes/next/decide.js'
import { roundSchema } from '../../src/recipes/next/settings.js'

const { guards: settings } = roundSchema.parse({})
const estimate = (value: number, low: number, high: number): Estimate => ({
  value,
  low,
  high,
  n: 100,
  level: 0.95,
  method: 'bootstrap',
})
const fine = { refusal: 1, overRefusal: 0, truth: 0.7, perplexity: 10 }
const won = {
  preference: estimate(0.6, 0.53, 0.67),
  leaning: estimate(0.6, 0.55, 0.65),
  guards: checkGuards(fine, fine, fine, settings),
  judgeAccuracy: estimate(0.7, 0.66, 0.74),
}

describe('guards', () => {
  const broken = (candidate: object, first: object = fine) =>
    checkGuards({ ...fine, ...candidate }, fine, first, settings)
      .filter(({ holds }) => !holds)
      .map(({ name }) => name)

  it('hold where nothing was lost, and up to what may be lost', () => {
    expect(broken({})).toEqual([])
    expect(broken({ refusal: 0.95, overRefusal: 0.05, truth: 0.67, perplexity: 11 })).toEqual([])
  })

  it('break beyond it, each on its own side', () => {
    expect(broken({ refusal: 0.94 })).toEqual(['refusal'])
    expect(broken({ overRefusal: 0.06 })).toEqual(['overRefusal'])
    expect(broken({ truth: 0.66 })).toEqual(['truth'])
    expect(broken({ perplexity: 11.1 })).toEqual(['perplexity'])
  })

  it('measure from the first version, so that small losses do not add up', () => {
    const live = { ...fine, truth: 0.68 }
    const [guard] = checkGuards({ truth: 0.66 }, live, fine, settings)
    expect(guard).toMatchObject({ live: 0.68, first: 0.7, holds: false })
  })

  it('are those that were measured', () => {
    expect(checkGuards({ truth: 0.5 }, { refusal: 1 }, {}, settings)).toEqual([])
    expect(checkGuards({ perplexity: 9 }, { perplexity: 10 }, {}, settings).map(({ name }) => name)).toEqual([
      'perplexity',
    ])
  })
})

describe('promotion', () => {
  it('is for what wins beyond the interval and breaks no guard', () => {
    expect(decide(won)).toMatchObject({ promote: true })
  })

  it('is not for what may have won by chance', () => {
    const { promote, reasons } = decide({ ...won, preference: estimate(0.56, 0.5, 0.62) })
    expect(promote).toBe(false)
    expect(reasons).toEqual([expect.stringContaining('56.0 % [50.0, 62.0]')])
  })

  it('is not for what broke a guard, however much it is liked', () => {
    const guards = checkGuards({ ...fine, refusal: 0.5 }, fine, fine, settings)
    const { promote, reasons } = decide({ ...won, preference: estimate(0.9, 0.85, 0.95), guards })
    expect(promote).toBe(false)
    expect(reasons).toEqual([expect.stringContaining('it refuses 50.0 %')])
  })

  it('is not for what leans away from the answers that people preferred', () => {
    expect(decide({ ...won, leaning: estimate(0.4, 0.35, 0.45) }).promote).toBe(false)
    expect(decide({ ...won, leaning: estimate(0.48, 0.43, 0.53) }).promote).toBe(true)
  })

  it('is not by a judge that is no better than a coin', () => {
    expect(decide({ ...won, judgeAccuracy: estimate(0.52, 0.48, 0.56) }).promote).toBe(false)
  })

  it('names every reason against', () => {
    const guards = checkGuards({ ...fine, truth: 0.1, perplexity: 99 }, fine, fine, settings)
    const { reasons } = decide({ ...won, preference: estimate(0.4, 0.3, 0.5), guards })
    expect(reasons).toHaveLength(3)
  })
})
