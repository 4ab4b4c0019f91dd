/**
 * One conversation: its tree of messages, which path of it is shown, and the answer that is being written. It lives on while
 * the person looks at other pages, so that an answer is not lost by looking away.
 */
import { type ChatPiece, type ChatRequest, streamChat } from '../../api/chat.js'
import { ApiError, api } from '../../api/client.js'
import type { ConversationWithMessages, Message, PromptMessage, Sampling } from '../../api/types.js'
import { createStore, type Store } from '../../lib/store.js'
import { buildTree, newestLeaf, pathTo, type Tree } from './tree.js'

export interface ChatMessage extends Message {
  /** Not known to the server (yet). */
  readonly local?: boolean
}

export interface ChatState {
  /** Of the conversation; undefined until its first message is saved. */
  readonly id?: string
  readonly title?: string
  readonly messages: readonly ChatMessage[]
  /** The end of the path that is shown. */
  readonly leaf?: string
  readonly loading: boolean
  /** Why the conversation could not be loaded. */
  readonly failed?: unknown
  /** The answer being written. */
  readonly streaming?: string
  /** Why the last answer ended early, and the message that was the last one then. */
  readonly problem?: { readonly error: unknown; readonly leaf?: string }
}

export interface SendOptions {
  readonly model: string
  readonly system?: string
  readonly preset?: string
  readonly parameters?: Readonly<Record<string, string>>
  readonly collection?: string
  readonly sampling?: Sampling
}

/** What a session needs of the server; replaced in tests. */
export interface ChatServer {
  load(id: string, signal?: AbortSignal): Promise<ConversationWithMessages>
  stream(request: ChatRequest, signal: AbortSignal): AsyncIterable<ChatPiece>
}

const server: ChatServer = {
  load: (id, signal) =>
    api.get(`api/conversations/${encodeURIComponent(id)}`, signal === undefined ? {} : { signal }),
  stream: streamChat,
}

export const treeOf = (state: ChatState): Tree<ChatMessage> => buildTree(state.messages)

/** What is shown: instructions to the model are not part of the talk. */
export const shownPath = (tree: Tree<ChatMessage>, leaf: string | undefined): ChatMessage[] =>
  pathTo(tree, leaf).filter(({ role }) => role === 'user' || role === 'assistant')

/** Milliseconds between changes of what is shown of an answer. */
const FRAME = 40

let counter = 0
const localId = () => `local_${Date.now().toString(36)}_${String(++counter).padStart(6, '0')}`

