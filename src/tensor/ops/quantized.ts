/** Products with matrices of 8 or 4 bits; `quantize` in ../quantize.ts makes them. For inference: there are no gradients. */
import { sizesEqual } from '../dim.js'
import { TensorError } from '../errors.js'
import { QUANTIZED_BLOCK, type QuantizedBits, quantizedBlocks } from '../quantize.js'
import { apply, formatType, type Primitive, type Tensor, type TensorType } from '../tensor.js'
import { cast, mul, sub } from './elementwise.js'
import { gather } from './indexing.js'
import { expandDims, reshape, slice } from './movement.js'

/** A matrix [N, K] in blocks of 32 along K: `values` u8 [N, blocks, 32] (8 bits) or [N, blocks, 16] (4 bits), `scales` f32 [N, blocks]. */
export interface QuantizedMatrix {
  readonly values: Tensor
  readonly scales: Tensor
}

interface Attrs {
  readonly bits: QuantizedBits
  readonly rows: number
  readonly columns: number
}

/**
 * MatMulNBits' accuracy level 4: inputs are rounded to 8 bits, block by block, and multiplied as integers (as llama.cpp does). The
 * runtime has no other kernels for 8 bits on x64: at the default level it would unpack the matrix at every call.
 */
const INT8_ACTIVATIONS = 4

const quantizedMatmulPrimitive: Primitive<Attrs> = {
  name: 'quantizedMatmul',
  infer: ([x], { rows }) => [{ shape: [...x!.shape.slice(0, -1), rows], dtype: x!.dtype }],
  lower: (e, [x, values, scales], { attrs: { bits, rows, columns } }) => {
    if (!e.onCpuKernels) e.unsupported('quantizedMatmul')
    return [
      e.one(
        'MatMulNBits',
        [x!, values!, scales!],
        {
          K: columns,
          N: rows,
          bits,
          block_size: QUANTIZED_BLOCK,
          accuracy_level: INT8_ACTIVATIONS,
        },
        'com.microsoft',
      ),
    ]
  },
}

/**
 * x [..., K] times the transpose of a quantized matrix [N, K] -> [..., N] (ONNX Runtime's MatMulNBits). The matrix should be a
 * constant of the program: the kernels order it anew when they are loaded, and unpack one that is an argument at every call.
 * @throws TensorError where shapes and dtypes do not fit, and when a gradient is asked for
 */
export function quantizedMatmul(x: Tensor, matrix: QuantizedMatrix): Tensor {
  const columns = x.shape.at(-1)
  const { bits, rows } = checkMatrix('quantizedMatmul', matrix, columns)
  if (x.rank < 2 || x.dtype !== 'f32')
    throw new TensorError('shape', `quantizedMatmul: the input is ${formatType(x)} and must be f32[..., K]`)
  return apply(quantizedMatmulPrimitive, [x, matrix.values, matrix.scales], {
    bits,
    rows,
    columns: columns as number,
  })
}

/**
 * Rows of a quantized table [V, C] of 8 bits for ids of any shape [...]: f32 [..., C].
 * @throws TensorError where shapes and dtypes do not fit
 */
export function quantizedEmbedding({ values, scales }: QuantizedMatrix, ids: Tensor, width: number): Tensor {
  const { bits } = checkMatrix('quantizedEmbedding', { values, scales }, width)
  if (bits !== 8) throw new TensorError('argument', 'quantizedEmbedding reads tables of 8 bits only')
  const levels = sub(cast(gather(values, ids), 'f32'), 128) // (..., blocks, 32)
  const rows = mul(levels, expandDims(gather(scales, ids), -1))
  const padded = quantizedBlocks(width) * QUANTIZED_BLOCK
  const flat = reshape(rows, [...ids.shape, padded])
  return padded === width ? flat : slice(flat, [...ids.shape.map(() => undefined), [0, width]])
}

function checkMatrix(
  name: string,
  { values, scales }: { values: TensorType; scales: TensorType },
  columns: unknown,
): { bits: QuantizedBits; rows: number } {
  const [rows, blocks, bytes] = values.shape
  const fits =
    typeof columns === 'number' &&
    values.shape.length === 3 &&
    values.dtype === 'u8' &&
    scales.dtype === 'f32' &&
    typeof rows === 'number' &&
    blocks === quantizedBlocks(columns) &&
    (bytes === 32 || bytes === 16) &&
    scales.shape.length === 2 &&
    sizesEqual(scales.shape[0]!, rows) &&
    scales.shape[1] === blocks
  if (!fits) {
    throw new TensorError(
      'shape',
      `${name}: values ${formatType(values)} and scales ${formatType(scales)} are not a quantized matrix of ${columns} columns: u8[N, ceil(K / 32), 32 or 16] and f32[N, ceil(K / 32)]`,
    )
  }
  return { bits: bytes === 32 ? 8 : 4, rows }
}
