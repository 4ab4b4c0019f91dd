import {
  add,
  cast,
  div,
  equal,
  expandDims,
  formatType,
  iota,
  matmul,
  mul,
  split,
  sqrt,
  square,
  squeeze,
  stack,
  sum,
  type Tensor,
} from '../tensor/index.js'
import { OptimError } from './errors.js'
import { sumSquares } from './norm.js'

/** The coefficients of Jordan et al.: as steep at zero as five steps allow, at the price of not quite reaching one. */
const [a, b, c] = [3.4445, -4.775, 2.0315] as const

export interface NewtonSchulzOptions {
  /** Iterations. Default 5. */
  readonly steps?: number
  /** Added to the Frobenius norm. Default 1e-7. */
  readonly eps?: number
}

/**
 * A matrix [m, n] (or each of a stack [k, m, n]) with its singular values moved close to one (between about 0.7 and 1.2), its
 * singular vectors kept: the quintic Newton-Schulz iteration X <- a X + b (X X^T) X + c (X X^T)^2 X of Jordan et al., "Muon:
 * An optimizer for hidden layers in neural networks" (2024). Computed on the shorter side: each step is two products of
 * min(m, n) with the matrix and one of min(m, n)^3.
 * @throws OptimError unless it gets matrices of known shape
 */
export function orthogonalize(matrix: Tensor, { steps = 5, eps = 1e-7 }: NewtonSchulzOptions = {}): Tensor {
  const [rows, columns] = matrix.shape.slice(-2)
  if (matrix.rank < 2 || matrix.rank > 3 || typeof rows !== 'number' || typeof columns !== 'number') {
    throw new OptimError('params', `orthogonalize: ${formatType(matrix)} is not a matrix of known shape`)
  }
  const tall = rows > columns
  const size = tall ? columns : rows
  const eye = cast(equal(expandDims(iota(size), 1), iota(size)), matrix.dtype)
  const norm =
    matrix.rank === 2 ? sqrt(sumSquares(matrix)) : sqrt(sum(square(matrix), [1, 2], { keepDims: true }))
  let x = div(matrix, add(norm, eps))
  for (let step = 0; step < steps; step++) {
    const gram = matmul(x, x, tall ? { transA: true } : { transB: true })
    // a I + b A + c A^2: one product with X less passes over X than the terms one by one.
    const polynomial = add(add(mul(eye, a), mul(gram, b)), mul(matmul(gram, gram), c))
    x = tall ? matmul(x, polynomial) : matmul(polynomial, x)
  }
  return x
}

/** Up to this many elements a matrix keeps the processor too briefly to be worth calls of its own. */
const SMALL = 2 ** 18

/** `orthogonalize` of several matrices by name; small ones of one shape go through it together, as a stack. */
export function orthogonalizeAll(
  matrices: ReadonlyMap<string, Tensor>,
  options: NewtonSchulzOptions = {},
): Map<string, Tensor> {
  const stacks = new Map<string, string[]>()
  for (const [name, { shape, dtype }] of matrices) {
    const small = (shape[0] as number) * (shape[1] as number) <= SMALL
    const key = small ? `${dtype} ${shape.join('x')}` : name
    stacks.set(key, [...(stacks.get(key) ?? []), name])
  }
  const results = new Map<string, Tensor>()
  for (const names of stacks.values()) {
    if (names.length === 1) {
      results.set(names[0]!, orthogonalize(matrices.get(names[0]!)!, options))
      continue
    }
    const together = orthogonalize(stack(names.map((name) => matrices.get(name)!)), options)
    const pieces = split(together, names.length)
    names.forEach((name, i) => {
      results.set(name, squeeze(pieces[i]!, [0]))
    })
  }
  return results
}
