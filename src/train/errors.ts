import { AthanorError } from '../errors.js'

/** A training run cannot start, go on, or be resumed. */
export class TrainError extends AthanorError {
  constructor(code: 'recipe' | 'data' | 'resume' | 'diverged', message: string) {
    super(`train/${code}`, message)
  }
}
