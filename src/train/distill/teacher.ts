/** Teachers: whoever answers prompts for a student to learn from. */
import type { Prompt } from '../../data/index.js'
import type { LanguageModel } from '../../infer/index.js'
import type { DiskCache } from '../../infer/openai/index.js'
import type { ChatFormat } from '../../text/index.js'
import { drawAnswers } from '../answers.js'
import type { OnEvent } from '../events.js'
import { encodePrompts } from '../ppo/prompts.js'
import type { Spending } from './ledger.js'
import type { DistillRecipe } from './recipe.js'

/** What came of a question: an answer, or the reason why there is none to learn. */
export type Outcome = { readonly text: string } | { readonly leftOut: string }

export interface Reply {
  readonly prompt: Prompt
  readonly outcome: Outcome
}

export interface Teacher {
  readonly name: string
  /** The answers to each prompt, as many as the recipe's `samples`, in the order of the prompts. */
  answer(prompts: readonly Prompt[], options: AnswerOptions): Promise<Reply[]>
  /** What it cost so far; undefined for a teacher here. */
  readonly spending?: () => Spending
}

export interface AnswerOptions {
  readonly onEvent: OnEvent
  readonly signal?: AbortSignal | undefined
}

export const CUT_OFF = 'cut off at the most tokens'
export const EMPTY = 'an empty answer'

/** The prompt as the teacher is shown it. */
export function shownTo({ teacherSystem }: DistillRecipe, { messages }: Prompt): Prompt['messages'] {
  if (teacherSystem === undefined || messages[0]?.role === 'system') return messages
  return [{ role: 'system', content: teacherSystem }, ...messages]
}

/** A model here as a teacher. */
export function modelTeacher(
  model: LanguageModel & { readonly chat: ChatFormat },
  recipe: DistillRecipe,
  cache: DiskCache,
): Teacher {
  const { samples, teacherMaxTokens: maxTokens, teacherTemperature: temperature } = recipe
  const { rows, seed, keepCut, teacherTopP: topP } = recipe
  return {
    name: model.dir,
    async answer(prompts, { onEvent, signal }) {
      const original = new Map<Prompt, Prompt>()
      const shown = prompts.map((prompt) => {
        const messages = shownTo(recipe, prompt)
        const seen = messages === prompt.messages ? prompt : { ...prompt, messages }
        original.set(seen, prompt)
        return seen
      })
      const { contextLength } = model.config
      const encoded = encodePrompts(shown, model.chat, contextLength, { maxTokens, maxSkipped: 0, onEvent })
      const sampling = { samples, maxTokens, temperature, topP, rows, seed, cache, signal }
      const onProgress = (done: number, total: number) =>
        onEvent({ type: 'progress', label: 'the teacher answers', done, total, unit: 'answers' })
      const replies: Reply[] = []
      for await (const part of drawAnswers(model, encoded, { ...sampling, onProgress })) {
        for (const { prompt, answers } of part) {
          for (const { text, ended } of answers) {
            const leftOut = !ended && !keepCut ? CUT_OFF : text.trim() === '' ? EMPTY : undefined
            const outcome = leftOut === undefined ? { text } : { leftOut }
            replies.push({ prompt: original.get(prompt.prompt)!, outcome })
          }
        }
      }
      return replies
    },
  }
}
