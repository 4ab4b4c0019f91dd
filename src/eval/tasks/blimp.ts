import { z } from 'zod'
import { defineTask, loadRows } from '../task.js'

const rowSchema = z.looseObject({ sentence_good: z.string().min(1), sentence_bad: z.string().min(1) })
type Example = z.infer<typeof rowSchema>

export const task = defineTask<Example>({
  name: 'blimp',
  summary: 'grammar: whether the right one of two sentences is likelier',
  kind: 'choice',
  data: 'JSON Lines with sentence_good and sentence_bad (BLiMP, CLiMP, ZhoBLiMP)',
  primary: 'accuracy',
  plain: true,
  load: (options) => loadRows(options, rowSchema),
  prompt: () => ({ text: '' }),
  choices: (example) => [example.sentence_good, example.sentence_bad],
  gold: () => [0],
})
