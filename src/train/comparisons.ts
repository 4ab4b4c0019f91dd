/** Rankings as a reward model is trained on them: each answer once as tokens, and which of two is the better. */
import { encodeForScore } from '../infer/index.js'
import { Rng } from '../rng.js'
import type { ChatFormat, ChatMessage } from '../text/index.js'
import { TrainError } from './errors.js'

/** Answers to one prompt as a labeler ranked them; a pair is a ranking of two. */
export interface RankedPrompt {
  readonly prompt: readonly ChatMessage[]
  readonly answers: readonly string[]
  /** 1 is best; equal numbers are ties. As long as `answers`. */
  readonly ranks: readonly number[]
  /** By how much the better of two answers is better, in units of reward; for pairs. */
  readonly margin?: number | undefined
  readonly category?: string | undefined
}

/** Two answers by their places in `rows`. In a tie the order means nothing. */
export interface Comparison {
  readonly better: number
  readonly worse: number
  readonly tie: boolean
  readonly margin: number
}

export interface ComparedPrompt {
  /** The same for the same prompt. */
  readonly key: string
  readonly category: string | undefined
  /** Tokens of prompt and answer; the score is read at the last. */
  readonly rows: readonly Int32Array[]
  /** Characters of each answer. */
  readonly lengths: readonly number[]
  /** The row of an answer that none is better than. */
  readonly best: number
  readonly comparisons: readonly Comparison[]
  /** Comparisons left out because both answers are the same. */
  readonly identical: number
  /** Answers before which earlier turns were left out, or whose own beginning was. */
  readonly cut: number
  /** Those among them that fill the context: nothing is left of the prompt, nor of the beginning of a longer one. */
  readonly tooLong: number
}

export interface ComparisonCounts {
  readonly prompts: number
  readonly answers: number
  /** Comparisons with a better answer, and those without. */
  readonly comparisons: number
  readonly ties: number
  readonly identical: number
  readonly cut: number
  readonly tooLong: number
}

/** All K(K - 1)/2 comparisons of a ranking, except of answers that are the same to the model. */
export function comparePrompt(
  { prompt, answers, ranks, margin = 0, category }: RankedPrompt,
  chat: ChatFormat,
  contextLength: number,
): ComparedPrompt {
  const encoded = answers.map((content) =>
    encodeForScore(chat, [...prompt, { role: 'assistant', content }], contextLength),
  )
  const rows = encoded.map(({ ids }) => ids)
  const comparisons: Comparison[] = []
  let identical = 0
  for (let i = 0; i < answers.length; i++) {
    for (let j = i + 1; j < answers.length; j++) {
      if (equal(rows[i]!, rows[j]!)) {
        identical++
        continue
      }
      const tie = ranks[i] === ranks[j]
      const [better, worse] = ranks[i]! <= ranks[j]! ? [i, j] : [j, i]
      comparisons.push({ better, worse, tie, margin: tie ? 0 : margin })
    }
  }
  return {
    key: promptKey(prompt),
    category,
    rows,
    lengths: answers.map((answer) => answer.length),
    best: ranks.indexOf(Math.min(...ranks)),
    comparisons,
    identical,
    cut: encoded.filter(({ cut }) => cut).length,
    tooLong: encoded.filter(({ ids, answer, cut }) => cut && answer === ids.length).length,
  }
}

/** The same for the same prompt, and only for it. */
export function promptKey(prompt: readonly ChatMessage[]): string {
  return JSON.stringify(prompt.map(({ role, content }) => [role, content]))
}

export function countComparisons(prompts: readonly ComparedPrompt[]): ComparisonCounts {
  const total = (of: (prompt: ComparedPrompt) => number) => prompts.reduce((sum, one) => sum + of(one), 0)
  const ties = total(({ comparisons }) => comparisons.filter(({ tie }) => tie).length)
  return {
    prompts: prompts.length,
    answers: total(({ rows }) => rows.length),
    comparisons: total(({ comparisons }) => comparisons.length) - ties,
    ties,
    identical: total(({ identical }) => identical),
    cut: total(({ cut }) => cut),
    tooLong: total(({ tooLong }) => tooLong),
  }
}

