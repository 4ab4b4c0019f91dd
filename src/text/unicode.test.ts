import { describe, expect, it } from 'vitest'
import { decodeUtf8, incompleteTail, invalidUtf8Offset, wellFormed } from './unicode.js'

describe('UTF-8', () => {
  it('decodes text and drops a byte order mark', () => {
    expect(decodeUtf8(new TextEncoder().encode('\ufeffa中😀'), 'x')).toBe('a中😀')
  })

  it('names the file and the byte of what is not text', () => {
    expect(() => decodeUtf8(Uint8Array.of(0x61, 0xff, 0x61), 'notes.txt')).toThrow(
      /notes\.txt.*byte 1 is 0xff/,
    )
    expect(() => decodeUtf8(Uint8Array.of(0x61, 0xe4, 0xb8), 'notes.txt')).toThrow(/byte 1/)
  })

  it('says when a file looks binary', () => {
    expect(() => decodeUtf8(Uint8Array.of(0x89, 0x50, 0, 0), 'a.png')).toThrow(/binary/)
  })

  it('agrees with the platform on which three bytes are UTF-8', () => {
    const interesting = [
      0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc2, 0xe0, 0xed, 0xef, 0xf0, 0xf4, 0xf5, 0xff,
    ]
    for (const a of interesting) {
      for (const b of interesting) {
        for (const c of interesting) {
          const bytes = Uint8Array.of(a, b, c, 0x80)
          let valid = true
          try {
            new TextDecoder('utf-8', { fatal: true }).decode(bytes)
          } catch {
            valid = false
          }
          expect(invalidUtf8Offset(bytes) === -1, `${bytes}`).toBe(valid)
        }
      }
    }
  })

  it('counts the bytes at the end that more bytes could complete', () => {
    const tail = (...bytes: number[]) => incompleteTail(Uint8Array.from(bytes))
    expect([tail(), tail(0x61), tail(0xe4), tail(0xe4, 0xb8), tail(0xe4, 0xb8, 0xad)]).toEqual([
      0, 0, 1, 2, 0,
    ])
    expect([tail(0xf0, 0x9f, 0x98), tail(0xf0, 0x80), tail(0xff), tail(0xed, 0xa0), tail(0x80)]).toEqual([
      3, 0, 0, 0, 0,
    ])
  })

  it('replaces lone surrogates only', () => {
    expect(wellFormed('a\ud800b\udc00 😀')).toBe('a\ufffdb\ufffd 😀')
  })
})
