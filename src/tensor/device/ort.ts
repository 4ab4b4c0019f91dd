/** Runs models through an ONNX Runtime package (Node's or the browser's: they share one interface). */
import type * as Ort from 'onnxruntime-common'
import { dim } from '../dim.js'
import { type DType, dtypes, type TypedArray } from '../dtype.js'
import { DeviceError } from '../errors.js'
import { type DeviceBuffer, NDArray } from '../ndarray.js'
import type { DeviceKind } from '../onnx/emitter.js'
import { Emitter, OPSET } from '../onnx/emitter.js'
import { type LoweredModel, STOP_OUTPUT } from '../onnx/lower.js'
import { modelProto } from '../onnx/model.js'
import type { TensorType } from '../tensor.js'
import type { Device, Executable, LoadOptions } from './device.js'

export interface OrtSettings {
  readonly kind: DeviceKind
  readonly ort: Pick<typeof Ort, 'InferenceSession' | 'Tensor'>
  readonly session: Ort.InferenceSession.SessionOptions
  /** What to say when the provider is not there. */
  readonly missing: string
}

/** A device over an ONNX Runtime package and one of its execution providers. */
export function ortDevice(settings: OrtSettings): Device {
  const device: Device = {
    kind: settings.kind,
    load: (model, outputs, options = {}) => OrtExecutable.create(settings, model, outputs, options),
  }
  return device
}

class OrtExecutable implements Executable {
  readonly #settings: OrtSettings
  readonly #session: Ort.InferenceSession
  readonly #model: LoweredModel
  readonly #outputs: readonly TensorType[]
  readonly #options: LoadOptions
  readonly #readers = new Map<string, Promise<Ort.InferenceSession>>()

  constructor(
    settings: OrtSettings,
    session: Ort.InferenceSession,
    model: LoweredModel,
    outputs: readonly TensorType[],
    options: LoadOptions,
  ) {
    this.#settings = settings
    this.#session = session
    this.#model = model
    this.#outputs = outputs
    this.#options = options
  }

  static async create(
    settings: OrtSettings,
    model: LoweredModel,
    outputs: readonly TensorType[],
    options: LoadOptions,
  ): Promise<OrtExecutable> {
    const resident = options.keepOnDevice && onGpu(settings.kind)
    const session = await createSession(settings, model.bytes, {
      ...(resident ? { preferredOutputLocation: 'gpu-buffer' as const } : {}),
      ...(options.profile ? { enableProfiling: true, profileFilePrefix: options.profile } : {}),
    })
    return new OrtExecutable(settings, session, model, outputs, options)
  }

