import {
  leavesWithPaths,
  mapTree,
  type NDArray,
  type Tensor,
  type TensorType,
  type Tree,
} from '../tensor/index.js'
import { OptimError } from './errors.js'
import type { Optimizer, OptimizerState } from './optimizer.js'

/**
 * Several optimizers for one set of parameters: `choose` names the one that trains a parameter. Each sees its own as a flat
 * record from path to tensor. State: `[name]`, the state of each.
 * @throws OptimError when `choose` names none of them
 */
export function partition<const Names extends string>(
  optimizers: Readonly<Record<Names, Optimizer>>,
  choose: (path: string, type: TensorType) => Names,
): Optimizer {
  const names = Object.keys(optimizers) as Names[]

  function divide<L extends TensorType>(tree: Tree<L>, nameOf: (path: string, leaf: L) => Names | undefined) {
    const parts = new Map(names.map((name) => [name, {} as Record<string, L>]))
    for (const [path, leaf] of leavesWithPaths<L>(tree)) {
      const name = nameOf(path, leaf)
      const part = name === undefined ? undefined : parts.get(name)
      if (!part) {
        throw new OptimError(
          'config',
          `'${path}' goes to '${name}', which is none of the optimizers ${names.join(', ')}`,
        )
      }
      part[path] = leaf
    }
    return [...parts].filter(([, part]) => Object.keys(part).length > 0)
  }

  return {
    init(params) {
      const states = divide(params, choose).map(([name, part]) => [name, optimizers[name].init(part)])
      return Object.fromEntries(states) as OptimizerState<NDArray>
    },

    update(params, grads, state, context) {
      const next = new Map<string, Tensor>()
      const states: [string, OptimizerState<Tensor>][] = []
      const owner = new Map<string, Names>()
      const parts = divide<Tensor>(params, (path, leaf) => {
        owner.set(path, choose(path, leaf))
        return owner.get(path)
      })
      const gradsOf = new Map(divide<Tensor>(grads, (path) => owner.get(path)))
      for (const [name, part] of parts) {
        const own = state[name] as OptimizerState<Tensor> | undefined
        if (own === undefined) {
          throw new OptimError('state', `the state has nothing for '${name}'; start from init()`)
        }
        const result = optimizers[name].update(part, gradsOf.get(name) ?? {}, own, context)
        for (const [path, tensor] of Object.entries(result.params)) next.set(path, tensor)
        states.push([name, result.state])
      }
      const updated = mapTree(params, (_: Tensor, path) => next.get(path)!)
      return { params: updated as typeof params, state: Object.fromEntries(states) }
    },
  }
}
