import { askFor } from '../prompting.js'
import { type ExampleResult, type Measured, meanScores } from '../result.js'
import type { GenerationTask } from '../task.js'
import { answerAll } from './answers.js'
import { idOf, type RunContext } from './context.js'

/** Lines end answers, and so does the next turn of a dialogue that a base model goes on with. */
export const PLAIN_STOPS = ['\n']
export const DIALOGUE_STOPS = ['\nUser:', '\nSystem:', '\nTool:', '\nAssistant:']

export async function runGeneration<E>(
  context: RunContext,
  task: GenerationTask<E>,
  examples: readonly E[],
): Promise<Measured> {
  const { settings, signal } = context
  const prompts = examples.map((example) => askFor(context, task, example, context.shotsFor(example)))
  const inChat = context.chat !== undefined && !task.plain
  const samples = task.samples?.(settings) ?? 1
  const dialogue = examples.some((example) => 'messages' in task.prompt(example))
  const { answers, truncated } = await answerAll(
    inChat ? context : { ...context, chat: undefined },
    prompts,
    {
      maxTokens: task.maxTokens,
      stop: [
        ...(task.stopAlways ?? []),
        ...(inChat ? [] : (task.stop ?? (dialogue ? DIALOGUE_STOPS : PLAIN_STOPS))),
      ],
      temperature: task.temperature ?? (samples > 1 ? 0.8 : 0),
      samples,
    },
  )
  const rows: ExampleResult[] = []
  for (const [i, example] of examples.entries()) {
    signal?.throwIfAborted()
    const [answer] = answers[i]!
    rows.push({
      id: idOf(task, example, i),
      prompt: prompts[i]!.text,
      answer: answer!,
      ...(samples > 1 ? { answers: answers[i]! } : {}),
      ...(task.expected ? { expected: task.expected(example) } : {}),
      scores: await task.score(answer!, example, { answers: answers[i]!, settings, signal }),
    })
  }
  return {
    rows,
    metrics: meanScores(rows, context.intervals),
    truncated,
    notes: task.notes?.(settings) ?? [],
  }
}
