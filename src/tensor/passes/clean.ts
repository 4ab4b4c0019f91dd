/** Passes that every graph goes through. Each is a pure function from graph to graph. */

import { Dim } from '../dim.js'
import { type Graph, rewrite, topological } from '../graph.js'
import { isIdentity } from '../ops/control.js'
import type { Node, Tensor } from '../tensor.js'

/** Removes nodes that only pass their input on (identity, stopGradient, customVjp). */
export function removeIdentities(graph: Graph): Graph {
  return rewrite(graph, (node, inputs) => {
    if (!isIdentity(node.primitive)) return undefined
    return inputs.slice(inputs.length - node.outputs.length)
  })
}

/** Merges nodes that compute the same thing from the same inputs. */
export function mergeCommon(graph: Graph): Graph {
  const numbers = new Map<Tensor, number>()
  const primitives = new Map<unknown, number>()
  const known = new Map<string, Node>()
  const numberOf = <K>(map: Map<K, number>, key: K) => {
    const number = map.get(key) ?? map.size
    map.set(key, number)
    return number
  }
  return rewrite(graph, (node, inputs) => {
    const attrs = attrsKey(node.attrs)
    if (attrs === undefined) return undefined
    const key = `${numberOf(primitives, node.primitive)}(${inputs.map((tensor) => numberOf(numbers, tensor))})${attrs}`
    const same = known.get(key)
    if (same) return same.outputs
    const kept = inputs.some((tensor, i) => tensor !== node.inputs[i]) ? node.with(inputs) : node
    known.set(key, kept)
    return kept.outputs
  })
}

/** A string for equal attributes; undefined where nodes must not be merged. */
function attrsKey(attrs: unknown): string | undefined {
  if (attrs === undefined) return ''
  let mergeable = true
  const text = JSON.stringify(attrs, (key, value) => {
    if (key === 'name' || key === 'body' || typeof value === 'function') {
      mergeable = false
      return undefined
    }
    if (typeof value === 'number' && !Number.isFinite(value)) return String(value)
    if (Object.is(value, -0)) return '-0'
    if (ArrayBuffer.isView(value)) {
      const data = value as unknown as ArrayLike<unknown>
      if (data.length > 64) mergeable = false
      return mergeable
        ? `${value.constructor.name}:${Array.from(data, (x) => (Object.is(x, -0) ? '-0' : x)).join()}`
        : ''
    }
    return value instanceof Dim ? value.toString() : value
  })
  return mergeable ? text : undefined
}

/** How many times each tensor is read. */
export function countUses(graph: Graph): Map<Tensor, number> {
  const uses = new Map<Tensor, number>()
  const count = (tensor: Tensor) => uses.set(tensor, (uses.get(tensor) ?? 0) + 1)
  for (const node of topological(graph.outputs)) node.inputs.forEach(count)
  graph.outputs.forEach(count)
  return uses
}
