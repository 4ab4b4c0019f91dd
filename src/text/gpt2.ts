import { addedTokens } from './added-tokens.js'
import { TokenizerError } from './errors.js'
import { tokenizerFromJson } from './json-tokenizer.js'
import type { Tokenizer } from './tokenizer.js'

/**
 * GPT-2's tokenizer from the two files OpenAI published: `encoder.json` (also called `vocab.json`) and `vocab.bpe`
 * (also called `merges.txt`).
 *
 * @throws TokenizerError `tokenizer_invalid` where a file is broken or the two do not belong together
 */
export function parseGpt2Files(encoderJson: string, vocabBpe: string): Tokenizer {
  let vocab: Record<string, number>
  try {
    vocab = JSON.parse(encoderJson)
  } catch (cause) {
    throw new TokenizerError('tokenizer_invalid', `encoder.json is not JSON: ${(cause as Error).message}`, {
      cause,
    })
  }
  const merges: string[] = []
  for (const [index, line] of vocabBpe.split(/\r?\n/).entries()) {
    if (line === '' || line.startsWith('#version')) continue
    if (line.split(' ').length !== 2) {
      throw new TokenizerError(
        'tokenizer_invalid',
        `vocab.bpe, line ${index + 1}: ${JSON.stringify(line)} is not two tokens with one space between.`,
      )
    }
    merges.push(line)
  }
  const end = '<|endoftext|>'
  const endId = vocab?.[end]
  return tokenizerFromJson(
    byteLevelJson({
      vocab,
      merges,
      addedTokens: typeof endId === 'number' ? addedTokens([end], endId) : [],
      preTokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
    }),
    { name: 'encoder.json' },
  )
}

/** A byte-level BPE `tokenizer.json`. */
export function byteLevelJson(parts: {
  vocab: Record<string, number>
  merges: unknown[]
  addedTokens: unknown[]
  preTokenizer: object
}) {
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: parts.addedTokens,
    normalizer: null,
    pre_tokenizer: parts.preTokenizer,
    post_processor: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: false, use_regex: true },
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: parts.vocab,
      merges: parts.merges,
    },
  }
}
