/** The values of GGUF's tensors: single and half precision, and ggml's blocks Q8_0 and Q4_0. */
import { fromHalf, quantize, toHalf } from '../tensor/index.js'
import { float16ToFloat32, float32ToFloat16 } from './float16.js'
import type { GgufTensorType } from './gguf.js'

/** The bytes of values [rows, columns] as a type holds them; columns must be a multiple of the type's block. */
export function encodeGgufData(type: GgufTensorType, data: Float32Array, columns: number): Uint8Array {
  if (type === 'f32') return new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  if (type === 'f16') return new Uint8Array(float32ToFloat16(data).buffer)
  const { values, scales } = quantize(data, data.length / columns, columns, type === 'q8_0' ? 8 : 4)
  const size = type === 'q8_0' ? 34 : 18
  const out = new Uint8Array(scales.length * size)
  scales.forEach((scale, block) => {
    const at = block * size
    const half = toHalf(scale)
    out[at] = half & 255
    out[at + 1] = half >> 8
    for (let i = 0; i < size - 2; i++) {
      // Q8_0 has signed bytes; Q4_0 puts element i beside element i + 16.
      out[at + 2 + i] =
        type === 'q8_0'
          ? values[block * 32 + i]! - 128
          : nibble(values, block, i) | (nibble(values, block, i + 16) << 4)
    }
  })
  return out
}

function nibble(values: Uint8Array, block: number, i: number): number {
  return (values[block * 16 + (i >> 1)]! >> (4 * (i & 1))) & 15
}

/** The values that a tensor's bytes stand for. */
export function decodeGgufData(type: GgufTensorType, bytes: Uint8Array): Float32Array {
  if (type === 'f32') return new Float32Array(bytes.slice().buffer)
  if (type === 'f16') return float16ToFloat32(new Uint16Array(bytes.slice().buffer))
  const size = type === 'q8_0' ? 34 : 18
  const out = new Float32Array((bytes.length / size) * 32)
  for (let block = 0; block * size < bytes.length; block++) {
    const at = block * size
    const scale = fromHalf(bytes[at]! | (bytes[at + 1]! << 8))
    for (let i = 0; i < 32; i++) {
      const level =
        type === 'q8_0'
          ? (bytes[at + 2 + i]! << 24) >> 24
          : ((bytes[at + 2 + (i % 16)]! >> (i < 16 ? 0 : 4)) & 15) - 8
      out[block * 32 + i] = level * scale
    }
  }
  return out
}
