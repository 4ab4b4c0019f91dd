import { AthanorError } from '../../errors.js'

/**
 * - `dead`: no answer, after every retry
 * - `refused`: the address, the key or the account is wrong; no other request will fare better
 * - `request`: this request was not accepted; another one may be
 * - `reply`: the answer is not what a chat endpoint gives
 */
export type EndpointErrorKind = 'dead' | 'refused' | 'request' | 'reply'

/** An endpoint gave no completion. */
export class EndpointError extends AthanorError {
  readonly kind: EndpointErrorKind

  constructor(kind: EndpointErrorKind, message: string, options?: ErrorOptions) {
    super(`endpoint/${kind}`, message, options)
    this.kind = kind
  }
}
