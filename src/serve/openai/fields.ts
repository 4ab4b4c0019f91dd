/** What answers are made of. */
import type { FinishReason, GenerationUsage, TokenLogprob } from '../../infer/engine/types.js'
import type { ChatLogprobs } from './chat-schemas.js'
import type { ApiFinish, Usage } from './common-schemas.js'
import type { CompletionLogprobs } from './completion-schemas.js'

export const finishOf = (reason: FinishReason): ApiFinish => (reason === 'toolCalls' ? 'tool_calls' : reason)

/** Of several answers to one prompt: it is counted once. */
export function usageOf(usages: readonly GenerationUsage[], prompts = usages.slice(0, 1)): Usage {
  const sum = (list: readonly GenerationUsage[], field: keyof GenerationUsage) =>
    list.reduce((total, usage) => total + usage[field], 0)
  const prompt = sum(prompts, 'promptTokens')
  const completion = sum(usages, 'completionTokens')
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    prompt_tokens_details: { cached_tokens: sum(prompts, 'cachedTokens') },
  }
}

export function chatLogprobs(logprobs: readonly TokenLogprob[] | undefined): ChatLogprobs | null {
  if (logprobs === undefined) return null
  const content = logprobs.map(({ token, logprob, bytes, top }) => ({
    token,
    logprob: finite(logprob),
    bytes: [...bytes],
    top_logprobs: top.map((each) => ({
      token: each.token,
      logprob: finite(each.logprob),
      bytes: [...each.bytes],
    })),
  }))
  return { content, refusal: null }
}

/** `offsets`: where the tokens begin in the text of the choice. */
export function completionLogprobs(
  logprobs: readonly TokenLogprob[] | undefined,
  offsets: readonly number[],
): CompletionLogprobs | null {
  if (logprobs === undefined) return null
  return {
    tokens: logprobs.map(({ token }) => token),
    token_logprobs: logprobs.map(({ logprob }) => finite(logprob)),
    top_logprobs: logprobs.map(({ top }) =>
      Object.fromEntries(top.map(({ token, logprob }) => [token, finite(logprob)])),
    ),
    text_offset: [...offsets],
  }
}

/** JSON has no -Infinity; OpenAI writes -9999 for what cannot be. */
const finite = (logprob: number): number => (logprob < -9999 ? -9999 : logprob)
