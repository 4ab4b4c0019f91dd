/** What all optimizers share: the interface, groups of parameters, and the walk over the leaves of several trees. */
import {
  cast,
  div,
  formatType,
  isStatic,
  isTensorLike,
  leavesWithPaths,
  mul,
  NDArray,
  type Operand,
  replaceLeaves,
  scalar,
  sub,
  type Tensor,
  type TensorType,
  type Tree,
} from '../tensor/index.js'
import { OptimError } from './errors.js'

/**
 * What an optimizer keeps from step to step, and what belongs into the checkpoint: scalars and records from the path of a
 * parameter to a tensor like it.
 */
export type OptimizerState<L> = { readonly [name: string]: L | OptimizerState<L> }

export interface UpdateContext {
  /** Learning rate of this step: f32 scalar. An input of the compiled step, so that one step serves a whole schedule. */
  readonly lr: Tensor
  /** Number of this update, counted from 1: f32 or i32 scalar. */
  readonly step: Tensor
  /**
   * A factor > 0 for all gradients (f32 scalar): gradient clipping, the mean over micro-batches, loss scaling. The
   * optimizers fold it into their own scalars, so it costs no pass over the parameters. Default 1.
   */
  readonly gradScale?: Tensor
}

/**
 * An update rule as a pure function over symbolic tensors.
 *
 * The last op of every new parameter and state tensor is element-wise and comes after every other reader of the old one
 * within the update, so a compiled step that donates its state is updated in place. For the parameters themselves this also
 * takes a `gradScale` that depends on all gradients (see `clipFactor`): only then has the whole backward pass read them.
 *
 * A gradient that is not finite spoils what it touches, for good: see `allFinite`.
 */
export interface Optimizer {
  /** The state before the first step, for parameters of these types. @throws OptimError on a type that it cannot train */
  init(params: Tree<TensorType>): OptimizerState<NDArray>
  /** @throws OptimError when the trees do not fit together */
  update<P extends Tree<Tensor>>(
    params: P,
    grads: Tree<Tensor>,
    state: OptimizerState<Tensor>,
    context: UpdateContext,
  ): { params: P; state: OptimizerState<Tensor> }
}

export interface Group {
  /** Factor for the learning rate. Default 1. */
  readonly lr?: number
  /** Default: the optimizer's for tensors with two or more axes (matrices, embeddings), 0 for gains and biases. */
  readonly weightDecay?: number
}

/** The settings of one parameter, from its path ("h.0.attn.weight") and type. */
export type Groups = (path: string, type: TensorType) => Group | undefined

/** The settings of a parameter with the defaults filled in. */
export function groupOf(
  groups: Groups | undefined,
  weightDecay: number,
  path: string,
  type: TensorType,
): Required<Group> {
  const group = groups?.(path, type)
  const settings = {
    lr: group?.lr ?? 1,
    weightDecay: group?.weightDecay ?? (type.shape.length >= 2 ? weightDecay : 0),
  }
  for (const [name, value] of Object.entries(settings)) {
    if (!(Number.isFinite(value) && value >= 0)) {
      throw new OptimError(
        'config',
        `the group of '${path}' has ${name} = ${value}; it must be a finite number >= 0`,
      )
    }
  }
  return settings
}

/** Zeros like the parameters, by path. @throws OptimError on a parameter that is dynamic or not f32 or f64 */
export function zerosLike(params: Tree<TensorType>): Record<string, NDArray> {
  const zeros = leavesWithPaths<TensorType>(params).map(([path, type]) => {
    checkTrainable(path, type)
    return [path, NDArray.zeros(type.shape as readonly number[], type.dtype)] as const
  })
  return Object.fromEntries(zeros)
}

function checkTrainable(path: string, type: TensorType): void {
  if (type.dtype !== 'f32' && type.dtype !== 'f64') {
    throw new OptimError(
      'params',
      `parameter '${path}' is ${formatType(type)}: only f32 and f64 are trained; keep it in f32 and cast it inside the model, or leave it out of the parameters`,
    )
  }
  if (!isStatic(type.shape)) {
    throw new OptimError('params', `parameter '${path}' is ${formatType(type)}: its shape must be known`)
  }
}

