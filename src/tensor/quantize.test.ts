import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { Rng } from '../rng.js'
import {
  constant,
  dequantize,
  grad,
  NDArray,
  type QuantizedArray,
  type QuantizedBits,
  quantize,
  quantizedEmbedding,
  quantizedMatmul,
  sum,
  type Tensor,
} from './index.js'
import { run } from './testing/gradcheck.js'

interface Reference {
  readonly matrix: number[][]
  readonly x: number[][]
  readonly q8: Levels
  readonly q4: Levels
}

interface Levels {
  readonly levels: number[][][]
  readonly scales: number[][]
  readonly product: number[][]
}

const reference: Reference = JSON.parse(
  readFileSync(new URL('./fixtures/quantize.json', import.meta.url), 'utf8'),
)
const [rows, columns] = [reference.matrix.length, reference.matrix[0]!.length]
const matrix = Float32Array.from(reference.matrix.flat())

const arrays = ({ values, scales, bits }: QuantizedArray) => {
  const blocks = scales.length / rows
  return {
    values: NDArray.frozen('u8', [rows, blocks, 4 * bits], values),
    scales: NDArray.frozen('f32', [rows, blocks], scales),
  }
}

/** The levels of each block, taken out of the bytes. */
const levelsOf = ({ values, bits }: QuantizedArray) =>
  bits === 8
    ? Array.from(values, (q) => q - 128)
    : Array.from(values).flatMap((q) => [(q & 15) - 8, (q >> 4) - 8])

describe.each([8, 4] as const)('a matrix of %i bits', (bits: QuantizedBits) => {
  const expected = reference[`q${bits}`]
  const quantized = quantize(matrix, rows, columns, bits)

  it('has the levels and scales that numpy computes', () => {
    expect(levelsOf(quantized)).toEqual(expected.levels.flat(2))
    expect([...quantized.scales]).toEqual(expected.scales.flat())
  })

  it('is at most half a level (and the rounding of its scale) away from the original', () => {
    const dense = dequantize(quantized)
    const blocks = quantized.scales.length / rows
    dense.forEach((value, i) => {
      const scale = Math.abs(quantized.scales[Math.floor(i / columns) * blocks + ((i % columns) >> 5)]!)
      // There is no level +8: the other end of the range may be a whole level away.
      const allowed = bits === 8 ? 0.5 : 1
      expect(Math.abs(value - matrix[i]!)).toBeLessThanOrEqual(scale * (allowed + 0.07) + 1e-7)
    })
  })

  it('gives the product of the dequantized matrix but for the rounding of the input to 8 bits', async () => {
    const x = NDArray.from(reference.x.flat(), [reference.x.length, columns])
    const y = await run((a: Tensor, m: { values: Tensor; scales: Tensor }) => quantizedMatmul(a, m), [
      x,
      arrays(quantized),
    ] as never)
    const product = expected.product.flat()
    const norm = Math.hypot(...product)
    const error = Math.hypot(...(await (y as unknown as NDArray).numbers()).map((v, i) => v - product[i]!))
    expect(error / norm).toBeLessThan(0.02)
    expect(error).toBeGreaterThan(0)
  })
})

describe('a table of 8 bits', () => {
  it('is read row by row', async () => {
    const quantized = quantize(matrix, rows, columns, 8)
    const ids = NDArray.from([4, 0, 3, 3], [2, 2], 'i32')
    const embed = (m: { values: Tensor; scales: Tensor }, at: Tensor) => quantizedEmbedding(m, at, columns)
    const y = (await run(embed, [arrays(quantized), ids] as never)) as unknown as NDArray
    expect(y.shape).toEqual([2, 2, columns])
    const dense = dequantize(quantized)
    const wanted = [4, 0, 3, 3].flatMap((row) => [...dense.subarray(row * columns, (row + 1) * columns)])
    expect(await y.numbers()).toEqual(wanted)
  })
})

describe('what cannot be quantized', () => {
  it.each([Number.NaN, Number.POSITIVE_INFINITY, 1e9])('a matrix with %f in it is refused', (value) => {
    const data = new Float32Array(64).fill(1)
    data[40] = value
    expect(() => quantize(data, 2, 32, 8)).toThrow(/row 1 .*not finite or too large/)
    expect(() => quantize(data, 2, 32, 4)).toThrow(/row 1/)
  })

  it('a product with a quantized matrix has no gradient', () => {
    const { values, scales } = quantize(matrix, rows, columns, 8)
    const weight = {
      values: constant(values, { shape: [rows, 3, 32], dtype: 'u8' }),
      scales: constant(scales, { shape: [rows, 3] }),
    }
    const x = constant(new Float32Array(2 * columns), { shape: [2, columns] })
    expect(() => grad((a: Tensor) => sum(quantizedMatmul(a, weight)))(x)).toThrow(
      /quantizedMatmul has no gradient/,
    )
  })

  it('an input of another width is named with the matrix', () => {
    const weight = {
      values: constant(new Uint8Array(rows * 96), { shape: [rows, 3, 32], dtype: 'u8' }),
      scales: constant(new Float32Array(rows * 3), { shape: [rows, 3] }),
    }
    expect(() => quantizedMatmul(constant(new Float32Array(64), { shape: [1, 64] }), weight)).toThrow(
      /not a quantized matrix of 64 columns/,
    )
  })
})

describe('shapes of the kernel', () => {
  it.each([1, 2, 7, 64])('%i rows of input give the same as a dense product', async (count) => {
    const rng = Rng.seed(count)
    const [n, k] = [48, 96]
    const weights = Float32Array.from({ length: n * k }, () => rng.normal())
    const input = Float32Array.from({ length: count * k }, () => rng.normal())
    const quantized = quantize(weights, n, k, 8)
    const dense = dequantize(quantized)
    const parts = {
      values: NDArray.frozen('u8', [n, 3, 32], quantized.values),
      scales: NDArray.frozen('f32', [n, 3], quantized.scales),
    }
    const y = (await run((a: Tensor, m: { values: Tensor; scales: Tensor }) => quantizedMatmul(a, m), [
      new NDArray('f32', [count, k], input),
      parts,
    ] as never)) as unknown as NDArray
    const actual = await y.numbers()
    let [error, norm] = [0, 0]
    for (let i = 0; i < count; i++) {
      for (let j = 0; j < n; j++) {
        let dot = 0
        for (let l = 0; l < k; l++) dot += input[i * k + l]! * dense[j * k + l]!
        error += (dot - actual[i * n + j]!) ** 2
        norm += dot ** 2
      }
    }
    expect(Math.sqrt(error / norm)).toBeLessThan(0.012)
  })
})
