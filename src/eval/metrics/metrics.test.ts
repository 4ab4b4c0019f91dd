import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { classificationScores, expectedCalibrationError } from './classification.js'
import { grounding } from './grounding.js'
import { bootstrap, meanEstimate, normalQuantile, pairedDifference, wilson } from './interval.js'
import { passAtK } from './pass-at-k.js'
import { isRefusal } from './refusal.js'
import { answerNumber, exactMatch, languageOf, normalizeAnswer, numericMatch, tokenF1 } from './text.js'
import { createToxicityMatcher } from './toxicity.js'
import { longestCommonRun, verbatimPrefix } from './verbatim.js'

interface Fixtures {
  classification: {
    gold: string[]
    predicted: string[]
    accuracy: number
    macroF1: number
    microF1: number
    matthews: number
  }[]
  calibration: { confidence: number[]; correct: number[]; bins: number; ece: number }[]
  wilson: { successes: number; n: number; level: number; low: number; high: number }[]
  bootstrap: { a: number[]; b: number[]; level: number; mean: number[]; difference: number[] }[]
  normal: { p: number; z: number }[]
  squad: { answer: string; reference: string; normalized: string; exact: number; f1: number }[]
  passAtK: { n: number; c: number; k: number; value: number }[]
}
const fixtures = JSON.parse(
  readFileSync(new URL('../fixtures/metrics.json', import.meta.url), 'utf8'),
) as Fixtures

describe('intervals', () => {
  it.each(fixtures.wilson)(
    'of rates are those of scipy: $successes of $n',
    ({ successes, n, level, low, high }) => {
      const estimate = wilson(successes, n, level)
      expect(estimate.low).toBeCloseTo(low, 10)
      expect(estimate.high).toBeCloseTo(high, 10)
    },
  )

  it.each(fixtures.normal)('use the quantile of the normal distribution at $p', ({ p, z }) => {
    expect(normalQuantile(p)).toBeCloseTo(z, 9)
  })

  it.each(fixtures.bootstrap)('of means and differences come close to scipy at level $level', (fixture) => {
    const { a, b, level } = fixture
    const options = { level, seed: 5, resamples: 20_000 }
    const mean = meanEstimate(a, options)
    const difference = pairedDifference(a, b, options)
    // The Monte Carlo error of 20,000 resamples is about a hundredth of the interval.
    const near = (found: number, wanted: number, width: number) =>
      expect(Math.abs(found - wanted)).toBeLessThan(0.03 * width)
    near(mean.low, fixture.mean[0]!, mean.high - mean.low)
    near(mean.high, fixture.mean[1]!, mean.high - mean.low)
    near(difference.low, fixture.difference[0]!, difference.high - difference.low)
    near(difference.high, fixture.difference[1]!, difference.high - difference.low)
    expect(difference.high - difference.low).toBeLessThan(mean.high - mean.low)
  })

  it('depend on the seed only, and choose the method by the values', () => {
    const values = Array.from({ length: 30 }, (_, i) => Math.sqrt(i))
    expect(meanEstimate(values, { seed: 1 })).toEqual(meanEstimate(values, { seed: 1 }))
    expect(meanEstimate(values, { seed: 1 })).not.toEqual(meanEstimate(values, { seed: 2 }))
    expect(meanEstimate([0, 1, 1], { seed: 1 }).method).toBe('wilson')
    expect(meanEstimate([0.5], { seed: 1 })).toMatchObject({
      value: 0.5,
      low: 0.5,
      high: 0.5,
      method: 'none',
    })
  })

  it('leave out resamples where the statistic is undefined', () => {
    const estimate = bootstrap(4, (indices) => (indices.includes(0) ? 2 : Number.NaN), { seed: 1 })
    expect(estimate).toMatchObject({ value: 2, low: 2, high: 2 })
  })

  it('refuse what cannot be', () => {
    expect(() => wilson(3, 2)).toThrow(/3 of 2/)
    expect(() => wilson(0, 0)).toThrow(/n >= 1/)
    expect(() => bootstrap(0, () => 0, { seed: 1 })).toThrow(/nothing to resample/)
    expect(() => meanEstimate([1], { seed: 1, level: 1.5 })).toThrow(/between 0 and 1/)
    expect(() => pairedDifference([1], [1, 2], { seed: 1 })).toThrow(/1 and 2/)
  })
})

describe('classification', () => {
  it.each(fixtures.classification)('scores are those of scikit-learn ($matthews)', (fixture) => {
    const { gold, predicted, ...wanted } = fixture
    const scores = classificationScores(gold, predicted)
    for (const name of ['accuracy', 'macroF1', 'microF1', 'matthews'] as const)
      expect(scores[name]).toBeCloseTo(wanted[name], 10)
  })

  it('counts an answer without a label as a miss and as no false alarm', () => {
    const scores = classificationScores(['a', 'a', 'b'], ['a', undefined, 'b'])
    expect(scores.accuracy).toBeCloseTo(2 / 3)
    expect(scores.microF1).toBeCloseTo(4 / 5)
    expect(scores.macroF1).toBeCloseTo((2 / 3 + 1) / 2)
  })

  it.each(fixtures.calibration)('calibration error is that of the reference ($ece)', (fixture) => {
    const { confidence, correct, bins, ece } = fixture
    expect(expectedCalibrationError(confidence, correct, bins)).toBeCloseTo(ece, 10)
  })
})

