/** What a lowering rule writes with: ONNX nodes, constants and shapes, under fresh names. */
import { axisName, isStatic, monomials, type Shape, type Size } from '../dim.js'
import { type DType, dtypes, type TypedArray, toTypedArray } from '../dtype.js'
import { DeviceError } from '../errors.js'
import type { Graph } from '../graph.js'
import type { TensorType } from '../tensor.js'
import { type Attribute, GraphProto } from './model.js'

/** The kinds of device that lowering rules tell apart. */
export type DeviceKind = 'cpu' | 'webgpu' | 'cuda' | 'wasm'

export const OPSET = 21

export interface OpOptions {
  readonly domain?: 'com.microsoft'
  /** Number of outputs; default 1. */
  readonly outputs?: number
}

/** Lowers a body (the inside of a loop) into a sub-graph that may read the outer names. */
export type LowerBody = (emitter: Emitter, graph: Graph, inputs: readonly string[]) => string[]

export class Emitter {
  readonly device: DeviceKind
  readonly graph: GraphProto
  /** The model is for other readers than ONNX Runtime too: nodes in order, and standard ops wherever there are some. */
  readonly portable: boolean
  readonly #names: { next: number }
  readonly #constants = new Map<string, string>()
  readonly #axes: Map<string, { input: string; axis: number }>
  readonly #lowerBody: LowerBody
  /** Prefix of the names of nodes: the user's op that is being lowered. */
  scope = ''

  constructor(
    device: DeviceKind,
    lowerBody: LowerBody,
    { portable = true, parent }: { portable?: boolean; parent?: Emitter } = {},
  ) {
    this.device = device
    // The runtime reads the insides of a loop in order only.
    this.graph = new GraphProto(!portable && !parent)
    this.portable = portable
    this.#lowerBody = lowerBody
    this.#names = parent ? parent.#names : { next: 0 }
    this.#axes = parent ? parent.#axes : new Map()
  }

  /** Runs on the kernels of ONNX Runtime's CPU provider (natively or in WebAssembly). */
  get onCpuKernels(): boolean {
    return this.device === 'cpu' || this.device === 'wasm'
  }

  fresh(): string {
    return `t${this.#names.next++}`
  }

  /** Adds a node with one output and returns that output's name. */
  one(
    type: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, Attribute>> = {},
    domain?: 'com.microsoft',
  ): string {
    return this.op(type, inputs, attributes, { domain })[0]!
  }

  /** Adds a node and returns the names of its outputs. */
  op(
    type: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, Attribute>> = {},
    options: OpOptions = {},
  ): string[] {
    const outputs = Array.from({ length: options.outputs ?? 1 }, () => this.fresh())
    this.graph.node(
      type,
      options.domain ?? '',
      `${this.scope}/${type}_${this.graph.nodeCount}`,
      inputs,
      outputs,
      attributes,
    )
    return outputs
  }

  constant(dtype: DType, shape: readonly number[], data: TypedArray): string {
    const key =
      data.length <= 16
        ? `${dtype}|${shape}|${Array.from(data as ArrayLike<unknown> as unknown[], (x) => (Object.is(x, -0) ? '-0' : String(x)))}`
        : undefined
    const known = key === undefined ? undefined : this.#constants.get(key)
    if (known) return known
    const name = this.fresh()
    this.graph.initializer(name, dtype, shape, data)
    if (key !== undefined) this.#constants.set(key, name)
    return name
  }

  scalar(dtype: DType, value: number): string {
    return this.constant(dtype, [], toTypedArray(dtype, [value]))
  }

  /** A 1-D constant of 64-bit integers, as ONNX wants for axes, starts, pads ... */
  ints(values: readonly number[]): string {
    return this.constant('i64', [values.length], toTypedArray('i64', values))
  }

  /** A shape as a 1-D i64 tensor; dynamic axes are read off the inputs that have them. */
  shape(shape: Shape): string {
    if (isStatic(shape)) return this.ints(shape)
    return this.one(
      'Concat',
      shape.map((size) => this.#size(size)),
      { axis: 0 },
    )
  }

  /** As `shape`, for Reshape: one dynamic axis can be left to the runtime. */
  reshapeTarget(shape: Shape): string {
    const dynamic = shape.filter((size) => typeof size !== 'number').length
    return dynamic === 1 && !shape.includes(0)
      ? this.ints(shape.map((s) => (typeof s === 'number' ? s : -1)))
      : this.shape(shape)
  }

  /** A size as an i64 tensor of shape [1]. */
  size(size: Size): string {
    return this.#size(size)
  }

  cast(input: string, dtype: DType): string {
    return this.one('Cast', [input], { to: dtypes[dtype].onnx })
  }

  /** Says where named axes can be read: axis `axis` of the value called `input`. */
  bindAxes(input: string, shape: Shape): void {
    shape.forEach((size, axis) => {
      const name = axisName(size)
      if (name && !this.#axes.has(name)) this.#axes.set(name, { input, axis })
    })
  }

  /** Lowers `graph` as the body of a loop whose ONNX inputs have the given types. */
  body(
    graph: Graph,
    prologue: readonly TensorType[],
    build: (
      body: Emitter,
      prologue: readonly string[],
      lower: (inputs: readonly string[]) => string[],
    ) => readonly { name: string; type: TensorType }[],
  ): GraphProto {
    const body = new Emitter(this.device, this.#lowerBody, { portable: this.portable, parent: this })
    body.scope = this.scope
    const names = prologue.map((type) => {
      const name = body.fresh()
      body.graph.input(name, type.dtype, type.shape)
      return name
    })
    const outputs = build(body, names, (inputs) => this.#lowerBody(body, graph, inputs))
    for (const { name, type } of outputs) body.graph.output(name, type.dtype, type.shape)
    return body.graph
  }

  /**
   * Names under which values can be outputs of this graph: each produced by a node of its own. The others (inputs, constants,
   * repeats) get one by a copy.
   */
  outputNames(results: readonly string[]): string[] {
    const taken = new Set<string>()
    return results.map((result) => {
      const name = this.graph.produces(result) && !taken.has(result) ? result : this.one('Identity', [result])
      taken.add(name)
      return name
    })
  }

  unsupported(what: string): never {
    throw new DeviceError('unsupported', `${what} does not run on the device '${this.device}'`)
  }

  #size(size: Size): string {
    if (typeof size === 'number') return this.ints([size])
    const terms = monomials(size).map(([coefficient, axes]) => {
      const factors = axes.map((name) => this.#axis(name))
      if (coefficient !== 1 || factors.length === 0) factors.push(this.ints([coefficient]))
      return factors.reduce((a, b) => this.one('Mul', [a, b]))
    })
    return terms.reduce((a, b) => this.one('Add', [a, b]))
  }

  #axis(name: string): string {
    const key = `axis ${name}`
    const known = this.#constants.get(key)
    if (known) return known
    const source = this.#axes.get(name)
    if (!source) {
      throw new DeviceError(
        'compile',
        `the dynamic axis '${name}' is not an axis of any input, so its size cannot be known`,
      )
    }
    const read = this.one('Shape', [source.input], { start: source.axis, end: source.axis + 1 })
    this.#constants.set(key, read)
    return read
  }
}
