import { EvaluationError } from '../errors.js'
import { type Comparison, pointsOf } from '../judges/judge.js'
import { askFor, chatOf } from '../prompting.js'
import { type ExampleResult, type Measured, meanScores } from '../result.js'
import type { PairwiseTask } from '../task.js'
import { answerAll } from './answers.js'
import { idOf, type RunContext } from './context.js'
import { DIALOGUE_STOPS } from './generation.js'

/** The model's answers against another model's (`against`), or against the references of the set. */
export async function runPairwise<E>(
  context: RunContext,
  task: PairwiseTask<E>,
  examples: readonly E[],
): Promise<Measured> {
  const { judge, against, intervals, signal } = context
  if (!judge) {
    throw new EvaluationError(
      'eval/options',
      `${task.name} needs a judge: a function, a reward model or an endpoint`,
    )
  }
  const own = await answersOf(context, task, examples)
  const other = against
    ? await answersOf({ ...context, model: against, chat: chatOf(against) }, task, examples)
    : referencesOf(task, examples)
  const comparisons = examples.map((example, i): Comparison => {
    const prompt = task.prompt(example)
    const check = task.check?.(example)
    return {
      prompt:
        'messages' in prompt ? prompt.messages : [{ role: 'user', content: prompt.user ?? prompt.text }],
      a: own.answers[i]!,
      b: other.answers[i]!,
      ...(check === undefined ? {} : { check }),
    }
  })
  const judgements = await judge.compare(comparisons, { signal })
  const rows = judgements.map((judgement, i): ExampleResult => {
    const winRate = pointsOf(judgement)
    const is = (winner: string) => (judgement.winner === winner ? 1 : 0)
    return {
      id: idOf(task, examples[i]!, i),
      prompt: own.prompts[i]!,
      answer: own.answers[i]!,
      expected: other.answers[i]!,
      scores: winRate === undefined ? {} : { winRate, wins: is('a'), ties: is('tie'), losses: is('b') },
    }
  })
  const unjudged = judgements.filter(({ winner }) => winner === undefined).length
  return {
    rows,
    metrics: meanScores(rows, intervals),
    truncated: own.truncated + other.truncated,
    notes: [
      `judged by ${judge.name}, against ${against ? against.dir : "the set's references"}`,
      ...(unjudged > 0 ? [`${unjudged} comparisons got no readable verdict and do not count`] : []),
    ],
  }
}

async function answersOf<E>(context: RunContext, task: PairwiseTask<E>, examples: readonly E[]) {
  const prompts = examples.map((example) => askFor(context, task, example, context.shotsFor(example)))
  const { answers, truncated } = await answerAll(context, prompts, {
    maxTokens: task.maxTokens,
    stop: context.chat ? [] : DIALOGUE_STOPS,
    temperature: 0,
    samples: 1,
  })
  return { answers: answers.map(([answer]) => answer!), truncated, prompts: prompts.map(({ text }) => text) }
}

function referencesOf<E>(task: PairwiseTask<E>, examples: readonly E[]) {
  const answers = examples.map((example, i) => {
    const reference = task.reference?.(example)
    if (reference !== undefined) return reference
    throw new EvaluationError(
      'eval/data',
      `example ${idOf(task, example, i)} has no reference answer to compare with; give another model instead`,
    )
  })
  return { answers, truncated: 0 }
}