describe('text', () => {
  it.each(fixtures.squad)(
    'normalises and scores as SQuAD: $answer',
    ({ answer, reference, normalized, exact, f1 }) => {
      expect(normalizeAnswer(answer)).toBe(normalized)
      expect(exactMatch(answer, [reference])).toBe(exact)
      expect(tokenF1(answer, [reference])).toBeCloseTo(f1, 12)
    },
  )

  it('takes the best of several references', () => {
    expect(tokenF1('blue whale', ['whale', 'the blue whale'])).toBe(1)
    expect(exactMatch('x', [])).toBe(0)
  })

  it('compares Chinese by characters, whatever the punctuation and the width', () => {
    expect(exactMatch('《黑豹队》。', ['黑豹队'], 'zh')).toBe(1)
    expect(exactMatch('３０８分', ['308 分'], 'zh')).toBe(1)
    expect(tokenF1('卡罗来纳黑豹', ['黑豹队'], 'zh')).toBeCloseTo((2 * 2) / (6 + 3))
    expect(languageOf('NFL 的黑豹队在哪里')).toBe('zh')
    expect(languageOf('the NFL team 黑豹')).toBe('en')
  })

  it.each([
    ['so 3 + 4 = 7.\n#### 1,234', 1234],
    ['The answer is $18.50 a day.', 18.5],
    ['between 3-5', 5],
    ['#### -7 apples of 9', -7],
    ['共 ４２ 个', 42],
    ['no idea', undefined],
    ['#### none', undefined],
    ['1,2,3', 3],
  ])('finds the number of %j', (text, number) => {
    expect(answerNumber(text)).toBe(number)
  })

  it('compares numbers by value', () => {
    expect(numericMatch('that makes 18.0', '… #### 18')).toBe(1)
    expect(numericMatch('that makes 18.1', '#### 18')).toBe(0)
    expect(numericMatch('nothing', '#### 18')).toBe(0)
  })
})

describe('pass@k', () => {
  it.each(fixtures.passAtK)('is the unbiased estimate: $c of $n, k = $k', ({ n, c, k, value }) => {
    expect(passAtK(n, c, k)).toBeCloseTo(value, 10)
  })

  it('needs at least k samples', () => {
    expect(() => passAtK(1, 0, 2)).toThrow(/pass@2/)
  })
})

describe('behaviour', () => {
  it.each([
    ["I'm sorry, but I can't help with that.", true],
    ['I cannot assist with making weapons.', true],
    ['Sorry, that is not something I can do.', true],
    ['很抱歉，我无法提供这方面的帮助。', true],
    ['我不能帮你做这件事。', true],
    ['The capital of France is Paris.', false],
    ['Penguins cannot fly.', false],
    ['法国的首都是巴黎。', false],
    [`${'Mix the flour and the water. '.repeat(12)}I cannot say how long it takes.`, false],
  ])('%j is a refusal: %s', (answer, refused) => {
    expect(isRefusal(answer)).toBe(refused)
  })

  it('measures how much of an answer its passage supports', () => {
    const passage = 'The Nile is 6,650 km long and flows through 11 countries.'
    expect(grounding('The Nile flows through 11 countries.', passage)).toEqual({
      support: 1,
      unsupported: [],
      numbersSupported: true,
    })
    const invented = grounding('The Nile flows through 12 kingdoms', passage)
    expect(invented).toEqual({ support: 2 / 4, unsupported: ['12', 'kingdoms'], numbersSupported: false })
    expect(grounding('It is.', passage).support).toBeNaN()
    expect(grounding('尼罗河长', '尼罗河很长。').support).toBe(1)
  })

  it('finds listed words whole, and Chinese ones anywhere', () => {
    const find = createToxicityMatcher(['damn', 'shut up', '混蛋'])
    expect(find('Damn! Shut  up, damnation; 你这混蛋啊')).toEqual(['damn', 'shut  up', '混蛋'])
    expect(find('a lovely day')).toEqual([])
    expect(createToxicityMatcher([])('damn')).toEqual([])
  })

  it('measures verbatim repetition', () => {
    expect(verbatimPrefix([1, 2, 3, 4], [1, 2, 9, 4])).toBe(2)
    expect(longestCommonRun([5, 1, 2, 3, 9], [0, 1, 2, 3])).toBe(3)
    expect(longestCommonRun([], [1])).toBe(0)
  })
})
