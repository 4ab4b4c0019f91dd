/** The global norm of gradients: clipping, and whether they are finite. */
import {
  add,
  cast,
  div,
  equal,
  leaves,
  mapTree,
  minimum,
  mul,
  scalar,
  sqrt,
  sub,
  type Tensor,
  type Tree,
  where,
  zipTrees,
} from '../tensor/index.js'
import { apply, type Primitive } from '../tensor/tensor.js'
import { OptimError } from './errors.js'

/** One kernel for the sum of squares, in a single read: several times faster than squaring first. */
const sumSquaresPrimitive: Primitive<undefined> = {
  name: 'sumSquares',
  infer: ([x]) => [{ shape: [], dtype: x!.dtype }],
  vjp: ({ inputs: [x], cotangents: [g] }) => [mul(x!, mul(g!, 2))],
  lower: (e, [x]) => [e.one('ReduceSumSquare', [x!], { keepdims: 0 })],
}

/** The sum of the squares of all elements. */
export function sumSquares(x: Tensor): Tensor {
  return apply(sumSquaresPrimitive, [x], undefined)
}

/**
 * The 2-norm of all elements of all leaves together: f32 scalar. Infinite where the sum of squares overflows (norms from
 * about 1.8e19).
 */
export function globalNorm(grads: Tree<Tensor>): Tensor {
  // Last layers first: the runtime then takes each gradient as soon as the backward pass can give it, and frees what it read.
  const squares = leaves<Tensor>(grads)
    .map((grad) => cast(sumSquares(grad), 'f32'))
    .reverse()
  return sqrt(squares.length === 0 ? scalar(0) : squares.reduce((total, square) => add(total, square)))
}

/**
 * min(1, maxNorm / (norm + 1e-6)): the factor of torch.nn.utils.clip_grad_norm_. Give it to an optimizer as `gradScale` and
 * clipping costs nothing but the norm. `maxNorm` Infinity never clips.
 * @throws OptimError unless maxNorm > 0
 */
export function clipFactor(norm: Tensor, maxNorm: number): Tensor {
  if (!(maxNorm > 0))
    throw new OptimError('config', `the largest gradient norm is ${maxNorm}; it must be > 0`)
  return minimum(div(maxNorm, add(norm, 1e-6)), 1)
}

/**
 * Gradients scaled down together so that their global norm is at most `maxNorm`, and the norm before that, as
 * torch.nn.utils.clip_grad_norm_. It costs a pass over all gradients; prefer `clipFactor` with an optimizer's `gradScale`.
 */
export function clipByGlobalNorm<G extends Tree<Tensor>>(
  grads: G,
  maxNorm: number,
): { grads: G; norm: Tensor } {
  const norm = globalNorm(grads)
  const factor = clipFactor(norm, maxNorm)
  const clipped = mapTree(grads, (grad: Tensor) => mul(grad, cast(factor, grad.dtype)))
  return { grads: clipped as G, norm }
}

/** Whether a scalar is neither infinite nor NaN: bool scalar. */
export function isFiniteScalar(x: Tensor): Tensor {
  return equal(sub(x, x), 0)
}

/**
 * Whether the global norm of the gradients is finite: bool scalar. Where it is not, the update of that step is worthless and
 * so is all that comes after it. Return the flag from the step and look at it: a step that does not donate its state can be
 * thrown away, a step that does must be followed by a return to the last checkpoint, or be guarded by `updateIf`.
 */
export function allFinite(grads: Tree<Tensor>): Tensor {
  return isFiniteScalar(globalNorm(grads))
}

/**
 * `next` where the flag (bool scalar) holds, else `previous`, leaf by leaf: skips an update inside the step itself. It costs
 * a pass over everything that is slow on the CPU; meant for half precision on a GPU, where overflow is part of the routine.
 */
export function updateIf<T extends Tree<Tensor>>(ok: Tensor, next: T, previous: T): T {
  return zipTrees((a: Tensor, b: Tensor) => where(ok, a, b), next, previous) as T
}
