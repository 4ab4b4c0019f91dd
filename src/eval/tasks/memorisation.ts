import type { Document } from '../../data/index.js'
import { loadTexts } from '../formats/texts.js'
import { defineTask } from '../task.js'

export const task = defineTask<Document>({
  name: 'memorisation',
  summary: 'whether training text is written on word for word (settings prefix and length, 50 tokens each)',
  kind: 'memorisation',
  data: 'texts that the model was trained on: text files, JSON Lines with a field "text", or folders of them',
  primary: 'exactRate',
  load: loadTexts,
  id: ({ id }) => id,
  text: ({ text }) => text,
})
