import { AthanorError } from '../../errors.js'

/** A report cannot be made of this. */
export class ReportError extends AthanorError {
  declare readonly code: 'report/data' | 'report/version' | 'report/empty'

  constructor(
    code: 'report/data' | 'report/version' | 'report/empty',
    message: string,
    options?: ErrorOptions,
  ) {
    super(code, message, options)
  }
}
