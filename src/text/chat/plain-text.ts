import { alternatives } from '../added-tokens.js'
import type { AddedToken } from '../schema.js'
import type { Tokenizer } from '../tokenizer.js'

/** What stands before a piece of text: nothing, a special token, or other text. */
export type Before = 'nothing' | 'special' | 'text'

/** Writes rendered templates: structure with its special tokens, and text from people in which nothing is special. */
export interface TextEncoder {
  /** Matches the tokens that only the template may write. */
  readonly tokens: RegExp
  /** Matches how they are spelled, without the white space that some take with them. */
  readonly spelled: RegExp
  idOf(token: string): number
  plain(text: string, before: Before): Int32Array
}

/**
 * @param structural tokens that the template writes around messages and that count as special although the tokenizer does not say so
 */
export function createTextEncoder(tokenizer: Tokenizer, structural: ReadonlySet<number>): TextEncoder {
  const added = tokenizer.toJSON().added_tokens.filter(({ special, id }) => special || structural.has(id))
  const never = /(?!)/gu
  const anchor = added.find(({ special, lstrip, rstrip }) => special && !lstrip && !rstrip)?.content
  // The tokenizer reads these wherever they stand, unless they are cut apart.
  const insistent = tokenizer.stripsLeadingSpace ? added : added.filter(({ special }) => !special)
  const apart = spelling(insistent)

  /** SentencePiece puts a space before what it takes for the beginning of a text: there must be something before. */
  const behind = (lead: string, text: string): Int32Array => {
    const skipped = tokenizer.encode(lead, { special: true })
    const ids = tokenizer.encode(lead + text, { special: true })
    return skipped.every((id, index) => ids[index] === id)
      ? ids.subarray(skipped.length)
      : tokenizer.encode(text)
  }
  const fragment = (text: string, before: Before): Int32Array => {
    if (!tokenizer.stripsLeadingSpace || before === 'nothing') return tokenizer.encode(text)
    const lead = anchor ?? ''
    return before === 'special' && anchor !== undefined ? behind(lead, text) : behind(`${lead}\n`, text)
  }

  return {
    tokens: alternatives(added) ?? never,
    spelled: spelling(added) ?? never,
    idOf: (token) => tokenizer.tokenToId(token) ?? tokenizer.tokenToId(token.trim())!,
    plain(text, before) {
      if (text === '') return new Int32Array(0)
      const cuts = apart
        ? [...text.matchAll(apart)].map(({ 0: token, index }) => index + [...token][0]!.length)
        : []
      if (cuts.length === 0) return fragment(text, before)
      const parts = [0, ...cuts].map((from, index) => text.slice(from, cuts[index]))
      return Int32Array.from(
        parts.flatMap((part, index) => [...fragment(part, index === 0 ? before : 'text')]),
      )
    },
  }
}

const spelling = (tokens: AddedToken[]) =>
  alternatives(tokens.map((token) => ({ ...token, lstrip: false, rstrip: false })))