/** @throws TrainError where nothing is preferred to anything */
export function checkPreferences(prompts: readonly ComparedPrompt[]): void {
  const { comparisons, ties, identical, answers, tooLong } = countComparisons(prompts)
  if (comparisons > 0) return
  const found =
    ties + identical === 0
      ? 'they hold no comparison at all'
      : `${ties} comparisons are ties, and ${identical} are of identical answers`
  if (identical > 0 && tooLong > 0) {
    throw new TrainError(
      'data',
      `there is nothing to learn from these preferences: ${tooLong} of ${answers} answers fill the context, and as far as it shows them no answer is better than another (${found}); raise contextLength`,
    )
  }
  throw new TrainError(
    'data',
    `there is nothing to learn from these preferences: no answer is better than another (${found}); bring pairs of a chosen and a rejected answer, or rankings whose ranks differ`,
  )
}

/** Prompts for training and prompts kept from it; the same prompt is never in both. */
export function splitByPrompt<P extends { readonly key: string }>(
  prompts: readonly P[],
  heldOutFraction: number,
  seed: number,
): { train: P[]; heldOut: P[] } {
  const keys = [...new Set(prompts.map(({ key }) => key))]
  const shuffled = Rng.seed(seed).fork('held-out').shuffle(keys)
  const kept = new Set(shuffled.slice(0, Math.floor(keys.length * heldOutFraction)))
  return {
    train: prompts.filter(({ key }) => !kept.has(key)),
    heldOut: prompts.filter(({ key }) => kept.has(key)),
  }
}

/**
 * The batches of an epoch: whole prompts, up to `maxRows` answers each, in random order but with answers of like length
 * together, so that little is padding.
 */
export function comparisonBatches<P extends { readonly rows: readonly Int32Array[] }>(
  prompts: readonly P[],
  maxRows: number,
  rng: Rng,
): P[][] {
  const longest = (prompt: P) => Math.max(...prompt.rows.map(({ length }) => length))
  const shuffled = rng.fork('order').shuffle([...prompts])
  const pool = 16 * maxRows
  const batches: P[][] = []
  let rows = 0
  const group: P[] = []
  const flush = () => {
    group.sort((a, b) => longest(a) - longest(b))
    let used = Number.POSITIVE_INFINITY
    for (const prompt of group.splice(0)) {
      if (used + prompt.rows.length > maxRows) {
        batches.push([])
        used = 0
      }
      batches.at(-1)!.push(prompt)
      used += prompt.rows.length
    }
    rows = 0
  }
  for (const prompt of shuffled) {
    group.push(prompt)
    rows += prompt.rows.length
    if (rows >= pool) flush()
  }
  flush()
  return rng.fork('batches').shuffle(batches)
}

/** Lengths that rows are padded to: each is a program to compile, with memory of its own. */
const BUCKETS = 4

/** The length to pad a batch to, by its longest row: one of a few that divide the data into equal parts. */
export function lengthBuckets(
  prompts: readonly { readonly rows: readonly Int32Array[] }[],
  contextLength: number,
): (longest: number) => number {
  const lengths = prompts
    .map(({ rows }) => Math.max(...rows.map(({ length }) => length)))
    .sort((a, b) => a - b)
  const edges = Array.from({ length: BUCKETS }, (_, i) => {
    const length = lengths[Math.ceil(((i + 1) * lengths.length) / BUCKETS) - 1]!
    return Math.min(contextLength, 8 * Math.ceil(length / 8))
  })
  return (longest) => edges.find((edge) => edge >= longest) ?? contextLength
}

function equal(a: Int32Array, b: Int32Array): boolean {
  return a.length === b.length && a.every((id, i) => id === b[i])
}
