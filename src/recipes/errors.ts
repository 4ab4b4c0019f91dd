import { AthanorError } from '../errors.js'

/** A recipe cannot be run as asked. */
export class RecipeError extends AthanorError {
  constructor(
    code:
      | 'recipe/exists'
      | 'recipe/missing'
      | 'recipe/plan'
      | 'recipe/journal'
      | 'recipe/preset'
      | 'recipe/stopped'
      | 'recipe/server',
    message: string,
  ) {
    super(code, message)
  }
}
