/** Constant folding and algebraic clean-up. Rules are exact in floating point unless a comment says otherwise. */
import { shapesEqual } from '../dim.js'
import { type DType, isFloat, toNumbers, toTypedArray } from '../dtype.js'
import { type Graph, rewrite } from '../graph.js'
import { constantPrimitive, constantValue, full } from '../ops/constant.js'
import { mul, neg } from '../ops/elementwise.js'
import { type MatmulAttrs, matmulPrimitive } from '../ops/linear.js'
import { broadcastPrimitive, broadcastTo, reshape, transpose, transposePrimitive } from '../ops/movement.js'
import type { Node, Tensor } from '../tensor.js'
import { countUses } from './clean.js'

type Rule = (node: Node, inputs: readonly Tensor[], uses: Map<Tensor, number>) => Tensor | undefined

const is = (node: Node, primitive: unknown) => node.primitive === primitive
const shapeOf = (node: Node) => node.outputs[0]!.shape

/** Element-wise on constants that are one number: computed now, in the precision of the dtype. */
const foldScalars: Rule = (node, inputs) => {
  const { evaluate } = node.primitive
  if (!evaluate || inputs.length === 0) return undefined
  const values = inputs.map(constantValue)
  if (values.some((value) => value === undefined)) return undefined
  const { shape, dtype } = node.outputs[0]!
  if (dtype === 'i64' || dtype === 'f16') return undefined
  const result = evaluate(...inputs.map((x, i) => roundTo(x.dtype, values[i]!)))
  if (!isFloat(dtype) && !Number.isSafeInteger(Math.trunc(result))) return undefined
  return full(shape, roundTo(dtype, result), dtype)
}

/** The element of `dtype` nearest to a number. */
function roundTo(dtype: DType, value: number): number {
  return toNumbers(dtype, toTypedArray(dtype, [value]))[0]!
}

/** Casts and broadcasts of one number are that number. */
const foldMovement: Rule = (node, inputs) => {
  const movers = ['cast', 'broadcast', 'reshape', 'transpose', 'slice', 'tile']
  const value = inputs.length === 1 ? constantValue(inputs[0]!) : undefined
  if (value === undefined || !movers.includes(node.primitive.name)) return undefined
  const { shape, dtype } = node.outputs[0]!
  return dtype === 'f16' || dtype === 'i64'
    ? undefined
    : full(shape, roundTo(dtype, dtype === 'bool' ? Number(value !== 0) : value), dtype)
}

/** x+0, x-0, x*1, x/1, x^1: x. 0-x: -x. */
const dropNeutral: Rule = (node, inputs) => {
  const [a, b] = inputs
  if (inputs.length !== 2) return undefined
  const { name } = node.primitive
  const keep = (x: Tensor) => (shapesEqual(x.shape, shapeOf(node)) ? x : undefined)
  const left = constantValue(a!)
  const right = constantValue(b!)
  if (name === 'add') return left === 0 ? keep(b!) : right === 0 ? keep(a!) : undefined
  const negates = name === 'sub' && left === 0 && b!.dtype !== 'u8' && keep(b!)
  if (negates) return neg(negates)
  if (name === 'sub') return right === 0 ? keep(a!) : undefined
  if (name === 'mul') return left === 1 ? keep(b!) : right === 1 ? keep(a!) : undefined
  if (name === 'div' || name === 'pow') return right === 1 ? keep(a!) : undefined
  return undefined
}

/** where with a constant condition is one of its sides. */
const chooseSide: Rule = (node, inputs) => {
  const condition = node.primitive.name === 'where' ? constantValue(inputs[0]!) : undefined
  if (condition === undefined) return undefined
  return broadcastTo(inputs[condition ? 1 : 2]!, shapeOf(node))
}

/** Multiplication by constants is collected: (x*c)*d = x*(cd), unless cd leaves the range. Rounds once instead of twice. */
const collectFactors: Rule = (node, inputs) => {
  if (node.primitive.name !== 'mul') return undefined
  const [x, c] = constantValue(inputs[1]!) === undefined ? [inputs[1]!, inputs[0]!] : [inputs[0]!, inputs[1]!]
  const outer = constantValue(c)
  if (outer === undefined || c.rank > 0 || x.node.primitive.name !== 'mul') return undefined
  const [p, q] = x.node.inputs as [Tensor, Tensor]
  const inner = constantValue(q) ?? constantValue(p)
  const rest = constantValue(q) === undefined ? q : p
  if (inner === undefined || !shapesEqual(rest.shape, x.shape)) return undefined
  return isModerate(outer * inner, x.dtype) ? mul(rest, outer * inner) : undefined
}

/** Whether a factor is far from overflow and underflow. */
function isModerate(factor: number, dtype: DType): boolean {
  if (dtype === 'f16') return false
  return factor === 0 || (Math.abs(factor) > 1e-30 && Math.abs(factor) < (isFloat(dtype) ? 1e30 : 2 ** 53))
}

/** reshape(reshape(x)) and transpose(transpose(x)) are one. */
const joinMovement: Rule = (node, inputs) => {
  const [x] = inputs
  if (!x || x.node.primitive !== node.primitive) return undefined
  if (node.primitive.name === 'reshape') return reshape(x.node.inputs[0]!, shapeOf(node))
  if (node.primitive.name === 'broadcast') return broadcastTo(x.node.inputs[0]!, shapeOf(node))
  if (!is(node, transposePrimitive)) return undefined
  const outer = (node.attrs as { perm: readonly number[] }).perm
  const inner = (x.node.attrs as { perm: readonly number[] }).perm
  return transpose(
    x.node.inputs[0]!,
    outer.map((axis) => inner[axis]!),
  )
}

