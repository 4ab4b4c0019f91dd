/**
 * Who can be believed, found out from the votes themselves: Crowd-BT (Chen et al. 2013, "Pairwise ranking aggregation in a
 * crowdsourced setting"). A person k tells what they see with probability eta_k and the opposite otherwise, so that
 *
 *     P(k says a > b) = eta_k sigmoid(s(a) - s(b)) + (1 - eta_k) sigmoid(s(b) - s(a)).
 *
 * Few people judge the same two answers, so s is no table but a linear function of what the last reward model thinks of an answer, of
 * its words, pairs of words and length.
 * Scores and reliabilities are estimated in turns, and the scores that a person is measured by come from other people only.
 */
import { Rng } from '../../rng.js'
import { pairKey } from './judgements.js'
import type { CleaningSettings } from './settings.js'
import { type Drop, groupBy, type Judgement, plain, questionKey, wordsOf } from './votes.js'

export interface Reliability {
  readonly person: string
  /** Judgements of the model's own answers that it was measured on. */
  readonly judgements: number
  /** Of those, the share that the others' scores agree with. */
  readonly agreement: number
  /** The probability that the person says what they see, by maximum a posteriori. */
  readonly eta: number
  /** How much of what they say is taken: 1 all, 0 nothing. */
  readonly weight: number
}

/** Beta prior of a reliability: a person of whom little is known is believed. */
const PRIOR = { honest: 8, other: 2 } as const
const FOLDS = 5
const ROUNDS = 3
/** Judgements that a word must be in before it counts. */
const RARE = 6

/**
 * The reliability of everybody who judged anything. A correction is no evidence, for or against: it always holds itself for better,
 * and nobody else has seen it.
 */
export function measureReliability(
  judgements: readonly Judgement[],
  seed: number,
  known: AnswerScore = () => 0,
): Map<string, Reliability> {
  const evidence = judgements.filter(({ kind }) => kind !== 'correction')
  const people = [...new Set(judgements.flatMap(({ people }) => people))].sort()
  const features = featureTable(evidence, known)
  const rng = Rng.seed(seed).fork('reliability')
  const folds = new Map(
    rng
      .fork('folds')
      .shuffle([...people])
      .map((person, i) => [person, i % FOLDS]),
  )
  const etas = new Map(people.map((person) => [person, priorMean()]))
  const own = new Map<string, number[]>(people.map((person) => [person, []]))
  evidence.forEach(({ people }, i) => {
    for (const person of people) own.get(person)!.push(i)
  })
  // Where there is nobody else to agree with, nothing speaks for or against.
  const agreed = new Float64Array(evidence.length).fill(0.5)
  for (let round = 0; round < ROUNDS; round++) {
    const trusted = evidence.map(({ people }) => trust(people.map((person) => etas.get(person)!)))
    const differences = new Float64Array(evidence.length)
    for (let fold = 0; fold < FOLDS; fold++) {
      const isOwn = ({ people }: Judgement) => people.some((person) => folds.get(person) === fold)
      const others = evidence.flatMap((judgement, i) => (isOwn(judgement) ? [] : [i]))
      if (others.length === 0) continue
      const weights = others.map((i) => trusted[i]!)
      const score = fitScores(features, others, weights, rng.fork(round).fork(fold))
      evidence.forEach((judgement, i) => {
        if (isOwn(judgement)) differences[i] = score(i)
      })
    }
    // What the scores are worth for people they do not come from: next to nothing, where they say nothing.
    const scale = fitScale(differences, trusted)
    differences.forEach((difference, i) => {
      agreed[i] = sigmoid(scale * difference)
    })
    for (const person of people) etas.set(person, mapEta(own.get(person)!.map((i) => agreed[i]!)))
  }
  const sorted = [...etas.values()].sort((a, b) => a - b)
  const usual = Math.max(0.6, sorted[Math.floor(sorted.length / 2)] ?? 1)
  return new Map(
    people.map((person) => {
      const seen = own.get(person)!.map((i) => agreed[i]!)
      const eta = etas.get(person)!
      const agreement =
        seen.reduce((sum, p) => sum + (p === 0.5 ? 0.5 : Number(p > 0.5)), 0) / Math.max(1, seen.length)
      // What a vote of theirs tells, compared with one of a usual person.
      const weight = Math.min(1, Math.max(0, (2 * eta - 1) / (2 * usual - 1)))
      return [person, { person, judgements: seen.length, agreement, eta, weight }]
    }),
  )
}

