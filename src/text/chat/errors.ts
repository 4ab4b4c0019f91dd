import { AthanorError } from '../../errors.js'

export type ChatErrorCode =
  | 'chat_no_format' // the tokenizer has no tokens for turns, and there is no template
  | 'chat_message' // a message that no format can write
  | 'chat_template' // a template that is broken, or too clever for this library
  | 'chat_template_refused' // the template says that these messages may not stand so

/** Messages that cannot be written as tokens. */
export class ChatError extends AthanorError {
  declare readonly code: ChatErrorCode

  constructor(code: ChatErrorCode, message: string, options?: ErrorOptions) {
    super(code, message, options)
  }
}
