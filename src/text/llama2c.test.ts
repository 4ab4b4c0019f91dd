import { readFileSync } from 'node:fs'
import { Tokenizer as NativeTokenizer } from 'tokenizers'
import { beforeAll, describe, expect, it } from 'vitest'
import { createDecoder } from './decoder.js'
import { importLlama2cTokenizer } from './llama2c.js'
import { dataFile, dataText, randomFrom, randomText, reference, testData } from './testing/data.js'
import type { Tokenizer } from './tokenizer.js'

describe.skipIf(!testData)("llama2.c's tokenizer", () => {
  let bytes: Uint8Array
  let llama: Tokenizer
  beforeAll(() => {
    bytes = readFileSync(dataFile('stories260k', 'tok512.bin'))
    llama = importLlama2cTokenizer(bytes)
  })

  it.each(reference.llama2c)('encodes as run.c does: $text', ({ text, ids }) => {
    expect([...llama.encode(text)]).toEqual(ids)
  })

  it.each(reference.llama2c)('decodes to the text again: $text', ({ text, ids }) => {
    expect(llama.decode(ids)).toBe(text)
  })

  it('encodes and decodes the stories of the reference run', () => {
    const run = JSON.parse(dataText('stories260k', 'reference.json'))
    expect([...llama.encode(run.nll_text.trimStart())]).toEqual(run.nll_token_ids)
    expect(llama.decode(run.greedy_token_ids)).toBe(run.greedy_text.trimStart())
  })

  it('keeps the leading space of a text that goes on from another', () => {
    const ids = llama.encode('Lily')
    const stream = (continuation: boolean) => {
      const decoder = createDecoder(llama, { continuation })
      return [...ids].map((id) => decoder.push(id)).join('') + decoder.flush()
    }
    expect([stream(false), stream(true)]).toEqual(['Lily', ' Lily'])
  })

  it('knows the start and end tokens', () => {
    expect([llama.bosId, llama.eosId, llama.vocabSize]).toEqual([1, 2, 512])
  })

  it('agrees with the native library on random text', async () => {
    const native = NativeTokenizer.fromString(JSON.stringify(llama.toJSON()))
    const random = randomFrom(11)
    for (let i = 0; i < 200; i++) {
      const text = randomText(random, 60)
      const theirs = await native.encode(text, null, { addSpecialTokens: false })
      expect([...llama.encode(text)], JSON.stringify(text)).toEqual(theirs.getIds())
    }
  })

  it('refuses every truncation that cuts a token, naming the byte', () => {
    for (let length = 0; length < 400; length++) {
      expect(() => importLlama2cTokenizer(bytes.subarray(0, length), 'tok.bin')).toThrow(
        expect.objectContaining({ code: 'tokenizer_invalid' }),
      )
    }
    expect(() => importLlama2cTokenizer(bytes.subarray(0, bytes.length - 1))).toThrow(/token 511 at byte/)
  })

  it.each([-1, 0, 0x7fffffff, 1000])('refuses a token that claims %i bytes', (length) => {
    const broken = Uint8Array.from(bytes)
    new DataView(broken.buffer).setInt32(8, length, true)
    expect(() => importLlama2cTokenizer(broken)).toThrow(/token 0 at byte 4 claims/)
  })

  it('refuses a piece that is not UTF-8', () => {
    const broken = Uint8Array.from(bytes)
    broken[broken.length - 1] = 0xff
    expect(() => importLlama2cTokenizer(broken)).toThrow(expect.objectContaining({ code: 'text_not_utf8' }))
  })
})
