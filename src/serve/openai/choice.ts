/** One answer as its pieces come in. */
import type {
  GenerationEvent,
  GenerationUsage,
  PromptLogprob,
  TokenLogprob,
} from '../../infer/engine/types.js'
import type { ToolCall } from '../../text/index.js'
import type { ApiFinish } from './common-schemas.js'
import { finishOf, offsetsOf } from './fields.js'

export class Choice {
  text = ''
  /** Of a prompt that is repeated; before those of the answer. */
  readonly promptLogprobs: PromptLogprob[] = []
  readonly logprobs: TokenLogprob[] = []
  /** Where each of those tokens begins in the text. */
  readonly offsets: number[] = []
  readonly calls: { readonly id: string; readonly name: string; arguments: string }[] = []
  finish: ApiFinish | undefined
  /** Calls whose name has been told to a client that reads along. */
  readonly named = new Set<number>()
  usage: GenerationUsage = { promptTokens: 0, cachedTokens: 0, completionTokens: 0 }

  add(event: GenerationEvent): void {
    switch (event.type) {
      case 'start':
        this.usage = { ...this.usage, promptTokens: event.promptTokens, cachedTokens: event.cachedTokens }
        break
      case 'prompt':
        this.promptLogprobs.push(...event.logprobs)
        this.offsets.push(...offsetsOf(event.text, event.logprobs))
        this.text += event.text
        break
      case 'text': {
        let at = this.text.length
        for (const logprob of event.logprobs ?? []) {
          this.logprobs.push(logprob)
          this.offsets.push(at)
          at += logprob.token.length
        }
        this.text += event.text
        break
      }
      case 'toolCall': {
        const { index, id, name } = event
        this.calls[index] ??= { id, name, arguments: '' }
        this.calls[index].arguments += event.arguments
        break
      }
      case 'end':
        this.finish = finishOf(event.reason)
        this.usage = event.usage
    }
  }

  /** As messages keep them. */
  toolCalls(): ToolCall[] {
    return this.calls.map(({ id, name, arguments: text }) => ({ id, name, arguments: parse(text) }))
  }
}

/** The arguments of a call that was cut off are no JSON. */
function parse(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}
