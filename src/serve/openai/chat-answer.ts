/** The answer of a chat request: whole, or piece by piece. */
import type { Context } from 'hono'
import type { GenerationEvent } from '../../infer/engine/types.js'
import type { Citation } from '../../store/index.js'
import type { ChatMessage } from '../../text/index.js'
import type { ServeContext, ServeEnv } from '../context.js'
import type { ResolvedModel } from '../live-models.js'
import type { ChatChunk, ChatResponse } from './chat-schemas.js'
import { Choice } from './choice.js'
import { chatLogprobs, usageOf } from './fields.js'
import type { Saving } from './saving.js'

/** A chat request that is ready to be answered. */
export interface ChatTurn {
  readonly id: string
  /** Unix seconds. */
  readonly created: number
  readonly model: ResolvedModel
  /** As the request names it. */
  readonly modelName: string
  readonly messages: readonly ChatMessage[]
  readonly citations: readonly Citation[]
  /** Answers. */
  readonly count: number
  readonly includeUsage: boolean
  readonly logprobs: boolean
  /** The answer names its sources, even where there are none. */
  readonly grounded: boolean
  readonly saving?: Saving
  readonly signal: AbortSignal
  events(): AsyncGenerator<readonly [index: number, event: GenerationEvent], void, undefined>
}

/** The whole answer. */
export async function chatAnswer(
  context: ServeContext,
  c: Context<ServeEnv>,
  turn: ChatTurn,
): Promise<ChatResponse> {
  const choices = Array.from({ length: turn.count }, () => new Choice())
  for await (const _ of collected(context, c, turn, choices));
  return {
    ...envelope(turn),
    object: 'chat.completion',
    choices: choices.map((choice, index) => ({
      index,
      message: {
        role: 'assistant',
        // As OpenAI has it: calls without words have no content.
        content: choice.text === '' && choice.calls.length > 0 ? null : choice.text,
        refusal: null,
        ...(choice.calls.length > 0
          ? {
              tool_calls: choice.calls.map(({ id, ...call }) => ({
                id,
                type: 'function' as const,
                function: call,
              })),
            }
          : {}),
      },
      logprobs: chatLogprobs(turn.logprobs ? choice.logprobs : undefined),
      finish_reason: choice.finish!,
    })),
    usage: usageOf(choices.map(({ usage }) => usage)),
    ...(turn.grounded ? { citations: [...turn.citations] } : {}),
  }
}

/** The answer's pieces: the first of each choice says the role, the last why it ends; then what was used, where it is asked for. */
export async function* chatEvents(
  context: ServeContext,
  c: Context<ServeEnv>,
  turn: ChatTurn,
): AsyncGenerator<ChatChunk, void, undefined> {
  const choices = Array.from({ length: turn.count }, () => new Choice())
  const more = turn.includeUsage ? { usage: null } : {}
  let first = true
  for await (const [index, event] of collected(context, c, turn, choices)) {
    const piece = pieceOf(event, choices[index]!, turn)
    if (piece === undefined) continue
    yield {
      ...envelope(turn),
      object: 'chat.completion.chunk',
      choices: [{ index, logprobs: null, finish_reason: null, ...piece }],
      ...more,
      ...(first && turn.grounded ? { citations: [...turn.citations] } : {}),
    }
    first = false
  }
  if (turn.includeUsage) {
    yield {
      ...envelope(turn),
      object: 'chat.completion.chunk',
      choices: [],
      usage: usageOf(choices.map(({ usage }) => usage)),
    }
  }
}

/**
 * The events, after each has gone into its choice. The answer is saved before its end is passed on, so that a client that knows of the
 * end knows of something that is kept; what was said when the client left is saved too.
 */
async function* collected(
  { config }: ServeContext,
  c: Context<ServeEnv>,
  turn: ChatTurn,
  choices: readonly Choice[],
): ReturnType<ChatTurn['events']> {
  const { saving, citations } = turn
  let saved = saving === undefined
  try {
    for await (const item of turn.events()) {
      const [index, event] = item
      choices[index]!.add(event)
      if (event.type === 'end') {
        if (config.logPrompts) c.get('log').info({ answer: choices[index]!.text }, 'answer')
        if (saving) await saving.answer(choices[index]!, citations)
        saved = true
      }
      yield item
    }
  } finally {
    const choice = choices[0]!
    const finish = turn.signal.aborted ? 'cancelled' : 'error'
    if (!saved && choice.text !== '') await saving!.answer(choice, citations, finish)
  }
}

type Piece = Partial<ChatChunk['choices'][number]> & Pick<ChatChunk['choices'][number], 'delta'>

function pieceOf(event: GenerationEvent, choice: Choice, turn: ChatTurn): Piece | undefined {
  switch (event.type) {
    case 'start':
      return { delta: { role: 'assistant', content: '' } }
    case 'prompt':
      return undefined
    case 'text':
      return {
        delta: { content: event.text },
        logprobs: chatLogprobs(turn.logprobs ? (event.logprobs ?? []) : undefined),
      }
    case 'toolCall': {
      const { index, id, name, arguments: text } = event
      // The first piece of a call names it.
      const isFirst = !choice.named.has(index)
      if (!isFirst && text === '') return undefined
      choice.named.add(index)
      return {
        delta: {
          tool_calls: [
            isFirst
              ? { index, id, type: 'function', function: { name, arguments: text } }
              : { index, function: { arguments: text } },
          ],
        },
      }
    }
    case 'end':
      return { delta: {}, finish_reason: choice.finish! }
  }
}

const envelope = ({ id, created, modelName, model }: ChatTurn) => ({
  id,
  created,
  model: modelName,
  system_fingerprint: model.version,
})
