/** Runs models through an ONNX Runtime package (Node's or the browser's: they share one interface). */
import type * as Ort from 'onnxruntime-common'
import type { DType, TypedArray } from '../dtype.js'
import { DeviceError } from '../errors.js'
import { NDArray } from '../ndarray.js'
import type { DeviceKind } from '../onnx/emitter.js'
import { type LoweredModel, STOP_OUTPUT } from '../onnx/lower.js'
import type { TensorType } from '../tensor.js'
import type { Device, Executable, LoadOptions } from './device.js'
import {
  copyModel,
  hostArray,
  hostTensor,
  OrtBuffer,
  type OrtPackage,
  onHost,
  storedData,
} from './ort-tensor.js'

export interface OrtSettings {
  readonly kind: DeviceKind
  readonly ort: OrtPackage
  readonly session: Ort.InferenceSession.SessionOptions
  /** What to do when the provider is not there. */
  readonly missing: string
  /** The runtime takes one call at a time; calls made meanwhile wait for their turn. */
  readonly oneAtATime?: boolean
}

/** A device over an ONNX Runtime package and one of its execution providers. */
export class OrtDevice implements Device {
  readonly kind: DeviceKind
  readonly ort: OrtPackage
  readonly #settings: OrtSettings
  readonly #readers = new Map<string, Promise<Ort.InferenceSession>>()
  #lastCall: Promise<unknown> = Promise.resolve()

  constructor(settings: OrtSettings) {
    this.kind = settings.kind
    this.ort = settings.ort
    this.#settings = settings
  }

  /**
   * Whether results can stay in the device's memory. ONNX Runtime's packages can hand out WebGPU buffers;
   * CUDA results always come back to the host.
   */
  get hasMemory(): boolean {
    return this.kind === 'webgpu'
  }

  async load(
    model: LoweredModel,
    outputs: readonly TensorType[],
    options: LoadOptions = {},
  ): Promise<Executable> {
    // The runtime lets go of the GPU with its last session, and arrays left there would end the process: keep one open.
    if (options.keepOnDevice && this.hasMemory) await this.#reader('f32', 0)
    return OrtExecutable.create(this, model, outputs, options)
  }

  /** @throws DeviceError 'missing' when the provider is not on this machine, 'compile' when it refuses the model. */
  async createSession(
    bytes: Uint8Array,
    extra: Ort.InferenceSession.SessionOptions = {},
  ): Promise<Ort.InferenceSession> {
    const { ort, session, kind, missing } = this.#settings
    try {
      return await this.#inTurn(() => ort.InferenceSession.create(bytes, { ...session, ...extra }))
    } catch (error) {
      const message = messageOf(error)
      if (isMissing(message)) {
        throw new DeviceError(
          'missing',
          `the device '${kind}' is not available here: ${missing} (${message})`,
          {
            cause: error,
          },
        )
      }
      throw new DeviceError('compile', `the ${kind} device could not build the graph: ${message}`, {
        cause: error,
      })
    }
  }

  /** One call of a session, with errors typed. */
  async call(run: () => Promise<Ort.InferenceSession.ReturnType>): Promise<Ort.InferenceSession.ReturnType> {
    try {
      return await this.#inTurn(run)
    } catch (error) {
      throw new DeviceError('run', `the ${this.kind} device failed while running: ${messageOf(error)}`, {
        cause: error,
      })
    }
  }

  /** The runtime's view of an array: feeding it elsewhere than where it lives would silently compute garbage. */
  tensorOf(array: NDArray): Ort.Tensor {
    return array.buffer ? this.bufferOf(array)!.tensor : hostTensor(this.ort, array)
  }

  /** @throws DeviceError when the array lives on another device. */
  bufferOf(array: NDArray): OrtBuffer | undefined {
    const { buffer } = array
    if (!buffer) return undefined
    if (buffer instanceof OrtBuffer && buffer.kind === this.kind) return buffer
    const from = buffer instanceof OrtBuffer ? `'${buffer.kind}'` : 'another device'
    throw new DeviceError(
      'run',
      `an array that lives on ${from} was given to '${this.kind}'; pass NDArray.from(await array.read(), array.shape, array.dtype)`,
    )
  }

