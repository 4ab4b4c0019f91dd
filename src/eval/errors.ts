import { AthanorError } from '../errors.js'

/** A model cannot be measured on this. */
export class EvaluationError extends AthanorError {
  declare readonly code: 'eval/text' | 'eval/options'

  constructor(code: 'eval/text' | 'eval/options', message: string, options?: ErrorOptions) {
    super(code, message, options)
  }
}
