import { loadSquad, type SquadExample, squadPrompt } from '../formats/squad.js'
import { exactMatch, languageOf, tokenF1 } from '../metrics/text.js'
import { defineTask } from '../task.js'

const isChinese = ({ question }: SquadExample) => languageOf(question) === 'zh'

export const task = defineTask<SquadExample>({
  name: 'squad',
  summary: 'questions about a passage: exact match and F1 (English by words, Chinese by characters)',
  kind: 'generation',
  data: "a JSON file in SQuAD's form (SQuAD, XQuAD, CMRC 2018)",
  primary: 'f1',
  maxTokens: 48,
  delimiter: ' ',
  load: loadSquad,
  id: ({ id }) => id,
  prompt: (example) => squadPrompt(example, isChinese(example)),
  answer: ({ answers }) => answers[0] ?? 'no answer',
  expected: ({ answers }) => answers.join(' | ') || 'no answer',
  score(answer, example) {
    const language = isChinese(example) ? 'zh' : 'en'
    const references = example.answers.length > 0 ? example.answers : ['', 'no answer']
    return {
      exact: exactMatch(answer, references, language),
      f1: tokenF1(answer, references, language),
    }
  },
})
