import { describe, expect, it } from 'vitest'
import { Rng } from '../rng.js'
import type { ComparedPrompt } from './comparisons.js'
import { comparisonBatches, splitByPrompt } from './comparisons.js'
import { preferenceReport } from './preference-report.js'

/** A prompt with one comparison: row 0 is the better. */
function pair(key: string, more: Partial<ComparedPrompt> = {}): ComparedPrompt {
  return {
    key,
    category: undefined,
    rows: [Int32Array.of(1), Int32Array.of(2)],
    lengths: [1, 2],
    best: 0,
    comparisons: [{ better: 0, worse: 1, tie: false, margin: 0 }],
    identical: 0,
    cut: 0,
    tooLong: 0,
    ...more,
  }
}

describe('preferenceReport', () => {
  it("gives the accuracy with Wilson's interval", () => {
    const prompts = Array.from({ length: 50 }, (_, i) => pair(String(i)))
    const scores = prompts.map((_, i) => (i < 40 ? [1, 0] : [0, 1]))
    const { accuracy } = preferenceReport(prompts, scores)!
    // scipy.stats.binomtest(40, 50).proportion_ci(method='wilson')
    expect(accuracy).toMatchObject({ value: 0.8, count: 50 })
    expect(accuracy.low).toBeCloseTo(0.6696, 2)
    expect(accuracy.high).toBeCloseTo(0.8876, 2)
  })

  it('widens the interval where comparisons of one prompt go together', () => {
    const twice = Array.from({ length: 50 }, (_, i) => [pair(String(i)), pair(String(i))]).flat()
    const scores = twice.map((_, i) => (i < 80 ? [1, 0] : [0, 1]))
    const once = preferenceReport(
      twice.filter((_, i) => i % 2 === 0),
      scores.filter((_, i) => i % 2 === 0),
    )!
    const both = preferenceReport(twice, scores)!
    expect(both.accuracy.low).toBeCloseTo(once.accuracy.low, 6)
    expect(both.comparisons).toBe(100)
    expect(both.prompts).toBe(50)
  })

  it('counts ties out, and equal scores as half right', () => {
    const tied = pair('tied', { comparisons: [{ better: 0, worse: 1, tie: true, margin: 0 }] })
    const report = preferenceReport(
      [tied, pair('a'), pair('b')],
      [
        [5, 0],
        [1, 1],
        [1, 0],
      ],
    )!
    expect(report).toMatchObject({ comparisons: 2, ties: 1, accuracy: { value: 0.75 } })
    expect(preferenceReport([tied], [[5, 0]])).toBeUndefined()
  })

  it('sets beside it what length alone would give', () => {
    const prompts = [pair('a'), pair('b'), pair('c', { lengths: [3, 1] }), pair('d', { lengths: [2, 2] })]
    const { baselines, overLength } = preferenceReport(prompts, [
      [1, 0],
      [1, 0],
      [1, 0],
      [1, 0],
    ])!
    expect(baselines.shorter.value).toBeCloseTo(2.5 / 4)
    expect(baselines.longer.value).toBeCloseTo(1.5 / 4)
    expect(overLength.difference).toBeCloseTo(1.5 / 4)
  })

  it('finds a model calibrated whose labels are drawn from its probabilities, and an overconfident one not', () => {
    const rng = Rng.seed(5)
    const prompts = Array.from({ length: 20_000 }, (_, i) => pair(String(i)))
    const scores = prompts.map(() => {
      const difference = 4 * rng.normal()
      const right = rng.uniform() < 1 / (1 + Math.exp(-Math.abs(difference)))
      return right ? [Math.abs(difference), 0] : [0, Math.abs(difference)]
    })
    const { calibration } = preferenceReport(prompts, scores)!
    expect(calibration.error).toBeLessThan(0.01)
    for (const { predicted, observed } of calibration.bins)
      expect(Math.abs(predicted - observed)).toBeLessThan(0.05)
    expect(preferenceReport(prompts, scores, { scale: 5 })!.calibration.error).toBeGreaterThan(0.05)
    // With noise in the labels the same scores mean less.
    const noisy = preferenceReport(prompts, scores, { flip: 0.2 })!
    expect(Math.max(...noisy.calibration.bins.map(({ predicted }) => predicted))).toBeLessThanOrEqual(0.8)
  })
})

describe('prompts', () => {
  it('are never on both sides of the split', () => {
    const prompts = Array.from({ length: 100 }, (_, i) => pair(String(i % 40)))
    const { train, heldOut } = splitByPrompt(prompts, 0.25, 1)
    expect(train.length + heldOut.length).toBe(100)
    expect(new Set(heldOut.map(({ key }) => key)).size).toBe(10)
    expect(heldOut.filter(({ key }) => train.some((other) => other.key === key))).toEqual([])
  })

  it('come once in an epoch, in batches of at most so many answers', () => {
    const rng = Rng.seed(1)
    const prompts = Array.from({ length: 97 }, (_, i) =>
      pair(String(i), {
        rows: Array.from({ length: 2 + (i % 3) }, () => new Int32Array(1 + rng.integer(30))),
      }),
    )
    const batches = comparisonBatches(prompts, 12, Rng.seed(2))
    expect(new Set(batches.flat()).size).toBe(97)
    expect(batches.flat()).toHaveLength(97)
    for (const batch of batches)
      expect(batch.reduce((sum, { rows }) => sum + rows.length, 0)).toBeLessThanOrEqual(12)
    expect(comparisonBatches(prompts, 12, Rng.seed(2))).toEqual(batches)
  })
})
