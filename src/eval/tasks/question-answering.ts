import { z } from 'zod'
import { exactMatch, languageOf, numericMatch, tokenF1 } from '../metrics/text.js'
import { defineTask, loadRows } from '../task.js'

const text = z.union([z.string().min(1), z.number()]).transform(String)
const rowSchema = z
  .object({ question: z.string().min(1), answer: text.optional(), answers: z.array(text).optional() })
  .transform(({ question, answer, answers = [] }) => ({
    question,
    answers: answer === undefined ? answers : [answer, ...answers],
  }))
  .refine(({ answers }) => answers.length > 0, 'it has neither answer nor answers')
type Example = z.infer<typeof rowSchema>

export const task = defineTask<Example>({
  name: 'question-answering',
  summary: 'questions of your own: exact match, F1, and numbers by value',
  kind: 'generation',
  data: 'JSON Lines or CSV with question and answer (JSON Lines also answers, all of them right)',
  primary: 'f1',
  maxTokens: 64,
  load: (options) => loadRows(options, rowSchema),
  prompt: ({ question }) => ({ text: `Question: ${question}\nAnswer:`, user: question }),
  answer: ({ answers }) => answers[0]!,
  expected: ({ answers }) => answers.join(' | '),
  score(answer, { question, answers }) {
    const language = languageOf(question)
    const numbers = answers.filter((reference) => /^\s*[-+$€£]?[\d,.]+\s*%?\s*$/.test(reference))
    return {
      exact: exactMatch(answer, answers, language),
      f1: tokenF1(answer, answers, language),
      ...(numbers.length > 0
        ? { numeric: Math.max(...numbers.map((reference) => numericMatch(answer, reference))) }
        : {}),
    }
  },
})
