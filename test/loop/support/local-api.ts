/** The assistant without a server: people talk to a model in this process, and the store keeps what they say. */
import type { LanguageModel } from '../../../src/infer/index.js'
import type { AssistantApi } from '../../../src/recipes/people/api.js'
import { answerPrompts } from '../../../src/recipes/speedrun/answers.js'
import type { NewFeedback } from '../../../src/store/index.js'
import type { ChatMessage } from '../../../src/text/index.js'

interface Waiting {
  readonly messages: readonly ChatMessage[]
  readonly count: number
  readonly done: (answers: string[]) => void
  readonly failed: (error: unknown) => void
}

/** Requests that come together are answered together. */
export function localApi(
  model: LanguageModel,
  store: { readonly feedback: { add(...feedback: readonly NewFeedback[]): Promise<unknown> } },
  { name, maxTokens, seed }: { readonly name: string; readonly maxTokens: number; readonly seed: number },
): AssistantApi {
  const saved = new Map<string, { prompt: readonly ChatMessage[]; answers: string[] }>()
  let serial = 0
  let waiting: Waiting[] = []
  let isWorking = false
  const work = async () => {
    isWorking = true
    await new Promise((resolve) => setTimeout(resolve, 2))
    while (waiting.length > 0) {
      const batch = waiting
      waiting = []
      try {
        const prompts = batch.flatMap(({ messages, count }) => Array.from({ length: count }, () => messages))
        const answers = await answerPrompts(model, prompts, {
          temperature: 1,
          maxTokens,
          seed: seed + serial++,
        })
        let at = 0
        for (const { count, done } of batch) {
          done(answers.slice(at, at + count).map(([answer]) => answer!))
          at += count
        }
      } catch (error) {
        for (const { failed } of batch) failed(error)
      }
    }
    isWorking = false
  }
  const answer = (messages: readonly ChatMessage[], count: number) =>
    new Promise<string[]>((done, failed) => {
      waiting.push({ messages, count, done, failed })
      if (!isWorking) void work()
    })
  const save = (prompt: readonly ChatMessage[], answers: string[]) => {
    const id = `msg_${++serial}`
    saved.set(id, { prompt, answers })
    return id
  }
  const said = async (person: string, id: string, judgement: Pick<NewFeedback, never> & object) => {
    const { prompt, answers } = saved.get(id)!
    const shown = answers.map((text) => ({ text, model: name }))
    // The kind and the value are in the judgement, which the caller makes whole.
    const feedback: unknown = { user: person, prompt, answers: shown, ...judgement }
    await store.feedback.add(feedback as NewFeedback)
  }
  return {
    ask: async (_, messages) => {
      const answers = await answer(messages, 1)
      return { id: save(messages, answers), text: answers[0]! }
    },
    compare: async (_, messages, count) => {
      const answers = await answer(messages, count)
      return { id: save(messages, answers), answers }
    },
    rank: (person, id, ranks) => said(person, id, { kind: 'ranking', value: ranks }),
    thumb: (person, id, value) => said(person, id, { kind: 'thumb', value }),
    correct: (person, id, text) => said(person, id, { kind: 'correction', value: text }),
  }
}
