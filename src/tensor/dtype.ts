/** Element types. `f16` data is held as raw bits in a Uint16Array; `bool` as 0/1 bytes. */
export type DType = 'f32' | 'f16' | 'f64' | 'i32' | 'i64' | 'u8' | 'bool'

export type TypedArray = Float32Array | Uint16Array | Float64Array | Int32Array | BigInt64Array | Uint8Array

interface DTypeInfo {
  readonly bytes: number
  readonly float: boolean
  readonly array: new (length: number) => TypedArray
  /** TensorProto.DataType of the ONNX specification. */
  readonly onnx: number
  /** The name that ONNX Runtime's JavaScript API uses. */
  readonly ort: 'float32' | 'float16' | 'float64' | 'int32' | 'int64' | 'uint8' | 'bool'
}

export const dtypes: Readonly<Record<DType, DTypeInfo>> = {
  f32: { bytes: 4, float: true, array: Float32Array, onnx: 1, ort: 'float32' },
  f16: { bytes: 2, float: true, array: Uint16Array, onnx: 10, ort: 'float16' },
  f64: { bytes: 8, float: true, array: Float64Array, onnx: 11, ort: 'float64' },
  i32: { bytes: 4, float: false, array: Int32Array, onnx: 6, ort: 'int32' },
  i64: { bytes: 8, float: false, array: BigInt64Array, onnx: 7, ort: 'int64' },
  u8: { bytes: 1, float: false, array: Uint8Array, onnx: 2, ort: 'uint8' },
  bool: { bytes: 1, float: false, array: Uint8Array, onnx: 9, ort: 'bool' },
}

export function isFloat(dtype: DType): boolean {
  return dtypes[dtype].float
}

const scratch = new Float32Array(1)
const scratchBits = new Uint32Array(scratch.buffer)

/** The IEEE 754 half-precision bits nearest to `value` (ties to even). */
export function toHalf(value: number): number {
  scratch[0] = value
  const bits = scratchBits[0]!
  const sign = (bits >>> 16) & 0x8000
  const magnitude = bits & 0x7fffffff
  if (magnitude > 0x7f800000) return sign | 0x7e00
  if (magnitude >= 0x47800000) return sign | 0x7c00
  if (magnitude < 0x38800000) {
    // Subnormal half: adding 0.5 lets the float adder do the shift and the rounding.
    scratch[0] = Math.abs(value) + 0.5
    return sign | (scratchBits[0]! - 0x3f000000)
  }
  const odd = (magnitude >>> 13) & 1
  return sign | ((magnitude - 0x38000000 + 0xfff + odd) >>> 13)
}

/** The number that half-precision `bits` stand for. */
export function fromHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >>> 10) & 31
  const fraction = bits & 1023
  if (exponent === 0) return sign * fraction * 2 ** -24
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}

/** A typed array of `dtype` holding `values`; integers are truncated, booleans become 0 or 1. */
export function toTypedArray(dtype: DType, values: ArrayLike<number | bigint | boolean>): TypedArray {
  const out = new dtypes[dtype].array(values.length)
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!
    if (out instanceof BigInt64Array)
      out[i] = typeof value === 'bigint' ? value : BigInt(Math.trunc(Number(value)))
    else if (dtype === 'bool') out[i] = value ? 1 : 0
    else if (dtype === 'f16') out[i] = toHalf(Number(value))
    else out[i] = Number(value)
  }
  return out
}

/** The values of `data` as JavaScript numbers (half precision decoded, 64-bit integers narrowed). */
export function toNumbers(dtype: DType, data: TypedArray): number[] {
  if (data instanceof BigInt64Array) return Array.from(data, Number)
  return dtype === 'f16' ? Array.from(data, fromHalf) : Array.from(data)
}