export interface Settled {
  readonly judgements: readonly Judgement[]
  readonly drops: readonly Drop[]
}

/** Takes out what a person contradicts themselves; then who is not believed, wholly or in part; then what the majority denies. */
export function settle(
  judgements: readonly Judgement[],
  reliability: ReadonlyMap<string, Reliability>,
  settings: CleaningSettings,
  seed: number,
): Settled {
  const drops: Drop[] = []
  const drop = (list: readonly Judgement[], reason: Drop['reason']) => {
    const seen = new Set<string>()
    for (const { votes, people } of list) {
      for (const id of votes) {
        if (seen.has(id)) continue
        seen.add(id)
        drops.push({ id, person: people[0]!, reason })
      }
    }
  }
  const apart = (
    list: readonly Judgement[],
    objects: (judgement: Judgement) => boolean,
    reason: Drop['reason'],
  ) => {
    drop(list.filter(objects), reason)
    return list.filter((judgement) => !objects(judgement))
  }
  const twoMinds = contradictions(judgements)
  let left = apart(judgements, (judgement) => twoMinds.has(judgement), 'contradicts-itself')
  const weight = (judgement: Judgement) =>
    Math.min(...judgement.people.map((person) => reliability.get(person)?.weight ?? 1))
  if (settings.reliability) {
    const rng = Rng.seed(seed).fork('thin')
    left = apart(left, (judgement) => weight(judgement) === 0, 'unreliable')
    // By what was said: the same feedback makes the same version, whatever names the store gives it.
    const isThinned = (judgement: Judgement) =>
      rng.fork(`${judgement.people.join('\n')}\n${questionKey(judgement.prompt)}`).uniform() >=
      weight(judgement)
    left = apart(left, isThinned, 'down-weighted')
  }
  const lost = minority(left, (judgement) => (settings.reliability ? weight(judgement) : 1))
  left = apart(left, (judgement) => lost.has(judgement), 'outvoted')
  return { judgements: left, drops }
}

/** Pairs of which one person said both: neither is believed. */
function contradictions(judgements: readonly Judgement[]): Set<Judgement> {
  const found = new Set<Judgement>()
  const single = judgements.filter(({ people }) => people.length === 1)
  for (const same of groupBy(
    single,
    (judgement) => `${judgement.people[0]}\n${pairKey(judgement)}`,
  ).values()) {
    if (new Set(same.map(({ better }) => plain(better))).size > 1) for (const one of same) found.add(one)
  }
  return found
}

/** What the majority, counted by weight and each person once, says the opposite of; all of it where the sides are equal. */
function minority(
  judgements: readonly Judgement[],
  weight: (judgement: Judgement) => number,
): Set<Judgement> {
  const found = new Set<Judgement>()
  for (const same of groupBy(judgements, pairKey).values()) {
    const sides = [...groupBy(same, ({ better }) => plain(better)).values()]
    if (sides.length < 2) continue
    const strength = sides.map((side) => {
      const people = new Map(
        side.flatMap((one) => one.people.map((person) => [person, weight(one)] as const)),
      )
      return [...people.values()].reduce((sum, each) => sum + each, 0)
    })
    const most = Math.max(...strength)
    const undecided = strength.filter((each) => each > most - 1e-9).length > 1
    sides.forEach((side, i) => {
      if (undecided || strength[i]! < most) for (const one of side) found.add(one)
    })
  }
  return found
}

// ---- scores ----

/** What is known of an answer before anybody votes: the last reward model's score. */
export type AnswerScore = (prompt: Judgement['prompt'], answer: string) => number

/** The difference of two answers' features: places and values. */
interface Difference {
  readonly at: Int32Array
  readonly by: Float64Array
}

interface FeatureTable {
  readonly size: number
  readonly rows: readonly Difference[]
}

