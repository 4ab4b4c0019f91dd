/** The API key of this browser: for this tab, or kept when the person asks for it. */
import { createStore } from '../lib/store.js'

const NAME = 'athanor.key'

function read(): string | undefined {
  try {
    return sessionStorage.getItem(NAME) ?? localStorage.getItem(NAME) ?? undefined
  } catch {
    return undefined
  }
}

const store = createStore(read())

export const apiKey = { get: store.get, subscribe: store.subscribe }

/** Takes a key into use; `undefined` forgets the one there is. */
export function setApiKey(key: string | undefined, { remember = false } = {}): void {
  try {
    sessionStorage.removeItem(NAME)
    localStorage.removeItem(NAME)
    if (key) (remember ? localStorage : sessionStorage).setItem(NAME, key)
  } catch {}
  store.set(key || undefined)
}

/** What the server asked and the person answered; the shell shows the question. */
export const keyQuestion = createStore<'none' | 'asked' | 'declined'>('none')

/** Asks for a key, unless the person has just said no. */
export function wantKey(): void {
  keyQuestion.set((old) => (old === 'declined' ? old : 'asked'))
}
