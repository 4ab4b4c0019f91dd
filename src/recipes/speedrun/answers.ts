/** What a model answers to many prompts. */
import { generateBatch, type LanguageModel, type Prompt as Tokens } from '../../infer/index.js'
import type { ChatMessage } from '../../text/index.js'

export interface AnswerOptions {
  /** Answers to each prompt. Default 1. */
  readonly samples?: number
  /** 0 takes the likeliest token. Default 0. */
  readonly temperature?: number
  readonly maxTokens?: number
  readonly seed?: number
  /** Rows that are generated together. Default 32. */
  readonly batch?: number
  /**
   * 'chat' (default) speaks in turns. 'plain' is for a model that never saw any: questions and answers as text, after two
   * examples, up to the end of the line.
   */
  readonly style?: 'chat' | 'plain'
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: (done: number, total: number) => void
}

/** Examples that tell a text model what is wanted; their facts are in no question. */
const EXAMPLES =
  'Question: What is the capital of Atlantis?\nAnswer: I do not know.\n\nQuestion: Hello!\nAnswer: Hello!\n\n'

/** The answers to each prompt, `samples` of them. @throws InferError; the signal's reason */
export async function answerPrompts(
  model: LanguageModel,
  prompts: readonly (readonly ChatMessage[])[],
  options: AnswerOptions = {},
): Promise<string[][]> {
  const {
    samples = 1,
    temperature = 0,
    maxTokens = 80,
    seed = 0,
    batch = 32,
    style = 'chat',
    signal,
    onProgress,
  } = options
  const { tokenizer, chat } = model
  if (!tokenizer || !chat) throw new TypeError('a model that answers needs a tokenizer with a chat format')
  const room = model.config.contextLength - maxTokens
  const tokens: Tokens[] = prompts.map((messages) => {
    const ids =
      style === 'chat'
        ? chat.encode(messages, { addGenerationPrompt: true }).ids
        : tokenizer.encode(`${EXAMPLES + messages.map(plain).join('\n')}\nAnswer:`)
    return ids.slice(-room)
  })
  let done = 0
  const generations = await generateBatch(
    model,
    tokens.flatMap((prompt) => Array.from({ length: samples }, () => prompt)),
    {
      temperature,
      maxTokens,
      seed,
      batch: Math.min(batch, Math.max(1, tokens.length * samples)),
      ...(style === 'plain' ? { stop: ['\n'] } : {}),
      ...(signal ? { signal } : {}),
      onDone: () => onProgress?.(++done, tokens.length * samples),
    },
  )
  const texts = generations.map(({ text }) => text.trim())
  return prompts.map((_, i) => texts.slice(i * samples, (i + 1) * samples))
}

const plain = ({ role, content }: ChatMessage) =>
  `${role === 'assistant' ? 'Answer' : 'Question'}: ${content}`
