/** A graph: what a traced function became. Inputs are `input` nodes; outputs are any tensors. */
import { formatShape } from './dim.js'
import { dtypes } from './dtype.js'
import { apply, formatType, type Node, type Primitive, type Tensor, type TensorType } from './tensor.js'

export interface Graph {
  readonly inputs: readonly Tensor[]
  readonly outputs: readonly Tensor[]
}

/** A value that comes from outside: an argument of the function being compiled, or of a loop body. */
export const inputPrimitive: Primitive<TensorType & { readonly name: string }> = {
  name: 'input',
  infer: (_, { shape, dtype }) => [{ shape, dtype }],
  lower: () => {
    throw new Error('inputs are bound by name and never lowered')
  },
}

export function input(name: string, { shape, dtype }: TensorType): Tensor {
  return apply(inputPrimitive, [], { name, shape, dtype })
}

/** The nodes that `outputs` need, each after the nodes it reads. */
export function topological(outputs: readonly Tensor[]): Node[] {
  const order: Node[] = []
  const seen = new Set<Node>()
  // An explicit stack: graphs of deep models are deeper than the call stack.
  for (const root of outputs) {
    const stack: { node: Node; next: number }[] = [{ node: root.node, next: 0 }]
    if (seen.has(root.node)) continue
    seen.add(root.node)
    while (stack.length > 0) {
      const top = stack.at(-1)!
      const child = top.node.inputs[top.next++]
      if (child === undefined) {
        order.push(top.node)
        stack.pop()
      } else if (!seen.has(child.node)) {
        seen.add(child.node)
        stack.push({ node: child.node, next: 0 })
      }
    }
  }
  return order
}

/**
 * Rebuilds a graph bottom-up. For each node, `rule` sees the node with its new inputs and may return replacements for its
 * outputs; otherwise the node is kept (rebuilt only when an input changed).
 */
export function rewrite(
  graph: Graph,
  rule: (node: Node, inputs: readonly Tensor[]) => readonly Tensor[] | undefined,
): Graph {
  const mapped = new Map<Tensor, Tensor>()
  const current = (tensor: Tensor) => mapped.get(tensor) ?? tensor
  for (const node of topological([...graph.inputs, ...graph.outputs])) {
    const inputs = node.inputs.map(current)
    const changed = inputs.some((tensor, index) => tensor !== node.inputs[index])
    const replacements = rule(node, inputs) ?? (changed ? node.with(inputs).outputs : undefined)
    replacements?.forEach((tensor, index) => {
      if (tensor !== node.outputs[index]) mapped.set(node.outputs[index]!, tensor)
    })
  }
  return { inputs: graph.inputs.map(current), outputs: graph.outputs.map(current) }
}

/** `tensors` with `from[i]` replaced by `to[i]` wherever they read it. */
export function substitute(
  tensors: readonly Tensor[],
  from: readonly Tensor[],
  to: readonly Tensor[],
): readonly Tensor[] {
  const replacement = new Map(from.map((tensor, index) => [tensor, to[index]!]))
  const touched = new Set(from.map((tensor) => tensor.node))
  const rebuilt = rewrite({ inputs: [], outputs: tensors }, (node, inputs) => {
    if (!touched.has(node)) return undefined
    const outputs = inputs.some((t, i) => t !== node.inputs[i]) ? node.with(inputs).outputs : node.outputs
    return outputs.map((tensor, index) => replacement.get(node.outputs[index]!) ?? tensor)
  })
  return rebuilt.outputs.map((tensor, index) => replacement.get(tensors[index]!) ?? tensor)
}

/** A readable listing, one node a line: `%3: f32[2, 4] = matmul(%1, %2) { … }`. */
export function printGraph(graph: Graph): string {
  const names = new Map<Tensor, string>()
  const lines: string[] = []
  for (const node of topological([...graph.inputs, ...graph.outputs])) {
    for (const output of node.outputs) names.set(output, `%${names.size}`)
    const left = node.outputs.map((output) => `${names.get(output)}: ${formatType(output)}`).join(', ')
    const args = node.inputs.map((tensor) => names.get(tensor)).join(', ')
    lines.push(`${left} = ${node.primitive.name}(${args})${formatAttrs(node.attrs)}`)
    const body = (node.attrs as { body?: Graph } | undefined)?.body
    if (body)
      lines.push(
        ...printGraph(body)
          .split('\n')
          .map((line) => `    ${line}`),
      )
  }
  lines.push(`return ${graph.outputs.map((tensor) => names.get(tensor)).join(', ')}`)
  return lines.join('\n')
}

function formatAttrs(attrs: unknown): string {
  if (typeof attrs !== 'object' || attrs === null) return ''
  const parts = Object.entries(attrs)
    .filter(([key, value]) => key !== 'body' && value !== undefined && typeof value !== 'function')
    .map(([key, value]) => `${key}=${formatAttr(value)}`)
  return parts.length === 0 ? '' : ` { ${parts.join(', ')} }`
}

function formatAttr(value: unknown): string {
  if (ArrayBuffer.isView(value)) {
    const data = value as unknown as ArrayLike<number>
    return data.length <= 4 ? `[${Array.from(data).join(', ')}]` : `<${data.length} values>`
  }
  return Array.isArray(value)
    ? formatShape(value)
    : typeof value === 'object'
      ? JSON.stringify(value)
      : String(value)
}

/** Bytes that the outputs of `node` take, where their shapes are static. */
export function outputBytes(node: Node): number {
  return node.outputs.reduce((sum, { shape, dtype }) => {
    const count = shape.reduce<number>((product, size) => product * (typeof size === 'number' ? size : 1), 1)
    return sum + count * dtypes[dtype].bytes
  }, 0)
}
