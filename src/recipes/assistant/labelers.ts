/**
 * Simulated people who rank answers: the rubric, tastes of their own, and noise. Nobody ranked anything; every ranking names
 * its labeler `simulated-<n>`.
 *
 * The noise is Gumbel's, added to utilities: the ranking that results is Plackett and Luce's, and of two answers the first is
 * preferred with probability sigmoid((u1 - u2) / noise), the model that a reward model is trained under (Bradley and Terry).
 */
import { DataError } from '../../data/index.js'
import { Rng } from '../../rng.js'
import { hashText } from './invented.js'
import { type JudgedPrompt, judge, RUBRIC_WEIGHTS, type Rubric, type RubricWeights, weigh } from './rubric.js'

export interface LabelerOptions {
  /** Which of the simulated people. */
  readonly number: number
  readonly seed: number
  /** Scale of the Gumbel noise, in units of the rubric's score; see `calibrateNoise`. */
  readonly noise: number
  /** How much this one's weights differ from the rubric's: standard deviation of their logarithm. Default 0.25. */
  readonly taste?: number
  /** Utilities closer than this times the noise are a tie. Default 0.2. */
  readonly indifference?: number
}

export interface Labeler {
  /** `simulated-3`. */
  readonly id: string
  readonly noise: number
  readonly indifference: number
  /** What an answer is worth to this one, without noise. */
  utility(rubric: Rubric): number
  /** Ranks of the answers, 1 the best, equal where they tie. The same answer always gets the same rank. */
  rank(prompt: JudgedPrompt, answers: readonly string[]): number[]
}

export function createLabeler(options: LabelerOptions): Labeler {
  const { number, seed, noise, taste = 0.25, indifference = 0.2 } = options
  const id = `simulated-${number}`
  const rng = Rng.seed(seed).fork(id)
  const tastes = rng.fork('taste')
  const weights = Object.fromEntries(
    Object.entries(RUBRIC_WEIGHTS).map(([name, weight]) => [
      name,
      weight * Math.exp(taste * tastes.normal()),
    ]),
  ) as RubricWeights
  const utility = (rubric: Rubric) => weigh(rubric, weights)
  return {
    id,
    noise,
    indifference,
    utility,
    rank: (prompt, answers) => {
      const key = prompt.messages.map(({ content }) => content).join('\n')
      const felt = answers.map((answer) => {
        // Drawn from the texts, so that an answer that comes twice is liked as much both times.
        const draw = rng.fork(hashText(key)).fork(hashText(answer))
        return utility(judge(prompt, answer)) + noise * gumbel(draw)
      })
      return ranksOf(felt, indifference * noise)
    },
  }
}

function gumbel(rng: Rng): number {
  return -Math.log(-Math.log(rng.uniform() || Number.MIN_VALUE))
}

/** Ranks of utilities, 1 the highest; what lies within `width` of the head of a group ties with it. */
export function ranksOf(utilities: readonly number[], width: number): number[] {
  const order = utilities.map((_, index) => index).sort((a, b) => utilities[b]! - utilities[a]!)
  const ranks = new Array<number>(utilities.length).fill(1)
  let [rank, head] = [1, utilities[order[0] ?? 0] ?? 0]
  for (const index of order) {
    if (head - utilities[index]! > width) {
      rank++
      head = utilities[index]!
    }
    ranks[index] = rank
  }
  return ranks
}

export interface RankingRecord {
  readonly id?: string
  readonly category?: string
  readonly prompt: JudgedPrompt['messages']
  readonly answers: readonly string[]
  readonly ranks: readonly number[]
  /** Who ranked: `simulated-<n>`, never a person. */
  readonly labeler: string
  readonly check: unknown
}

