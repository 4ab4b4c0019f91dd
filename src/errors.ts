/**
 * The root of every error that Athanor throws on purpose. `code` is stable and meant for programs; `message` is meant
 * for people: it names what is wrong, where, and the way out.
 */
export class AthanorError extends Error {
  readonly code: string

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = new.target.name
    this.code = code
  }
}
