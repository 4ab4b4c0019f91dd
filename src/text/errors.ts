import { AthanorError } from '../errors.js'

/** What a {@link TokenizerError} may be about; `code` on the error. */
export type TokenizerErrorCode =
  | 'tokenizer_invalid' // a tokenizer file that is broken or contradicts itself
  | 'tokenizer_unsupported' // a well-formed file that asks for something this library does not do
  | 'tokenizer_not_found' // no tokenizer where one was looked for
  | 'tokenizer_options' // options that cannot be met
  | 'tokenizer_vocab_size' // a vocabulary size that the text or the specials do not allow
  | 'tokenizer_unknown_text' // text that the vocabulary cannot spell
  | 'tokenizer_unknown_id' // an id outside the vocabulary
  | 'text_not_utf8' // bytes that are not UTF-8

/** Thrown by everything in `text/`. */
export class TokenizerError extends AthanorError {
  declare readonly code: TokenizerErrorCode

  // Narrows the type of `code`.
  constructor(code: TokenizerErrorCode, message: string, options?: ErrorOptions) {
    super(code, message, options)
  }
}
