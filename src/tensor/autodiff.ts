/** Reverse-mode differentiation: walks a graph backwards, writing the gradient as more graph. */
import { isStatic } from './dim.js'
import { isFloat } from './dtype.js'
import { GradientError } from './errors.js'
import { topological } from './graph.js'
import { ones, zeros } from './ops/constant.js'
import { identity } from './ops/control.js'
import { add } from './ops/elementwise.js'
import { formatType, type Tensor } from './tensor.js'
import { leaves, replaceLeaves, type Tree } from './tree.js'

/**
 * Cotangents of `wrt` given those of `outputs` (undefined stands for zero, in both).
 * @throws GradientError when an op on the way has no gradient.
 */
export function backward(
  outputs: readonly Tensor[],
  cotangents: readonly (Tensor | undefined)[],
  wrt: readonly Tensor[],
): (Tensor | undefined)[] {
  const gradients = new Map<Tensor, Tensor>()
  const accumulate = (tensor: Tensor, gradient: Tensor) => {
    const known = gradients.get(tensor)
    gradients.set(tensor, known ? add(known, gradient) : gradient)
  }
  outputs.forEach((output, i) => {
    const gradient = cotangents[i]
    if (gradient) accumulate(output, gradient)
  })
  const order = topological(outputs)
  const targets = new Set(wrt)
  const onTheWay = new Set<unknown>()
  for (const node of order) {
    if (
      node.outputs.some((tensor) => targets.has(tensor)) ||
      node.inputs.some((tensor) => onTheWay.has(tensor.node))
    ) {
      onTheWay.add(node)
    }
  }
  for (const node of order.reverse()) {
    const received = node.outputs.map((output) => gradients.get(output))
    if (!onTheWay.has(node) || received.every((gradient) => gradient === undefined)) continue
    const wanted = node.inputs.map((tensor) => onTheWay.has(tensor.node) && isFloat(tensor.dtype))
    const { vjp, name } = node.primitive
    if (!wanted.includes(true) || vjp === 'zero') continue
    if (!vjp) throw new GradientError(`${name} has no gradient${node.site ? ` (used at ${node.site})` : ''}`)
    const { inputs, outputs: results, attrs } = node
    const contributions = vjp({ inputs, outputs: results, attrs, cotangents: received, wanted })
    contributions.forEach((gradient, i) => {
      if (gradient && wanted[i]) accumulate(inputs[i]!, gradient)
    })
  }
  return wrt.map((tensor) => gradients.get(tensor))
}

/**
 * The function's value and its pull-back: `pullback(cotangent)` maps a cotangent of the result to cotangents of the
 * arguments, trees of the same structure.
 */
export function vjp<A extends readonly Tree<Tensor>[], R extends Tree<Tensor>>(
  fn: (...args: A) => R,
  ...args: A
): { value: R; pullback: (cotangent: R) => A } {
  const inputs = leaves<Tensor>(args).map(identity)
  const value = fn(...(replaceLeaves(args, inputs) as unknown as A))
  const pullback = (cotangent: R) => {
    const gradients = backward(leaves<Tensor>(value), leaves<Tensor>(cotangent), inputs)
    return replaceLeaves(args, withZeros(gradients, inputs)) as unknown as A
  }
  return { value, pullback }
}

/** The gradient of a scalar function with respect to its first argument, and the function's value. */
export function valueAndGrad<P extends Tree<Tensor>, Rest extends readonly unknown[]>(
  fn: (params: P, ...rest: Rest) => Tensor,
): (params: P, ...rest: Rest) => [value: Tensor, gradient: P]
/** As above for a function that returns `{ loss, ...extra }`: the extra results come along without a gradient. */
export function valueAndGrad<
  P extends Tree<Tensor>,
  Rest extends readonly unknown[],
  X extends { readonly loss: Tensor },
>(fn: (params: P, ...rest: Rest) => X): (params: P, ...rest: Rest) => [value: X, gradient: P]
export function valueAndGrad(
  fn: (params: Tree<Tensor>, ...rest: unknown[]) => Tensor | { readonly loss: Tensor },
) {
  return (params: Tree<Tensor>, ...rest: unknown[]) => {
    const inputs = leaves<Tensor>(params).map(identity)
    const value = fn(replaceLeaves(params, inputs) as Tree<Tensor>, ...rest)
    const loss = 'loss' in value ? value.loss : value
    if (!isStatic(loss.shape) || loss.shape.length > 0 || !isFloat(loss.dtype)) {
      throw new GradientError(
        `a gradient is taken of a floating-point scalar, not of ${formatType(loss)}; reduce it with sum or mean`,
      )
    }
    const gradients = backward([loss], [ones([], loss.dtype)], inputs)
    return [value, replaceLeaves(params, withZeros(gradients, inputs))]
  }
}

/** The gradient of a scalar function with respect to its first argument. */
export function grad<P extends Tree<Tensor>, Rest extends readonly unknown[]>(
  fn: (params: P, ...rest: Rest) => Tensor,
): (params: P, ...rest: Rest) => P {
  return (params, ...rest) => valueAndGrad(fn)(params, ...rest)[1]
}

function withZeros(gradients: readonly (Tensor | undefined)[], like: readonly Tensor[]): Tensor[] {
  return gradients.map((gradient, i) => gradient ?? zeros(like[i]!.shape, like[i]!.dtype))
}
