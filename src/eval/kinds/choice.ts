import { logLikelihoods } from '../likelihood.js'
import { expectedCalibrationError } from '../metrics/classification.js'
import { bootstrap } from '../metrics/interval.js'
import { answersTo, askFor } from '../prompting.js'
import { type ExampleResult, type Measured, meanScores } from '../result.js'
import type { ChoiceTask } from '../task.js'
import { idOf, type RunContext } from './context.js'

export interface ChoiceScore {
  /** ln p of each choice. */
  readonly logLikelihoods: readonly number[]
  readonly tokens: readonly number[]
  readonly bytes: readonly number[]
}

/** ln p of the choices of each question. */
export async function scoreChoices<E>(
  context: RunContext,
  task: Parameters<typeof askFor<E>>[1],
  examples: readonly E[],
  choicesOf: (example: E) => readonly string[],
): Promise<{ scores: ChoiceScore[]; prompts: string[]; truncated: number }> {
  const prompts = examples.map((example) => askFor(context, task, example, context.shotsFor(example)))
  const choices = examples.map(choicesOf)
  const groups = prompts.map((prompt, i) => answersTo(prompt, choices[i]!))
  const found = await logLikelihoods(context.model, groups.flat(), context)
  let at = 0
  const parts = groups.map(({ length }) => {
    at += length
    return found.slice(at - length, at)
  })
  return {
    scores: parts.map((part, i) => ({
      logLikelihoods: part.map(({ logLikelihood }) => logLikelihood),
      tokens: part.map(({ tokens }) => tokens),
      bytes: choices[i]!.map((choice) => Math.max(1, Buffer.byteLength(choice))),
    })),
    prompts: prompts.map(({ text }) => text),
    truncated: parts.filter((part) => part.some(({ dropped }) => dropped > 0)).length,
  }
}

/** e^x over its sum. */
export function softmax(values: readonly number[]): number[] {
  const top = Math.max(...values)
  const raised = values.map((value) => Math.exp(value - top))
  const total = raised.reduce((sum, value) => sum + value, 0)
  return raised.map((value) => value / total)
}

/** Where the largest value stands; the first of equals. */
export function argmaxOf(values: readonly number[]): number {
  return values.reduce((best, value, i) => (value > values[best]! ? i : best), 0)
}

export async function runChoice<E>(
  context: RunContext,
  task: ChoiceTask<E>,
  examples: readonly E[],
): Promise<Measured> {
  const { scores, prompts, truncated } = await scoreChoices(context, task, examples, (e) => task.choices(e))
  const confidence: number[] = []
  const rows = examples.map((example, i): ExampleResult => {
    const { logLikelihoods: values, tokens, bytes } = scores[i]!
    const gold = task.gold(example)
    const choices = task.choices(example)
    const right = (by: readonly number[]) => (gold.includes(argmaxOf(by)) ? 1 : 0)
    const shares = softmax(values)
    confidence.push(Math.max(...shares))
    return {
      id: idOf(task, example, i),
      prompt: prompts[i]!,
      answer: choices[argmaxOf(values)]!,
      expected: gold.map((index) => choices[index]!).join(' | '),
      scores: {
        accuracy: right(values),
        accuracyPerToken: right(values.map((value, c) => value / tokens[c]!)),
        accuracyPerByte: right(values.map((value, c) => value / bytes[c]!)),
        goldMass: gold.reduce((sum, index) => sum + shares[index]!, 0),
      },
    }
  })
  const right = rows.map(({ scores }) => scores.accuracy!)
  const calibrationError = bootstrap(
    rows.length,
    (indices) =>
      expectedCalibrationError(
        [...indices].map((i) => confidence[i]!),
        [...indices].map((i) => right[i]!),
      ),
    context.intervals,
  )
  return { rows, metrics: { ...meanScores(rows, context.intervals), calibrationError }, truncated }
}
