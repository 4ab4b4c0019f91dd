/** Ops about the graph itself: what the gradient sees, what is recomputed, and what is repeated. */

import { backward } from '../autodiff.js'
import type { Shape } from '../dim.js'
import { isFloat } from '../dtype.js'
import { GradientError, TensorError } from '../errors.js'
import { type Graph, input, substitute, topological } from '../graph.js'
import { apply, applyAll, formatType, type Primitive, type Tensor, type TensorType } from '../tensor.js'
import { leaves, mapTree, replaceLeaves, type Tree, zipTrees } from '../tree.js'
import { add, cast, mul } from './elementwise.js'
import { reshape, slice } from './movement.js'

const sameTypes = (inputs: readonly TensorType[]) => inputs.map(({ shape, dtype }) => ({ shape, dtype }))

const identityPrimitive: Primitive<undefined> = {
  name: 'identity',
  infer: sameTypes,
  vjp: ({ cotangents }) => cotangents,
  lower: (_, inputs) => inputs,
}

/** A new tensor with x's value: lets a gradient be taken with respect to x at this use only. */
export function identity(x: Tensor): Tensor {
  return apply(identityPrimitive, [x], undefined)
}

const stopPrimitive: Primitive<undefined> = { ...identityPrimitive, name: 'stopGradient', vjp: 'zero' }

/** x, through which no gradient flows. */
export function stopGradient(x: Tensor): Tensor {
  return apply(stopPrimitive, [x], undefined)
}

/** What a pass may look through: these nodes only pass their inputs on. */
export function isIdentity(primitive: unknown): boolean {
  return ([identityPrimitive, stopPrimitive, customVjpPrimitive] as unknown[]).includes(primitive)
}

// ---- custom gradients ----

type BackwardRule = (context: {
  inputs: readonly Tensor[]
  outputs: readonly Tensor[]
  cotangents: readonly (Tensor | undefined)[]
}) => readonly (Tensor | undefined)[]

interface CustomVjpAttrs {
  /** The first `inputs` operands are the arguments, the rest the results computed from them. */
  readonly inputs: number
  readonly backward: BackwardRule
}

const customVjpPrimitive: Primitive<CustomVjpAttrs> = {
  name: 'customVjp',
  infer: (operands, { inputs }) => sameTypes(operands.slice(inputs)),
  vjp: ({ inputs: operands, attrs, cotangents }) =>
    attrs.backward({
      inputs: operands.slice(0, attrs.inputs),
      outputs: operands.slice(attrs.inputs),
      cotangents,
    }),
  lower: (_, operands, { attrs }) => operands.slice(attrs.inputs),
}

/**
 * A function with its own gradient. `backward` gets the inputs, the results and their cotangents, and returns the
 * cotangents of the inputs. It may write again what `forward` computed: equal nodes are merged, so nothing is computed twice,
 * and the rule itself can be differentiated.
 */
export function customVjp(
  forward: (...inputs: readonly Tensor[]) => readonly Tensor[],
  backward: BackwardRule,
): (...inputs: readonly Tensor[]) => readonly Tensor[] {
  return (...inputs) =>
    applyAll(customVjpPrimitive, [...inputs, ...forward(...inputs)], { inputs: inputs.length, backward })
}

// ---- rematerialisation ----

/**
 * x, made to wait for `after`: a zero computed from `after` is added, so that neither the runtime's scheduler nor its
 * common-subexpression pass can move or merge what follows.
 */
const barrierPrimitive: Primitive<undefined> = {
  name: 'barrier',
  infer: ([x]) => sameTypes([x!]),
  vjp: ({ cotangents: [g] }) => [g],
  lower: (e, [x, after], { inputs: [type] }) => [
    e.one('Add', [x!, e.one('Mul', [after!, e.scalar(type!.dtype, 0)])]),
  ],
}

/**
 * fn, computed again in the backward pass instead of keeping its intermediate values: less peak memory for more time.
 * Arguments and results are trees of tensors; tensors that `fn` closes over get their gradients too.
 */
export function checkpoint<A extends readonly Tree<Tensor>[], R extends Tree<Tensor>>(
  fn: (...args: A) => R,
): (...args: A) => R {
  return (...args) => {
    const inner = leaves<Tensor>(args).map(identity)
    const result = fn(...(replaceLeaves(args, inner) as unknown as A))
    const results = leaves<Tensor>(result)
    const { outside } = closeOver(results, inner)
    const run = customVjp(
      () => results,
      ({ inputs: kept, cotangents }) => {
        const late = cotangents.find((g) => g !== undefined)
        if (!late) return kept.map(() => undefined)
        const first = late.shape.map(() => [0, 1] as const)
        const signal = reshape(slice(late, first), [])
        const again = kept.map((x) =>
          isFloat(x.dtype) ? apply(barrierPrimitive, [x, cast(signal, x.dtype)], undefined) : x,
        )
        return backward(substitute(results, [...inner, ...outside], again), cotangents, again)
      },
    )
    return replaceLeaves(result, run(...leaves<Tensor>(args), ...outside)) as R
  }
}

// ---- loops ----

