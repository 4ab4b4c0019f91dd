/** Conversations that a chat request asks to keep: its new messages before the answer begins, the answer before its end is told. */
import { type Citation, type Message, type New, newId } from '../../store/index.js'
import type { ChatMessage } from '../../text/index.js'
import type { Caller, ServeContext } from '../context.js'
import { badRequest } from '../errors.js'
import type { ResolvedModel } from '../live-models.js'
import type { Choice } from './choice.js'
import type { Sampling } from './requests.js'

export interface SaveOptions {
  readonly caller: Caller
  readonly model: ResolvedModel
  readonly messages: readonly ChatMessage[]
  readonly sampling: Sampling
  readonly conversation?: string | undefined
  /** The saved message that stands in `messages`, and after which the new ones come. */
  readonly parent?: string | undefined
  readonly preset?: string | undefined
  readonly collection?: string | undefined
}

/** A place for the answer in a conversation. */
export interface Saving {
  /** Of the answer. */
  readonly id: string
  readonly conversation: string
  /** The message that it answers. */
  readonly parent?: string
  /** Keeps what there is of the answer; when it returns, it is kept for good. */
  answer(choice: Choice, citations: readonly Citation[], finish?: 'cancelled' | 'error'): Promise<void>
}

const TITLE = 80

/**
 * Keeps the messages that are new, in one step, and reserves the answer's id.
 * @throws StoreError `store/not-found` for a conversation or message of somebody else; ApiError 400 where `parent` is not among the messages
 */
export async function beginSaving({ store }: ServeContext, options: SaveOptions): Promise<Saving> {
  const { caller, model, messages, sampling } = options
  const access = { user: caller.user }
  const saved = await store.transaction(async (tx) => {
    const parent = options.parent === undefined ? undefined : await tx.messages.get(options.parent, access)
    if (parent && parent.conversation !== options.conversation)
      throw badRequest(`the message ${parent.id} is not in this conversation`, 'parent')
    const conversation =
      options.conversation === undefined
        ? await tx.conversations.create({
            user: caller.user,
            title: titleOf(messages),
            model: model.name,
            ...(options.preset === undefined ? {} : { preset: options.preset }),
            ...(options.collection === undefined ? {} : { collection: options.collection }),
          })
        : await tx.conversations.get(options.conversation, access)
    const fresh = chain(newMessages(messages, parent), conversation.id, caller.user, parent?.id)
    if (fresh.length > 0) await tx.messages.add(...fresh)
    return { conversation: conversation.id, parent: fresh.at(-1)?.id ?? parent?.id }
  })
  const id = newId('msg')
  return {
    id,
    conversation: saved.conversation,
    ...(saved.parent === undefined ? {} : { parent: saved.parent }),
    async answer(choice, citations, finish) {
      const toolCalls = choice.toolCalls()
      await store.messages.add({
        id,
        conversation: saved.conversation,
        user: caller.user,
        ...(saved.parent === undefined ? {} : { parent: saved.parent }),
        role: 'assistant',
        content: choice.text,
        ...(toolCalls.length > 0 ? { toolCalls } : {}),
        model: model.name,
        modelVersion: model.version,
        sampling,
        usage: choice.usage,
        ...(citations.length > 0 ? { citations } : {}),
        ...((choice.finish ?? finish) ? { finish: choice.finish ?? finish! } : {}),
      })
    },
  }
}

/** What comes after the parent. */
function newMessages(messages: readonly ChatMessage[], parent: Message | undefined): readonly ChatMessage[] {
  if (parent === undefined) return messages
  const at = messages.findLastIndex(({ role, content }) => role === parent.role && content === parent.content)
  if (at < 0) throw badRequest(`the message ${parent.id} is not among the messages`, 'parent')
  return messages.slice(at + 1)
}

/** Each answers the one before it. */
function chain(
  messages: readonly ChatMessage[],
  conversation: string,
  user: string,
  first: string | undefined,
): New<Message>[] {
  let parent = first
  return messages.map(({ weight: _, ...message }) => {
    const id = newId('msg')
    const record = { ...message, id, conversation, user, ...(parent === undefined ? {} : { parent }) }
    parent = id
    return record
  })
}

function titleOf(messages: readonly ChatMessage[]): string {
  const text = (messages.find(({ role }) => role === 'user')?.content ?? '').replace(/\s+/g, ' ').trim()
  const characters = Array.from(text)
  return characters.length > TITLE ? `${characters.slice(0, TITLE - 1).join('')}…` : text
}
