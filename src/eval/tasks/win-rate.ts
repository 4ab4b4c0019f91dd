import { z } from 'zod'
import { askingRow } from '../formats/dialogue-rows.js'
import { defineTask, loadRows } from '../task.js'

const rowSchema = askingRow.and(z.object({ reference: z.string().optional() }))
type Example = z.infer<typeof rowSchema>

export const task = defineTask<Example>({
  name: 'win-rate',
  summary: "answers before a judge, against another model's or the set's references",
  kind: 'pairwise',
  data: 'JSON Lines with messages or prompt, and perhaps reference and check',
  primary: 'winRate',
  maxTokens: 256,
  load: (options) => loadRows(options, rowSchema),
  prompt: ({ messages }) => ({ messages }),
  reference: ({ reference }) => reference,
  check: ({ check }) => check,
})
