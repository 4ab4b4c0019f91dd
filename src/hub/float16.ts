/**
 * IEEE 754 binary16 and bfloat16, kept as `Uint16Array` bits. Towards fewer bits every value is correctly rounded (to
 * nearest, ties to even); back is exact. NaN stays NaN, and infinities and the sign of zero are kept.
 */

const scratch = new ArrayBuffer(4)
const scratchFloat = new Float32Array(scratch)
const scratchBits = new Uint32Array(scratch)

function bitsOf(value: number): number {
  scratchFloat[0] = value
  return scratchBits[0]!
}

/** binary16 bits of a float32. Beyond 65504 (from 65520 on) it is infinity. */
export function float32ToFloat16Bits(value: number): number {
  const bits = bitsOf(value)
  const sign = (bits >>> 16) & 0x8000
  const magnitude = bits & 0x7fffffff
  if (magnitude > 0x7f800000) return sign | 0x7e00
  if (magnitude >= 0x477ff000) return sign | 0x7c00
  if (magnitude >= 0x38800000) {
    const rebased = magnitude - 0x38000000
    return sign | ((rebased + 0xfff + ((rebased >>> 13) & 1)) >>> 13)
  }
  // Subnormal: adding 0.5 makes the float32 adder round at 2^-24, the last place of a binary16 subnormal.
  scratchBits[0] = magnitude
  return sign | (bitsOf(scratchFloat[0]! + 0.5) - 0x3f000000)
}

/** The float32 that binary16 bits stand for, exactly. */
export function float16BitsToFloat32(half: number): number {
  const sign = half & 0x8000 ? -1 : 1
  const exponent = (half >>> 10) & 0x1f
  const fraction = half & 0x3ff
  if (exponent === 0) return sign * fraction * 2 ** -24
  if (exponent === 0x1f) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}

/** bfloat16 bits of a float32. */
export function float32ToBfloat16Bits(value: number): number {
  const bits = bitsOf(value)
  if ((bits & 0x7fffffff) > 0x7f800000) return (bits >>> 16) | 0x40
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff
}

/** The float32 that bfloat16 bits stand for, exactly. */
export function bfloat16BitsToFloat32(bits: number): number {
  scratchBits[0] = bits << 16
  return scratchFloat[0]!
}

export function float32ToFloat16(values: ArrayLike<number>): Uint16Array {
  const out = new Uint16Array(values.length)
  for (let i = 0; i < out.length; i++) out[i] = float32ToFloat16Bits(values[i]!)
  return out
}

export function float16ToFloat32(halves: Uint16Array): Float32Array {
  const out = new Float32Array(halves.length)
  for (let i = 0; i < out.length; i++) out[i] = float16BitsToFloat32(halves[i]!)
  return out
}

export function float32ToBfloat16(values: ArrayLike<number>): Uint16Array {
  const out = new Uint16Array(values.length)
  for (let i = 0; i < out.length; i++) out[i] = float32ToBfloat16Bits(values[i]!)
  return out
}

export function bfloat16ToFloat32(brains: Uint16Array): Float32Array {
  const out = new Float32Array(brains.length)
  const bits = new Uint32Array(out.buffer)
  for (let i = 0; i < bits.length; i++) bits[i] = brains[i]! << 16
  return out
}
