import { TokenizerError } from './errors.js'
import { unsupported } from './pipeline.js'
import { escapeRegex } from './regex.js'
import { type AddedToken, checkId } from './schema.js'

/** `added_tokens` entries for special tokens with ids from `firstId`. */
export const addedTokens = (specialTokens: readonly string[], firstId: number) =>
  specialTokens.map((content, index) => ({
    id: firstId + index,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  }))

/** @throws TokenizerError `tokenizer_options` for empty or repeated special tokens */
export function checkSpecialTokens(tokens: readonly string[]): void {
  const wrong = tokens.find((token, index) => token === '' || tokens.indexOf(token) !== index)
  if (wrong === undefined) return
  const what = wrong === '' ? 'empty' : `given twice: ${JSON.stringify(wrong)}`
  throw new TokenizerError(
    'tokenizer_options',
    `A special token is ${what}. Special tokens must be distinct and not empty.`,
  )
}

/** Adds `tokens` to `ids`. @throws TokenizerError where one contradicts the vocabulary */
export function readAdded(
  tokens: AddedToken[],
  ids: Map<string, number>,
  name: string,
): Map<string, AddedToken> {
  const owner = new Map([...ids].map(([token, id]) => [id, token]))
  for (const token of tokens) {
    checkId(token.id, token.content, name)
    if (token.single_word) throw unsupported(name, 'an added token with', 'single_word')
    const known = ids.get(token.content)
    const holder = owner.get(token.id)
    if ((known !== undefined && known !== token.id) || (holder !== undefined && holder !== token.content)) {
      throw new TokenizerError(
        'tokenizer_invalid',
        `${name}: added token ${JSON.stringify(token.content)} has the id ${token.id}, which contradicts the vocabulary.`,
      )
    }
    ids.set(token.content, token.id)
    owner.set(token.id, token.content)
  }
  return new Map(tokens.map((token) => [token.content, token]))
}

/** One pattern for all tokens, the longest first; `lstrip` and `rstrip` tokens take the white space beside them. */
export function alternatives(tokens: AddedToken[]): RegExp | undefined {
  if (tokens.length === 0) return undefined
  const sorted = [...tokens].sort((a, b) => b.content.length - a.content.length)
  const space = '\\p{White_Space}*'
  const pattern = sorted.map(
    (token) => `${token.lstrip ? space : ''}${escapeRegex(token.content)}${token.rstrip ? space : ''}`,
  )
  return new RegExp(pattern.join('|'), 'gu')
}

/** `text` without the white space around it. */
export const withoutSpace = (text: string) => text.replace(/^\p{White_Space}+|\p{White_Space}+$/gu, '')
