/** From a TypeScript function over symbolic tensors to one that runs: trace, optimise, lower, load. */

import type { Device, Executable } from './device/device.js'
import { axisName, evaluateSize, monomials, type Size, shapesEqual } from './dim.js'
import { TensorError } from './errors.js'
import { type Graph, input, printGraph, topological } from './graph.js'
import { NDArray } from './ndarray.js'
import type { DeviceKind } from './onnx/emitter.js'
import { lower } from './onnx/lower.js'
import { constant } from './ops/constant.js'
import { optimize } from './passes/index.js'
import { formatType, type Node, type Tensor, type TensorType } from './tensor.js'
import { leaves, leavesWithPaths, type MapTree, replaceLeaves, type Tree } from './tree.js'

/** The arguments with a symbolic tensor for every array. */
export type Traced<T> = MapTree<T, TensorType, Tensor>
/** The result with an array for every symbolic tensor. */
export type Computed<T> = MapTree<T, TensorType, NDArray>

export interface CompileOptions {
  readonly device: Device
  /**
   * Index of arguments that are given up by a call: their memory may take the results of the same type, in order
   * (as `donate_argnums` in JAX). The arrays passed there must not be used again.
   */
  readonly donate?: readonly number[]
  /** Results stay on the device where it has memory of its own; read them with `await array.read()`. */
  readonly keepOnDevice?: boolean
  /** Writes a trace of every kernel to files that start with this. */
  readonly profile?: string
  /** Whether the program keeps the memory of a call for the next; see `LoadOptions`. */
  readonly keepMemory?: boolean
}

export interface Compiled<Args extends readonly unknown[], R> {
  (...args: Args): Promise<R>
  readonly graph: Graph
  /** Frees the session. */
  dispose(): Promise<void>
}

/** A function of traced arguments. */
type Traceable<Args extends readonly unknown[], R> = (
  ...args: { -readonly [K in keyof Args]: Traced<Args[K]> } & unknown[]
) => R

/** Runs a function on symbolic inputs of the given types and returns the graph it built, unoptimised. */
export function trace<const Args extends readonly unknown[], R>(
  fn: Traceable<Args, R>,
  examples: Args,
): { graph: Graph; result: R } {
  const tree = examples as unknown as readonly Tree<TensorType>[]
  const types = leavesWithPaths<TensorType>(tree)
  const inputs = types.map(([path, type]) => input(path, type))
  const values = inputs.map((tensor, i) => frozenValue(types[i]![1]) ?? tensor)
  const result = (fn as (...args: unknown[]) => R)(...(replaceLeaves(tree, values) as unknown[]))
  return { graph: { inputs, outputs: leaves<Tensor>(result as Tree<Tensor>) }, result }
}

/** The constant that a frozen array stands for; its argument is then read by nothing. */
function frozenValue(type: TensorType): Tensor | undefined {
  if (!(type instanceof NDArray) || !type.frozen) return undefined
  return constant(type.data, { shape: type.shape, dtype: type.dtype })
}

/** The optimised graph of a function, printed. */
export function printTrace<const Args extends readonly unknown[], R>(
  fn: Traceable<Args, R>,
  examples: Args,
): string {
  return printGraph(optimize(trace(fn, examples).graph))
}

/** The function as a complete `.onnx` file for a kind of device. */
export function exportOnnx<const Args extends readonly unknown[], R>(
  fn: Traceable<Args, R>,
  examples: Args,
  device: DeviceKind = 'cpu',
): Uint8Array {
  return lower(optimize(trace(fn, examples).graph), device).bytes
}

/**
 * Compiles a pure function for a device. `examples` gives the types of its arguments: arrays, or `{ shape, dtype }`, where a
 * `dim('T')` in a shape makes that axis dynamic.
 * @throws TensorError from the user's own line when shapes or dtypes do not fit, DeviceError when the device cannot build it.
 */
export async function compile<const Args extends readonly unknown[], R>(
  fn: Traceable<Args, R>,
  examples: Args,
  options: CompileOptions,
): Promise<Compiled<{ -readonly [K in keyof Args]: Computed<Args[K]> } & unknown[], Computed<R>>> {
  const { graph: traced, result } = trace(fn, examples)
  const graph = optimize(traced)
  const aliases = options.donate ? donations(graph, examples, options.donate) : undefined
  const model = lower(graph, options.device.kind, {
    inPlace: aliases !== undefined && aliases.length > 0,
    portable: false,
  })
  const executable: Executable = await options.device.load(model, graph.outputs, { ...options, aliases })
  const parameters = leavesWithPaths<TensorType>(examples as unknown as Tree<TensorType>)
  const run = async (...args: readonly unknown[]) => {
    const { inputs, axes } = bindArguments(parameters, args)
    const outputs = await executable.run(
      inputs,
      model.stop
        ? graph.outputs.map(({ shape }) => shape.map((size) => evaluateSize(size, axes)))
        : undefined,
    )
    return replaceLeaves(result as Tree<Tensor>, outputs)
  }
  return Object.assign(run, { graph, dispose: () => executable.dispose() }) as never
}

