/** Concrete arrays: what goes into a compiled function and what comes out. */
import { formatShape } from './dim.js'
import { type DType, dtypes, type TypedArray, toNumbers, toTypedArray } from './dtype.js'
import { TensorError } from './errors.js'
import type { TensorType } from './tensor.js'

/** Elements that live on a device, in whatever form its runtime keeps them. */
export interface DeviceBuffer {
  /** Copies the elements to the host. */
  read(): Promise<TypedArray>
  /** Frees the device's memory. */
  dispose(): void
}

export class NDArray implements TensorType {
  readonly dtype: DType
  readonly shape: readonly number[]
  readonly #host: TypedArray | undefined
  /** Never changes: a program that is compiled with it as an example has it as a constant, and takes no other in its place. */
  readonly frozen: boolean
  readonly buffer: DeviceBuffer | undefined

  /** @throws TensorError when the data does not fit the dtype and shape. */
  constructor(dtype: DType, shape: readonly number[], data: TypedArray | DeviceBuffer, frozen = false) {
    this.dtype = dtype
    this.frozen = frozen
    this.shape = shape
    if (ArrayBuffer.isView(data)) {
      const count = shape.reduce((product, size) => product * size, 1)
      if (!(data instanceof dtypes[dtype].array) || data.length !== count) {
        throw new TensorError(
          'shape',
          `an array of ${dtype}${formatShape(shape)} needs ${count} elements in a ${dtypes[dtype].array.name}; it got ${data.length} in a ${data.constructor.name}`,
        )
      }
      this.#host = data
    } else {
      this.buffer = data
    }
  }

  /** From numbers in row-major order; the shape defaults to one axis. */
  static from(
    values: ArrayLike<number | bigint | boolean> | TypedArray,
    shape: readonly number[] = [values.length],
    dtype: DType = 'f32',
  ): NDArray {
    const data = values instanceof dtypes[dtype].array ? values : toTypedArray(dtype, values)
    return new NDArray(dtype, shape, data)
  }

  /** Host data that programs are compiled around: for what kernels prepare once (quantized weights). See `frozen`. */
  static frozen(dtype: DType, shape: readonly number[], data: TypedArray): NDArray {
    return new NDArray(dtype, shape, data, true)
  }

  static scalar(value: number, dtype: DType = 'f32'): NDArray {
    return new NDArray(dtype, [], toTypedArray(dtype, [value]))
  }

  static zeros(shape: readonly number[], dtype: DType = 'f32'): NDArray {
    return new NDArray(
      dtype,
      shape,
      new dtypes[dtype].array(shape.reduce((product, size) => product * size, 1)),
    )
  }

  get onHost(): boolean {
    return this.#host !== undefined
  }

  /**
   * The elements, without a copy, where they are on the host.
   * @throws TensorError when they live on a device: use `await read()`.
   */
  get data(): TypedArray {
    if (!this.#host)
      throw new TensorError(
        'argument',
        `this ${this.dtype}${formatShape(this.shape)} lives on a device; use await array.read()`,
      )
    return this.#host
  }

  /** The elements, copied from the device if they live there. */
  async read(): Promise<TypedArray> {
    return this.#host ?? (await this.buffer!.read())
  }

  /** The elements as JavaScript numbers. */
  async numbers(): Promise<number[]> {
    return toNumbers(this.dtype, await this.read())
  }

  /** The only element. */
  async item(): Promise<number> {
    const values = await this.numbers()
    if (values.length !== 1)
      throw new TensorError(
        'shape',
        `item: ${formatShape(this.shape)} has ${values.length} elements, not one`,
      )
    return values[0]!
  }

  /** Frees device memory now; host memory is the garbage collector's. */
  dispose(): void {
    this.buffer?.dispose()
  }
}
