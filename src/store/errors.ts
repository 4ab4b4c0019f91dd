import { AthanorError } from '../errors.js'

export type StoreReason =
  | 'not-found'
  | 'conflict'
  | 'invalid'
  | 'too-large'
  | 'url'
  | 'newer'
  | 'not-a-database'
  | 'busy'
  | 'unavailable'
  | 'import'
  | 'closed'
  | 'failed'

/** The store refused, or could not. A full or read-only disk is a `StorageError` (`storage-full`), as everywhere else. */
export class StoreError extends AthanorError {
  readonly reason: StoreReason

  constructor(reason: StoreReason, message: string, options?: ErrorOptions) {
    super(`store/${reason}`, message, options)
    this.reason = reason
  }
}
