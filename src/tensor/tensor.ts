/**
 * Symbolic tensors. A Tensor is one output of a Node; a Node is a primitive applied to tensors. Tracing a function just
 * builds this graph of references; nothing is computed until it is compiled.
 */
import { formatShape, type Shape } from './dim.js'
import type { DType } from './dtype.js'
import { TensorError } from './errors.js'
import type { Emitter } from './onnx/emitter.js'

export interface TensorType {
  readonly shape: Shape
  readonly dtype: DType
}

export class Tensor implements TensorType {
  readonly node: Node
  /** Which of the node's outputs this is. */
  readonly index: number
  readonly shape: Shape
  readonly dtype: DType

  constructor(node: Node, index: number, type: TensorType) {
    this.node = node
    this.index = index
    this.shape = type.shape
    this.dtype = type.dtype
  }

  get rank(): number {
    return this.shape.length
  }

  toString(): string {
    return formatType(this)
  }
}

export class Node<A = unknown> {
  readonly primitive: Primitive<A>
  readonly inputs: readonly Tensor[]
  readonly attrs: A
  readonly outputs: readonly Tensor[]
  readonly #site: { stack?: string }

  constructor(primitive: Primitive<A>, inputs: readonly Tensor[], attrs: A, site?: { stack?: string }) {
    this.primitive = primitive
    this.inputs = inputs
    this.attrs = attrs
    this.outputs = primitive.infer(inputs, attrs).map((type, index) => new Tensor(this as Node, index, type))
    this.#site = site ?? captureSite()
  }

  /** A node that computes the same thing from other inputs; it keeps the user's line of this one. */
  with(inputs: readonly Tensor[], attrs: A = this.attrs): Node<A> {
    return new Node(this.primitive, inputs, attrs, this.#site)
  }

  /** The line outside the engine that built this node ("file:line:column"), if known. */
  get site(): string | undefined {
    const lines = this.#site.stack?.split('\n').slice(1) ?? []
    const user = lines.find((line) => !line.includes(engineFolder) && !line.includes('node:internal'))
    return user?.match(/\(?((?:file:\/\/|[A-Za-z]:|\/|https?:)[^()]*:\d+:\d+)\)?$/)?.[1]
  }
}

/** What a gradient rule gets. `cotangents[i]` is undefined where output i does not matter (a zero). */
export interface VjpContext<A> {
  readonly inputs: readonly Tensor[]
  readonly outputs: readonly Tensor[]
  readonly attrs: A
  readonly cotangents: readonly (Tensor | undefined)[]
  /** Whether the gradient for input i is wanted; a rule may skip the others. */
  readonly wanted: readonly boolean[]
}

/**
 * One operation: its shape rule, its gradient in terms of ops, and its lowering, together.
 *
 * - `infer` returns the types of the outputs or throws a TensorError.
 * - `vjp` returns the cotangents of the inputs; `'zero'` says that the gradient is zero everywhere
 *   (comparisons, sign, integer results); absent means that asking for it is an error.
 * - `evaluate` gives the scalar meaning of an element-wise op, for constant folding.
 */
export interface Primitive<A = unknown> {
  readonly name: string
  infer(inputs: readonly TensorType[], attrs: A): readonly TensorType[]
  readonly vjp?: ((context: VjpContext<A>) => readonly (Tensor | undefined)[]) | 'zero'
  lower(emitter: Emitter, inputs: readonly string[], node: Node<A>): readonly string[]
  readonly evaluate?: (...values: number[]) => number
  /** Operands that the kernel updates in place when a result is given the same memory: output -> input. */
  readonly updates?: Readonly<Record<number, number>>
}

/** Applies a primitive and returns all its outputs. */
export function applyAll<A>(primitive: Primitive<A>, inputs: readonly Tensor[], attrs: A): readonly Tensor[] {
  return new Node(primitive, inputs, attrs).outputs
}

/** Applies a primitive with one output. */
export function apply<A>(primitive: Primitive<A>, inputs: readonly Tensor[], attrs: A): Tensor {
  return applyAll(primitive, inputs, attrs)[0]!
}

export function formatType(type: TensorType): string {
  return `${type.dtype}${formatShape(type.shape)}`
}

/** Throws unless all inputs have the same dtype. */
export function sameDType(name: string, inputs: readonly TensorType[]): DType {
  const dtype = inputs[0]!.dtype
  if (inputs.some((input) => input.dtype !== dtype)) {
    throw new TensorError(
      'dtype',
      `${name}: the dtypes differ: ${inputs.map(formatType).join(' and ')}; cast one`,
    )
  }
  return dtype
}

/** The axis counted from the front; negative axes count from the back. */
export function normalizeAxis(name: string, axis: number, rank: number): number {
  const from0 = axis < 0 ? axis + rank : axis
  if (!Number.isInteger(axis) || from0 < 0 || from0 >= rank) {
    throw new TensorError('argument', `${name}: axis ${axis} is out of range for a tensor with ${rank} axes`)
  }
  return from0
}

/** Where the engine's own files are, as stack traces write it. */
const engineFolder = import.meta.url.replace(/^file:\/\//, '').replace(/[^/]*$/, '')

function captureSite(): { stack?: string } {
  // V8 keeps the frames and formats them only when `stack` is read, so this costs about a microsecond.
  const site: { stack?: string } = {}
  ;(Error as { captureStackTrace?: (target: object) => void }).captureStackTrace?.(site)
  return site
}
