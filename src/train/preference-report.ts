/** How well a reward model agrees with preferences that it was not trained on. */
import type { ComparedPrompt } from './comparisons.js'

/** A part of a whole with its 95 % interval. */
export interface Proportion {
  readonly value: number
  readonly low: number
  readonly high: number
  readonly count: number
}

export interface ReliabilityBin {
  /** The model's confidence in the answer that it prefers: 0.5 to 1. */
  readonly from: number
  readonly to: number
  readonly count: number
  /** Mean confidence, and how often the model was right. */
  readonly predicted: number
  readonly observed: number
}

export interface PreferenceReport {
  /** Comparisons with a better answer. Ties, beside them, count in nothing below. */
  readonly comparisons: number
  readonly ties: number
  readonly prompts: number
  readonly accuracy: Proportion
  /** Mean -log P(label), in nats. */
  readonly logLoss: number
  readonly byCategory: Readonly<Record<string, Proportion>>
  readonly calibration: {
    /** Expected calibration error: mean distance between confidence and accuracy. */
    readonly error: number
    readonly bins: readonly ReliabilityBin[]
  }
  /** What preferring by length alone gives. */
  readonly baselines: { readonly longer: Proportion; readonly shorter: Proportion }
  /** Accuracy above the better of those two, on the same comparisons. */
  readonly overLength: { readonly difference: number; readonly low: number; readonly high: number }
}

export interface ReportOptions {
  /** P(better wins) = f + (1 - 2f) sigmoid(scale x difference of scores). Default 1 and 0. */
  readonly scale?: number
  readonly flip?: number
}

interface Judged {
  readonly prompt: number
  readonly category: string | undefined
  readonly probability: number
  /** 1 for right, 0 for wrong, 0.5 where both are judged equal. */
  readonly correct: number
  readonly longer: number
}

/** `scores[i]` are those of the rows of `prompts[i]`. Undefined where no comparison has a better answer. */
export function preferenceReport(
  prompts: readonly ComparedPrompt[],
  scores: readonly ArrayLike<number>[],
  { scale = 1, flip = 0 }: ReportOptions = {},
): PreferenceReport | undefined {
  const judged: Judged[] = []
  let ties = 0
  const groups = new Map<string, number>()
  for (const [i, { key, category, comparisons, lengths }] of prompts.entries()) {
    const prompt = groups.get(key) ?? groups.size
    groups.set(key, prompt)
    for (const { better, worse, tie } of comparisons) {
      if (tie) {
        ties++
        continue
      }
      const difference = scores[i]![better]! - scores[i]![worse]!
      judged.push({
        prompt,
        category,
        probability: flip + (1 - 2 * flip) / (1 + Math.exp(-scale * difference)),
        correct: verdict(difference),
        longer: verdict(lengths[better]! - lengths[worse]!),
      })
    }
  }
  if (judged.length === 0) return undefined
  const accuracy = proportion(judged, ({ correct }) => correct)
  const longer = proportion(judged, (one) => one.longer)
  const shorter = proportion(judged, (one) => 1 - one.longer)
  const byLength = (one: Judged) => (longer.value >= shorter.value ? one.longer : 1 - one.longer)
  const over = clustered(judged, (one) => one.correct - byLength(one))
  const categories = [...new Set(judged.flatMap(({ category }) => category ?? []))].sort()
  return {
    comparisons: judged.length,
    ties,
    prompts: groups.size,
    accuracy,
    logLoss: judged.reduce((sum, { probability }) => sum - Math.log(probability), 0) / judged.length,
    byCategory: Object.fromEntries(
      categories.map((name) => {
        const own = judged.filter(({ category }) => category === name)
        return [name, proportion(own, ({ correct }) => correct)]
      }),
    ),
    calibration: calibration(judged),
    baselines: { longer, shorter },
    overLength: {
      difference: over.mean,
      low: over.mean - Z * over.error,
      high: over.mean + Z * over.error,
    },
  }
}

function verdict(difference: number): number {
  return difference > 0 ? 1 : difference < 0 ? 0 : 0.5
}

const Z = 1.959964

/** A mean with its standard error, where comparisons of one prompt are not independent of each other. */
function clustered(judged: readonly Judged[], value: (one: Judged) => number) {
  const n = judged.length
  const mean = judged.reduce((sum, one) => sum + value(one), 0) / n
  const residuals = new Map<number, number>()
  for (const one of judged) residuals.set(one.prompt, (residuals.get(one.prompt) ?? 0) + value(one) - mean)
  const squares = [...residuals.values()].reduce((sum, r) => sum + r * r, 0)
  const groups = residuals.size
  const error =
    groups > 1 ? Math.sqrt((squares / n ** 2) * (groups / (groups - 1))) : Number.POSITIVE_INFINITY
  return { mean, error, groups }
}

/**
 * Wilson's interval (1927) for as many independent comparisons as tell the same as these: fewer than there are, where a prompt
 * has several.
 */
function proportion(judged: readonly Judged[], value: (one: Judged) => number): Proportion {
  const { mean: p, error, groups } = clustered(judged, value)
  const count = judged.length
  const spread = p * (1 - p)
  const n = spread > 0 && error > 0 ? Math.min(count, spread / error ** 2) : groups
  if (!(n > 0)) return { value: p, low: 0, high: 1, count }
  const centre = (p + Z ** 2 / (2 * n)) / (1 + Z ** 2 / n)
  const half = (Z * Math.sqrt(spread / n + Z ** 2 / (4 * n ** 2))) / (1 + Z ** 2 / n)
  return { value: p, low: Math.max(0, centre - half), high: Math.min(1, centre + half), count }
}

const BINS = 10

function calibration(judged: readonly Judged[]): PreferenceReport['calibration'] {
  const bins = Array.from({ length: BINS }, () => ({ count: 0, predicted: 0, observed: 0 }))
  for (const { probability, correct } of judged) {
    const confidence = Math.max(probability, 1 - probability)
    const bin = bins[Math.min(BINS - 1, Math.floor((confidence - 0.5) * 2 * BINS))]!
    bin.count++
    bin.predicted += confidence
    bin.observed += correct
  }
  const error = bins.reduce((sum, bin) => sum + Math.abs(bin.predicted - bin.observed), 0) / judged.length
  const filled = bins.flatMap(({ count, predicted, observed }, i) =>
    count === 0
      ? []
      : [
          {
            from: 0.5 + i / (2 * BINS),
            to: 0.5 + (i + 1) / (2 * BINS),
            count,
            predicted: predicted / count,
            observed: observed / count,
          },
        ],
  )
  return { error, bins: filled }
}
