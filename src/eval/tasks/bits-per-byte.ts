import type { Document } from '../../data/index.js'
import { loadTexts } from '../formats/texts.js'
import { defineTask } from '../task.js'

export const task = defineTask<Document>({
  name: 'bits-per-byte',
  summary: 'how well texts are predicted: bits per byte, loss and perplexity',
  kind: 'perplexity',
  data: 'text files, JSON Lines with a field "text", or folders of them',
  primary: 'bitsPerByte',
  load: loadTexts,
  id: ({ id }) => id,
  text: ({ text }) => text,
})
