/**
 * Matrices of 8 or 4 bits: rows cut into blocks of 32 values, each block with a scale of its own. The formulas are those of
 * GGUF's Q8_0 and Q4_0 (ggml's quantize_row_q8_0_ref and quantize_row_q4_0_ref), so that a model that is quantized when it is
 * loaded has the same weights as its file for llama.cpp.
 *
 * With amax the largest magnitude in a block and m the (first) value that has it:
 *
 *     8 bits: scale = amax / 127    q = round(x / scale), halves away from zero     x ~ q scale
 *     4 bits: scale = -m / 8        q = min(15, floor(x / scale + 8.5)) - 8         x ~ q scale
 *
 * Both are rounding to the nearest level; the 4-bit scale has the sign that puts the largest value on the level -8, of which
 * there is no +8. Levels are found with the scale in single precision; the scale that is kept is rounded to half precision.
 */
import { fromHalf, toHalf } from './dtype.js'
import { TensorError } from './errors.js'

export type QuantizedBits = 4 | 8

/** Values that share a scale. */
export const QUANTIZED_BLOCK = 32

export interface QuantizedArray {
  readonly bits: QuantizedBits
  readonly rows: number
  readonly columns: number
  /**
   * [rows, blocks, bits * 4] bytes: q + 128 for 8 bits; for 4 bits q + 8, elements 2i and 2i + 1 in the low and the high half of
   * byte i (the layout of ONNX Runtime's MatMulNBits). The last block of a row is filled up with zeros.
   */
  readonly values: Uint8Array
  /** [rows, blocks]; numbers that half precision can hold. */
  readonly scales: Float32Array
}

export function quantizedBlocks(columns: number): number {
  return Math.ceil(columns / QUANTIZED_BLOCK)
}

/**
 * Quantizes a matrix [rows, columns].
 * @throws TensorError when a value is not finite (or a block's scale is beyond half precision): such a matrix has no levels
 */
export function quantize(
  data: Float32Array,
  rows: number,
  columns: number,
  bits: QuantizedBits,
): QuantizedArray {
  if (data.length !== rows * columns)
    throw new TensorError(
      'shape',
      `quantize: ${data.length} values do not fill a matrix [${rows}, ${columns}]`,
    )
  const blocks = quantizedBlocks(columns)
  const blockBytes = 4 * bits
  const values = new Uint8Array(rows * blocks * blockBytes)
  const scales = new Float32Array(rows * blocks)
  const encode = bits === 8 ? encode8 : encode4
  for (let row = 0; row < rows; row++) {
    for (let block = 0; block < blocks; block++) {
      const at = row * blocks + block
      const start = row * columns + block * QUANTIZED_BLOCK
      const end = Math.min(start + QUANTIZED_BLOCK, (row + 1) * columns)
      const scale = encode(data.subarray(start, end), values, at * blockBytes)
      if (!Number.isFinite(scale)) {
        throw new TensorError(
          'argument',
          `quantize: row ${row} has a value from column ${block * QUANTIZED_BLOCK} on that is not finite or too large; such a matrix cannot be quantized`,
        )
      }
      scales[at] = scale
    }
  }
  return { bits, rows, columns, values, scales }
}

/** The matrix [rows, columns] that a quantized one stands for. */
export function dequantize({ bits, rows, columns, values, scales }: QuantizedArray): Float32Array {
  const out = new Float32Array(rows * columns)
  const blocks = quantizedBlocks(columns)
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const block = row * blocks + Math.floor(column / QUANTIZED_BLOCK)
      const i = column % QUANTIZED_BLOCK
      const level =
        bits === 8
          ? values[block * 32 + i]! - 128
          : ((values[block * 16 + (i >> 1)]! >> (4 * (i & 1))) & 15) - 8
      out[row * columns + column] = level * scales[block]!
    }
  }
  return out
}

/** Writes the levels of a block at `at` and returns its scale. */
function encode8(block: Float32Array, values: Uint8Array, at: number): number {
  const scale = Math.fround(Math.abs(extreme(block)) / 127)
  const inverse = scale === 0 ? 0 : Math.fround(1 / scale)
  values.fill(128, at, at + QUANTIZED_BLOCK)
  for (let i = 0; i < block.length; i++) {
    const x = Math.fround(block[i]! * inverse)
    values[at + i] = 128 + Math.sign(x) * Math.floor(Math.abs(x) + 0.5)
  }
  return fromHalf(toHalf(scale))
}

function encode4(block: Float32Array, values: Uint8Array, at: number): number {
  const scale = Math.fround(extreme(block) / -8)
  const inverse = scale === 0 ? 0 : Math.fround(1 / scale)
  for (let i = 0; i < QUANTIZED_BLOCK; i++) {
    const x = Math.fround(Math.fround((block[i] ?? 0) * inverse) + 8.5)
    const level = Math.min(15, Math.floor(x))
    values[at + (i >> 1)]! |= level << (4 * (i & 1))
  }
  return fromHalf(toHalf(scale))
}

/** The first value of the largest magnitude; NaN where there is one. */
function extreme(block: Float32Array): number {
  let found = 0
  for (const x of block) {
    if (Number.isNaN(x)) return x
    if (Math.abs(x) > Math.abs(found)) found = x
  }
  return found
}
