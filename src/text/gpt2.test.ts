import { Tokenizer as NativeTokenizer } from 'tokenizers'
import { beforeAll, describe, expect, it } from 'vitest'
import { loadGpt2Files } from './files.js'
import { parseGpt2Files } from './gpt2.js'
import { dataFile, randomFrom, randomText, reference, testData } from './testing/data.js'
import type { Tokenizer } from './tokenizer.js'

describe.skipIf(!testData)("GPT-2's tokenizer", () => {
  let gpt2: Tokenizer
  beforeAll(async () => {
    gpt2 = await loadGpt2Files(dataFile('gpt2-bpe'))
  })

  it.each(reference.gpt2)('encodes as the published algorithm does: $text', ({ text, ids }) => {
    expect([...gpt2.encode(text)]).toEqual(ids)
  })

  it.each(reference.gpt2)('decodes to the text again: $text', ({ text, ids }) => {
    expect(gpt2.decode(ids)).toBe(text)
  })

  it('has 50257 tokens, the last of which starts and ends documents', () => {
    expect([gpt2.vocabSize, gpt2.bosId, gpt2.eosId]).toEqual([50257, 50256, 50256])
  })

  it('agrees with the native library on random text', async () => {
    const native = NativeTokenizer.fromString(JSON.stringify(gpt2.toJSON()))
    const random = randomFrom(7)
    for (let i = 0; i < 300; i++) {
      const text = randomText(random, 80)
      const theirs = (await native.encode(text, null, { addSpecialTokens: false })).getIds()
      expect([...gpt2.encode(text)], JSON.stringify(text)).toEqual(theirs)
    }
  })
})

describe('GPT-2 files', () => {
  it('names the line of a broken merge', () => {
    expect(() => parseGpt2Files('{"a":0,"b":1,"ab":2}', '#version: 0.2\na b\nabc\n')).toThrow(/line 3/)
  })

  it('refuses merges whose result the vocabulary lacks', () => {
    expect(() => parseGpt2Files('{"a":0,"b":1}', 'a b\n')).toThrow(/lacks/)
  })

  it.each(['', '{', 'null', '[]', '"a"', '{"a":"x"}'])('refuses %j as a vocabulary', (json) => {
    expect(() => parseGpt2Files(json, '')).toThrow(expect.objectContaining({ code: 'tokenizer_invalid' }))
  })
})
