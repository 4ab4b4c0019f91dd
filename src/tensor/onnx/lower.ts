/** Graph -> ONNX model: each node's lowering rule in topological order. */

import { DeviceError } from '../errors.js'
import { type Graph, inputPrimitive, topological } from '../graph.js'
import type { Tensor } from '../tensor.js'
import { type DeviceKind, Emitter, OPSET } from './emitter.js'
import { modelProto } from './model.js'

export interface LoweredModel {
  readonly bytes: Uint8Array
  /** Names of the ONNX inputs and outputs, in the order of the graph's. An unused input has none. */
  readonly inputs: readonly (string | undefined)[]
  readonly outputs: readonly string[]
  /** Whether the model has the extra output STOP_OUTPUT. */
  readonly stop: boolean
}

/**
 * The name of an extra first output, a sequence, that a model for in-place runs has. ONNX Runtime's Node binding refuses to
 * convert a sequence, after the whole graph has run and every output that was given memory is filled.
 */
export const STOP_OUTPUT = 'stop'

export interface LowerOptions {
  /** The outputs will be written to memory that the host owns (see STOP_OUTPUT). */
  readonly inPlace?: boolean
  /** Written for other readers too, not only for this ONNX Runtime. Default true. */
  readonly portable?: boolean
}

/** Lowers a graph for a kind of device. The bytes are a complete `.onnx` file. */
export function lower(graph: Graph, device: DeviceKind, options: LowerOptions = {}): LoweredModel {
  const emitter = new Emitter(device, lowerInto, { portable: options.portable ?? true })
  const stop = options.inPlace === true && device === 'cpu'
  if (stop) {
    const [sequence] = emitter.op('SequenceConstruct', [emitter.scalar('f32', 0)])
    emitter.graph.node('Identity', '', STOP_OUTPUT, [sequence!], [STOP_OUTPUT], {})
    emitter.graph.sequenceOutput(STOP_OUTPUT, 'f32')
  }
  const used = new Set(topological(graph.outputs))
  const inputs = graph.inputs.map((tensor, index) => {
    if (!used.has(tensor.node)) return undefined
    const name = `in${index}`
    emitter.graph.input(name, tensor.dtype, tensor.shape)
    emitter.bindAxes(name, tensor.shape)
    return name
  })
  const outputs = emitter.outputNames(lowerInto(emitter, graph, inputs))
  outputs.forEach((name, index) => {
    emitter.graph.output(name, graph.outputs[index]!.dtype, graph.outputs[index]!.shape)
  })
  return { bytes: modelProto(emitter.graph, OPSET), inputs, outputs, stop }
}

function lowerInto(emitter: Emitter, graph: Graph, inputs: readonly (string | undefined)[]): string[] {
  const names = new Map<Tensor, string>()
  graph.inputs.forEach((tensor, index) => {
    const name = inputs[index]
    if (name !== undefined) names.set(tensor, name)
  })
  const nameOf = (tensor: Tensor) => {
    const name = names.get(tensor)
    if (name === undefined) {
      throw new DeviceError(
        'compile',
        `a tensor (${tensor}) from outside the compiled function was used inside; pass it as an argument`,
      )
    }
    return name
  }
  for (const node of topological(graph.outputs)) {
    if (node.primitive === inputPrimitive) continue
    emitter.scope = node.primitive.name
    const outputs = node.primitive.lower(emitter, node.inputs.map(nameOf), node)
    node.outputs.forEach((tensor, index) => {
      const name = outputs[index]
      if (name !== undefined) names.set(tensor, name)
    })
  }
  return graph.outputs.map(nameOf)
}