export class ChatSession {
  /** Stays the same when the conversation gets its id. */
  readonly key = localId()
  readonly store: Store<ChatState>
  readonly #server: ChatServer
  #abort: AbortController | undefined
  #pending: { text: string; change: { -readonly [K in keyof ChatMessage]?: ChatMessage[K] } } = {
    text: '',
    change: {},
  }
  #timer: ReturnType<typeof setTimeout> | undefined
  /** Told once when the conversation gets its id, and whenever an answer ends. */
  onSaved: (id: string) => void = () => {}

  constructor(id?: string, chatServer: ChatServer = server) {
    this.#server = chatServer
    this.store = createStore<ChatState>({
      ...(id === undefined ? {} : { id }),
      messages: [],
      loading: id !== undefined,
    })
  }

  #patch(change: Partial<ChatState>): void {
    this.store.set((old) => ({ ...old, ...change }))
  }

  /** Loads what the server has. The path that is shown stays where it can. */
  async load(): Promise<void> {
    const { id } = this.store.get()
    if (id === undefined || this.store.get().streaming) return
    try {
      this.#take(await this.#server.load(id))
    } catch (failed) {
      // What was read before can still be read when the server is away.
      const isAway = failed instanceof ApiError && failed.status === 0
      this.#patch(
        isAway && this.store.get().messages.length > 0 ? { loading: false } : { loading: false, failed },
      )
    }
  }

  #take({ title, messages }: ConversationWithMessages): void {
    const { failed: _, ...old } = this.store.get()
    // What could not be sent is nowhere else; what the server has got after all is not said twice.
    const isSaved = ({ content, parent }: ChatMessage) =>
      messages.some(
        (each) =>
          each.role === 'user' && each.content === content && (each.parent ?? null) === (parent ?? null),
      )
    const unsent = old.messages.filter(
      (message) => message.local && message.role === 'user' && !isSaved(message),
    )
    const all = [...messages, ...unsent]
    const tree = buildTree(all)
    const leaf = old.leaf !== undefined && tree.byId.has(old.leaf) ? old.leaf : newestLeaf(tree)
    this.store.set({ ...old, title, messages: all, loading: false, ...(leaf === undefined ? {} : { leaf }) })
  }

  /** Adds a message after the one that is shown last, and asks for the answer. */
  send(text: string, options: SendOptions): Promise<void> {
    const { leaf } = this.store.get()
    return this.#say(text, leaf, options)
  }

  /** The same place with other words: a new branch. */
  edit(id: string, text: string, options: SendOptions): Promise<void> {
    const message = treeOf(this.store.get()).byId.get(id)
    return this.#say(text, message?.parent ?? undefined, options)
  }

  /** Another answer to the same message: a new branch. `id` is the answer's, or that of the message without one. */
  retry(id: string, options: SendOptions): Promise<void> {
    const tree = treeOf(this.store.get())
    const message = tree.byId.get(id)
    if (!message) return Promise.resolve()
    const asked = message.role === 'assistant' ? tree.byId.get(message.parent ?? '') : message
    if (!asked) return Promise.resolve()
    // What the server never got is said again, in place of what failed.
    if (asked.local) {
      this.#patch({ messages: this.store.get().messages.filter((each) => each.id !== asked.id) })
      return this.#say(asked.content, asked.parent ?? undefined, options)
    }
    return this.#answer(asked.id, options)
  }

  /** Shows another of the messages in one place, and the newest that follows it. */
  select(id: string): void {
    const leaf = newestLeaf(treeOf(this.store.get()), id)
    if (leaf !== undefined) this.#patch({ leaf })
  }

  stop(): void {
    this.#abort?.abort()
  }

  async #say(text: string, parent: string | undefined, options: SendOptions): Promise<void> {
    const id = localId()
    const state = this.store.get()
    if (state.streaming) return
    const message: ChatMessage = {
      id,
      role: 'user',
      content: text,
      created: Date.now(),
      local: true,
      ...(parent === undefined ? {} : { parent }),
    }
    this.#patch({ messages: [...state.messages, message], leaf: id })
    await this.#answer(id, options)
  }

  async #answer(asked: string, options: SendOptions): Promise<void> {
    const { problem: _, ...state } = this.store.get()
    if (state.streaming) return
    const path = pathTo(treeOf(state), asked)
    const request = requestFor(path, state.id, options)
    const answer = localId()
    const draft: ChatMessage = {
      id: answer,
      parent: asked,
      role: 'assistant',
      content: '',
      model: options.model,
      created: Date.now(),
      local: true,
    }
    this.store.set({ ...state, messages: [...state.messages, draft], leaf: answer, streaming: answer })
    const abort = new AbortController()
    this.#abort = abort
    let saved: string | undefined
    let error: unknown
    try {
      for await (const piece of this.#server.stream(request, abort.signal)) {
        saved ??= piece.id
        this.#grow(answer, piece)
      }
    } catch (thrown) {
      if (!abort.signal.aborted) error = thrown
    }
    this.#abort = undefined
    if (abort.signal.aborted) this.#pending.change.finish = 'cancelled'
    this.#flush(answer)
    await this.#settle({ answer, saved, asked, error })
  }

  /** Pieces may come faster than a screen can show them: they are put in a few dozen times a second. */
  #grow(answer: string, { conversation, text = '', ...piece }: ChatPiece): void {
    if (conversation && this.store.get().id === undefined) {
      this.#patch({ id: conversation })
      this.onSaved(conversation)
    }
    this.#pending = {
      text: this.#pending.text + text,
      change: {
        ...this.#pending.change,
        ...(piece.model && { model: piece.model }),
        ...(piece.version && { modelVersion: piece.version }),
        ...(piece.finish && { finish: piece.finish }),
        ...(piece.citations && { citations: piece.citations }),
        ...(piece.usage && { usage: piece.usage }),
      },
    }
    this.#timer ??= setTimeout(() => this.#flush(answer), FRAME)
  }

  #flush(answer: string): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const { text, change } = this.#pending
    this.#pending = { text: '', change: {} }
    const messages = this.store
      .get()
      .messages.map((message) =>
        message.id === answer ? { ...message, ...change, content: message.content + text } : message,
      )
    this.#patch({ messages })
  }

  /** Puts what the server has saved in the place of what was shown meanwhile; without it, what was shown stays. */
  async #settle(end: {
    readonly answer: string
    readonly saved: string | undefined
    readonly asked: string
    readonly error: unknown
  }): Promise<void> {
    const { id } = this.store.get()
    const fresh = id === undefined ? undefined : await this.#reload(id, end.saved)
    const { streaming: _, ...state } = this.store.get()
    const draft = state.messages.find((message) => message.id === end.answer)
    if (fresh?.messages.some((message) => message.id === end.saved)) {
      this.store.set({ ...state, title: fresh.title, messages: fresh.messages, leaf: end.saved! })
    } else {
      // The question may have been saved though its answer was not.
      const asked = state.messages.find((message) => message.id === end.asked)
      const known = new Set(state.messages.map((message) => message.id))
      const twin = fresh?.messages.findLast(
        (message) => asked?.local && message.role === 'user' && !known.has(message.id),
      )
      const parent = twin?.id ?? end.asked
      const rest =
        fresh && (twin || !asked?.local) ? fresh.messages : state.messages.filter((each) => each !== draft)
      // An answer that never began is not shown as an empty one.
      const kept = draft && draft.content !== '' ? [{ ...draft, parent }] : []
      this.store.set({ ...state, messages: [...rest, ...kept], leaf: kept[0]?.id ?? parent })
    }
    if (end.error !== undefined) {
      const { leaf } = this.store.get()
      this.#patch({ problem: { error: end.error, ...(leaf === undefined ? {} : { leaf }) } })
    }
    if (id !== undefined) this.onSaved(id)
  }

  /** After a stop the server may need a moment to save what there is. */
  async #reload(id: string, answer: string | undefined): Promise<ConversationWithMessages | undefined> {
    let last: ConversationWithMessages | undefined
    for (const wait of [0, 150, 600]) {
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait))
      last = (await this.#server.load(id).catch(() => undefined)) ?? last
      if (last && (answer === undefined || last.messages.some((message) => message.id === answer))) break
    }
    return last
  }
}

