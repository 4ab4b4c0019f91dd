import { AthanorError } from '../errors.js'

/** 'eval/text': a text that cannot be measured; 'eval/data': a set of examples that cannot be used. */
export type EvaluationErrorCode = 'eval/text' | 'eval/options' | 'eval/data' | 'eval/task' | 'eval/judge'

/** A model cannot be measured on this. */
export class EvaluationError extends AthanorError {
  declare readonly code: EvaluationErrorCode

  constructor(code: EvaluationErrorCode, message: string, options?: ErrorOptions) {
    super(code, message, options)
  }
}
