import { AthanorError } from '../../errors.js'

export type BuildErrorCode =
  | 'build-exists'
  | 'build-locked'
  | 'build-empty'
  | 'build-damaged'
  | 'build-worker'

/** A data set that cannot be built, or read. What was finished before stays good. */
export class BuildError extends AthanorError {
  declare readonly code: BuildErrorCode

  constructor(code: BuildErrorCode, message: string, options?: ErrorOptions) {
    super(code, message, options)
  }
}
