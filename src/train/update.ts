/** One optimizer step for any loss, compiled into one call. */
import {
  accumulateGradients,
  clipFactor,
  globalNorm,
  type Optimizer,
  type OptimizerState,
} from '../optim/index.js'
import {
  type Device,
  jit,
  mean,
  NDArray,
  type Tensor,
  type Traced,
  type Tree,
  valueAndGrad,
} from '../tensor/index.js'

export interface Trainable<P extends Tree<NDArray>> {
  readonly params: P
  readonly optimizer: OptimizerState<NDArray>
}

/** A loss, f32 scalar, and other scalars worth a line in the metrics. */
export interface LossAndMetrics {
  readonly loss: Tensor
  readonly metrics?: Readonly<Record<string, Tensor>>
}

export interface UpdateOptions<P extends Tree<NDArray>, B extends Tree<NDArray>> {
  /** `key` is an i64 scalar, another one at each step, for dropout. */
  readonly loss: (params: Traced<P>, batch: Traced<B>, key: Tensor) => LossAndMetrics
  readonly optimizer: Optimizer
  /** Largest global norm of the gradient; 0 for none. */
  readonly gradClip: number
  /** Micro-batches whose gradients are averaged: every leaf of the batch then has this as its first size. Default 1. */
  readonly accumulation?: number
  readonly device: Device
}

export interface UpdateResult<P extends Tree<NDArray>> {
  readonly state: Trainable<P>
  readonly loss: number
  readonly gradNorm: number
  readonly metrics: Readonly<Record<string, number>>
}

/** When an update happens: `step` counts from 1. */
export interface UpdateMoment {
  readonly lr: number
  readonly step: number
  readonly key?: number | bigint
}

export interface Update<P extends Tree<NDArray>, B extends Tree<NDArray>> {
  /** The state is given up: it is updated in place. */
  (state: Trainable<P>, batch: B, at: UpdateMoment): Promise<UpdateResult<P>>
  /** Compiles for a state and a batch of these shapes without running. */
  prepare(state: Trainable<P>, batch: B): Promise<void>
  dispose(): Promise<void>
}

/** Forward, backward, clipping and the optimizer in one call; compiled for each shape of batch when it first comes. */
export function createUpdate<P extends Tree<NDArray>, B extends Tree<NDArray>>(
  options: UpdateOptions<P, B>,
): Update<P, B> {
  const { optimizer, gradClip, accumulation = 1, device } = options
  const step = (
    params: Tree<Tensor>,
    old: OptimizerState<Tensor>,
    batch: Tree<Tensor>,
    { lr, step, key }: { lr: Tensor; step: Tensor; key: Tensor },
  ) => {
    const loss = (p: Tree<Tensor>, part: Tree<Tensor>) => {
      const { loss, metrics = {} } = options.loss(p as Traced<P>, part as Traced<B>, key)
      return { loss, metrics }
    }
    const { value, grads } = accumulation > 1 ? accumulated(loss, params, batch) : whole(loss, params, batch)
    const norm = globalNorm(grads)
    const gradScale = clipFactor(norm, gradClip > 0 ? gradClip : Number.POSITIVE_INFINITY)
    const next = optimizer.update(params, grads, old, { lr, step, gradScale })
    return { params: next.params, optimizer: next.state, ...value, norm }
  }
  const program = jit(step as never, { device, donate: [0, 1], keepOnDevice: true }) as unknown as Program<P>
  const inputs = (state: Trainable<P>, batch: B, { lr, step, key = 0 }: UpdateMoment) =>
    [
      state.params,
      state.optimizer,
      batch,
      {
        lr: NDArray.scalar(lr),
        step: NDArray.scalar(step),
        key: NDArray.from([BigInt(key)], [], 'i64'),
      },
    ] as const
  const update = async (state: Trainable<P>, batch: B, at: UpdateMoment): Promise<UpdateResult<P>> => {
    const result = await program(...inputs(state, batch, at))
    const metrics: Record<string, number> = {}
    for (const [name, value] of Object.entries(result.metrics)) metrics[name] = await value.item()
    return {
      state: { params: result.params, optimizer: result.optimizer },
      loss: await result.loss.item(),
      gradNorm: await result.norm.item(),
      metrics,
    }
  }
  return Object.assign(update, {
    prepare: (state: Trainable<P>, batch: B) => program.prepare(...inputs(state, batch, { lr: 0, step: 1 })),
    dispose: () => program.dispose(),
  })
}

/** What `jit` makes of the step: its types are those of the trees, which TypeScript cannot follow through the generics. */
interface Program<P> {
  (...args: readonly unknown[]): Promise<Stepped<P>>
  prepare(...args: readonly unknown[]): Promise<void>
  dispose(): Promise<void>
}

interface Stepped<P> {
  readonly params: P
  readonly optimizer: OptimizerState<NDArray>
  readonly loss: NDArray
  readonly norm: NDArray
  readonly metrics: Readonly<Record<string, NDArray>>
}

type Loss = (
  params: Tree<Tensor>,
  batch: Tree<Tensor>,
) => { loss: Tensor; metrics: Readonly<Record<string, Tensor>> }

function whole(loss: Loss, params: Tree<Tensor>, batch: Tree<Tensor>) {
  const [value, grads] = valueAndGrad(loss)(params, batch)
  return { value, grads }
}

function accumulated(loss: Loss, params: Tree<Tensor>, batch: Tree<Tensor>) {
  const { loss: average, grads, each } = accumulateGradients(loss, params, batch)
  // A metric of several micro-batches is their mean.
  const metrics = Object.fromEntries(
    Object.entries(each.metrics).map(([name, values]) => [name, mean(values)]),
  )
  return { value: { loss: average, metrics }, grads }
}
