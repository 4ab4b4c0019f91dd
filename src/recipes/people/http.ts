/** The assistant over HTTP, as any client sees it. */
import type { ChatMessage } from '../../text/index.js'
import { RecipeError } from '../errors.js'
import type { AssistantApi } from './api.js'

export interface HttpApiOptions {
  /** `http://127.0.0.1:8000` */
  readonly url: string
  readonly model: string
  readonly maxTokens: number
  readonly seed: number
  /** An API key, where the server wants one. */
  readonly key?: string
  readonly signal?: AbortSignal | undefined
}

/** Every answer is kept by the server (`store`), and judged by the id it was saved under. Seeds make a visit repeatable. */
export function httpApi({ url, model, maxTokens, seed, key, signal }: HttpApiOptions): AssistantApi {
  let asked = 0
  const post = async (path: string, body: object): Promise<unknown> => {
    const response = await fetch(`${url}${path}`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
      },
      body: JSON.stringify(body),
      ...(signal ? { signal } : {}),
    })
    const text = await response.text()
    if (response.ok) return text === '' ? undefined : JSON.parse(text)
    throw new RecipeError(
      'recipe/server',
      `POST ${url}${path} was answered with ${response.status}: ${text.slice(0, 500)}`,
    )
  }
  const spoken = (messages: readonly ChatMessage[]) =>
    messages.map(({ role, content }) => ({ role, content }))
  return {
    ask: async (person, messages) => {
      const answer = (await post('/v1/chat/completions', {
        model,
        messages: spoken(messages),
        max_tokens: maxTokens,
        temperature: 1,
        seed: seed + asked++,
        store: true,
        user: person,
      })) as { id: string; choices: { message: { content: string | null } }[] }
      return { id: answer.id, text: answer.choices[0]?.message.content ?? '' }
    },
    compare: async (_person, messages, count) => {
      const candidates = Array.from({ length: count }, () => ({
        model,
        temperature: 1,
        max_tokens: maxTokens,
        seed: seed + asked++,
      }))
      const { id, answers } = (await post('/api/compare', { messages: spoken(messages), candidates })) as {
        id: string
        answers: { slot: string; text: string }[]
      }
      return { id, answers: answers.map(({ text }) => text) }
    },
    rank: async (person, comparison, ranks) => {
      await post(`/api/compare/${comparison}/ranking`, { ranks, labeler: person })
    },
    thumb: async (person, message, value) => {
      await post('/api/feedback', { kind: 'thumb', message, value, labeler: person })
    },
    correct: async (person, message, text) => {
      await post('/api/feedback', { kind: 'correction', message, value: text, labeler: person })
    },
  }
}