/** The request for an answer to the last message of `path`. */
export function requestFor(
  path: readonly ChatMessage[],
  conversation: string | undefined,
  { model, system, preset, parameters, collection, sampling }: SendOptions,
): ChatRequest {
  const parent = path.findLast(({ local }) => !local)?.id
  const spoken: PromptMessage[] = path.map(({ role, content }) => ({ role, content }))
  const instructions = parent === undefined && spoken[0]?.role !== 'system' ? system?.trim() : undefined
  return {
    ...sampling,
    model,
    messages: instructions ? [{ role: 'system', content: instructions }, ...spoken] : spoken,
    store: true,
    ...(conversation === undefined ? {} : { conversation }),
    ...(parent === undefined ? {} : { parent }),
    // What is saved has been put into the preset's words already.
    ...(preset && path.at(-1)?.local ? { preset, parameters: parameters ?? {} } : {}),
    ...(collection ? { collection } : {}),
  }
}

/** The sessions of this visit by conversation. */
const sessions = new Map<string, ChatSession>()

export function sessionOf(id: string): ChatSession {
  const known = sessions.get(id)
  if (known) return known
  const session = new ChatSession(id)
  sessions.set(id, session)
  return session
}

/** Makes a session of a new conversation known under the id that it got. */
export function keepSession(id: string, session: ChatSession): void {
  sessions.set(id, session)
}

export function forgetSession(id: string): void {
  sessions.get(id)?.stop()
  sessions.delete(id)
}
