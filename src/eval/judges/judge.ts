/** Who answered better: judges, and what follows from their verdicts. */
import type { ChatMessage } from '../../text/chat/index.js'
import { EvaluationError } from '../errors.js'
import { bootstrap, type Estimate, type IntervalOptions } from '../metrics/interval.js'

/** Two answers to one prompt. */
export interface Comparison {
  readonly prompt: readonly ChatMessage[]
  readonly a: string
  readonly b: string
  /** What the judge should know beside the prompt. */
  readonly check?: unknown
}

export interface Judgement {
  /** Undefined: the judge gave no verdict that can be read. */
  readonly winner: 'a' | 'b' | 'tie' | undefined
  readonly scores?: readonly [a: number, b: number]
  readonly reason?: string
}

export interface Judge {
  readonly name: string
  /** One judgement for each comparison, in order. */
  compare(
    comparisons: readonly Comparison[],
    options?: { readonly signal?: AbortSignal | undefined },
  ): Promise<Judgement[]>
}

/** Gives an answer a number: a rubric, a rule. */
export type Scorer = (
  prompt: readonly ChatMessage[],
  answer: string,
  check: unknown,
) => number | Promise<number>

/** Judges by a score: the higher one wins, and scores within `tie` of each other are a tie. NaN is no verdict. */
export function scoreJudge(name: string, score: Scorer, { tie = 0 }: { readonly tie?: number } = {}): Judge {
  return {
    name,
    async compare(comparisons, { signal } = {}) {
      const judgements: Judgement[] = []
      for (const { prompt, a, b, check } of comparisons) {
        signal?.throwIfAborted()
        judgements.push(byScores(await score(prompt, a, check), await score(prompt, b, check), tie))
      }
      return judgements
    },
  }
}

/** Judges by a reward model that scores whole dialogues (the last message is the answer). */
export function rewardJudge(
  name: string,
  score: (dialogues: ChatMessage[][]) => Promise<ArrayLike<number>>,
  { tie = 0 }: { readonly tie?: number } = {},
): Judge {
  return {
    name,
    async compare(comparisons, { signal } = {}) {
      signal?.throwIfAborted()
      const scores = await score(
        comparisons.flatMap(({ prompt, a, b }) =>
          [a, b].map((content) => [...prompt, { role: 'assistant' as const, content }]),
        ),
      )
      return comparisons.map((_, i) => byScores(scores[2 * i]!, scores[2 * i + 1]!, tie))
    },
  }
}

function byScores(a: number, b: number, tie: number): Judgement {
  const known = !Number.isNaN(a - b) || a === b
  const winner = !known ? undefined : Math.abs(a - b) <= tie || a === b ? 'tie' : a > b ? 'a' : 'b'
  return { winner, scores: [a, b] }
}

/** An answer as a model gave it. */
export interface JudgedAnswer {
  readonly prompt: readonly ChatMessage[]
  readonly answer: string
  readonly check?: unknown
}

export interface ComparisonResult {
  readonly judge: string
  readonly wins: number
  readonly ties: number
  readonly losses: number
  /** Comparisons without a verdict; they do not count. */
  readonly unjudged: number
  /** Wins and half of the ties as a share, bootstrapped over prompts. Undefined where nothing was judged. */
  readonly winRate: Estimate | undefined
  readonly judgements: readonly Judgement[]
}

/**
 * Answers of A against those of B to the same prompts, in the same order.
 * @throws EvaluationError `eval/options` where the prompts differ; whatever the judge throws
 */
export async function compare(
  a: readonly JudgedAnswer[],
  b: readonly JudgedAnswer[],
  judge: Judge,
  options: IntervalOptions & { readonly signal?: AbortSignal | undefined },
): Promise<ComparisonResult> {
  if (a.length !== b.length || a.length === 0) {
    throw new EvaluationError(
      'eval/options',
      `a comparison needs answers to the same prompts, not ${a.length} and ${b.length} answers`,
    )
  }
  const comparisons = a.map(({ prompt, answer, check }, i): Comparison => {
    if (JSON.stringify(prompt) !== JSON.stringify(b[i]!.prompt))
      throw new EvaluationError(
        'eval/options',
        `answers ${i} are to different prompts; sort both sides alike`,
      )
    return { prompt, a: answer, b: b[i]!.answer, ...(check === undefined ? {} : { check }) }
  })
  const judgements = await judge.compare(comparisons, options)
  if (judgements.length !== comparisons.length) {
    throw new EvaluationError(
      'eval/judge',
      `the judge ${judge.name} gave ${judgements.length} judgements of ${comparisons.length} comparisons`,
    )
  }
  const count = (winner: Judgement['winner']) => judgements.filter((j) => j.winner === winner).length
  const points = judgements.flatMap((j) => pointsOf(j) ?? [])
  return {
    judge: judge.name,
    wins: count('a'),
    ties: count('tie'),
    losses: count('b'),
    unjudged: count(undefined),
    winRate:
      points.length === 0 ? undefined : bootstrap(points.length, (indices) => mean(indices, points), options),
    judgements,
  }
}

/** What a judgement is worth to A: 1, a half or nothing; undefined without a verdict. */
export function pointsOf({ winner }: Judgement): number | undefined {
  return winner === undefined ? undefined : winner === 'tie' ? 0.5 : winner === 'a' ? 1 : 0
}

function mean(indices: Int32Array, points: readonly number[]): number {
  return indices.reduce((sum, i) => sum + points[i]!, 0) / indices.length
}

export interface WinMatrix {
  readonly judge: string
  readonly stages: readonly string[]
  /** rates[i][j]: how often stage i beats stage j (ties count half); undefined on the diagonal and where nothing was judged. */
  readonly rates: readonly (readonly (Estimate | undefined)[])[]
  readonly unjudged: number
}

/** Every stage's answers against every other's. */
export async function winMatrix(
  answers: Readonly<Record<string, readonly JudgedAnswer[]>>,
  judge: Judge,
  options: IntervalOptions & { readonly signal?: AbortSignal | undefined },
): Promise<WinMatrix> {
  const stages = Object.keys(answers)
  const rates = stages.map(() => stages.map((): Estimate | undefined => undefined))
  let unjudged = 0
  for (let i = 0; i < stages.length; i++) {
    for (let j = i + 1; j < stages.length; j++) {
      const result = await compare(answers[stages[i]!]!, answers[stages[j]!]!, judge, options)
      unjudged += result.unjudged
      const { winRate } = result
      if (winRate === undefined) continue
      rates[i]![j] = winRate
      rates[j]![i] = { ...winRate, value: 1 - winRate.value, low: 1 - winRate.high, high: 1 - winRate.low }
    }
  }
  return { judge: judge.name, stages, rates, unjudged }
}