/** Words, pairs of neighbouring words, length, what is known already, and the answer itself where several people saw it. */
function featureTable(judgements: readonly Judgement[], known: AnswerScore): FeatureTable {
  const places = new Map<string, number>()
  const place = (name: string) => {
    const known = places.get(name) ?? places.size
    places.set(name, known)
    return known
  }
  const features = (prompt: Judgement['prompt'], answer: string) => {
    const words = wordsOf(answer)
    const names = new Set([
      ...words.map((word) => `1 ${word}`),
      ...words.slice(1).map((word, i) => `2 ${words[i]} ${word}`),
    ])
    // So that long answers do not weigh more for their length, which has a feature of its own.
    const share = 1 / Math.sqrt(Math.max(4, names.size))
    const found = new Map([...names].map((name) => [place(name), share] as const))
    found.set(place('length'), Math.log(1 + words.length))
    found.set(place('known'), known(prompt, answer))
    found.set(place(`= ${questionKey(prompt)} ${plain(answer)}`), 1)
    return found
  }
  const differences = judgements.map(({ prompt, better, worse }) => {
    const difference = features(prompt, better)
    for (const [at, by] of features(prompt, worse)) difference.set(at, (difference.get(at) ?? 0) - by)
    return [...difference].filter(([, by]) => by !== 0)
  })
  // What is in few judgements can only be learnt by heart.
  const seen = new Int32Array(places.size)
  for (const [at] of differences.flat()) seen[at]!++
  const rows = differences.map((difference) => {
    const kept = difference.filter(([at]) => seen[at]! >= RARE)
    return { at: Int32Array.from(kept, ([at]) => at), by: Float64Array.from(kept, ([, by]) => by) }
  })
  return { size: places.size, rows }
}

/** Logistic regression by AdaGrad with a little decay; gives s(better) - s(worse) of a judgement. */
function fitScores(
  { size, rows }: FeatureTable,
  chosen: readonly number[],
  weights: readonly number[],
  rng: Rng,
): (row: number) => number {
  const w = new Float64Array(size)
  const squares = new Float64Array(size).fill(1e-8)
  const score = (row: number) => {
    const { at, by } = rows[row]!
    let total = 0
    for (let i = 0; i < at.length; i++) total += w[at[i]!]! * by[i]!
    return total
  }
  const [rate, decay] = [0.2, 1e-3]
  for (let epoch = 0; epoch < 12; epoch++) {
    for (const k of rng.fork(epoch).shuffle([...chosen.keys()])) {
      const { at, by } = rows[chosen[k]!]!
      const slope = weights[k]! * sigmoid(-score(chosen[k]!))
      for (let i = 0; i < at.length; i++) {
        const place = at[i]!
        const g = -slope * by[i]! + decay * w[place]!
        squares[place]! += g * g
        w[place]! -= (rate * g) / Math.sqrt(squares[place]!)
      }
    }
  }
  return score
}

/** The factor, 0 to 1, that makes differences of scores the log-odds of what was said: the likeliest, by golden section. */
function fitScale(differences: Float64Array, weights: readonly number[]): number {
  const loss = (scale: number) =>
    differences.reduce(
      (sum, difference, i) => sum + weights[i]! * Math.log1p(Math.exp(-scale * difference)),
      0,
    )
  const ratio = (Math.sqrt(5) - 1) / 2
  let [low, high] = [0, 1]
  for (let step = 0; step < 30; step++) {
    const [left, right] = [high - ratio * (high - low), low + ratio * (high - low)]
    if (loss(left) < loss(right)) high = right
    else low = left
  }
  return (low + high) / 2
}

/** The likeliest eta under the prior, given the probabilities that the others' scores give to what the person said. */
function mapEta(agreed: readonly number[]): number {
  let eta = priorMean()
  for (let i = 0; i < 50; i++) {
    const honest = agreed.reduce((sum, p) => sum + (eta * p) / (eta * p + (1 - eta) * (1 - p)), 0)
    eta = (honest + PRIOR.honest - 1) / (agreed.length + PRIOR.honest + PRIOR.other - 2)
  }
  return eta
}

const priorMean = () => PRIOR.honest / (PRIOR.honest + PRIOR.other)
const trust = (etas: readonly number[]) => Math.max(0, 2 * Math.min(...etas) - 1)
const sigmoid = (x: number) => 1 / (1 + Math.exp(-x))
