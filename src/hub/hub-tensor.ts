import { AthanorError } from '../errors.js'
import { bfloat16ToFloat32, float16ToFloat32, float32ToBfloat16, float32ToFloat16 } from './float16.js'

/** Element types as files hold them. `f16` and `bf16` are kept as bits in a `Uint16Array`, `bool` as 0 and 1 bytes. */
export type HubDtype = keyof typeof DTYPES

export type HubData =
  | Float64Array
  | Float32Array
  | Uint16Array
  | BigInt64Array
  | BigUint64Array
  | Int32Array
  | Uint32Array
  | Int16Array
  | Int8Array
  | Uint8Array

/** A tensor between files and the engine: row-major, on the heap, with no operations of its own. */
export interface HubTensor {
  readonly dtype: HubDtype
  readonly shape: readonly number[]
  readonly data: HubData
}

interface DtypeInfo {
  /** The name in a safetensors header. */
  readonly file: string
  readonly bytes: number
  /** A view of the whole buffer. */
  readonly view: (buffer: ArrayBuffer) => HubData
}

/** In the order in which the reference implementation lays them out: the widest first. */
export const DTYPES = {
  u64: { file: 'U64', bytes: 8, view: (buffer) => new BigUint64Array(buffer) },
  i64: { file: 'I64', bytes: 8, view: (buffer) => new BigInt64Array(buffer) },
  f64: { file: 'F64', bytes: 8, view: (buffer) => new Float64Array(buffer) },
  f32: { file: 'F32', bytes: 4, view: (buffer) => new Float32Array(buffer) },
  u32: { file: 'U32', bytes: 4, view: (buffer) => new Uint32Array(buffer) },
  i32: { file: 'I32', bytes: 4, view: (buffer) => new Int32Array(buffer) },
  bf16: { file: 'BF16', bytes: 2, view: (buffer) => new Uint16Array(buffer) },
  f16: { file: 'F16', bytes: 2, view: (buffer) => new Uint16Array(buffer) },
  u16: { file: 'U16', bytes: 2, view: (buffer) => new Uint16Array(buffer) },
  i16: { file: 'I16', bytes: 2, view: (buffer) => new Int16Array(buffer) },
  i8: { file: 'I8', bytes: 1, view: (buffer) => new Int8Array(buffer) },
  u8: { file: 'U8', bytes: 1, view: (buffer) => new Uint8Array(buffer) },
  bool: { file: 'BOOL', bytes: 1, view: (buffer) => new Uint8Array(buffer) },
} as const satisfies Record<string, DtypeInfo>

/** How many elements a shape holds; a scalar's shape is []. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1)
}

/** The tensor's values as float32: exact for f32, f16, bf16 and small integers, rounded for f64 and large integers. */
export function toFloat32(tensor: HubTensor): Float32Array {
  const { data } = tensor
  if (tensor.dtype === 'f16') return float16ToFloat32(data as Uint16Array)
  if (tensor.dtype === 'bf16') return bfloat16ToFloat32(data as Uint16Array)
  if (data instanceof Float32Array) return data
  const out = new Float32Array(data.length)
  for (let i = 0; i < out.length; i++) out[i] = Number(data[i])
  return out
}

/** A tensor of another floating type, each value rounded to the nearest (ties to even). */
export function fromFloat32(
  dtype: 'f32' | 'f16' | 'bf16',
  shape: readonly number[],
  data: Float32Array,
): HubTensor {
  if (data.length !== elementCount(shape)) {
    throw new AthanorError('hub-tensor', `${data.length} values do not fill the shape [${shape.join(', ')}]`)
  }
  if (dtype === 'f16') return { dtype, shape, data: float32ToFloat16(data) }
  if (dtype === 'bf16') return { dtype, shape, data: float32ToBfloat16(data) }
  return { dtype, shape, data }
}