type StateEntry = OptimizerState<Tensor>[string] | undefined

/**
 * Applies `map` to each parameter with its gradient and its tensors of state, and puts what it returns together again: the
 * parameters in their own structure, each entry of the state by path.
 * @throws OptimError when the trees do not fit together
 */
export function updateLeaves<P extends Tree<Tensor>, K extends string = never>(
  params: P,
  grads: Tree<Tensor>,
  state: { readonly [name in K]: StateEntry },
  map: (
    path: string,
    param: Tensor,
    grad: Tensor,
    state: Record<K, Tensor>,
  ) => readonly [Tensor, Record<K, Tensor>],
): { params: P; state: Record<K, Record<string, Tensor>> } {
  const entries = leavesWithPaths<Tensor>(params)
  const names = Object.keys(state) as K[]
  const gradOf = columnReader('gradients', grads, entries.length)
  const stateOf = names.map(
    (name) => [name, columnReader(`tensors '${name}' of the state`, state[name], entries.length)] as const,
  )
  const rows = entries.map(([path, param]) => {
    checkTrainable(path, param)
    const own = stateOf.map(([name, read]) => [name, read(path, param)])
    return [path, ...map(path, param, gradOf(path, param), Object.fromEntries(own))] as const
  })
  const next = names.map((name) => [name, Object.fromEntries(rows.map(([path, , own]) => [path, own[name]]))])
  const updated = replaceLeaves(
    params,
    rows.map(([, param]) => param),
  )
  return { params: updated as P, state: Object.fromEntries(next) }
}

/** Looks up the tensor that goes with a parameter, which must be of the parameter's type. */
function columnReader(name: string, tree: Tree<Tensor> | undefined, count: number) {
  const column = new Map(tree === undefined ? [] : leavesWithPaths<Tensor>(tree))
  if (column.size !== count) {
    throw new OptimError(
      'state',
      `there are ${count} parameters, but the ${name} hold ${column.size} tensors`,
    )
  }
  return (path: string, param: Tensor): Tensor => {
    const leaf = column.get(path)
    if (!leaf || formatType(leaf) !== formatType(param)) {
      throw new OptimError(
        'state',
        `parameter '${path}' is ${formatType(param)}, but the ${name} have ${leaf ? formatType(leaf) : 'nothing'} there`,
      )
    }
    return leaf
  }
}

/** x times a scalar that is f32 in the graph. */
export function scaled(x: Tensor, factor: Tensor): Tensor {
  return mul(x, cast(factor, x.dtype))
}

/** p (1 - lr weightDecay): decoupled weight decay. */
export function decayed(param: Tensor, lr: Tensor, weightDecay: number): Tensor {
  return weightDecay === 0 ? param : scaled(param, sub(1, mul(lr, weightDecay)))
}

/** The scalars of a step, checked. */
export function stepScalars({ lr, step, gradScale }: UpdateContext): Required<UpdateContext> {
  for (const [name, value] of Object.entries({ lr, step, gradScale })) {
    if (value !== undefined && (!isTensorLike(value) || value.rank !== 0 || value.dtype === 'bool')) {
      throw new OptimError('params', `'${name}' is ${formatType(value)}; it must be a scalar`)
    }
  }
  return {
    lr: cast(lr, 'f32'),
    step: cast(step, 'f32'),
    gradScale: gradScale ? cast(gradScale, 'f32') : scalar(1),
  }
}

/** The scalar that goes with running sums of gradients; see `carryOver`. */
export function readScale(state: OptimizerState<Tensor>): Tensor {
  const scale = state.scale
  if (!isTensorLike(scale) || (scale as Tensor).rank !== 0) {
    throw new OptimError('state', `the state has no scalar 'scale'; start from init()`)
  }
  return scale as Tensor
}

/**
 * How the factor for the gradients is folded in. A running sum S <- b S + s g is kept as S / s, with the s of its latest
 * step beside it ("scale"): S/s <- (b s_before / s) (S_before / s_before) + g, and g is used as it came.
 * Returns b s_before / s.
 */
export function carryOver(beta: Operand, before: Tensor, scale: Tensor): Tensor {
  return div(mul(before, beta), scale)
}
