/** Counts of gold against predicted labels, and what is made of them. */

/** Per label: how often it was right, predicted wrongly, and missed. */
interface LabelCounts {
  hit: number
  wrong: number
  missed: number
}

export interface ClassificationScores {
  readonly accuracy: number
  /** Mean of the labels' F1; labels that occur neither in gold nor in the predictions do not count (as scikit-learn). */
  readonly macroF1: number
  /** F1 of all decisions together; equals accuracy where every example got a label. */
  readonly microF1: number
  /** Matthews correlation, for two labels or more (Gorodkin 2004). 0 where it is undefined. */
  readonly matthews: number
}

/**
 * Scores of single-label classification. A prediction of `undefined` (an answer that names no label) is a miss for the gold
 * label and a false alarm for none.
 */
export function classificationScores(
  gold: readonly string[],
  predicted: readonly (string | undefined)[],
): ClassificationScores {
  const counts = new Map<string, LabelCounts>()
  const of = (label: string) => {
    const known = counts.get(label) ?? { hit: 0, wrong: 0, missed: 0 }
    counts.set(label, known)
    return known
  }
  gold.forEach((label, i) => {
    const guess = predicted[i]
    if (guess === label) of(label).hit++
    else {
      of(label).missed++
      if (guess !== undefined) of(guess).wrong++
    }
  })
  const all = [...counts.values()]
  const total = all.reduce(
    (sum, c) => ({ hit: sum.hit + c.hit, wrong: sum.wrong + c.wrong, missed: sum.missed + c.missed }),
    { hit: 0, wrong: 0, missed: 0 },
  )
  return {
    accuracy: total.hit / gold.length,
    macroF1: all.reduce((sum, c) => sum + f1Of(c), 0) / all.length,
    microF1: f1Of(total),
    matthews: matthews(gold, predicted),
  }
}

function f1Of({ hit, wrong, missed }: LabelCounts): number {
  const denominator = 2 * hit + wrong + missed
  return denominator === 0 ? 0 : (2 * hit) / denominator
}

/** Gorodkin's R_K: the correlation of the two one-hot codings. */
export function matthews(gold: readonly string[], predicted: readonly (string | undefined)[]): number {
  const n = gold.length
  const tally = (labels: readonly (string | undefined)[]) => {
    const counts = new Map<string | undefined, number>()
    for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1)
    return counts
  }
  const [truth, guesses] = [tally(gold), tally(predicted)]
  const squares = (counts: Map<unknown, number>) => [...counts.values()].reduce((sum, c) => sum + c * c, 0)
  const hits = gold.reduce((sum, label, i) => sum + (predicted[i] === label ? 1 : 0), 0)
  const cross = [...truth].reduce((sum, [label, count]) => sum + count * (guesses.get(label) ?? 0), 0)
  const spread = Math.sqrt((n * n - squares(truth)) * (n * n - squares(guesses)))
  return spread === 0 ? 0 : (hits * n - cross) / spread
}

/**
 * Expected calibration error (Naeini et al. 2015): how far confidence and accuracy lie apart, over equally wide bins of
 * confidence (low, high], weighted by their size.
 */
export function expectedCalibrationError(
  confidence: readonly number[],
  correct: readonly (boolean | number)[],
  bins = 10,
): number {
  const groups = Array.from({ length: bins }, () => ({ confidence: 0, correct: 0 }))
  confidence.forEach((value, i) => {
    const group = groups[Math.min(bins - 1, Math.max(0, Math.ceil(value * bins) - 1))]!
    group.confidence += value
    group.correct += Number(correct[i])
  })
  return (
    groups.reduce((sum, group) => sum + Math.abs(group.confidence - group.correct), 0) / confidence.length
  )
}
