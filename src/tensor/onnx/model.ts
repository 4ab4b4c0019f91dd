/** Messages of the ONNX specification (onnx.proto3), written field by field. */
import { axisName, type Shape } from '../dim.js'
import { type DType, dtypes, type TypedArray } from '../dtype.js'
import { ProtobufWriter } from './protobuf.js'

export type Attribute =
  | number
  | { float: number }
  | string
  | readonly number[]
  | { floats: readonly number[] }
  | GraphProto

/** A graph being assembled: nodes in execution order, and the constants they read. */
export class GraphProto {
  readonly #nodes: ProtobufWriter[] = []
  readonly #lastFirst: boolean
  readonly #initializers = new ProtobufWriter()
  readonly #io = new ProtobufWriter()
  readonly #produced = new Set<string>()

  /**
   * With `lastFirst` the nodes are written in reverse. ONNX Runtime orders them itself, depth first from the results, and of
   * a node's inputs takes first the one whose producer stands last in the file: this way it keeps to the order given.
   */
  constructor(lastFirst = false) {
    this.#lastFirst = lastFirst
  }

  get nodeCount(): number {
    return this.#nodes.length
  }

  /** Whether a node of this graph (not an input or a constant) computes the value. */
  produces(name: string): boolean {
    return this.#produced.has(name)
  }

  node(
    type: string,
    domain: string,
    name: string,
    inputs: readonly string[],
    outputs: readonly string[],
    attributes: Readonly<Record<string, Attribute>>,
  ): void {
    const node = new ProtobufWriter()
    for (const input of inputs) node.string(1, input)
    for (const output of outputs) {
      node.string(2, output)
      this.#produced.add(output)
    }
    node.string(3, name).string(4, type)
    for (const [key, value] of Object.entries(attributes)) node.message(5, attributeProto(key, value))
    if (domain) node.string(7, domain)
    this.#nodes.push(node)
  }

  initializer(name: string, dtype: DType, shape: readonly number[], data: TypedArray): void {
    const tensor = new ProtobufWriter()
    for (const size of shape) tensor.int(1, size)
    tensor.int(2, dtypes[dtype].onnx).string(8, name)
    tensor.bytes(9, new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
    this.#initializers.message(5, tensor)
  }

  input(name: string, dtype: DType, shape: Shape): void {
    this.#io.message(11, valueInfo(name, dtype, shape))
  }

  output(name: string, dtype: DType, shape: Shape): void {
    this.#io.message(12, valueInfo(name, dtype, shape))
  }

  /** An output that is a sequence of tensors of a dtype. */
  sequenceOutput(name: string, dtype: DType): void {
    const element = new ProtobufWriter().message(1, new ProtobufWriter().int(1, dtypes[dtype].onnx))
    const type = new ProtobufWriter().message(4, new ProtobufWriter().message(1, element))
    this.#io.message(12, new ProtobufWriter().string(1, name).message(2, type))
  }

  write(name: string): ProtobufWriter {
    const graph = new ProtobufWriter()
    for (const node of this.#lastFirst ? this.#nodes.toReversed() : this.#nodes) graph.message(1, node)
    return graph.raw(this.#initializers).raw(this.#io).string(2, name)
  }
}

/** A whole ModelProto, ready to be saved as `.onnx` or given to a runtime. */
export function modelProto(graph: GraphProto, opset: number): Uint8Array {
  const model = new ProtobufWriter().int(1, 10).string(2, 'athanor')
  model.message(7, graph.write('athanor'))
  for (const [domain, version] of [
    ['', opset],
    ['com.microsoft', 1],
  ] as const) {
    model.message(8, new ProtobufWriter().string(1, domain).int(2, version))
  }
  return model.finish()
}

function attributeProto(name: string, value: Attribute): ProtobufWriter {
  const attribute = new ProtobufWriter().string(1, name)
  if (typeof value === 'number') return attribute.int(3, value).int(20, 2)
  if (typeof value === 'string') return attribute.string(4, value).int(20, 3)
  if (value instanceof GraphProto) return attribute.message(6, value.write(name)).int(20, 5)
  if ('float' in value) return attribute.float(2, value.float).int(20, 1)
  if ('floats' in value) {
    for (const item of value.floats) attribute.float(7, item)
    return attribute.int(20, 6)
  }
  for (const item of value) attribute.int(8, item)
  return attribute.int(20, 7)
}

function valueInfo(name: string, dtype: DType, shape: Shape): ProtobufWriter {
  const dims = new ProtobufWriter()
  for (const size of shape) {
    const dimension = new ProtobufWriter()
    if (typeof size === 'number') dimension.int(1, size)
    else if (axisName(size)) dimension.string(2, axisName(size)!)
    dims.message(1, dimension)
  }
  const tensorType = new ProtobufWriter().int(1, dtypes[dtype].onnx).message(2, dims)
  return new ProtobufWriter().string(1, name).message(2, new ProtobufWriter().message(1, tensorType))
}
