import { z } from 'zod'
import { answerNumber, numericMatch } from '../metrics/text.js'
import { defineTask, loadRows } from '../task.js'

const rowSchema = z.object({
  question: z.string().min(1),
  answer: z.string().refine((text) => answerNumber(text) !== undefined, 'it holds no number'),
})
type Example = z.infer<typeof rowSchema>

export const task = defineTask<Example>({
  name: 'gsm8k',
  summary: 'word problems of school mathematics: the number after ####, or the last one',
  kind: 'generation',
  data: "JSON Lines with question and answer, the result after '####' (GSM8K's test.jsonl)",
  primary: 'accuracy',
  maxTokens: 320,
  stop: ['\nQuestion:', '\n\n'],
  instruction: 'Solve the problem step by step, and end with "####" and the result.',
  load: (options) => loadRows(options, rowSchema),
  prompt: ({ question }) => ({ text: `Question: ${question}\nAnswer:`, user: question }),
  answer: ({ answer }) => answer.replace(/<<.*?>>/g, ''),
  expected: ({ answer }) => String(answerNumber(answer)),
  score: (answer, example) => ({
    accuracy: numericMatch(answer, example.answer),
    marked: answer.includes('####') ? 1 : 0,
  }),
})
