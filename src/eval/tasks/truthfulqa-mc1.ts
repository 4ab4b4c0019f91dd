import { loadTruthful, type TruthfulExample } from '../formats/truthfulqa.js'
import { defineTask } from '../task.js'

export const task = defineTask<TruthfulExample>({
  name: 'truthfulqa-mc1',
  summary: 'TruthfulQA: the best answer against common mistakes',
  kind: 'choice',
  data: 'TruthfulQA.csv',
  primary: 'accuracy',
  load: (options) => loadTruthful(options, 'best'),
  prompt: ({ question }) => ({ text: `Q: ${question}\nA:`, user: question }),
  choices: ({ choices }) => choices,
  gold: ({ gold }) => gold,
  answer: ({ choices }) => choices[0]!,
})
