/** How far people agree. All take what they said as numbers; nominal values are any distinct numbers. */

/**
 * Cohen's kappa of two raters (Cohen 1960): agreement beyond that of chance, 1 at best. NaN where both always say one and the same.
 */
export function cohenKappa(a: readonly number[], b: readonly number[]): number {
  const categories = [...new Set([...a, ...b])]
  const share = (values: readonly number[], category: number) =>
    values.filter((value) => value === category).length / values.length
  const observed = a.filter((value, i) => value === b[i]).length / a.length
  const expected = categories.reduce((sum, category) => sum + share(a, category) * share(b, category), 0)
  return (observed - expected) / (1 - expected)
}

/**
 * Fleiss' kappa (Fleiss 1971) of `ratings[item][category]`, how many raters chose what; as many raters for each item.
 */
export function fleissKappa(ratings: readonly (readonly number[])[]): number {
  const N = ratings.length
  const n = ratings[0]!.reduce((sum, count) => sum + count, 0)
  const agreement = ratings.map(
    (counts) => (counts.reduce((sum, count) => sum + count * count, 0) - n) / (n * (n - 1)),
  )
  const observed = agreement.reduce((sum, value) => sum + value, 0) / N
  const expected = ratings[0]!.reduce((sum, _, category) => {
    const share = ratings.reduce((total, counts) => total + counts[category]!, 0) / (N * n)
    return sum + share * share
  }, 0)
  return (observed - expected) / (1 - expected)
}

export type MeasurementLevel = 'nominal' | 'ordinal' | 'interval'

/**
 * Krippendorff's alpha (Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability") of `units[u]`, what was said of each unit by
 * however many; units with less than two values do not count. NaN where nothing can be compared or nobody ever differs in value.
 */
export function krippendorffAlpha(
  units: readonly (readonly number[])[],
  level: MeasurementLevel = 'nominal',
): number {
  const pairable = units.filter((values) => values.length >= 2)
  const categories = [...new Set(pairable.flat())].sort((a, b) => a - b)
  const place = new Map(categories.map((category, index) => [category, index]))
  const K = categories.length
  const coincidences = Array.from({ length: K }, () => new Float64Array(K))
  for (const values of pairable) {
    for (const [i, left] of values.entries()) {
      for (const [j, right] of values.entries()) {
        if (i !== j) coincidences[place.get(left)!]![place.get(right)!]! += 1 / (values.length - 1)
      }
    }
  }
  const totals = coincidences.map((row) => row.reduce((sum, count) => sum + count, 0))
  const total = totals.reduce((sum, count) => sum + count, 0)
  const distance = (c: number, k: number): number => {
    if (level === 'nominal') return c === k ? 0 : 1
    if (level === 'interval') return (categories[c]! - categories[k]!) ** 2
    const [low, high] = c < k ? [c, k] : [k, c]
    const between = totals.slice(low, high + 1).reduce((sum, count) => sum + count, 0)
    return (between - (totals[c]! + totals[k]!) / 2) ** 2
  }
  let observed = 0
  let expected = 0
  for (let c = 0; c < K; c++) {
    for (let k = 0; k < K; k++) {
      observed += coincidences[c]![k]! * distance(c, k)
      expected += totals[c]! * totals[k]! * distance(c, k)
    }
  }
  return 1 - ((total - 1) * observed) / expected
}

/** Kendall's tau-b (Kendall 1945), with ties. NaN where one side ties everything. */
export function kendallTau(a: readonly number[], b: readonly number[]): number {
  let [score, untiedA, untiedB] = [0, 0, 0]
  for (let i = 0; i < a.length; i++) {
    for (let j = i + 1; j < a.length; j++) {
      const [left, right] = [Math.sign(a[i]! - a[j]!), Math.sign(b[i]! - b[j]!)]
      score += left * right
      untiedA += left * left
      untiedB += right * right
    }
  }
  return score / Math.sqrt(untiedA * untiedB)
}

export interface PairwiseAgreement {
  /** Of the comparisons in which neither saw a tie, how many both decided alike. */
  readonly agreement: number
  readonly comparisons: number
  /** Of all comparisons: alike is also where both saw a tie. */
  readonly withTies: number
  readonly allComparisons: number
}

/** Two rankings of the same answers, compared answer by answer; for `rankings[item]`, the ranks that each labeler gave. */
export function pairwiseAgreement(rankings: readonly (readonly (readonly number[])[])[]): PairwiseAgreement {
  let [alike, decided, same, all] = [0, 0, 0, 0]
  for (const labelers of rankings) {
    for (const [m, a] of labelers.entries()) {
      for (const b of labelers.slice(m + 1)) {
        for (let i = 0; i < a.length; i++) {
          for (let j = i + 1; j < a.length; j++) {
            const [left, right] = [Math.sign(a[i]! - a[j]!), Math.sign(b[i]! - b[j]!)]
            all++
            if (left === right) same++
            if (left === 0 || right === 0) continue
            decided++
            if (left === right) alike++
          }
        }
      }
    }
  }
  return { agreement: alike / decided, comparisons: decided, withTies: same / all, allComparisons: all }
}