/** One ranking in the form of the reward stage's data. */
export function rankAnswers(
  labeler: Labeler,
  prompt: JudgedPrompt & { readonly id?: string; readonly category?: string },
  answers: readonly string[],
): RankingRecord {
  return {
    ...(prompt.id === undefined ? {} : { id: prompt.id }),
    ...(prompt.category === undefined ? {} : { category: prompt.category }),
    prompt: prompt.messages,
    answers,
    ranks: labeler.rank(prompt, answers),
    labeler: labeler.id,
    check: prompt.check,
  }
}

export interface AnswerSample {
  readonly prompt: JudgedPrompt
  readonly answers: readonly string[]
}

export interface Calibration {
  readonly noise: number
  /** How often two labelers agree on a pair that neither holds for a tie. */
  readonly agreement: number
  /**
   * The best accuracy that any predictor can reach against such labels: the expectation of max(p, 1 - p), p being the
   * probability that a labeler prefers the first of the pair.
   */
  readonly ceiling: number
}

/** How many simulated people a calibration looks at. */
const PANEL = 8

/**
 * Finds the noise at which two labelers agree as often as people do (InstructGPT's: 72.6 %). Where even without noise they agree
 * less often, since many answers are equally good, the noise is next to nothing and `agreement` says what there is.
 *
 * @param samples the answers that will be ranked, or some like them; two at least for each prompt
 */
export function calibrateNoise(
  samples: readonly AnswerSample[],
  options: { seed: number; agreement?: number; taste?: number; indifference?: number },
): Calibration {
  const { agreement = 0.73, ...shared } = options
  const pairs = utilityPairs(samples, shared)
  if (pairs.length === 0) {
    throw new DataError('data-too-small', 'calibrateNoise needs prompts with two different answers each')
  }
  const indifference = options.indifference ?? 0.2
  let [low, high] = [1e-4, 10]
  for (let step = 0; step < 50; step++) {
    const middle = Math.sqrt(low * high)
    if (measure(pairs, middle, indifference).agreement > agreement) low = middle
    else high = middle
  }
  return measure(pairs, low, indifference)
}

/** Agreement and ceiling at a given noise. */
export function noiseCeiling(
  samples: readonly AnswerSample[],
  options: { seed: number; noise: number; taste?: number; indifference?: number },
): Calibration {
  return measure(utilityPairs(samples, options), options.noise, options.indifference ?? 0.2)
}

/** For each pair of different answers: by how much each of the panel holds the first for better. */
function utilityPairs(
  samples: readonly AnswerSample[],
  options: { seed: number; taste?: number },
): Float64Array[] {
  const panel = Array.from({ length: PANEL }, (_, number) => createLabeler({ ...options, number, noise: 0 }))
  return samples.flatMap(({ prompt, answers }) => {
    const different = [...new Set(answers)].map((answer) => judge(prompt, answer))
    const utilities = different.map((rubric) => panel.map((labeler) => labeler.utility(rubric)))
    return utilities.flatMap((first, i) =>
      utilities.slice(i + 1).map((second) => Float64Array.from(first, (value, k) => value - second[k]!)),
    )
  })
}

/** In closed form: the difference of two Gumbel variables is logistic. */
function measure(pairs: readonly Float64Array[], noise: number, indifference: number): Calibration {
  let [agreeing, decided, best, labels] = [0, 0, 0, 0]
  for (const differences of pairs) {
    const first = [...differences].map((d) => logistic(d / noise - indifference))
    const second = [...differences].map((d) => logistic(-d / noise - indifference))
    const [sumFirst, sumSecond] = [first, second].map((list) => list.reduce((sum, p) => sum + p, 0)) as [
      number,
      number,
    ]
    best += Math.max(sumFirst, sumSecond)
    labels += sumFirst + sumSecond
    for (let i = 0; i < first.length; i++) {
      for (let j = 0; j < i; j++) {
        agreeing += first[i]! * first[j]! + second[i]! * second[j]!
        decided += (first[i]! + second[i]!) * (first[j]! + second[j]!)
      }
    }
  }
  return { noise, agreement: agreeing / decided, ceiling: best / labels }
}

function logistic(x: number): number {
  return 1 / (1 + Math.exp(-x))
}
