/** Matrix products. */
import { formatShape, type Shape, type Size, sizeOf, sizesEqual } from '../dim.js'
import { isFloat } from '../dtype.js'
import { TensorError } from '../errors.js'
import { apply, formatType, type Primitive, sameDType, type Tensor } from '../tensor.js'
import { broadcastShapes, mul, unbroadcast } from './elementwise.js'
import { reshape, transpose } from './movement.js'
import { sum } from './reduce.js'

export interface MatmulOptions {
  /** Use the transpose of a's (b's) last two axes. */
  readonly transA?: boolean
  readonly transB?: boolean
}

export interface MatmulAttrs {
  readonly transA: boolean
  readonly transB: boolean
  /** A factor for the product, free of cost. */
  readonly alpha: number
}

export const matmulPrimitive: Primitive<MatmulAttrs> = {
  name: 'matmul',
  infer: (inputs, { transA, transB }) => {
    const [a, b] = inputs as [Tensor, Tensor]
    const [m, k] = lastTwo(a.shape, transA)
    const [k2, n] = lastTwo(b.shape, transB)
    if (a.shape.length < 2 || b.shape.length < 2 || !sizesEqual(k!, k2!)) {
      const side = (x: Tensor, t: boolean) => `${formatType(x)}${t ? ' transposed' : ''}`
      throw new TensorError(
        'shape',
        `matmul: ${side(a, transA)} times ${side(b, transB)}: the inner sizes ${k} and ${k2} differ`,
      )
    }
    const dtype = sameDType('matmul', inputs)
    if (!isFloat(dtype))
      throw new TensorError('dtype', `matmul does not take ${formatType(a)}; cast it first`)
    return [
      { shape: [...broadcastShapes('matmul', a.shape.slice(0, -2), b.shape.slice(0, -2)), m!, n!], dtype },
    ]
  },
  vjp: ({ inputs, attrs: { transA, transB, alpha }, cotangents: [g], wanted }) => {
    const [a, b] = inputs as [Tensor, Tensor]
    const product = (x: Tensor, y: Tensor, tx: boolean, ty: boolean) =>
      apply(matmulPrimitive, [x, y], { transA: tx, transB: ty, alpha })
    const da = () =>
      unbroadcast(transA ? product(b, g!, transB, true) : product(g!, b, false, !transB), a.shape)
    // A weight shared by all leading axes: one product over the rows of all of them, not a sum of many.
    const shared = b.shape.length === 2 && a.shape.length > 2 && !transA
    const rows = (x: Tensor) => reshape(x, [sizeOf(x.shape.slice(0, -1)), x.shape.at(-1)!])
    const db = () => {
      if (shared)
        return transB ? product(rows(g!), rows(a), true, false) : product(rows(a), rows(g!), true, false)
      return unbroadcast(transB ? product(g!, a, true, transA) : product(a, g!, !transA, false), b.shape)
    }
    return [wanted[0] ? da() : undefined, wanted[1] ? db() : undefined]
  },
  lower: (e, [a, b], { attrs: { transA, transB, alpha }, inputs, outputs: [y] }) => {
    const fused = e.onCpuKernels && !e.portable && (y!.dtype === 'f32' || y!.dtype === 'f64')
    if (fused && (transA || transB || alpha !== 1)) {
      return [
        e.one(
          'FusedMatMul',
          [a!, b!],
          { transA: Number(transA), transB: Number(transB), alpha: { float: alpha } },
          'com.microsoft',
        ),
      ]
    }
    const flip = (name: string, type: Tensor) => {
      const rank = type.shape.length
      const perm = [...type.shape.keys()].slice(0, -2).concat(rank - 1, rank - 2)
      return e.one('Transpose', [name], { perm })
    }
    let left = a!
    let right = b!
    if ((transA || transB || alpha !== 1) && inputs.every((x) => x.shape.length === 2)) {
      return [
        e.one('Gemm', [left, right], {
          transA: Number(transA),
          transB: Number(transB),
          alpha: { float: alpha },
        }),
      ]
    }
    if (transA) left = flip(left, inputs[0]!)
    if (transB) right = flip(right, inputs[1]!)
    const product = e.one('MatMul', [left, right])
    return [alpha === 1 ? product : e.one('Mul', [product, e.scalar(y!.dtype, alpha)])]
  },
}

