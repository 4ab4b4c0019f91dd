/** Many prompts, many answers. */
import { generateBatch, type LanguageModel } from '../../infer/index.js'
import type { ChatFormat } from '../../text/chat/index.js'
import type { AskedPrompt } from '../prompting.js'
import type { RunContext } from './context.js'

export interface AnswerOptions {
  readonly maxTokens: number
  /** Where an answer ends. */
  readonly stop: readonly string[]
  readonly temperature: number
  readonly samples: number
}

export interface Answers {
  /** [prompt][sample] */
  readonly answers: readonly (readonly string[])[]
  /** Prompts that lost their beginning. */
  readonly truncated: number
}

/** Answers to prompts, `samples` of each, in batches. */
export async function answerAll(
  {
    model,
    chat,
    seed,
    batch,
    signal,
    onProgress,
  }: Pick<RunContext, 'model' | 'chat' | 'seed' | 'batch' | 'signal' | 'onProgress'>,
  prompts: readonly AskedPrompt[],
  { maxTokens, stop, temperature, samples }: AnswerOptions,
): Promise<Answers> {
  let done = 0
  const asked = prompts.flatMap(({ ids }) => Array.from({ length: samples }, () => ids))
  const generations = await generateBatch(model, asked, {
    maxTokens: Math.min(maxTokens, model.config.contextLength),
    stop: [...stop],
    temperature,
    seed,
    overflow: 'truncate',
    ...(batch === undefined ? {} : { batch }),
    ...(signal === undefined ? {} : { signal }),
    onDone: () => onProgress(++done, asked.length),
  })
  const texts = generations.map(({ tokens, text }) => turnOf(model, chat, tokens, text))
  return {
    answers: prompts.map((_, i) => texts.slice(i * samples, (i + 1) * samples)),
    truncated: prompts.filter(({ ids }, i) => generations[i * samples]!.promptTokens.length < ids.length)
      .length,
  }
}

/** What was written up to the end of the assistant's turn, also where the model's own end tokens do not name it. */
function turnOf(
  model: LanguageModel,
  chat: ChatFormat | undefined,
  tokens: readonly number[],
  text: string,
): string {
  const end = chat ? tokens.findIndex((token) => chat.stopIds.includes(token)) : -1
  if (end < 0 || model.eosIds.includes(tokens[end]!)) return text
  return model.tokenizer!.decode(tokens.slice(0, end))
}
