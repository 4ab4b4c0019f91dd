import { describe, expect, it } from 'vitest'
import {
  bfloat16BitsToFloat32,
  bfloat16ToFloat32,
  float16BitsToFloat32,
  float16ToFloat32,
  float32ToBfloat16Bits,
  float32ToFloat16,
  float32ToFloat16Bits,
} from './float16.js'

/** The definition, slowly: the nearest of all finite candidates, ties to the even bit pattern. */
function nearestBits(
  value: number,
  decode: (bits: number) => number,
  infinity: number,
  next: number,
): number {
  let low = 0
  let high = infinity
  const decoded = (bits: number) => (bits === infinity ? next : decode(bits))
  while (high - low > 1) {
    const middle = (low + high) >> 1
    if (decoded(middle) <= value) low = middle
    else high = middle
  }
  const below = value - decoded(low)
  const above = decoded(high) - value
  if (below === above) return low % 2 === 0 ? low : high
  return below < above ? low : high
}

function samples(): number[] {
  const bits = new Uint32Array(1)
  const float = new Float32Array(bits.buffer)
  const out: number[] = []
  let state = 12345
  for (let i = 0; i < 40_000; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    // Half of the samples where binary16 lives, half anywhere.
    bits[0] = i % 2 ? ((state >>> 9) % 0x0f800000) | 0 : state & 0x7fffffff
    if (i % 2) bits[0] += 0x32000000 + (state % 0x15000000)
    if (Number.isFinite(float[0]!)) out.push(Math.abs(float[0]!))
  }
  return out
}

describe('binary16', () => {
  it('goes there and back for all 65536 patterns', () => {
    for (let bits = 0; bits < 65536; bits++) {
      const value = float16BitsToFloat32(bits)
      if (Number.isNaN(value))
        expect(Number.isNaN(float16BitsToFloat32(float32ToFloat16Bits(value)))).toBe(true)
      else if (float32ToFloat16Bits(value) !== bits) expect.fail(`${bits}`)
    }
  })

  it('rounds to the nearest, ties to even', () => {
    const edges = [
      65504,
      65519.99609375,
      65520,
      65536,
      2 ** -14,
      2 ** -14 - 2 ** -25,
      2 ** -24,
      2 ** -25,
      3 * 2 ** -25,
      2 ** -25 + 2 ** -48,
      0.1,
      1 + 2 ** -11,
      1 + 3 * 2 ** -11,
    ]
    for (const value of [...edges, ...samples()].map(Math.fround)) {
      const expected = value >= 65520 ? 0x7c00 : nearestBits(value, float16BitsToFloat32, 0x7c00, 65536)
      if (float32ToFloat16Bits(value) !== expected) expect.fail(`${value}`)
      if (float32ToFloat16Bits(-value) !== (expected | 0x8000)) expect.fail(`${-value}`)
    }
  })

  it('keeps zeros, infinities and NaN', () => {
    expect([...float32ToFloat16([0, -0, Infinity, -Infinity])]).toEqual([0, 0x8000, 0x7c00, 0xfc00])
    expect([...float16ToFloat32(float32ToFloat16([NaN, 1, -2]))]).toEqual([NaN, 1, -2])
  })
})

describe('bfloat16', () => {
  it('goes there and back for all 65536 patterns', () => {
    const all = Uint16Array.from({ length: 65536 }, (_, bits) => bits)
    bfloat16ToFloat32(all).forEach((value, bits) => {
      if (Number.isNaN(value))
        expect(Number.isNaN(bfloat16BitsToFloat32(float32ToBfloat16Bits(value)))).toBe(true)
      else if (float32ToBfloat16Bits(value) !== bits) expect.fail(`${bits}`)
    })
  })

  it('rounds to the nearest, ties to even', () => {
    for (const value of [0.1, 1 + 2 ** -8, 1 + 3 * 2 ** -8, 3.4e38, 1e-40, ...samples()].map(Math.fround)) {
      const expected = nearestBits(value, bfloat16BitsToFloat32, 0x7f80, 2 ** 128)
      if (float32ToBfloat16Bits(value) !== expected) expect.fail(`${value}`)
    }
  })
})