function lastTwo(shape: Shape, transposed: boolean): readonly Size[] {
  const [rows, columns] = shape.slice(-2)
  return transposed ? [columns!, rows!] : [rows!, columns!]
}

/**
 * The matrix product over the last two axes, [..., M, K] x [..., K, N] -> [..., M, N]; leading axes broadcast.
 * @throws TensorError when the inner sizes differ.
 */
export function matmul(a: Tensor, b: Tensor, options: MatmulOptions = {}): Tensor {
  return apply(matmulPrimitive, [a, b], {
    transA: options.transA ?? false,
    transB: options.transB ?? false,
    alpha: 1,
  })
}

/**
 * Einstein summation of one or two tensors, as in NumPy: `einsum('bthd,bshd->bhts', q, k)`. Letters that appear in an
 * operand once and not in the result are summed; a letter may not repeat within one operand.
 */
export function einsum(equation: string, ...operands: readonly Tensor[]): Tensor {
  const [left, result] = equation.replaceAll(' ', '').split('->')
  const terms = left?.split(',') ?? []
  if (
    result === undefined ||
    terms.length !== operands.length ||
    operands.length < 1 ||
    operands.length > 2
  ) {
    throw new TensorError(
      'argument',
      `einsum: '${equation}' must name ${operands.length} operand(s), at most two, and a result after '->'`,
    )
  }
  const sizes = new Map<string, Size>()
  terms.forEach((term, i) => {
    const x = operands[i]!
    if (term.length !== x.rank || new Set(term).size !== term.length) {
      throw new TensorError(
        'shape',
        `einsum: '${term}' does not name the ${x.rank} axes of ${formatType(x)} once each`,
      )
    }
    for (const [axis, letter] of [...term].entries()) {
      const known = sizes.get(letter)
      if (known !== undefined && !sizesEqual(known, x.shape[axis]!)) {
        throw new TensorError(
          'shape',
          `einsum: '${letter}' is ${known} in one operand and ${x.shape[axis]} in another (${operands.map((o) => formatShape(o.shape)).join(', ')})`,
        )
      }
      sizes.set(letter, x.shape[axis]!)
    }
  })
  if ([...result].some((letter) => !sizes.has(letter)) || new Set(result).size !== result.length) {
    throw new TensorError(
      'argument',
      `einsum: the result '${result}' repeats a letter or names one that no operand has`,
    )
  }
  const other = (i: number) => terms[1 - i] ?? ''
  const reduced = terms.map((term, i) =>
    [...term].filter((letter) => result.includes(letter) || other(i).includes(letter)).join(''),
  )
  const summed = operands.map((x, i) => sumLetters(x, terms[i]!, reduced[i]!))
  if (operands.length === 1) return arrange(summed[0]!, reduced[0]!, result)
  const [p, q] = reduced as [string, string]
  const batch = [...p].filter((letter) => q.includes(letter) && result.includes(letter)).join('')
  const inner = [...p].filter((letter) => q.includes(letter) && !result.includes(letter)).join('')
  const rows = [...p].filter((letter) => !q.includes(letter)).join('')
  const columns = [...q].filter((letter) => !p.includes(letter)).join('')
  const total = (letters: string) => sizeOf([...letters].map((letter) => sizes.get(letter)!))
  const batchShape = [...batch].map((letter) => sizes.get(letter)!)
  const a = reshape(arrange(summed[0]!, p, batch + rows + inner), [...batchShape, total(rows), total(inner)])
  const b = reshape(arrange(summed[1]!, q, batch + inner + columns), [
    ...batchShape,
    total(inner),
    total(columns),
  ])
  const product = inner === '' ? mul(a, b) : matmul(a, b)
  const letters = batch + rows + columns
  return arrange(
    reshape(
      product,
      [...letters].map((letter) => sizes.get(letter)!),
    ),
    letters,
    result,
  )
}

function sumLetters(x: Tensor, term: string, kept: string): Tensor {
  const axes = [...term].flatMap((letter, axis) => (kept.includes(letter) ? [] : [axis]))
  return axes.length === 0 ? x : sum(x, axes)
}

function arrange(x: Tensor, from: string, to: string): Tensor {
  return transpose(
    x,
    [...to].map((letter) => from.indexOf(letter)),
  )
}
