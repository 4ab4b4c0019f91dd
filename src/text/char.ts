import { addedTokens, checkSpecialTokens } from './added-tokens.js'
import { TokenizerError } from './errors.js'
import { tokenizerFromJson } from './json-tokenizer.js'
import type { Tokenizer } from './tokenizer.js'
import { wellFormed } from './unicode.js'

export interface CharTokenizerOptions {
  /** Appended after the characters. None by default: the vocabulary is the characters, as in nanoGPT. */
  specialTokens?: readonly string[]
  /** Stands for characters that training did not see; must be one of `specialTokens`. Without it they are an error. */
  unkToken?: string
}

/**
 * A tokenizer with one token per character of `texts`, in order of code point (nanoGPT's `data/shakespeare_char`).
 * Its `tokenizer.json` is a BPE model without merges, which the Hugging Face libraries read; note that those drop
 * unknown characters silently where `encode` here throws.
 *
 * @throws TokenizerError `tokenizer_options` for empty text or specials that clash with characters
 */
export function trainCharTokenizer(
  texts: string | Iterable<string>,
  options: CharTokenizerOptions = {},
): Tokenizer {
  const { specialTokens = [], unkToken } = options
  const chars = new Set<string>()
  for (const text of typeof texts === 'string' ? [texts] : texts) {
    for (const char of wellFormed(text)) chars.add(char)
  }
  if (chars.size === 0) {
    throw new TokenizerError(
      'tokenizer_options',
      'A character tokenizer needs text to learn its characters from; there was none.',
    )
  }
  checkSpecialTokens(specialTokens)
  const clash = specialTokens.find((token) => chars.has(token))
  if (clash !== undefined) {
    throw new TokenizerError(
      'tokenizer_options',
      `The special token ${JSON.stringify(clash)} is also a character of the text. Choose a longer one.`,
    )
  }
  if (unkToken !== undefined && !specialTokens.includes(unkToken)) {
    throw new TokenizerError(
      'tokenizer_options',
      `unkToken ${JSON.stringify(unkToken)} must be one of specialTokens.`,
    )
  }
  const sorted = [...chars].sort((a, b) => a.codePointAt(0)! - b.codePointAt(0)!)
  return tokenizerFromJson({
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: addedTokens(specialTokens, sorted.length),
    normalizer: null,
    pre_tokenizer: null,
    post_processor: null,
    decoder: { type: 'Fuse' },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: unkToken ?? null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: Object.fromEntries([...sorted, ...specialTokens].map((token, id) => [token, id])),
      merges: [],
    },
  })
}
