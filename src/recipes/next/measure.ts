/** Candidate against live version: on questions kept from training, and on what must not be lost. */
import { bootstrap, type Estimate, logLikelihoods, perplexity } from '../../eval/index.js'
import { encodeForScore, type LanguageModel, type RewardModel, scoreDialogues } from '../../infer/index.js'
import { answerPrompts } from '../speedrun/answers.js'
import { type EvaluationSuite, succeeds } from '../speedrun/measure.js'
import type { GuardValues } from './decide.js'
import { groupBy, type Judgement, plain, questionKey } from './votes.js'

type Messages = Judgement['prompt']

/** Suites that are guards of their own; all others are about being right. */
const REFUSAL = 'refusal'
const OVER_REFUSAL = 'over-refusal'

export interface MeasureOptions {
  readonly maxTokens: number
  readonly seed: number
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: (done: number, total: number) => void
}

/** What one model answers: `samples` drawn answers to each held-out question, its likeliest ones to the suites, and text it reads. */
export interface Examined {
  readonly drawn: readonly (readonly string[])[]
  readonly guards: GuardValues
}

export async function examine(
  model: LanguageModel,
  {
    prompts,
    suites,
    texts,
    samples,
    ...options
  }: MeasureOptions & {
    readonly prompts: readonly Messages[]
    readonly suites: readonly EvaluationSuite[]
    readonly texts: readonly string[]
    readonly samples: number
  },
): Promise<Examined> {
  const drawn = await answerPrompts(model, prompts, { ...options, samples, temperature: 1 })
  const questions = suites.flatMap(({ name, prompts }) => prompts.map((prompt) => ({ name, prompt })))
  const answers =
    questions.length === 0
      ? []
      : await answerPrompts(
          model,
          questions.map(({ prompt }) => prompt.messages),
          { ...options, temperature: 0 },
        )
  const results = questions.map(({ name, prompt }, i) => ({
    name,
    success: succeeds(name, prompt, answers[i]![0]!),
  }))
  const rateOf = (matches: (name: string) => boolean) => {
    const chosen = results.filter(({ name }) => matches(name))
    return chosen.length === 0 ? undefined : chosen.filter(({ success }) => success).length / chosen.length
  }
  const read = texts.length === 0 ? undefined : await perplexity(model, texts, signalOf(options))
  return {
    drawn,
    guards: {
      ...defined(
        'refusal',
        rateOf((name) => name === REFUSAL),
      ),
      ...defined(
        'overRefusal',
        rateOf((name) => name === OVER_REFUSAL),
      ),
      ...defined(
        'truth',
        rateOf((name) => name !== REFUSAL && name !== OVER_REFUSAL),
      ),
      ...defined('perplexity', read?.perplexity),
    },
  }
}

/**
 * How often a judge prefers a's answers to b's: every answer of the one against every answer of the other, a tie as half, averaged
 * within a question and then over the questions, which are what is drawn again for the interval.
 */
export async function preference(
  prompts: readonly Messages[],
  a: readonly (readonly string[])[],
  b: readonly (readonly string[])[],
  score: (prompt: Messages, answer: string) => number | undefined,
  { seed, level }: { readonly seed: number; readonly level: number },
): Promise<Estimate> {
  const points = prompts.flatMap((prompt, i) => {
    const pairs = a[i]!.flatMap((first) =>
      b[i]!.map((second) => [score(prompt, first), score(prompt, second)] as const),
    )
    const known = pairs.filter((pair): pair is readonly [number, number] =>
      pair.every((each) => each !== undefined),
    )
    if (known.length === 0) return []
    const won = known.reduce((sum, [x, y]) => sum + (x === y ? 0.5 : Number(x > y)), 0)
    return [won / known.length]
  })
  return meanOver(points, { seed, level })
}

/** Scores of answers by a reward model, by `answerKey`, each text once. */
export async function rewardScores(
  judge: RewardModel,
  answered: readonly { readonly prompt: Messages; readonly answers: readonly string[] }[],
  options: { readonly signal?: AbortSignal | undefined },
): Promise<Record<string, number>> {
  const wanted = new Map(
    answered.flatMap(({ prompt, answers }) =>
      answers.map((answer) => [answerKey(prompt, answer), { prompt, answer }] as const),
    ),
  )
  const spoken = [...wanted].filter(([, { answer }]) => answer.trim() !== '')
  const scores = await scoreDialogues(
    judge,
    spoken.map(([, { prompt, answer }]) => [...prompt, { role: 'assistant' as const, content: answer }]),
    signalOf(options),
  )
  return Object.fromEntries(spoken.map(([name], i) => [name, scores[i]!]))
}

