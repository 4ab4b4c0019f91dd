import { AthanorError } from '../errors.js'

export type InferErrorCode =
  | 'infer/prompt'
  | 'infer/context'
  | 'infer/logits'
  | 'infer/options'
  | 'infer/generator'
  | 'infer/tokenizer'
  /** A JSON schema or the description of a tool cannot be followed. */
  | 'infer/schema'
  /** No model of this name, or one of another kind than the request needs. */
  | 'infer/model-not-found'
  /** A model that is known cannot be loaded, or its files were changed while it was in use. */
  | 'infer/model'
  /** Models do not fit in the memory that they may take. */
  | 'infer/memory'
  | 'infer/queue-full'
  | 'infer/cancelled'
  /** The engine ended: closed, or broken off by itself. */
  | 'infer/engine'

/** A model cannot be asked this: the prompt, an option or the model's own numbers stand in the way. */
export class InferError extends AthanorError {
  declare readonly code: InferErrorCode

  constructor(code: InferErrorCode, message: string, options?: ErrorOptions) {
    super(code, message, options)
  }
}
