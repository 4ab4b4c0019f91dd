import { describe, expect, it } from 'vitest'
import { Rng } from '../rng.js'
import { greedy, logProbability, type SamplingOptions, sample, samplingSchema } from './sampler.js'

const logits = Float32Array.of(1, 3, 2, 3, -1, Number.NEGATIVE_INFINITY)

function draw(values: Float32Array, options: SamplingOptions, count = 1, history: number[] = []): number[] {
  const sampling = samplingSchema.parse(options)
  const rng = Rng.seed(7)
  return Array.from({ length: count }, () => sample(values, sampling, rng, history))
}

function shares(values: Float32Array, options: SamplingOptions, count = 20_000): number[] {
  const counts = new Array<number>(values.length).fill(0)
  for (const token of draw(values, options, count)) counts[token]!++
  return counts.map((n) => n / count)
}

function softmax(values: ArrayLike<number>): number[] {
  const weights = Array.from(values, Math.exp)
  const total = weights.reduce((a, b) => a + b, 0)
  return weights.map((weight) => weight / total)
}

function expectShares(actual: number[], expected: number[]): void {
  actual.forEach((share, i) => {
    if (expected[i] === 0) expect(share).toBe(0)
    else expect(Math.abs(share - expected[i]!)).toBeLessThan(0.015)
  })
}

/** Probabilities of `kept` tokens only. */
function renormalized(kept: number[], temperature = 1): number[] {
  return softmax(
    Array.from(logits, (value, i) => (kept.includes(i) ? value / temperature : Number.NEGATIVE_INFINITY)),
  )
}

describe('sample', () => {
  it('takes the first of the likeliest tokens at temperature 0', () => {
    expect(draw(logits, { temperature: 0 }, 3)).toEqual([1, 1, 1])
    expect(greedy(Float32Array.of(2, 2))).toBe(0)
  })

  it.each([
    ['nothing', { temperature: 1 }, [0, 1, 2, 3, 4], 1],
    ['temperature', { temperature: 0.5 }, [0, 1, 2, 3, 4], 0.5],
    ['top-k', { temperature: 1, topK: 3 }, [1, 2, 3], 1],
    ['top-k, of equals the first', { temperature: 1, topK: 1 }, [1], 1],
    ['top-k beyond the vocabulary', { temperature: 1, topK: 100 }, [0, 1, 2, 3, 4], 1],
    // Probabilities are .41 .41 .15 .06 .01 in order.
    ['top-p, with the token that reaches it', { temperature: 1, topP: 0.85 }, [1, 2, 3], 1],
    ['top-p below the likeliest', { temperature: 1, topP: 0.01 }, [1], 1],
    ['top-p of all', { temperature: 1, topP: 1 }, [0, 1, 2, 3, 4], 1],
    ['min-p', { temperature: 1, minP: 0.2 }, [1, 2, 3], 1],
    ['min-p of one', { temperature: 1, minP: 1 }, [1, 3], 1],
    ['min-p after temperature', { temperature: 4, minP: 0.2 }, [0, 1, 2, 3, 4], 4],
    ['top-k before top-p', { temperature: 1, topK: 2, topP: 0.6 }, [1, 3], 1],
    ['all at once', { temperature: 2, topK: 4, topP: 0.95, minP: 0.5 }, [1, 2, 3], 2],
  ] as const)('follows the distribution that remains after %s', (_, options, kept, temperature) => {
    expectShares(shares(logits, options), renormalized([...kept], temperature))
  })

  it('divides the positive logits of what was there by the penalty and multiplies the negative ones', () => {
    const options = { temperature: 0, repetitionPenalty: 2 }
    expect(draw(logits, options, 1, [1, 1, 3])).toEqual([2])
    expect(draw(Float32Array.of(-2, -3, -9), options, 1, [0])).toEqual([1])
    const masked = Float32Array.of(Number.NEGATIVE_INFINITY, -1)
    expect(draw(masked, options, 1, [0])).toEqual([1])
  })

  it('gives the same tokens for the same seed, and does not change the logits', () => {
    const before = logits.slice()
    const options = { temperature: 1.3, topK: 4, topP: 0.9, minP: 0.01, repetitionPenalty: 1.2 }
    expect(draw(logits, options, 50, [1])).toEqual(draw(logits, options, 50, [1]))
    expect(logits).toEqual(before)
  })

  it('agrees with a plain sort on many random logits', () => {
    const rng = Rng.seed(11)
    for (let round = 0; round < 60; round++) {
      const values = rng.fillNormal(new Float32Array(50 + rng.integer(500)), 0, 3)
      const [topK, topP] = [1 + rng.integer(values.length), 0.05 + 0.94 * rng.uniform()]
      const order = [...values.keys()].sort((a, b) => values[b]! - values[a]! || a - b).slice(0, topK)
      const p = softmax(order.map((i) => values[i]!))
      let sum = 0
      const nucleus = order.filter((_, at) => {
        const before = sum
        sum += p[at]!
        return before < topP
      })
      const drawn = new Set(draw(values, { temperature: 1, topK, topP }, 300))
      for (const token of drawn) expect(nucleus).toContain(token)
      // The likeliest must be among what is drawn.
      expect(draw(values, { temperature: 1, topK, topP: 1e-9 })).toEqual([order[0]])
    }
  })

  it('stays exact for extreme logits and temperatures', () => {
    expect(draw(Float32Array.of(3e38, -3e38, 0), { temperature: 1 }, 5)).toEqual([0, 0, 0, 0, 0])
    expect(draw(logits, { temperature: 1e-30 }, 200).every((token) => token === 1 || token === 3)).toBe(true)
    expectShares(shares(Float32Array.of(1, 3), { temperature: 1e30 }), [0.5, 0.5])
    expect(draw(Float32Array.of(5), { temperature: 1, topP: 0.5 })).toEqual([0])
  })

  it.each([
    [Float32Array.of(1, Number.NaN), /token 1 is NaN/],
    [Float32Array.of(Number.POSITIVE_INFINITY, 1), /token 0 is Infinity/],
    [Float32Array.of(Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY), /every logit is -Infinity/],
    [new Float32Array(0), /none of the 0 tokens/],
  ])('refuses hostile logits %#', (bad, message) => {
    for (const temperature of [0, 1]) {
      expect(() => draw(bad, { temperature })).toThrow(
        expect.objectContaining({ code: 'infer/logits', message: expect.stringMatching(message) }),
      )
    }
  })
})

describe('logProbability', () => {
  it('is the logarithm of the softmax', () => {
    const p = softmax(logits)
    for (const token of [0, 1, 4]) expect(logProbability(logits, token)).toBeCloseTo(Math.log(p[token]!), 12)
    expect(logProbability(logits, 5)).toBe(Number.NEGATIVE_INFINITY)
    expect(logProbability(Float32Array.of(1e30, 0), 0)).toBe(0)
  })
})
