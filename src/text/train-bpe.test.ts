import { createHash } from 'node:crypto'
import { Tokenizer as NativeTokenizer } from 'tokenizers'
import { beforeAll, describe, expect, it } from 'vitest'
import { dataText, randomFrom, randomText, reference, testData } from './testing/data.js'
import type { Tokenizer } from './tokenizer.js'
import { trainBpe } from './train-bpe.js'

const pangrams = 'the quick brown fox jumps over the lazy dog, the lazy dog sleeps\n'.repeat(4)

describe('BPE training', () => {
  it('merges the most frequent pair first and the lower ids among equals', async () => {
    const { model } = (await trainBpe('ab ab ab cd cd cd', { vocabSize: 260 })).toJSON()
    expect(model.merges).toEqual([
      ['a', 'b'],
      ['c', 'd'],
      ['Ġ', 'cd'],
    ])
  })

  it('gives bytes, merges and special tokens their ids in this order', async () => {
    const tokenizer = await trainBpe(pangrams, { vocabSize: 270 })
    expect([tokenizer.vocabSize, tokenizer.bosId, tokenizer.eosId]).toEqual([270, 269, 269])
    expect(tokenizer.idToToken(0)).toBe('!')
  })

  it('takes other special tokens for the start and the end', async () => {
    const tokenizer = await trainBpe(pangrams, {
      vocabSize: 270,
      specialTokens: ['<|bos|>', '<|eos|>'],
      eosToken: '<|eos|>',
    })
    expect([tokenizer.bosId, tokenizer.eosId]).toEqual([268, 269])
  })

  it('counts overlapping pairs in runs of one character', async () => {
    const tokenizer = await trainBpe('aaaaaaa aaaaaaa', { vocabSize: 259 })
    expect(tokenizer.encode('aaaaaaa').length).toBe(3)
  })

  it('trains the same tokenizer from the same text in any pieces', async () => {
    const lines = pangrams.split(/(?<=\n)/)
    const whole = await trainBpe(pangrams, { vocabSize: 280 })
    const pieces = await trainBpe(lines, { vocabSize: 280 })
    expect(pieces.toJSON()).toEqual(whole.toJSON())
  })

  it('says how large the vocabulary can be', async () => {
    await expect(trainBpe('hello hello', { vocabSize: 1000 })).rejects.toThrow(/at most 261 tokens/)
    await expect(trainBpe('hello hello', { vocabSize: 261 })).resolves.toHaveProperty('vocabSize', 261)
  })

  it.each([256, 0, -1, 300.5, Number.NaN, 1e9])('refuses a vocabulary of %d', async (vocabSize) => {
    await expect(trainBpe(pangrams, { vocabSize })).rejects.toMatchObject({ code: 'tokenizer_vocab_size' })
  })

  it('never makes an ordinary token that is spelt like a special one', async () => {
    const text = '<x>'.repeat(50)
    const tokenizer = await trainBpe(text, { vocabSize: 258, specialTokens: ['<x>'], pattern: '<x>' })
    expect([...tokenizer.encode('<x>')]).not.toContain(tokenizer.tokenToId('<x>'))
  })

  it('stops when its signal is aborted', async () => {
    await expect(trainBpe(pangrams, { vocabSize: 270, signal: AbortSignal.abort() })).rejects.toThrow(
      /abort/i,
    )
  })
})

describe.skipIf(!testData)('BPE training on English and Chinese', () => {
  let tokenizer: Tokenizer
  beforeAll(async () => {
    const texts = [dataText('tinyshakespeare', 'input.txt'), dataText('zh-poetry', 'classics-mixed.txt')]
    tokenizer = await trainBpe(texts, { vocabSize: reference.training.vocabSize })
  })

  it('learns the merges of the Hugging Face trainer', () => {
    const merges = (tokenizer.toJSON().model.merges as string[][]).map((pair) => pair.join(' '))
    expect(merges.slice(0, 40)).toEqual(reference.training.first)
    expect(merges.length).toBe(reference.training.merges)
    expect(createHash('sha256').update(merges.join('\n')).digest('hex')).toBe(reference.training.sha256)
  })

  it('gives random text back, and encodes it as the native library does', async () => {
    const native = NativeTokenizer.fromString(JSON.stringify(tokenizer.toJSON()))
    const random = randomFrom(3)
    for (let i = 0; i < 300; i++) {
      const text = randomText(random, 80)
      const ids = tokenizer.encode(text)
      expect(tokenizer.decode(ids)).toBe(text)
      expect([...ids], JSON.stringify(text)).toEqual((await native.encode(text)).getIds())
    }
  })

  it('does not glue Chinese punctuation to the words after it', () => {
    const tokens = [...tokenizer.encode('子曰：学而时习之，不亦说乎')].map((id) => tokenizer.decode([id]))
    expect(tokens.filter((token) => /[：，]/.test(token))).toEqual(['：', '，'])
  })
})
