/** What the person has chosen for new answers; kept in the browser. */
import type { Sampling } from '../../api/types.js'
import { createSavedStore } from '../../lib/store.js'

export interface ChatOptions {
  /** '' is whatever is live. */
  readonly model: string
  readonly preset: string
  readonly collection: string
  /** Said to the model before a new conversation. */
  readonly system: string
  readonly sampling: Sampling
}

/** Small models ramble at the API's own temperature of 1. */
const initial: ChatOptions = {
  model: '',
  preset: '',
  collection: '',
  system: '',
  sampling: { temperature: 0.3 },
}

export const chatOptions = createSavedStore<ChatOptions>(
  'athanor.chat',
  initial,
  (value): value is ChatOptions =>
    typeof value === 'object' &&
    value !== null &&
    ['model', 'preset', 'collection', 'system'].every(
      (name) => typeof (value as Record<string, unknown>)[name] === 'string',
    ) &&
    typeof (value as ChatOptions).sampling === 'object' &&
    (value as ChatOptions).sampling !== null,
)
