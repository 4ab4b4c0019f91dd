/** What answers are made of. */
import type { FinishReason, GenerationUsage, PromptLogprob, TokenLogprob } from '../../infer/engine/types.js'
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
  logprobs: readonly PromptLogprob[] | undefined,
  offsets: readonly number[],
): CompletionLogprobs | null {
  if (logprobs === undefined) return null
  return {
    tokens: logprobs.map(({ token }) => token),
    token_logprobs: logprobs.map(({ logprob }) => logprob && finite(logprob)),
    // The first token of a prompt follows nothing.
    top_logprobs: logprobs.map(({ logprob, top }) =>
      logprob === null
        ? null
        : Object.fromEntries(top.map((each) => [each.token, finite(each.logprob)] as const)),
    ),
    text_offset: [...offsets],
  }
}

/**
 * Where tokens begin in the text that they spell, in UTF-16 units. Special tokens are not in the text, and some tokenizers leave out a
 * space at its beginning: such a token has no length.
 */
export function offsetsOf(text: string, tokens: readonly Pick<PromptLogprob, 'bytes'>[]): number[] {
  const all = Buffer.from(text)
  let [at, units] = [0, 0]
  return tokens.map(({ bytes }) => {
    const begin = units
    const found = all.subarray(at, at + bytes.length + RESYNC).indexOf(Buffer.from(bytes))
    if (found < 0 || bytes.length === 0) return begin
    const end = at + found + bytes.length
    let start = units
    for (let i = at; i < end; i++) {
      if (i === at + found) start = units
      // A character counts where it begins, as two where it takes four bytes.
      const byte = all[i]!
      if ((byte & 0xc0) !== 0x80) units += byte >= 0xf0 ? 2 : 1
    }
    at = end
    return start
  })
}

/** Bytes of text that may stand between two tokens without a token of their own. */
const RESYNC = 16

/** JSON has no -Infinity; OpenAI writes -9999 for what cannot be. */
const finite = (logprob: number): number => (logprob < -9999 ? -9999 : logprob)
