import { AthanorError } from '../errors.js'

/** Thrown by everything in `optim/`, while a step is being built: never while it runs. */
export class OptimError extends AthanorError {
  constructor(code: 'config' | 'params' | 'state', message: string) {
    super(`optim/${code}`, message)
  }
}
