import { addedTokens, checkSpecialTokens } from './added-tokens.js'
import { TokenizerError } from './errors.js'
import { tokenizerFromJson } from './json-tokenizer.js'
import type { Tokenizer } from './tokenizer.js'

/**
 * A copy of `tokenizer` that also has the special tokens `tokens`, as turns of a chat need them; those it has already
 * keep their ids, the others follow the highest id. The model's embedding table must then grow to the new `vocabSize`.
 *
 * @throws TokenizerError `tokenizer_options` where a token is empty, repeated or an ordinary token already
 */
export function withSpecialTokens(tokenizer: Tokenizer, tokens: readonly string[]): Tokenizer {
  checkSpecialTokens(tokens)
  const fresh = tokens.filter((token) => !tokenizer.specialTokens.has(token))
  const ordinary = fresh.find((token) => tokenizer.tokenToId(token) !== undefined)
  if (ordinary !== undefined) {
    throw new TokenizerError(
      'tokenizer_options',
      `${JSON.stringify(ordinary)} is an ordinary token of this tokenizer and cannot become special.`,
    )
  }
  const json = tokenizer.toJSON()
  const nameOf = (id: number | undefined) => (id === undefined ? undefined : tokenizer.idToToken(id))
  return tokenizerFromJson(
    { ...json, added_tokens: [...json.added_tokens, ...addedTokens(fresh, tokenizer.vocabSize)] },
    { bosToken: nameOf(tokenizer.bosId), eosToken: nameOf(tokenizer.eosId) },
  )
}
