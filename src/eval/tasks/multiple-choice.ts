import { z } from 'zod'
import { defineTask, loadRows } from '../task.js'

interface Example {
  readonly question: string
  readonly choices: readonly string[]
  readonly gold: number
}

const answer = z.union([z.string().min(1), z.number()]).transform(String)
const question = z.string().min(1)
const rowSchema = z.union([
  z.object({ question, choices: z.array(z.string().min(1)).min(2), answer }),
  // A CSV row has a column for each choice.
  z.looseObject({ question, A: z.string().min(1), B: z.string().min(1), answer }).transform((row) => ({
    question: row.question,
    choices: ['A', 'B', 'C', 'D', 'E', 'F', 'G', 'H']
      .map((c) => row[c])
      .filter((c) => typeof c === 'string' && c !== '') as string[],
    answer: row.answer,
  })),
])

export const task = defineTask<Example>({
  name: 'multiple-choice',
  summary: 'questions of your own with several answers, one of them right',
  kind: 'choice',
  data: 'JSON Lines with question, choices and answer, or CSV with question, A, B, ... and answer (a letter, an index from 0, or the text)',
  primary: 'accuracy',
  load: async (options) => {
    const { examples, ...rest } = await loadRows(
      options,
      rowSchema.refine((row) => goldOf(row) >= 0, 'the answer is none of the choices'),
      (row): Example[] => [{ question: row.question, choices: row.choices, gold: goldOf(row) }],
    )
    return { examples, ...rest }
  },
  prompt: ({ question }) => ({ text: `Question: ${question}\nAnswer:`, user: question }),
  choices: ({ choices }) => choices,
  gold: ({ gold }) => [gold],
  answer: ({ choices, gold }) => choices[gold]!,
})

/** The text itself goes before a letter or an index, which it may look like. */
function goldOf({
  choices,
  answer,
}: {
  readonly choices: readonly string[]
  readonly answer: string
}): number {
  const text = choices.indexOf(answer)
  if (text >= 0) return text
  const index = /^[A-H]$/.test(answer)
    ? answer.charCodeAt(0) - 65
    : /^\d+$/.test(answer)
      ? Number(answer)
      : -1
  return index < choices.length ? index : -1
}
