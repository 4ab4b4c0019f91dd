import { z } from 'zod'
import { defineTask, loadRows } from '../task.js'

const rowSchema = z.object({
  text: z.string().min(1),
  label: z.union([z.string().min(1), z.number()]).transform(String),
})
type Example = z.infer<typeof rowSchema>

export const task = defineTask<Example>({
  name: 'classification',
  summary: 'texts with labels of your own (settings by, normalise)',
  kind: 'classification',
  data: 'CSV or JSON Lines with text and label',
  primary: 'macroF1',
  load: (options) => loadRows(options, rowSchema),
  prompt: ({ text }) => ({
    text: `Text: ${text}\nLabel:`,
    user: `Give the label of this text, and nothing else.\n\n${text}`,
  }),
  label: ({ label }) => label,
  answer: ({ label }) => label.replaceAll('_', ' '),
})