/** An element-wise op broadcasts by itself, as long as another operand still has the whole shape. */
const dropBroadcasts: Rule = (node, inputs) => {
  const broadcasts = [
    'add',
    'sub',
    'mul',
    'div',
    'maximum',
    'minimum',
    'pow',
    'equal',
    'less',
    'lessEqual',
    'greater',
    'greaterEqual',
    'where',
  ]
  if (!broadcasts.includes(node.primitive.name)) return undefined
  const shape = shapeOf(node)
  const bare = inputs.map((x) =>
    is(x.node, broadcastPrimitive)
      ? x.node.inputs[0]!
      : constantValue(x) !== undefined && x.rank > 0
        ? full([], constantValue(x)!, x.dtype)
        : x,
  )
  const whole = bare.findIndex((x) => shapesEqual(x.shape, shape))
  if (bare.every((x, i) => x === inputs[i])) return undefined
  if (whole >= 0) return node.with(bare).outputs[0]
  // All operands are broadcast: keep one of them whole.
  const kept = bare.map((x, i) => (i === 0 ? inputs[0]! : x))
  return shapesEqual(inputs[0]!.shape, shape) && kept.some((x, i) => x !== inputs[i])
    ? node.with(kept).outputs[0]
    : undefined
}

/** A transpose of the last two axes before a product becomes its flag; a constant factor becomes its alpha. */
const intoMatmul: Rule = (node, inputs, uses) => {
  if (is(node, matmulPrimitive)) {
    const attrs = node.attrs as MatmulAttrs
    const swapped = inputs.map(
      (x) =>
        is(x.node, transposePrimitive) && swapsLastTwo((x.node.attrs as { perm: readonly number[] }).perm),
    )
    if (!swapped.includes(true)) return undefined
    const bare = inputs.map((x, i) => (swapped[i] ? x.node.inputs[0]! : x))
    return node.with(bare, {
      ...attrs,
      transA: attrs.transA !== swapped[0],
      transB: attrs.transB !== swapped[1],
    } as never).outputs[0]
  }
  if (node.primitive.name !== 'mul') return undefined
  const at = inputs.findIndex((x) => x.rank === 0 && constantValue(x) !== undefined)
  const product = inputs[1 - at]
  if (at < 0 || !product || !is(product.node, matmulPrimitive)) return undefined
  const original = node.inputs[1 - at]!
  if ((uses.get(original) ?? 2) > 1) return undefined
  const attrs = product.node.attrs as MatmulAttrs
  const alpha = attrs.alpha * constantValue(inputs[at]!)!
  // The attribute is a single-precision number.
  if (product.dtype === 'f64' && Math.fround(alpha) !== alpha) return undefined
  return product.node.with(product.node.inputs, { ...attrs, alpha } as never).outputs[0]
}

/** x + scatterAdd(0, i, u) adds into x: the gradient of a tied embedding starts from that of the output layer. */
const intoScatter: Rule = (node, inputs, uses) => {
  if (node.primitive.name !== 'add') return undefined
  const at = inputs.findIndex((x) => {
    const [base] = x.node.inputs
    return (
      x.node.primitive.name === 'scatterAdd' &&
      base !== undefined &&
      constantValue(base) === 0 &&
      uses.get(x) === 1
    )
  })
  const other = inputs[1 - at]
  if (at < 0 || !other || !shapesEqual(other.shape, shapeOf(node))) return undefined
  const { node: scatter } = inputs[at]!
  return scatter.with([other, ...scatter.inputs.slice(1)]).outputs[0]
}

function swapsLastTwo(perm: readonly number[]): boolean {
  const rank = perm.length
  return (
    rank >= 2 && perm.every((axis, i) => axis === (i < rank - 2 ? i : i === rank - 1 ? rank - 2 : rank - 1))
  )
}

export const simplifyRules: Readonly<Record<string, Rule>> = {
  foldScalars,
  foldMovement,
  dropNeutral,
  chooseSide,
  collectFactors,
  joinMovement,
  dropBroadcasts,
  intoMatmul,
  intoScatter,
}

/** Applies the rules to every node once, bottom-up, each node until no rule changes it. */
export function simplify(graph: Graph, rules: readonly Rule[] = Object.values(simplifyRules)): Graph {
  const uses = countUses(graph)
  return rewrite(graph, (node, inputs) => {
    if (node.outputs.length !== 1 || is(node, constantPrimitive)) return undefined
    const original = inputs.some((x, i) => x !== node.inputs[i])
      ? node.with(inputs).outputs[0]!
      : node.outputs[0]!
    let current = original
    for (let round = 0; round < 4; round++) {
      const { node: at } = current
      if (at.outputs.length !== 1 || is(at, constantPrimitive)) break
      const next = rules.reduce<Tensor | undefined>(
        (found, rule) => found ?? rule(at, at.inputs, uses),
        undefined,
      )
      if (!next || next === current) break
      current = next
    }
    if (current !== node.outputs[0])
      uses.set(current, (uses.get(current) ?? 0) + (uses.get(node.outputs[0]!) ?? 0))
    return [current]
  })
}
