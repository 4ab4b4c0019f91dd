import { beforeAll, describe, expect, it } from 'vitest'
import { createDecoder } from './decoder.js'
import { randomFrom, randomText } from './testing/data.js'
import type { Tokenizer } from './tokenizer.js'
import { trainBpe } from './train-bpe.js'

describe('stream decoder', () => {
  let bytes: Tokenizer // no merges: a token is a byte
  beforeAll(async () => {
    bytes = await trainBpe('', { vocabSize: 257 })
  })

  const pushAll = (ids: ArrayLike<number>, options?: { skipSpecial?: boolean }) => {
    const decoder = createDecoder(bytes, options)
    return [...Array.from(ids, (id) => decoder.push(id)), decoder.flush()]
  }

  it('shows a character with its last byte and not before', () => {
    expect(pushAll(bytes.encode('a中😀'))).toEqual(['a', '', '', '中', '', '', '', '😀', ''])
  })

  it('shows U+FFFD at the end for a character that was cut off', () => {
    expect(pushAll(bytes.encode('a中').subarray(0, 3))).toEqual(['a', '', '', '\ufffd'])
  })

  it('does not wait on bytes that cannot become a character', () => {
    const [e0, x80] = [0xe0, 0x80].map(
      (byte) => [...Array(257).keys()].find((id) => bytes.idToBytes(id)[0] === byte)!,
    )
    expect(pushAll([x80!, e0!, x80!]).join('')).toBe('\ufffd\ufffd\ufffd')
    expect(pushAll([x80!])).toEqual(['\ufffd', ''])
  })

  it('says in all what decode says at once, for any ids', () => {
    const random = randomFrom(5)
    for (let i = 0; i < 200; i++) {
      const ids = Array.from({ length: 40 }, () => Math.floor(random() * 257))
      expect(pushAll(ids).join('')).toBe(bytes.decode(ids, { skipSpecial: true }))
      const text = randomText(random, 30)
      expect(pushAll(bytes.encode(text)).join('')).toBe(text)
    }
  })

  it('leaves special tokens out unless asked', () => {
    const ids = [...bytes.encode('a'), 256]
    expect(pushAll(ids).join('')).toBe('a')
    expect(pushAll(ids, { skipSpecial: false }).join('')).toBe('a<|endoftext|>')
  })

  it('keeps a byte order mark that is part of the text', () => {
    expect(pushAll(bytes.encode('\ufeffa')).join('')).toBe('\ufeffa')
  })
})
