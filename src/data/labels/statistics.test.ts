import { describe, expect, it } from 'vitest'
import { cohenKappa, fleissKappa, kendallTau, krippendorffAlpha, pairwiseAgreement } from './statistics.js'

const times = (count: number, value: number) => Array<number>(count).fill(value)

describe('agreement', () => {
  it('of two raters is 0.4 in the usual example of proposals (20, 5, 10, 15)', () => {
    const a = [...times(25, 1), ...times(25, 0)]
    const b = [...times(20, 1), ...times(5, 0), ...times(10, 1), ...times(15, 0)]
    expect(cohenKappa(a, b)).toBeCloseTo(0.4, 12)
    expect(cohenKappa([1, 1], [1, 1])).toBeNaN()
  })

  it('of many raters is that of the worked example of Fleiss (14 raters, 10 subjects)', () => {
    const ratings = [
      [0, 0, 0, 0, 14],
      [0, 2, 6, 4, 2],
      [0, 0, 3, 5, 6],
      [0, 3, 9, 2, 0],
      [2, 2, 8, 1, 1],
      [7, 7, 0, 0, 0],
      [3, 2, 6, 3, 0],
      [2, 5, 3, 2, 2],
      [6, 5, 2, 1, 0],
      [0, 2, 2, 3, 7],
    ]
    expect(fleissKappa(ratings)).toBeCloseTo(0.20993, 5)
  })

  it("is Krippendorff's in his example of four observers with missing data (2011, section C to E)", () => {
    const _ = Number.NaN
    const observers = [
      [1, 2, 3, 3, 2, 1, 4, 1, 2, _, _, _],
      [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, _, 3],
      [_, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, _],
      [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, _],
    ]
    const units = observers[0]!.map((_, u) => observers.map((one) => one[u]!).filter((value) => value > 0))
    expect(krippendorffAlpha(units, 'nominal')).toBeCloseTo(0.743, 3)
    expect(krippendorffAlpha(units, 'ordinal')).toBeCloseTo(0.815, 3)
    expect(krippendorffAlpha(units, 'interval')).toBeCloseTo(0.849, 3)
    expect(krippendorffAlpha([[1], [2]])).toBeNaN()
  })

  it('of ranks with ties is that of scipy', () => {
    expect(kendallTau([12, 2, 1, 12, 2], [1, 4, 7, 1, 0])).toBeCloseTo(-0.47140452079103173, 12)
    expect(kendallTau([1, 2, 3], [1, 2, 3])).toBe(1)
    expect(kendallTau([1, 2, 3], [3, 2, 1])).toBe(-1)
    expect(kendallTau([1, 1], [1, 2])).toBeNaN()
  })

  it('of rankings counts answer against answer, ties apart', () => {
    // Of the three comparisons the labelers decide 1-2 alike, 1-3 differently, and one of them ties 2-3.
    expect(
      pairwiseAgreement([
        [
          [2, 3, 1],
          [1, 2, 2],
        ],
      ]),
    ).toEqual({
      agreement: 0.5,
      comparisons: 2,
      withTies: 1 / 3,
      allComparisons: 3,
    })
    // Three labelers make three pairs of them.
    expect(
      pairwiseAgreement([
        [
          [1, 2],
          [1, 2],
          [2, 1],
        ],
        [[1, 2]],
      ]),
    ).toMatchObject({ agreement: 1 / 3, comparisons: 3 })
  })
})
