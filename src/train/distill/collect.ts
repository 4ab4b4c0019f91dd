/** What a teacher says to prompts, as a file of dialogues. */
import { dirname } from 'node:path'
import { makeDirectory, writeFileAtomic } from '../../atomic.js'
import type { Prompt } from '../../data/index.js'
import { TrainError } from '../errors.js'
import type { Spending } from './ledger.js'
import type { AnswerOptions, Reply, Teacher } from './teacher.js'

export interface Collection {
  readonly teacher: string
  readonly prompts: number
  /** Answers in the file. */
  readonly answers: number
  /** Answers that are not in it, by reason. */
  readonly leftOut: Readonly<Record<string, number>>
  /** For a teacher behind an endpoint. */
  readonly spending?: Spending
}

/**
 * Lets a teacher answer prompts and writes the answers to `file` as dialogues, those that cannot be used left out and counted, and so
 * are those that it gave to the same prompt before.
 * @throws TrainError where there is no answer at all; EndpointError, StorageError
 */
export async function collectAnswers(
  teacher: Teacher,
  prompts: readonly Prompt[],
  file: string,
  options: AnswerOptions,
): Promise<Collection> {
  const replies = await teacher.answer(prompts, options)
  const leftOut: Record<string, number> = {}
  const said = new Map<Prompt, Set<string>>()
  const lines: string[] = []
  for (const reply of replies) {
    const reason = reasonAgainst(reply, said)
    if (reason === undefined) lines.push(`${JSON.stringify(dialogueOf(reply, teacher.name))}\n`)
    else leftOut[reason] = (leftOut[reason] ?? 0) + 1
  }
  const reasons = Object.entries(leftOut).map(([reason, count]) => `${count} (${reason})`)
  if (lines.length === 0) {
    throw new TrainError(
      'data',
      `${teacher.name} gave no answer to learn from: ${reasons.join(', ') || 'no prompt was asked'}`,
    )
  }
  await makeDirectory(dirname(file))
  await writeFileAtomic(file, async (handle) => {
    for (const line of lines) await handle.appendFile(line)
  })
  if (reasons.length > 0)
    options.onEvent({ type: 'warning', text: `answers of the teacher left out: ${reasons.join(', ')}` })
  const spending = teacher.spending?.()
  return {
    teacher: teacher.name,
    prompts: prompts.length,
    answers: lines.length,
    leftOut,
    ...(spending ? { spending } : {}),
  }
}

function reasonAgainst({ prompt, outcome }: Reply, said: Map<Prompt, Set<string>>): string | undefined {
  if ('leftOut' in outcome) return outcome.leftOut
  const before = said.get(prompt) ?? new Set()
  said.set(prompt, before)
  if (before.has(outcome.text)) return 'the same as another answer to its prompt'
  before.add(outcome.text)
  return undefined
}

function dialogueOf({ prompt, outcome }: Reply, teacher: string) {
  const content = 'text' in outcome ? outcome.text : ''
  return { ...prompt, source: teacher, messages: [...prompt.messages, { role: 'assistant', content }] }
}
