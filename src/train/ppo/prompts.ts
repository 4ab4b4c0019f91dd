/** Prompts for reinforcement learning: dialogues that wait for an answer, as tokens, in an order that a seed decides. */
import { type Prompt, readPrompts } from '../../data/index.js'
import type { Rng } from '../../rng.js'
import type { ChatFormat } from '../../text/index.js'
import { spelled } from '../dialogue-rows.js'
import { TrainError } from '../errors.js'
import type { OnEvent } from '../events.js'
import { SkipLog } from '../skips.js'

export interface EncodedPrompt {
  readonly prompt: Prompt
  /** The dialogue and the beginning of the assistant's turn. */
  readonly ids: readonly number[]
}

export interface PromptOptions {
  readonly maxPromptTokens?: number | undefined
  readonly maxTokens: number
  readonly maxSkipped: number
  /** Passes over, with their lines, prompts that this format cannot write. */
  readonly chat?: ChatFormat | undefined
  readonly onEvent?: OnEvent | undefined
  readonly signal?: AbortSignal | undefined
}

/** Reads prompts from files. @throws TrainError where none is left; DataError where too many lines are broken */
export async function loadPrompts(
  paths: readonly string[],
  { maxSkipped, chat, onEvent = () => {}, signal }: PromptOptions,
): Promise<Prompt[]> {
  const prompts: Prompt[] = []
  const skips = new SkipLog(onEvent, maxSkipped)
  const checked = (prompt: Prompt) => {
    if (chat) spelled(() => promptIds(prompt, chat))
    return prompt
  }
  for await (const prompt of readPrompts(paths, { ...skips.options, signal }, checked)) prompts.push(prompt)
  skips.finish()
  return prompts
}

/**
 * Prompts as tokens. Those that leave no room for an answer of `maxTokens` are passed over, and counted.
 * @throws TrainError where none is left, or no answer of this length has room
 */
export function encodePrompts(
  prompts: readonly Prompt[],
  chat: ChatFormat,
  contextLength: number,
  { maxTokens, maxPromptTokens, onEvent = () => {} }: PromptOptions,
): EncodedPrompt[] {
  // The last token of an answer is never read by the model.
  const left = contextLength - maxTokens + 1
  if (left < 1) {
    throw new TrainError(
      'recipe',
      `answers of maxTokens ${maxTokens} leave no room for a prompt: the context is ${contextLength} tokens; allow fewer`,
    )
  }
  const room = Math.min(maxPromptTokens ?? Number.POSITIVE_INFINITY, left)
  const encoded = prompts.map((prompt) => ({ prompt, ids: promptIds(prompt, chat) }))
  const fitting = encoded.filter(({ ids }) => ids.length <= room)
  if (fitting.length < encoded.length) {
    onEvent({
      type: 'warning',
      text: `${encoded.length - fitting.length} of ${encoded.length} prompts are longer than ${room} tokens and were passed over`,
    })
  }
  if (fitting.length === 0) {
    throw new TrainError(
      'data',
      encoded.length === 0
        ? 'there are no prompts to answer'
        : room < left
          ? `every prompt is longer than ${room} tokens; raise maxPromptTokens`
          : `every prompt is longer than ${room} tokens, what a context of ${contextLength} leaves beside answers of ${maxTokens}; shorten the answers (maxTokens)`,
    )
  }
  return fitting
}

function promptIds({ messages, tools }: Prompt, chat: ChatFormat): number[] {
  return [...chat.encode(messages, { addGenerationPrompt: true, ...(tools ? { tools } : {}) }).ids]
}

/** The prompts of a step: every prompt once before any comes again, in an order that depends on the seed and the epoch only. */
export function promptsOf<T>(prompts: readonly T[], step: number, count: number, root: Rng): T[] {
  const orders = new Map<number, number[]>()
  return Array.from({ length: count }, (_, i) => {
    const at = step * count + i
    const epoch = Math.floor(at / prompts.length)
    const order =
      orders.get(epoch) ??
      root
        .fork('prompts')
        .fork(epoch)
        .shuffle([...prompts.keys()])
    orders.set(epoch, order)
    return prompts[order[at % prompts.length]!]!
  })
}
