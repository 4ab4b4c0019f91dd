/** Between our arrays and ONNX Runtime's tensors. */
import type * as Ort from 'onnxruntime-common'
import { dim } from '../dim.js'
import { type DType, dtypes, type TypedArray } from '../dtype.js'
import { DeviceError } from '../errors.js'
import { type DeviceBuffer, NDArray } from '../ndarray.js'
import { type DeviceKind, Emitter, OPSET } from '../onnx/emitter.js'
import { modelProto } from '../onnx/model.js'

export type OrtPackage = Pick<typeof Ort, 'InferenceSession' | 'Tensor'>

/**
 * Memory of a device that holds a result. It must go before the session that allocated it: the runtime ends the process
 * otherwise, so whoever releases the session waits for `onFree`.
 */
class DeviceMemory {
  readonly tensor: Ort.Tensor
  readonly #onFree: () => void
  #freed = false

  constructor(tensor: Ort.Tensor, onFree: () => void) {
    this.tensor = tensor
    this.#onFree = onFree
  }

  free(): void {
    if (this.#freed) return
    this.#freed = true
    this.tensor.dispose()
    this.#onFree()
  }
}

/** Frees what was forgotten, in the right order: garbage collection alone gives none. */
const forgotten = new FinalizationRegistry<DeviceMemory>((memory) => memory.free())

/** Elements in a device's own memory. Once given up (disposed, or donated to a call) it cannot be used. */
export class OrtBuffer implements DeviceBuffer {
  readonly kind: DeviceKind
  readonly #memory: DeviceMemory
  readonly #read: (tensor: Ort.Tensor) => Promise<TypedArray>
  #gone: string | undefined

  constructor(
    kind: DeviceKind,
    tensor: Ort.Tensor,
    read: (tensor: Ort.Tensor) => Promise<TypedArray>,
    onFree: () => void,
  ) {
    this.kind = kind
    this.#memory = new DeviceMemory(tensor, onFree)
    this.#read = read
    forgotten.register(this, this.#memory)
  }

  /** @throws DeviceError when the memory was given up. */
  get tensor(): Ort.Tensor {
    if (this.#gone) {
      throw new DeviceError(
        'run',
        `an array on the device '${this.kind}' is used after it was ${this.#gone}; keep the result of the last call instead`,
      )
    }
    return this.#memory.tensor
  }

  async read(): Promise<TypedArray> {
    return this.#read(this.tensor)
  }

  dispose(why = 'disposed'): void {
    this.#gone ??= why
    this.#memory.free()
  }
}

/** The runtime's view of an array that is on the host. No copy. */
export function hostTensor(ort: OrtPackage, { dtype, shape, data }: NDArray): Ort.Tensor {
  const view = dtype === 'f16' ? asFloat16(data as Uint16Array) : data
  return new ort.Tensor(dtypes[dtype].ort as 'float32', view as Float32Array, shape)
}

/** The array of a result that is on the host. No copy. */
export function hostArray(dtype: DType, tensor: Ort.Tensor): NDArray {
  return new NDArray(dtype, tensor.dims, storedData(dtype, tensor.data))
}

export function onHost({ location }: Ort.Tensor): boolean {
  return location === 'cpu' || location === 'cpu-pinned'
}

/** The elements as an array of ours holds them. */
export function storedData(dtype: DType, data: Ort.Tensor.DataType): TypedArray {
  const view = data as TypedArray
  return dtype === 'f16' ? new Uint16Array(view.buffer, view.byteOffset, view.length) : view
}

/** A model that passes `in` on to `out`: what brings elements from a device to the host. */
export function copyModel(dtype: DType, rank: number): Uint8Array {
  const emitter = new Emitter('cpu', () => [])
  // Names stand for axes of any size.
  const shape = Array.from({ length: rank }, (_, axis) => dim(`d${axis}`))
  emitter.graph.input('in', dtype, shape)
  emitter.graph.node('Identity', '', 'copy', ['in'], ['out'], {})
  emitter.graph.output('out', dtype, shape)
  return modelProto(emitter.graph, OPSET)
}

type Float16Constructor = new (buffer: ArrayBufferLike, offset: number, length: number) => TypedArray

/** Newer runtimes have Float16Array, and ONNX Runtime then wants it; older ones take the raw bits. */
function asFloat16(bits: Uint16Array): TypedArray {
  const Float16 = (globalThis as { Float16Array?: Float16Constructor }).Float16Array
  return Float16 ? new Float16(bits.buffer, bits.byteOffset, bits.length) : bits
}
