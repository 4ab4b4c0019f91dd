import { loadTruthful, type TruthfulExample } from '../formats/truthfulqa.js'
import { defineTask } from '../task.js'

export const task = defineTask<TruthfulExample>({
  name: 'truthfulqa-mc2',
  summary: 'TruthfulQA: the share of probability that right answers get',
  kind: 'choice',
  data: 'TruthfulQA.csv',
  primary: 'goldMass',
  load: (options) => loadTruthful(options, 'all'),
  prompt: ({ question }) => ({ text: `Q: ${question}\nA:`, user: question }),
  choices: ({ choices }) => choices,
  gold: ({ gold }) => gold,
  answer: ({ choices }) => choices[0]!,
})