  /** A result of a session; `onFree` is called when its device memory is gone. */
  arrayOf(dtype: DType, tensor: Ort.Tensor, onFree: () => void): NDArray {
    const buffer = new OrtBuffer(this.kind, tensor, (from) => this.#read(dtype, from), onFree)
    return new NDArray(dtype, tensor.dims, buffer)
  }

  /** Reads through a session that copies to the host: ONNX Runtime's own `getData` can end the process. */
  async #read(dtype: DType, tensor: Ort.Tensor): Promise<TypedArray> {
    const session = await this.#reader(dtype, tensor.dims.length)
    return storedData(dtype, (await this.call(() => session.run({ in: tensor }))).out!.data)
  }

  #reader(dtype: DType, rank: number): Promise<Ort.InferenceSession> {
    const key = `${dtype}[${rank}]`
    const known = this.#readers.get(key)
    if (known) return known
    const reader = this.createSession(copyModel(dtype, rank))
    this.#readers.set(key, reader)
    return reader
  }

  #inTurn<T>(call: () => Promise<T>): Promise<T> {
    if (!this.#settings.oneAtATime) return call()
    const result = this.#lastCall.then(call)
    this.#lastCall = result.then(
      () => undefined,
      () => undefined,
    )
    return result
  }
}

class OrtExecutable implements Executable {
  readonly #device: OrtDevice
  readonly #session: Ort.InferenceSession
  readonly #model: LoweredModel
  readonly #outputs: readonly TensorType[]
  readonly #options: LoadOptions
  /** Output -> the input whose memory it takes. */
  readonly #inputOf: ReadonlyMap<number, number>
  /** Whether the runtime has been seen to write outputs to the memory it was given. */
  #fillsOutputs: boolean | undefined
  /** Results that are still in device memory. */
  #resident = 0
  #disposed = false

  constructor(
    device: OrtDevice,
    session: Ort.InferenceSession,
    model: LoweredModel,
    outputs: readonly TensorType[],
    options: LoadOptions,
  ) {
    this.#device = device
    this.#session = session
    this.#model = model
    this.#outputs = outputs
    this.#options = options
    this.#inputOf = new Map(options.aliases?.map(([input, output]) => [output, input]))
  }

  static async create(
    device: OrtDevice,
    model: LoweredModel,
    outputs: readonly TensorType[],
    options: LoadOptions,
  ): Promise<OrtExecutable> {
    const resident = options.keepOnDevice && device.hasMemory
    const session = await device.createSession(model.bytes, {
      ...(options.keepMemory === false ? { enableCpuMemArena: false } : {}),
      ...(resident ? { preferredOutputLocation: 'gpu-buffer' as const } : {}),
      ...(options.profile ? { enableProfiling: true, profileFilePrefix: options.profile } : {}),
    })
    return new OrtExecutable(device, session, model, outputs, options)
  }

