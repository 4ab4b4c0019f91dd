import {
  addTrees,
  cast,
  div,
  formatType,
  leaves,
  mapTree,
  mul,
  reshape,
  scalar,
  scan,
  stopGradient,
  sum,
  type Tensor,
  type Tree,
  valueAndGrad,
  zeros,
} from '../tensor/index.js'
import { OptimError } from './errors.js'

export interface Accumulated<P, X> {
  /** The (weighted) mean of the losses: f32 scalar. */
  readonly loss: Tensor
  /** Its gradient. */
  readonly grads: P
  /** Everything the loss function returned, for each micro-batch along a new first axis [n, ...]. */
  readonly each: X
}

/**
 * The gradient of a large batch from micro-batches, one after the other inside one step: peak memory is that of one
 * micro-batch and a copy of the gradients. Every leaf of `batches` is [n, ...] with n known; `loss` sees one entry [...].
 *
 * The result is that of the mean over micro-batches. Where these count differently (say, in target tokens, each loss being a
 * mean over its own), `weights` [n] says how much, and the result is that of the whole batch: sum(w loss) / sum(w). The
 * factors go into the losses, so averaging costs no pass over the gradients. A loss whose weight is 0 must still be finite.
 * @throws OptimError when there is no micro-batch, or the weights do not fit
 */
export function accumulateGradients<
  P extends Tree<Tensor>,
  B extends Tree<Tensor>,
  X extends { readonly loss: Tensor; readonly [name: string]: Tree<Tensor> },
>(loss: (params: P, batch: B) => X, params: P, batches: B, weights?: Tensor): Accumulated<P, X> {
  const n = leaves<Tensor>(batches)[0]?.shape[0]
  if (typeof n !== 'number' || n < 1) {
    throw new OptimError('params', 'the micro-batches must be stacked along a first axis of known size >= 1')
  }
  if (weights && (weights.rank !== 1 || weights.shape[0] !== n)) {
    throw new OptimError('params', `the weights are ${formatType(weights)}; they must be [${n}]`)
  }
  const total = weights && sum(cast(weights, 'f32'))
  const shares = weights ? div(cast(weights, 'f32'), total!) : undefined

  const one = (batch: B, share: Tensor) => {
    const [value, grads] = valueAndGrad((p: P) => {
      const result = loss(p, batch)
      const { loss: own } = result
      return { loss: mul(own, cast(stopGradient(share), own.dtype)), result }
    })(params)
    return { loss: cast(value.loss, 'f32'), grads, result: value.result }
  }

  if (n === 1) {
    const first = mapTree(batches, (x: Tensor) => reshape(x, x.shape.slice(1))) as B
    const { loss: mean, grads, result } = one(first, scalar(1))
    return {
      loss: mean,
      grads,
      each: mapTree(result, (x: Tensor) => reshape(x, [1, ...x.shape])) as unknown as X,
    }
  }
  const start = {
    loss: zeros([]),
    grads: mapTree(params, (p: Tensor) => zeros(p.shape, p.dtype)) as P,
  }
  const xs: { batch: B; share?: Tensor } = { batch: batches, ...(shares && { share: shares }) }
  const [end, each] = scan(
    (carry: typeof start, x: typeof xs) => {
      const { loss: part, grads, result } = one(x.batch, x.share ?? scalar(1 / n))
      return [addTrees(carry, { loss: part, grads } as typeof start), result] as const
    },
    start,
    xs as never,
  )
  return { loss: end.loss, grads: end.grads, each: each as unknown as X }
}
