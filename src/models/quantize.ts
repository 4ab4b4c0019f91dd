/** A decoder's parameters with its matrices in 8 or 4 bits. */
import { NDArray, type QuantizedMatrix, quantize, quantizedBlocks, type Tensor } from '../tensor/index.js'

/** 'q8', 'q4': the matrices of all layers in 8 or 4 bits; the embedding and the output matrix are in 8 bits in both. */
export const quantizations = ['none', 'q8', 'q4'] as const
export type Quantization = (typeof quantizations)[number]

/**
 * What a parameter becomes: `NAME.values` and `NAME.scales` for a matrix, itself for what is small (norms, biases, a reward model's
 * head) or looked up by position. The quantized arrays are frozen, so every program holds them as constants.
 */
export function quantizeParameter(
  name: string,
  array: NDArray,
  quantization: Quantization,
): Record<string, NDArray> {
  const table = name === 'model.embed_tokens.weight' || name === 'lm_head.weight'
  if (quantization === 'none' || !(table || /_proj\.weight$/.test(name))) return { [name]: array }
  const [rows, columns] = array.shape as [number, number]
  const bits = quantization === 'q8' || table ? 8 : 4
  const { values, scales } = quantize(array.data as Float32Array, rows, columns, bits)
  const blocks = quantizedBlocks(columns)
  return {
    [`${name}.values`]: NDArray.frozen('u8', [rows, blocks, 4 * bits], values),
    [`${name}.scales`]: NDArray.frozen('f32', [rows, blocks], scales),
  }
}

/** All parameters, quantized. */
export function quantizeParameters(
  params: Readonly<Record<string, NDArray>>,
  quantization: Quantization,
): Record<string, NDArray> {
  const entries = Object.entries(params)
  return Object.assign({}, ...entries.map(([name, array]) => quantizeParameter(name, array, quantization)))
}

/** A matrix of the parameters, in whatever precision they hold it. */
export function matrixOf(params: Readonly<Record<string, Tensor>>, name: string): Tensor | QuantizedMatrix {
  const { [name]: whole, [`${name}.values`]: values, [`${name}.scales`]: scales } = params
  return values && scales ? { values, scales } : whole!
}
