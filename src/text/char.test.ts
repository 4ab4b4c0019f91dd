import { Tokenizer as NativeTokenizer } from 'tokenizers'
import { describe, expect, it } from 'vitest'
import { trainCharTokenizer } from './char.js'
import { dataText, testData } from './testing/data.js'

describe('character tokenizer', () => {
  it.skipIf(!testData)('finds the 65 characters of tinyshakespeare in the order of nanoGPT', () => {
    const tokenizer = trainCharTokenizer(dataText('tinyshakespeare', 'input.txt'))
    const chars = Array.from({ length: tokenizer.vocabSize }, (_, id) => tokenizer.idToToken(id)).join('')
    expect(chars).toBe("\n !$&',-.3:;?ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
    expect([...tokenizer.encode('hii there')]).toEqual([46, 47, 47, 1, 58, 46, 43, 56, 43])
  })

  it('orders characters by code point, those beyond the first plane last', () => {
    const tokenizer = trainCharTokenizer('😀\uff01中a')
    expect([0, 1, 2, 3].map((id) => tokenizer.idToToken(id))).toEqual(['a', '中', '\uff01', '😀'])
  })

  it('gives text with spaces and line breaks back, here and in the native library', async () => {
    const text = ' First Citizen:\n\n\tWe are  accounted 中文 😀\n'
    const tokenizer = trainCharTokenizer(text)
    const ids = tokenizer.encode(text)
    expect(tokenizer.decode(ids)).toBe(text)
    const native = NativeTokenizer.fromString(JSON.stringify(tokenizer.toJSON()))
    expect((await native.encode(text)).getIds()).toEqual([...ids])
    expect(await native.decode([...ids], false)).toBe(text)
  })

  it('names an unknown character and its place', () => {
    const tokenizer = trainCharTokenizer('abc\n')
    expect(() => tokenizer.encode('abc\nab中c')).toThrow(/U\+4E2D "中", at index 6 \(line 2, column 3/)
  })

  it('writes the unknown token where there is one', () => {
    const tokenizer = trainCharTokenizer('ab', { specialTokens: ['<unk>'], unkToken: '<unk>' })
    expect([...tokenizer.encode('a?b')]).toEqual([0, 2, 1])
  })

  it('keeps special tokens apart from the characters that spell them', () => {
    const tokenizer = trainCharTokenizer('<|end>', { specialTokens: ['<|end|>'] })
    expect(tokenizer.encode('<|end|>').length).toBe(7)
    expect([...tokenizer.encode('<|end|>', { special: true })]).toEqual([tokenizer.tokenToId('<|end|>')])
  })

  it.each([
    ['', {}],
    ['ab', { specialTokens: ['a'] }],
    ['ab', { specialTokens: ['<x>', '<x>'] }],
    ['ab', { specialTokens: [''] }],
    ['ab', { unkToken: '<unk>' }],
  ])('refuses text %j with %j', (text, options) => {
    expect(() => trainCharTokenizer(text, options)).toThrow(
      expect.objectContaining({ code: 'tokenizer_options' }),
    )
  })
})