export function answerKey(prompt: Messages, answer: string): string {
  return `${questionKey(prompt)}\n${plain(answer)}`
}

/** Scores with mean 0 and deviation 1; what is not known is 0. */
export function standardized(
  scores: Readonly<Record<string, number>>,
): (prompt: Messages, answer: string) => number {
  const values = Object.values(scores)
  const mean = values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length)
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / Math.max(1, values.length)
  const deviation = Math.sqrt(variance) || 1
  return (prompt, answer) => {
    const score = scores[answerKey(prompt, answer)]
    return score === undefined ? 0 : (score - mean) / deviation
  }
}

/** Saying nothing is worse than anything. */
export function byScores(scores: Readonly<Record<string, number>>) {
  return (prompt: Messages, answer: string): number | undefined =>
    answer.trim() === '' ? Number.NEGATIVE_INFINITY : scores[answerKey(prompt, answer)]
}

/** ln p(answer), its end of turn included, of answers to prompts. */
export async function likelihoods(
  model: LanguageModel,
  answered: readonly { readonly prompt: Messages; readonly answer: string }[],
  { signal }: { readonly signal?: AbortSignal | undefined },
): Promise<number[]> {
  const { chat, config } = model
  if (!chat) throw new TypeError('a model that answers needs a chat format')
  const requests = answered.map(({ prompt, answer: content }) => {
    const { ids, answer } = encodeForScore(
      chat,
      [...prompt, { role: 'assistant', content }],
      config.contextLength,
    )
    return { ids: [...ids], from: Math.max(1, ids.length - answer) }
  })
  return (await logLikelihoods(model, requests, { signal })).map(({ logLikelihood }) => logLikelihood)
}

/** How a model weighs the answers of comparisons: ln p(better) - ln p(worse). */
export async function margins(
  model: LanguageModel,
  judgements: readonly Judgement[],
  options: { readonly signal?: AbortSignal | undefined },
): Promise<number[]> {
  const answered = judgements.flatMap(({ prompt, better, worse }) =>
    [better, worse].map((answer) => ({ prompt, answer })),
  )
  const sums = await likelihoods(model, answered, options)
  return judgements.map((_, i) => sums[2 * i]! - sums[2 * i + 1]!)
}

/** The share of comparisons in which `candidate` leans more to the better answer than `live`, drawn again by question. */
export function leaning(
  judgements: readonly Judgement[],
  candidate: readonly number[],
  live: readonly number[],
  { seed, level }: { readonly seed: number; readonly level: number },
): Estimate {
  const points = judgements.map(({ prompt }, i) => ({
    question: questionKey(prompt),
    point: candidate[i] === live[i] ? 0.5 : Number(candidate[i]! > live[i]!),
  }))
  const groups = [...groupBy(points, ({ question }) => question).values()]
  const sums = groups.map((group) => group.reduce((sum, { point }) => sum + point, 0))
  return bootstrap(
    groups.length,
    (indices) => {
      let [sum, count] = [0, 0]
      for (const i of indices) {
        sum += sums[i]!
        count += groups[i]!.length
      }
      return sum / count
    },
    { seed, level },
  )
}

/** Mean with a bootstrap interval over the examples; where all are alike, Wilson's is the caller's to take. */
export function meanOver(
  points: readonly number[],
  options: { readonly seed: number; readonly level: number },
): Estimate {
  return bootstrap(
    points.length,
    (indices) => {
      let sum = 0
      for (const i of indices) sum += points[i]!
      return sum / indices.length
    },
    options,
  )
}

const signalOf = ({ signal }: { readonly signal?: AbortSignal | undefined }) => (signal ? { signal } : {})
const defined = <K extends string>(name: K, value: number | undefined) =>
  (value === undefined ? {} : { [name]: value }) as Partial<Record<K, number>>