  async run(inputs: readonly NDArray[]): Promise<readonly NDArray[]> {
    const feeds: Record<string, Ort.Tensor> = {}
    this.#model.inputs.forEach((name, i) => {
      if (name !== undefined) feeds[name] = this.#toOrt(inputs[i]!)
    })
    try {
      if (this.#model.stop) return await this.#runInPlace(feeds, inputs)
      const results = await this.#session.run(feeds)
      return this.#model.outputs.map((name, i) => this.#fromOrt(this.#outputs[i]!, results[name]!))
    } catch (error) {
      if (error instanceof DeviceError) throw error
      throw new DeviceError(
        'run',
        `the ${this.#settings.kind} device failed while running: ${messageOf(error)}`,
        { cause: error },
      )
    }
  }

  /**
   * Runs with every output written to memory that the host already owns: aliased outputs over their inputs, the others to
   * fresh arrays. ONNX Runtime 1.30 fills such outputs and then copies each once more into arrays nobody wants, first
   * output first; a first output of a kind it cannot convert ends the call before that (see STOP_OUTPUT).
   */
  async #runInPlace(
    feeds: Record<string, Ort.Tensor>,
    inputs: readonly NDArray[],
  ): Promise<readonly NDArray[]> {
    const inputOf = new Map(this.#options.aliases?.map(([input, output]) => [output, input]))
    const arrays = this.#outputs.map((type, i) => {
      const aliased = inputOf.get(i)
      return aliased === undefined
        ? NDArray.zeros(type.shape as readonly number[], type.dtype)
        : inputs[aliased]!
    })
    const fetches: Record<string, Ort.Tensor | null> = { [STOP_OUTPUT]: null }
    this.#model.outputs.forEach((name, i) => {
      fetches[name] = this.#toOrt(arrays[i]!)
    })
    try {
      await this.#session.run(feeds, fetches as Record<string, Ort.Tensor>)
    } catch (error) {
      if (!/non tensor type/i.test(messageOf(error))) throw error
    }
    return arrays.map((array) => new NDArray(array.dtype, array.shape, array.data))
  }

  async dispose(): Promise<void> {
    if (this.#options.profile) this.#session.endProfiling()
    await this.#session.release()
    for (const reader of this.#readers.values()) await (await reader).release()
  }

  #toOrt(array: NDArray): Ort.Tensor {
    if (array.buffer) {
      if (!(array.buffer instanceof OrtBuffer) || array.buffer.kind !== this.#settings.kind) {
        throw new DeviceError(
          'run',
          `an array on another device was given to '${this.#settings.kind}'; copy it with read() first`,
        )
      }
      return array.buffer.tensor
    }
    const data = array.dtype === 'f16' ? asFloat16(array.data as Uint16Array) : array.data
    return new this.#settings.ort.Tensor(
      dtypes[array.dtype].ort as 'float32',
      data as Float32Array,
      array.shape,
    )
  }

  #fromOrt(type: TensorType, tensor: Ort.Tensor): NDArray {
    const { location } = tensor
    if (location === 'cpu' || location === 'cpu-pinned')
      return new NDArray(type.dtype, tensor.dims, asStored(type.dtype, tensor.data))
    const buffer = new OrtBuffer(this.#settings.kind, tensor, () => this.#read(type.dtype, tensor))
    return new NDArray(type.dtype, tensor.dims, buffer)
  }

  /** Reads a device tensor through a session that copies it to the host: `getData` on it can end the process. */
  async #read(dtype: DType, tensor: Ort.Tensor): Promise<TypedArray> {
    const key = `${dtype}[${tensor.dims.length}]`
    let reader = this.#readers.get(key)
    if (!reader) {
      reader = createSession(this.#settings, identityModel(dtype, tensor.dims.length), {})
      this.#readers.set(key, reader)
    }
    const { out } = await (await reader).run({ in: tensor })
    return asStored(dtype, out!.data)
  }
}

class OrtBuffer implements DeviceBuffer {
  readonly kind: DeviceKind
  readonly tensor: Ort.Tensor
  readonly read: () => Promise<TypedArray>

  constructor(kind: DeviceKind, tensor: Ort.Tensor, read: () => Promise<TypedArray>) {
    this.kind = kind
    this.tensor = tensor
    this.read = read
  }

  dispose(): void {
    this.tensor.dispose()
  }
}

async function createSession(
  settings: OrtSettings,
  bytes: Uint8Array,
  extra: Ort.InferenceSession.SessionOptions,
): Promise<Ort.InferenceSession> {
  try {
    return await settings.ort.InferenceSession.create(bytes, { ...settings.session, ...extra })
  } catch (error) {
    const message = messageOf(error)
    if (
      /no available backend|not supported|Failed to (find|load|create)|adapter|backend not found|libcu|cudnn/i.test(
        message,
      )
    ) {
      throw new DeviceError(
        'missing',
        `the device '${settings.kind}' is not available here: ${settings.missing} (${message})`,
        { cause: error },
      )
    }
    throw new DeviceError('compile', `the ${settings.kind} device could not build the graph: ${message}`, {
      cause: error,
    })
  }
}

function identityModel(dtype: DType, rank: number): Uint8Array {
  const emitter = new Emitter('cpu', () => [])
  // Names stand for axes of any size.
  const shape = Array.from({ length: rank }, (_, axis) => dim(`d${axis}`))
  emitter.graph.input('in', dtype, shape)
  emitter.graph.node('Identity', '', 'read', ['in'], ['out'], {})
  emitter.graph.output('out', dtype, shape)
  return modelProto(emitter.graph, OPSET)
}

function onGpu(kind: DeviceKind): boolean {
  return kind === 'webgpu' || kind === 'cuda'
}

type Float16Constructor = new (buffer: ArrayBufferLike, offset: number, length: number) => TypedArray

/** Newer runtimes have Float16Array, and ONNX Runtime then wants it; older ones take the raw bits. */
function asFloat16(bits: Uint16Array): TypedArray {
  const Float16 = (globalThis as { Float16Array?: Float16Constructor }).Float16Array
  return Float16 ? new Float16(bits.buffer, bits.byteOffset, bits.length) : bits
}

function asStored(dtype: DType, data: Ort.Tensor.DataType): TypedArray {
  const view = data as TypedArray
  return dtype === 'f16' ? new Uint16Array(view.buffer, view.byteOffset, view.length) : view
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
