import { loadSquad, type SquadExample, squadPrompt } from '../formats/squad.js'
import { grounding } from '../metrics/grounding.js'
import { languageOf, tokenF1 } from '../metrics/text.js'
import { defineTask } from '../task.js'

const isChinese = ({ question }: SquadExample) => languageOf(question) === 'zh'

export const task = defineTask<SquadExample>({
  name: 'groundedness',
  summary: 'how much of an answer stands in the passage that it was to be taken from',
  kind: 'generation',
  data: "a JSON file in SQuAD's form (SQuAD, XQuAD, CMRC 2018)",
  primary: 'support',
  maxTokens: 96,
  load: loadSquad,
  id: ({ id }) => id,
  prompt: (example) => squadPrompt(example, isChinese(example)),
  answer: ({ answers }) => answers[0] ?? 'no answer',
  expected: ({ answers }) => answers.join(' | '),
  score(answer, example) {
    const { support, numbersSupported } = grounding(answer, example.context)
    return {
      // An answer that says nothing supports nothing and is counted by itself.
      support,
      empty: Number.isNaN(support) ? 1 : 0,
      numbersSupported: numbersSupported ? 1 : 0,
      f1:
        example.answers.length > 0
          ? tokenF1(answer, example.answers, isChinese(example) ? 'zh' : 'en')
          : Number.NaN,
    }
  },
  notes: () => [
    'support counts words of the answer that occur in the passage (Chinese: characters); it does not see a wrong statement made of right words',
  ],
})
