/** From what a request brings to token ids that fit the context. */
import type { ChatMessage, ChatTool } from '../../text/index.js'
import { InferError } from '../errors.js'
import { checkTokens } from '../generator.js'
import type { LanguageModel } from '../language-model.js'
import type { RequestPrompt } from './types.js'

export interface PromptLimits {
  /** Tokens that the prompt may have. */
  readonly capacity: number
  /** New tokens that a truncated prompt leaves room for, as far as it can keep half of the capacity. */
  readonly maxTokens?: number | undefined
  readonly overflow: 'error' | 'truncate'
  /** Bytes of the longest token: text that cannot fit is refused before it is encoded. */
  readonly longestToken: number
}

/**
 * Ids of a prompt. `truncate` leaves out the oldest turns, never the system message and never the last turn of the user; raw text loses its beginning.
 * @throws InferError `infer/prompt` for an empty one, `infer/context` for one that does not fit; ChatError
 */
export function promptTokens(model: LanguageModel, prompt: RequestPrompt, limits: PromptLimits): number[] {
  const ids =
    'ids' in prompt
      ? cutBeginning(prompt.ids, limits)
      : 'text' in prompt
        ? textTokens(model, prompt.text, limits)
        : chatTokens(model, prompt.messages, prompt.tools ?? [], limits)
  if (ids.length === 0) {
    throw new InferError(
      'infer/prompt',
      'the prompt is empty and the model has no start token; give at least one token',
    )
  }
  checkTokens(ids, model.config.vocabSize)
  return ids
}

/** The chat format of a model. @throws InferError `infer/tokenizer` where it has none */
export function chatOf(model: LanguageModel) {
  if (model.chat) return model.chat
  throw new InferError(
    'infer/tokenizer',
    `${model.dir || 'this model'} has no chat template and no tokens for turns, so it cannot read messages; give it text to go on with (/v1/completions), or a model that was fine-tuned for dialogue`,
  )
}

function textTokens(model: LanguageModel, text: string, limits: PromptLimits): number[] {
  const { capacity, longestToken, overflow } = limits
  if (text.length <= capacity * longestToken) return cutBeginning(model.encodePrompt(text), limits)
  if (overflow === 'error') throw tooLong(`at least ${Math.ceil(text.length / longestToken)}`, capacity)
  // No more of it than can matter, and not from the middle of a character.
  const end = text.slice(-capacity * longestToken).replace(/^[\udc00-\udfff]/, '')
  return model.encodePrompt(end).slice(-roomFor(limits))
}

function cutBeginning(ids: readonly number[], limits: PromptLimits): number[] {
  if (ids.length <= limits.capacity) return [...ids]
  if (limits.overflow === 'error') throw tooLong(`${ids.length}`, limits.capacity)
  return ids.slice(-roomFor(limits))
}

function chatTokens(
  model: LanguageModel,
  messages: readonly ChatMessage[],
  tools: readonly ChatTool[],
  limits: PromptLimits,
): number[] {
  const chat = chatOf(model)
  if (messages.length === 0) throw new InferError('infer/prompt', 'there are no messages; give at least one')
  const { capacity, longestToken, overflow } = limits
  const encode = (kept: readonly ChatMessage[]) => [
    ...chat.encode(kept, { addGenerationPrompt: true, ...(tools.length > 0 ? { tools } : {}) }).ids,
  ]
  const characters = (kept: readonly ChatMessage[]) =>
    kept.reduce((sum, { content }) => sum + content.length, 0)
  const fewest = (kept: readonly ChatMessage[]) => Math.ceil(characters(kept) / longestToken)
  if (fewest(messages) <= capacity) {
    const all = encode(messages)
    if (all.length <= capacity) return all
    if (overflow === 'error') throw tooLong(`${all.length}`, capacity)
  } else if (overflow === 'error') throw tooLong(`at least ${fewest(messages)}`, capacity)
  const room = roomFor(limits)
  const system = messages[0]?.role === 'system' ? messages.slice(0, 1) : []
  // What remains begins with a turn of the user.
  const starts = [...messages.keys()].filter((i) => i > 0 && messages[i]!.role === 'user')
  const from = (i: number) => [...system, ...messages.slice(starts[i])]
  const fits = (i: number, most: number) => {
    if (fewest(from(i)) > most) return undefined
    const ids = encode(from(i))
    return ids.length <= most ? ids : undefined
  }
  // The earliest start that fits, by halving: each later one is shorter.
  let [low, high] = [0, starts.length]
  let best: number[] | undefined
  while (low < high) {
    const middle = (low + high) >> 1
    const ids = fits(middle, room)
    if (ids) [best, high] = [ids, middle]
    else low = middle + 1
  }
  best ??= starts.length > 0 ? fits(starts.length - 1, capacity) : undefined
  if (best) return best
  throw new InferError(
    'infer/context',
    `the last turn alone (with the system message) has more tokens than the context of ${capacity} holds; shorten it`,
  )
}

/** What a truncated prompt may have: room stays for the answer, but half of the context is the prompt's in any case. */
function roomFor({ capacity, maxTokens = Math.ceil(capacity / 4) }: PromptLimits): number {
  return Math.min(capacity, Math.max(Math.ceil(capacity / 2), capacity - maxTokens + 1))
}

function tooLong(tokens: string, capacity: number): InferError {
  return new InferError(
    'infer/context',
    `the prompt has ${tokens} tokens and the context holds ${capacity}; shorten it, or ask for overflow: 'truncate' to leave out its oldest part`,
  )
}
