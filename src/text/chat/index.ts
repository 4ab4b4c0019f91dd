/** Dialogues as tokens: ChatML, and the chat templates of other models. */
import type { Tokenizer } from '../tokenizer.js'
import { CHATML_TOKENS, chatmlFormat, chatmlTemplate, noFormat } from './chatml.js'
import type { ChatFormat } from './message.js'
import { templateFormat } from './template-format.js'

export { CHATML_TOKENS } from './chatml.js'
export { ChatError, type ChatErrorCode } from './errors.js'
export {
  CHAT_ROLES,
  type ChatFormat,
  type ChatMessage,
  type ChatRole,
  type ChatTool,
  type ChatTurn,
  type EncodeChatOptions,
  type EncodedChat,
  type ToolCall,
} from './message.js'
export { readChatTemplate } from './template-file.js'

/**
 * The chat format of a tokenizer: that of `template` (Jinja, from a model's `tokenizer_config.json` or `chat_template.jinja`),
 * or ChatML where there is none.
 *
 * @throws ChatError `chat_no_format` where there is no template and the tokenizer lacks {@link CHATML_TOKENS}; `chat_template`
 */
export function createChatFormat(tokenizer: Tokenizer, options: { template?: string } = {}): ChatFormat {
  const { template = chatmlTemplate } = options
  const hasTurns = CHATML_TOKENS.every((token) => tokenizer.tokenToId(token) !== undefined)
  if (template !== chatmlTemplate) return templateFormat(tokenizer, template)
  if (!hasTurns) throw noFormat()
  return takesFastPath(tokenizer) ? chatmlFormat(tokenizer) : templateFormat(tokenizer, template)
}

/** Whether text between two special tokens is encoded as it would be alone, and ChatML's tokens take nothing of it. */
function takesFastPath(tokenizer: Tokenizer): boolean {
  if (tokenizer.stripsLeadingSpace) return false
  const added = tokenizer.toJSON().added_tokens
  return CHATML_TOKENS.every((name) =>
    added.some((token) => token.content === name && token.special && !token.lstrip && !token.rstrip),
  )
}
