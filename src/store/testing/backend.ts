import type { OpenStoreOptions } from '../open.js'
import type { Store } from '../types.js'

/** A database for the tests that run on each. */
export interface Backend {
  readonly kind: 'sqlite' | 'postgres'
  /** Of a new, empty database. */
  url(): Promise<string>
  /** A new one, unless the URL is given; closed after the test. */
  open(options?: Partial<OpenStoreOptions>): Promise<Store>
}

/** A text with what makes databases stumble. */
export const NASTY = `it's "so"; DROP TABLE messages; -- \\ %_ \0 \ud83d 😀 汉字\n\u2028'`

/** All of an async iterable. */
export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}

/** A conversation of Ann's with a question and an answer. */
export async function exampleConversation(store: Store, user = 'ann') {
  const conversation = await store.conversations.create({ user, title: 'Birds' })
  const [question, answer] = await store.messages.add(
    {
      conversation: conversation.id,
      user,
      role: 'user',
      content: 'What sings?',
      id: `msg_q_${conversation.id}`,
    },
    {
      conversation: conversation.id,
      user,
      role: 'assistant',
      content: 'A nightingale.',
      parent: `msg_q_${conversation.id}`,
      model: 'tiny',
      modelVersion: '0123456789abcdef',
      sampling: { temperature: 0.7, seed: 1 },
      usage: { promptTokens: 5, completionTokens: 4 },
      finish: 'stop',
    },
  )
  return { conversation, question: question!, answer: answer! }
}
