/** What the server is and can do right now; asked again while something is about to change. */
import { createStore, useStore } from '../lib/store.js'
import { ApiError, api } from './client.js'
import { apiKey, wantKey } from './key.js'

export interface SessionModel {
  readonly name: string
  readonly kind: 'decoder' | 'reward'
  readonly state: 'idle' | 'loading' | 'ready' | 'failed'
  /** The version that answers. */
  readonly live?: string
}

/** The speedrun that `npm start` began. */
export interface StartState {
  readonly state: 'running' | 'done' | 'failed'
  /** The id of its run. */
  readonly run?: string
  readonly message?: string
}

export interface Session {
  readonly version: string
  readonly authRequired: boolean
  readonly user?: string
  readonly scopes: readonly string[]
  readonly models: readonly SessionModel[]
  /** The name of the model that chat uses unless told otherwise. */
  readonly live?: string
  readonly start?: StartState
}

export interface SessionState {
  readonly session?: Session
  readonly error?: ApiError
}

export const sessionState = createStore<SessionState>({})

let timer: ReturnType<typeof setTimeout> | undefined
let asking: Promise<void> | undefined

const isBusy = (session: Session | undefined) =>
  !session || chatModels(session).length === 0 || session.start?.state === 'running'

/** Asks the server again, now. */
export function refreshSession(): Promise<void> {
  asking ??= ask().finally(() => {
    asking = undefined
  })
  return asking
}

async function ask(): Promise<void> {
  clearTimeout(timer)
  try {
    const session = await api.get<Session>('api/session')
    const old = sessionState.get()
    if (needsKey(session)) wantKey()
    // The same answer again draws nothing again.
    if (old.error || JSON.stringify(old.session) !== JSON.stringify(session)) sessionState.set({ session })
  } catch (error) {
    const problem = error instanceof ApiError ? error : new ApiError(String(error), 0)
    sessionState.set((old) => ({ ...old, error: problem }))
  }
  const wait = isBusy(sessionState.get().session) || sessionState.get().error ? 2_000 : 20_000
  timer = setTimeout(() => {
    if (document.visibilityState === 'visible') void refreshSession()
  }, wait)
}

/** Starts asking; called once by the page. */
export function watchSession(): void {
  void refreshSession()
  apiKey.subscribe(() => void refreshSession())
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'visible') void refreshSession()
  })
}

/** The models that can be talked to; one that is idle loads when it is asked. */
export function chatModels(session: Session | undefined): readonly string[] {
  return (session?.models ?? [])
    .filter(({ kind, state }) => kind !== 'reward' && state !== 'failed')
    .map(({ name }) => name)
}

/** `wanted` where it is there, or else the model that a new conversation asks; '' where there is none. */
export function modelOf(session: Session | undefined, wanted: string): string {
  const names = chatModels(session)
  return [wanted, session?.live ?? ''].find((name) => names.includes(name)) ?? names[0] ?? ''
}

export function useSession(): SessionState {
  return useStore(sessionState)
}

/** Whether the caller is nobody here without a key. */
export const needsKey = (session: Session | undefined): boolean =>
  session?.authRequired === true && session.scopes.length === 0

/** Whether the caller may do this; without keys everybody may do everything. */
export function hasScope(session: Session | undefined, scope: 'chat' | 'feedback' | 'admin'): boolean {
  return !session?.authRequired || session.scopes.includes(scope) || session.scopes.includes('admin')
}
