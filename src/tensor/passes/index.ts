import type { Graph } from '../graph.js'
import { rewrite } from '../graph.js'
import { mergeCommon, removeIdentities } from './clean.js'
import { simplify } from './simplify.js'

/** All passes, in order; the bodies of loops first. Dead code goes by itself: a graph is what its outputs reach. */
export function optimize(graph: Graph): Graph {
  const inner = rewrite(graph, (node, inputs) => {
    const attrs = node.attrs as { body?: Graph } | undefined
    return attrs?.body ? node.with(inputs, { ...attrs, body: optimize(attrs.body) }).outputs : undefined
  })
  return mergeCommon(simplify(mergeCommon(simplify(removeIdentities(inner)))))
}

export { mergeCommon, removeIdentities } from './clean.js'
export { simplify, simplifyRules } from './simplify.js'
