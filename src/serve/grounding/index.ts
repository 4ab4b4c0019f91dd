/** Answers from documents. */
import type { Citation } from '../../store/index.js'
import type { ChatMessage } from '../../text/index.js'
import type { GroundedMessages, Grounding, ServeContext } from '../context.js'
import type { Found, IndexedPassage } from './passage-index.js'
import { groundMessages, nothingFound, type PromptForm } from './prompt.js'
import { Retriever } from './retrieve.js'

export { DOCUMENT_LIMITS, type DocumentLimits, type ReadDocument, readDocument } from './document.js'
export { type Cut, cutPassages } from './passages.js'
export { groundMessages } from './prompt.js'
export { findCollection, Retriever } from './retrieve.js'
export { collectionSettingsSchema, settingsOf } from './settings.js'

/** Models with less context read one passage, in the form that the small assistants have learnt. */
const SMALL_CONTEXT = 2_048

export interface GroundingService extends Grounding {
  readonly retriever: Retriever
}

type Parts = Pick<ServeContext, 'engine' | 'store' | 'config' | 'log'> &
  Partial<Pick<ServeContext, 'startup'>>

/** Passages for questions, from the collections of the store. */
export function createGrounding(parts: Parts): GroundingService {
  const retriever = new Retriever(parts)
  return { retriever, ground: (name, messages, options) => ground(parts, retriever, name, messages, options) }
}

async function ground(
  { engine }: Parts,
  retriever: Retriever,
  name: string,
  messages: readonly ChatMessage[],
  { model, signal }: { readonly model: string; readonly signal: AbortSignal },
): Promise<GroundedMessages> {
  const { found, settings } = await retriever.retrieve(name, messages, { k: 20, signal })
  const good = found.filter(({ isFound }) => isFound)
  if (good.length === 0) {
    const question = messages.findLast(({ role }) => role === 'user')?.content ?? ''
    return { messages, citations: [], answer: settings.nothing ?? nothingFound(question, name) }
  }
  const context = await contextOf(engine, model)
  const small = context !== undefined && context < SMALL_CONTEXT
  const form: PromptForm = settings.prompt === 'auto' ? (small ? 'passage' : 'numbered') : settings.prompt
  const chosen = good.slice(0, settings.passages ?? (form === 'passage' ? 1 : 4))
  const written = (passages: readonly IndexedPassage[]) =>
    groundMessages(messages, passages, { form, template: settings.template })
  // The best one stays, whatever happens: the engine then says what is too long.
  while (chosen.length > 1 && context !== undefined) {
    signal.throwIfAborted()
    const tokens = await engine.tokenize({ model, messages: written(chosen.map(({ passage }) => passage)) })
    if (tokens.length <= context - Math.min(256, context / 4)) break
    chosen.pop()
  }
  return { messages: written(chosen.map(({ passage }) => passage)), citations: chosen.map(citationOf) }
}

export function citationOf({ passage, coverage }: Found): Citation {
  return {
    document: passage.document,
    passage: passage.id,
    title: passage.title,
    text: passage.text,
    score: Math.round(coverage * 1000) / 1000,
  }
}

async function contextOf(engine: Parts['engine'], id: string): Promise<number | undefined> {
  const known = engine.models().find((model) => model.id === id)
  return known?.contextLength ?? (await engine.load(id)).contextLength
}
