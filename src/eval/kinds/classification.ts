import { EvaluationError } from '../errors.js'
import {
  type ClassificationScores,
  classificationScores,
  expectedCalibrationError,
} from '../metrics/classification.js'
import { bootstrap, type Estimate, meanEstimate } from '../metrics/interval.js'
import { askFor } from '../prompting.js'
import type { ExampleResult, Measured } from '../result.js'
import type { ClassificationTask } from '../task.js'
import { answerAll } from './answers.js'
import { argmaxOf, scoreChoices, softmax } from './choice.js'
import { idOf, type RunContext } from './context.js'

interface Decision {
  readonly label: string | undefined
  readonly prompt: string
  readonly answer: string
  readonly confidence?: number
}

export async function runClassification<E>(
  context: RunContext,
  task: ClassificationTask<E>,
  examples: readonly E[],
): Promise<Measured> {
  const by = context.settings.by ?? task.by ?? 'likelihood'
  if (by !== 'likelihood' && by !== 'generation') {
    throw new EvaluationError(
      'eval/options',
      `the setting by is likelihood or generation, not ${JSON.stringify(by)}`,
    )
  }
  const labels = [...(task.labels?.() ?? new Set((context.pool as readonly E[]).map((e) => task.label(e))))]
  const decide = by === 'likelihood' ? byLikelihood : byGeneration
  const { decisions, truncated } = await decide(context, task, examples, labels)
  const gold = examples.map((example) => task.label(example))
  const rows = decisions.map(({ label, prompt, answer }, i): ExampleResult => {
    const scores = {
      accuracy: label === gold[i] ? 1 : 0,
      ...(by === 'generation' ? { unanswered: label ? 0 : 1 } : {}),
    }
    return { id: idOf(task, examples[i]!, i), prompt, answer, expected: gold[i]!, scores }
  })
  const right = rows.map(({ scores }) => scores.accuracy!)
  const statistic = (name: keyof ClassificationScores): Estimate =>
    bootstrap(
      rows.length,
      (indices) =>
        classificationScores(
          [...indices].map((i) => gold[i]!),
          [...indices].map((i) => decisions[i]!.label),
        )[name],
      context.intervals,
    )
  const calibration = (): Estimate =>
    bootstrap(
      rows.length,
      (indices) =>
        expectedCalibrationError(
          [...indices].map((i) => decisions[i]!.confidence!),
          [...indices].map((i) => right[i]!),
        ),
      context.intervals,
    )
  const metrics = {
    accuracy: meanEstimate(right, context.intervals),
    macroF1: statistic('macroF1'),
    microF1: statistic('microF1'),
    matthews: statistic('matthews'),
    ...(by === 'likelihood'
      ? { calibrationError: calibration() }
      : {
          unanswered: meanEstimate(
            rows.map(({ scores }) => scores.unanswered!),
            context.intervals,
          ),
        }),
  }
  return { rows, metrics, truncated, notes: [`${labels.length} labels, by ${by}`] }
}

type Decided = Promise<{ decisions: Decision[]; truncated: number }>

const spelled = <E>(task: ClassificationTask<E>, label: string) =>
  task.verbalize?.(label) ?? label.replaceAll('_', ' ')

/** The likeliest label; the setting `normalise` (none, token, byte) divides by its length first. */
async function byLikelihood<E>(
  context: RunContext,
  task: ClassificationTask<E>,
  examples: readonly E[],
  labels: readonly string[],
): Decided {
  const { normalise = 'none' } = context.settings
  if (!['none', 'token', 'byte'].includes(normalise))
    throw new EvaluationError(
      'eval/options',
      `the setting normalise is none, token or byte, not ${normalise}`,
    )
  const words = labels.map((label) => spelled(task, label))
  const { scores, prompts, truncated } = await scoreChoices(context, task, examples, () => words)
  const decisions = scores.map(({ logLikelihoods, tokens, bytes }, i) => {
    const lengths = normalise === 'token' ? tokens : normalise === 'byte' ? bytes : undefined
    const values = logLikelihoods.map((value, c) => value / (lengths?.[c] ?? 1))
    const best = argmaxOf(values)
    return {
      label: labels[best]!,
      prompt: prompts[i]!,
      answer: words[best]!,
      confidence: softmax(values)[best]!,
    }
  })
  return { decisions, truncated }
}

/** The label that the answer names first; the longest of those that begin at the same place. */
async function byGeneration<E>(
  context: RunContext,
  task: ClassificationTask<E>,
  examples: readonly E[],
  labels: readonly string[],
): Decided {
  const words = labels.map((label) => spelled(task, label))
  const prompts = examples.map((example) => askFor(context, task, example, context.shotsFor(example)))
  const inChat = context.chat !== undefined && !task.plain
  const { answers, truncated } = await answerAll(
    inChat ? context : { ...context, chat: undefined },
    prompts,
    {
      maxTokens: 32,
      stop: inChat ? [] : ['\n'],
      temperature: 0,
      samples: 1,
    },
  )
  const decisions = answers.map(([answer], i) => {
    const label = namedLabel(answer!, words)
    return { label: label < 0 ? undefined : labels[label]!, prompt: prompts[i]!.text, answer: answer! }
  })
  return { decisions, truncated }
}

/** Index of the label that a text names, or -1; exported for its test. */
export function namedLabel(text: string, labels: readonly string[]): number {
  const plain = (value: string) => value.toLowerCase().replace(/[\s_-]+/g, ' ')
  const answer = plain(text)
  let found = { index: -1, at: Infinity, length: 0 }
  for (const [index, label] of labels.map(plain).entries()) {
    const escaped = label.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
    const at = answer.search(new RegExp(`(?<![\\p{L}\\p{N}])${escaped}(?![\\p{L}\\p{N}])`, 'u'))
    if (at >= 0 && (at < found.at || (at === found.at && label.length > found.length)))
      found = { index, at, length: label.length }
  }
  return found.index
}