/** The arrays of a call in the order of the parameters, checked against their types, and the sizes of dynamic axes. */
function bindArguments(
  parameters: readonly (readonly [string, TensorType])[],
  args: readonly unknown[],
): { inputs: NDArray[]; axes: ReadonlyMap<string, number> } {
  const given = leavesWithPaths<NDArray>(args as Tree<NDArray>)
  const byPath = given.every(([path], i) => path === parameters[i]?.[0]) ? undefined : new Map(given)
  if (given.length !== parameters.length) {
    const expected = new Set(parameters.map(([path]) => path))
    const extra = given.find(([path]) => !expected.has(path))
    const missing = parameters.find(([path]) => !new Map(given).has(path))
    throw new TensorError(
      'argument',
      `the arguments have ${given.length} arrays instead of ${parameters.length}: ${missing ? `'${missing[0]}' is missing` : `'${extra?.[0]}' is not a parameter`}`,
    )
  }
  const axes = new Map<string, number>()
  const bound = parameters.map(([path, type], i) => {
    const array = byPath ? byPath.get(path) : given[i]![1]
    if (!array) throw new TensorError('argument', `the arguments have no array '${path}'`)
    if (array.dtype !== type.dtype || array.shape.length !== type.shape.length) {
      throw new TensorError(
        'shape',
        `argument '${path}' is ${formatType(array)} and must be ${formatType(type)}`,
      )
    }
    type.shape.forEach((size, axis) => {
      const name = axisName(size)
      if (name && !axes.has(name)) axes.set(name, array.shape[axis]!)
    })
    return array
  })
  parameters.forEach(([path, type], i) => {
    const wrong = type.shape.findIndex((size, axis) => evaluateSize(size, axes) !== bound[i]!.shape[axis])
    if (wrong >= 0) {
      throw new TensorError(
        'shape',
        `argument '${path}' is ${formatType(bound[i]!)} and must be ${formatType(type)}: axis ${wrong} differs`,
      )
    }
  })
  return { inputs: bound, axes }
}

/**
 * Which outputs may be written over which inputs: pairs of equal type, in order, where the output is computed
 * element by element, and every other reader of the input is certain to have run before.
 */
function donations(
  graph: Graph,
  examples: readonly unknown[],
  donate: readonly number[],
): (readonly [number, number])[] {
  // Memory is given to every output, so each size must be known before the call.
  const axes = new Set(graph.inputs.flatMap(({ shape }) => shape.map(axisName)))
  const isKnown = (size: Size) => monomials(size).every(([, names]) => names.every((name) => axes.has(name)))
  if (!graph.outputs.every(({ shape }) => shape.every(isKnown))) return []
  const donated = leavesWithPaths(examples as Tree<TensorType>).flatMap(([path], i) =>
    donate.includes(Number(path.split('.')[0])) ? [i] : [],
  )
  const readers = new Map<Tensor, Node[]>()
  for (const node of topological(graph.outputs)) {
    for (const tensor of node.inputs) readers.set(tensor, [...(readers.get(tensor) ?? []), node])
  }
  const free = new Set(graph.outputs.keys())
  const pairs: (readonly [number, number])[] = []
  for (const at of donated) {
    const tensor = graph.inputs[at]!
    const output = [...free].find((i) => {
      const candidate = graph.outputs[i]!
      return candidate.dtype === tensor.dtype && shapesEqual(candidate.shape, tensor.shape)
    })
    if (output === undefined) continue
    free.delete(output)
    if (canOverwrite(tensor, graph.outputs[output]!, graph, readers)) pairs.push([at, output])
  }
  return pairs
}

function canOverwrite(
  tensor: Tensor,
  result: Tensor,
  graph: Graph,
  readers: ReadonlyMap<Tensor, readonly Node[]>,
): boolean {
  const writer = result.node
  if (writer === tensor.node) return true
  const operand = writer.primitive.updates?.[result.index]
  const updates = operand !== undefined && writer.inputs[operand] === tensor
  if (!writer.primitive.evaluate && !updates) return false
  // What the runtime may keep in the same memory without a copy.
  const views = new Set([tensor])
  const reading = new Set<Node>()
  for (const view of views) {
    for (const node of readers.get(view) ?? []) {
      reading.add(node)
      if (isView(node)) views.add(node.outputs[0]!)
    }
  }
  if (graph.outputs.some((output) => views.has(output))) return false
  const before = new Set(topological(writer.inputs))
  if ([...reading].some((node) => node !== writer && !before.has(node))) return false
  return updates || ![...fusable(writer)].some((node) => reading.has(node))
}

function isView(node: Node): boolean {
  return ['reshape', 'transpose', 'broadcast'].includes(node.primitive.name)
}

/**
 * What the runtime may fuse with an element-wise node so that it no longer works element by element: the nodes of other
 * kinds (a product, say) that reach it through element-wise nodes and views only.
 */
function fusable(node: Node): Set<Node> {
  const found = new Set<Node>()
  const passed = new Set([node])
  for (const { inputs } of passed) {
    for (const { node: source } of inputs) {
      if (source.primitive.evaluate || isView(source)) passed.add(source)
      else found.add(source)
    }
  }
  return found
}
