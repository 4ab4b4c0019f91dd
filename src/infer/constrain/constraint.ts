import { InferError } from '../errors.js'
import { Matcher, type Place } from './matcher.js'
import type { Constraint, Grammar, Vocabulary } from './types.js'

/**
 * A text that will belong to the grammar when it ends by itself, at its beginning.
 * @throws InferError `infer/schema` where the vocabulary cannot spell any text of the grammar
 */
export function createConstraint(grammar: Grammar, vocabulary: Vocabulary): Constraint {
  let matcher = grammar.matchers.get(vocabulary)
  if (!matcher) {
    matcher = new Matcher(grammar, vocabulary)
    grammar.matchers.set(vocabulary, matcher)
  }
  const { start } = matcher
  if (start.configurations.length === 0 && !start.canEnd) {
    throw new InferError(
      'infer/schema',
      "the tokens of this model's vocabulary cannot spell any answer of the wanted form; ask for plain text, or use a model with a byte-level tokenizer",
    )
  }
  return new TextConstraint(matcher, start)
}

class TextConstraint implements Constraint {
  readonly #matcher: Matcher
  #place: Place

  constructor(matcher: Matcher, place: Place) {
    this.#matcher = matcher
    this.#place = place
  }

  allowed(left?: number): Uint32Array {
    const place = this.#place
    const { bits, worst } = this.#matcher.mask(place)
    if (left === undefined || worst <= left - 1) return bits
    return this.#matcher.maskWithin(place, Math.max(left, place.distance) - 1)
  }

  accept(token: number): void {
    const { vocabulary } = this.#matcher
    if (vocabulary.endIds.includes(token)) {
      if (this.#place.canEnd) return
      throw this.#refusal(token)
    }
    const bytes = vocabulary.bytes(token)
    if (!bytes) throw this.#refusal(token)
    let place: Place | undefined = this.#place
    for (const byte of bytes) {
      place = this.#matcher.step(place, byte)
      if (!place) throw this.#refusal(token)
    }
    this.#place = place
  }

  get done(): boolean {
    return this.#place.canEnd && !this.#matcher.goesOn(this.#place)
  }

  get canEnd(): boolean {
    return this.#place.canEnd
  }

  get distance(): number {
    return this.#place.distance
  }

  fork(): Constraint {
    return new TextConstraint(this.#matcher, this.#place)
  }

  #refusal(token: number): InferError {
    return new InferError(
      'infer/schema',
      `token ${token} cannot come here in an answer of the wanted form; draw from allowed() only`,
    )
  }
}
