import { AthanorError } from '../errors.js'

/** A model cannot be written in the form that was asked for. */
export class ExportError extends AthanorError {
  constructor(message: string) {
    super('export', message)
  }
}
