/** What runs a lowered model. One implementation serves every execution provider of ONNX Runtime; see `ort.ts`. */
import type { NDArray } from '../ndarray.js'
import type { DeviceKind } from '../onnx/emitter.js'
import type { LoweredModel } from '../onnx/lower.js'
import type { TensorType } from '../tensor.js'

export interface Device {
  readonly kind: DeviceKind
  /** Builds a model. @throws DeviceError when the runtime cannot. */
  load(model: LoweredModel, outputs: readonly TensorType[], options?: LoadOptions): Promise<Executable>
}

export interface LoadOptions {
  /** Outputs stay on the device (no effect where the device is the host). */
  readonly keepOnDevice?: boolean
  /**
   * Pairs [input, output] of equal type: the input is given up. On the host the output is written over it (the caller
   * guarantees that nothing reads the input once the output is being written); device memory is freed after the call.
   */
  readonly aliases?: readonly (readonly [input: number, output: number])[]
  /** Writes a trace of every kernel to files that start with this. */
  readonly profile?: string
  /**
   * Whether the program keeps the memory of a call for the next. Default: it does, which is a few per cent faster; of many
   * programs each would keep its own.
   */
  readonly keepMemory?: boolean
}

export interface Executable {
  /**
   * Runs once. Inputs in the order of the model's; every one has been checked. `shapes`: those of the outputs in this call, for a
   * model with aliases and dynamic axes.
   */
  run(inputs: readonly NDArray[], shapes?: readonly (readonly number[])[]): Promise<readonly NDArray[]>
  /** Frees the session. Ends profiling. */
  dispose(): Promise<void>
}
