import { AthanorError } from '../errors.js'

export type InferErrorCode =
  | 'infer/prompt'
  | 'infer/context'
  | 'infer/logits'
  | 'infer/options'
  | 'infer/generator'
  | 'infer/tokenizer'

/** A model cannot be asked this: the prompt, an option or the model's own numbers stand in the way. */
export class InferError extends AthanorError {
  declare readonly code: InferErrorCode

  constructor(code: InferErrorCode, message: string, options?: ErrorOptions) {
    super(code, message, options)
  }
}