interface ScanAttrs {
  readonly length: number
  /** Operands: the carries, then the sequences, then values from outside; the body's inputs in the same order. */
  readonly carries: number
  readonly sequences: number
  readonly body: Graph
}

const scanPrimitive: Primitive<ScanAttrs> = {
  name: 'scan',
  infer: (_, { body, carries, length }) =>
    body.outputs.map(({ shape, dtype }, i) => ({ shape: i < carries ? shape : [length, ...shape], dtype })),
  vjp: () => {
    throw new GradientError('scan: there is no gradient through a loop; take the gradient inside its body')
  },
  lower(e, operands, { attrs: { body, carries, sequences, length } }) {
    const initial = operands.slice(0, carries)
    const prologue: TensorType[] = [
      { shape: [], dtype: 'i64' },
      { shape: [], dtype: 'bool' },
      ...sameTypes(body.inputs.slice(0, carries)),
    ]
    const graph = e.body(body, prologue, (inner, [step, running, ...carried], lower) => {
      const current = operands
        .slice(carries, carries + sequences)
        .map((name) => inner.one('Gather', [name, step!], { axis: 0 }))
      const results = lower([...carried, ...current, ...operands.slice(carries + sequences)])
      const names = inner.outputNames([running!, ...results])
      const types = [{ shape: [], dtype: 'bool' as const }, ...body.outputs]
      return names.map((name, i) => ({ name, type: types[i]! }))
    })
    return e.op(
      'Loop',
      [e.scalar('i64', length), e.scalar('bool', 1), ...initial],
      { body: graph },
      { outputs: body.outputs.length },
    )
  },
}

/**
 * Runs `step` once for each entry along the first axis of `xs`, handing the state on, inside one call of the runtime.
 * Returns the last state and the stacked results. There is no gradient through it.
 * @throws TensorError when the new state differs in type from the old, or the sequences differ in length.
 */
export function scan<C extends Tree<Tensor>, X extends Tree<Tensor>, Y extends Tree<Tensor>>(
  step: (carry: C, x: X) => readonly [C, Y],
  initial: C,
  xs: X,
): [C, Y] {
  const initialLeaves = leaves<Tensor>(initial)
  const sequences = leaves<Tensor>(xs)
  const length = sequences[0]?.shape[0]
  if (typeof length !== 'number' || sequences.some((x) => x.shape[0] !== length)) {
    throw new TensorError(
      'shape',
      `scan: the sequences must share a known length: ${sequences.map(formatType).join(', ')}`,
    )
  }
  const inner = (type: TensorType, shape: Shape) => input('scan', { shape, dtype: type.dtype })
  const carry = initialLeaves.map((x) => inner(x, x.shape))
  const entries = sequences.map((x) => inner(x, x.shape.slice(1)))
  const [next, result] = step(replaceLeaves(initial, carry) as C, replaceLeaves(xs, entries) as X)
  const nextLeaves = leaves<Tensor>(next)
  nextLeaves.forEach((x, i) => {
    if (formatType(x) !== formatType(carry[i]!)) {
      throw new TensorError(
        'shape',
        `scan: the state starts as ${formatType(carry[i]!)} and becomes ${formatType(x)}`,
      )
    }
  })
  const { outputs, outside, placeholders } = closeOver(
    [...nextLeaves, ...leaves<Tensor>(result)],
    [...carry, ...entries],
  )
  const body: Graph = { inputs: [...carry, ...entries, ...placeholders], outputs }
  const attrs = { length, carries: carry.length, sequences: entries.length, body }
  const all = applyAll(scanPrimitive, [...initialLeaves, ...sequences, ...outside], attrs)
  const count = carry.length
  return [replaceLeaves(next, all.slice(0, count)) as C, replaceLeaves(result, all.slice(count)) as Y]
}

/** Replaces what does not depend on the loop's own inputs by placeholders: it is computed once, outside. */
function closeOver(outputs: readonly Tensor[], own: readonly Tensor[]) {
  const inside = new Set(own.map((tensor) => tensor.node))
  const outside = new Set<Tensor>()
  const notSimple = (tensor: Tensor) => tensor.node.primitive.name !== 'constant'
  for (const node of topological(outputs)) {
    if (node.inputs.some((tensor) => inside.has(tensor.node))) inside.add(node)
  }
  for (const node of inside) {
    for (const tensor of node.inputs) if (!inside.has(tensor.node) && notSimple(tensor)) outside.add(tensor)
  }
  for (const tensor of outputs) if (!inside.has(tensor.node) && notSimple(tensor)) outside.add(tensor)
  const list = [...outside]
  const placeholders = list.map((tensor) => input('outer', tensor))
  return { outputs: substitute(outputs, list, placeholders), outside: list, placeholders }
}

/** Adds up two trees of tensors leaf by leaf. */
export function addTrees<T extends Tree<Tensor>>(a: T, b: T): T {
  return zipTrees(add, a, b) as T
}

/** Multiplies every leaf of a tree by a scalar. */
export function scaleTree<T extends Tree<Tensor>>(tree: T, factor: Tensor | number): T {
  return mapTree(tree, (leaf: Tensor) => mul(leaf, factor)) as T
}
