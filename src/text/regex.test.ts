import { Tokenizer as NativeTokenizer } from 'tokenizers'
import { describe, expect, it } from 'vitest'
import { gpt2Pattern, split } from './pipeline.js'
import { translateRegex } from './regex.js'
import { randomFrom, randomText } from './testing/data.js'
import { defaultPattern } from './train-bpe.js'

const published = {
  gpt2: gpt2Pattern,
  ours: defaultPattern,
  llama3:
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
  o200k:
    "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s+(?!\\S)|\\s+",
  han: '[\\p{Han}]+|\\p{Hiragana}+',
}

describe('regular expressions of tokenizer.json', () => {
  it.each(Object.entries(published))('%s cuts as the native library does', (_, pattern) => {
    const native = NativeTokenizer.fromString(
      JSON.stringify({
        version: '1.0',
        added_tokens: [],
        pre_tokenizer: { type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false },
        model: { type: 'BPE', vocab: {}, merges: [] },
      }),
    ).getPreTokenizer()!
    const cut = split(translateRegex(pattern, 'test'))
    const random = randomFrom(13)
    const texts = Array.from({ length: 200 }, () => randomText(random, 60))
    for (const text of [...texts, "I'S we'RE it'ſ \u0085 \ufeff x\u2028y "]) {
      if (text === '') continue
      const pieces: string[] = []
      cut(text, true, (piece) => pieces.push(piece))
      expect(pieces, JSON.stringify(text)).toEqual(native.preTokenizeString(text).map(([piece]) => piece))
    }
  })

  it.each(['a++', 'a?+', '[a&&b]', '(?>a)', '[[:alpha:]]', '(?i:[a-z])', 'a{', '\\', '(', '(?<n>a)'])(
    'refuses %s, which it cannot run faithfully',
    (pattern) => {
      expect(() => translateRegex(pattern, 'tokenizer.json')).toThrow(
        expect.objectContaining({ code: 'tokenizer_unsupported' }),
      )
    },
  )
})