  async run(
    inputs: readonly NDArray[],
    shapes: readonly (readonly number[])[] = this.#outputs.map(({ shape }) => shape as readonly number[]),
  ): Promise<readonly NDArray[]> {
    if (this.#disposed) {
      throw new DeviceError('run', 'the compiled function was disposed; compile it again to call it')
    }
    if (this.#model.stop && this.#fillsOutputs !== false) {
      const results = await this.#runInPlace(inputs, shapes)
      if (results) return results
    }
    const feeds = this.#feeds(inputs)
    const results = await this.#device.call(() => this.#session.run(feeds, [...this.#model.outputs]))
    this.#freeDonated(inputs)
    return this.#model.outputs.map((name, i) => {
      const { dtype } = this.#outputs[i]!
      const result = results[name]!
      if (onHost(result)) return hostArray(dtype, result)
      this.#resident++
      return this.#device.arrayOf(dtype, result, () => {
        this.#resident--
        this.#releaseWhenUnused()
      })
    })
  }

  /**
   * Runs with every output written to memory that the host already owns: aliased outputs over their inputs, the others to
   * fresh arrays. ONNX Runtime 1.30 fills such outputs and then copies each once more into arrays nobody wants, first
   * output first; a first output of a kind it cannot convert ends the call before that (see STOP_OUTPUT). Whether another
   * version still fills them is looked at in the first call: undefined, and nothing written, when it does not.
   */
  async #runInPlace(
    inputs: readonly NDArray[],
    shapes: readonly (readonly number[])[],
  ): Promise<readonly NDArray[] | undefined> {
    const shared = sharedMemory(inputs)
    const arrays = this.#outputs.map((type, i) => {
      const input = this.#inputOf.get(i)
      return input === undefined || shared.has(input) ? NDArray.zeros(shapes[i]!, type.dtype) : inputs[input]!
    })
    const proof = this.#fillsOutputs
      ? undefined
      : arrays.find((array) => array.data.length > 0 && !inputs.includes(array))
    if (proof) bytesOf(proof).fill(UNTOUCHED)
    const feeds = this.#feeds(inputs)
    const fetches: Record<string, Ort.Tensor | null> = { [STOP_OUTPUT]: null }
    this.#model.outputs.forEach((name, i) => {
      fetches[name] = this.#device.tensorOf(arrays[i]!)
    })
    await this.#device.call(async () => {
      try {
        return await this.#session.run(feeds, fetches as Record<string, Ort.Tensor>)
      } catch (error) {
        if (/non tensor type/i.test(messageOf(error))) return {}
        throw error
      }
    })
    if (proof) this.#fillsOutputs = bytesOf(proof).some((byte) => byte !== UNTOUCHED)
    if (this.#fillsOutputs === false) return undefined
    return arrays.map((array) => new NDArray(array.dtype, array.shape, array.data))
  }

  /** The session itself goes when the last of its results in device memory has gone. */
  async dispose(): Promise<void> {
    if (this.#disposed) return
    this.#disposed = true
    if (this.#options.profile) this.#session.endProfiling()
    await this.#releaseWhenUnused()
  }

  async #releaseWhenUnused(): Promise<void> {
    if (this.#disposed && this.#resident === 0) await this.#session.release()
  }

  #feeds(inputs: readonly NDArray[]): Record<string, Ort.Tensor> {
    const feeds: Record<string, Ort.Tensor> = {}
    this.#model.inputs.forEach((name, i) => {
      if (name !== undefined) feeds[name] = this.#device.tensorOf(inputs[i]!)
    })
    return feeds
  }

  /**
   * Frees the device memory of donated inputs, for the next call to use. Writing results over them is not possible: WebGPU
   * forbids a kernel to read and write one buffer.
   */
  #freeDonated(inputs: readonly NDArray[]): void {
    const donated = [...this.#inputOf.values()].filter((i) => inputs[i]!.buffer)
    if (donated.length === 0) return
    const shared = sharedMemory(inputs)
    for (const i of donated)
      if (!shared.has(i)) this.#device.bufferOf(inputs[i]!)?.dispose('donated to a call')
  }
}

/** The inputs whose memory another input has too: nothing may be written over them. */
function sharedMemory(inputs: readonly NDArray[]): Set<number> {
  const owners = new Map<unknown, number[]>()
  inputs.forEach((array, i) => {
    const memory = array.buffer ?? array.data.buffer
    const others = owners.get(memory)
    if (others) others.push(i)
    else owners.set(memory, [i])
  })
  const shared = new Set<number>()
  for (const group of owners.values()) {
    const byStart = group.toSorted((a, b) => start(inputs[a]!) - start(inputs[b]!))
    let [previous, end] = [-1, -1]
    for (const i of byStart) {
      if (previous >= 0 && start(inputs[i]!) < end) shared.add(previous).add(i)
      previous = i
      end = Math.max(end, start(inputs[i]!) + (inputs[i]!.buffer ? 1 : inputs[i]!.data.byteLength))
    }
  }
  return shared
}

/** No result consists of this byte alone. */
const UNTOUCHED = 0xa5

function bytesOf({ data }: NDArray): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
}

function start(array: NDArray): number {
  return array.buffer ? 0 : array.data.byteOffset
}

/** Whether a message of the runtime says that its provider, not the model, is the trouble. */
function isMissing(message: string): boolean {
  return /no available backend|backend not found|adapter|Failed to load (shared )?library|libcu|cudnn|CUDA driver|no CUDA-capable/i.test(
    message,
  )
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
