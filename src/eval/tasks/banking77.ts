import { z } from 'zod'
import { defineTask, loadRows } from '../task.js'

const rowSchema = z.object({ text: z.string().min(1), category: z.string().min(1) })
type Example = z.infer<typeof rowSchema>

export const task = defineTask<Example>({
  name: 'banking77',
  summary: 'which of 77 intents a bank customer has (settings by, normalise)',
  kind: 'classification',
  data: 'CSV with text and category (test.csv of BANKING77; its train.csv for the shots)',
  primary: 'accuracy',
  load: (options) => loadRows(options, rowSchema),
  prompt: ({ text }) => ({
    text: `Message: ${text}\nIntent:`,
    user: `Name the intent of this message of a bank's customer.\n\n${text}`,
  }),
  label: ({ category }) => category,
  answer: ({ category }) => category.replaceAll('_', ' '),
})
