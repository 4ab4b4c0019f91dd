import { readFileSync } from 'node:fs'
import { nodeDevice } from '../../tensor/device/node.js'
import { compile, leavesWithPaths, NDArray, type Tensor, type Tree } from '../../tensor/index.js'
import { clipFactor, globalNorm } from '../norm.js'
import type { Optimizer, OptimizerState } from '../optimizer.js'

export const device = nodeDevice('cpu', { threads: 1 })

type Flat = Readonly<Record<string, readonly number[]>>

interface Trajectories {
  readonly shapes: Readonly<Record<string, readonly number[]>>
  readonly params: Flat
  readonly grads: readonly Flat[]
  readonly rates: readonly number[]
  readonly runs: Readonly<
    Record<string, { readonly params: Readonly<Record<string, Flat>>; readonly norms?: readonly number[] }>
  >
}

/** See fixtures/generate.py. */
export const reference = JSON.parse(
  readFileSync(new URL('../fixtures/trajectories.json', import.meta.url), 'utf8'),
) as Trajectories

export function arraysOf(flat: Flat, names: readonly string[] = Object.keys(flat)): Record<string, NDArray> {
  return Object.fromEntries(
    names.map((name) => [name, NDArray.from(flat[name]!, reference.shapes[name]!)] as const),
  )
}

/** A compiled step of an optimizer on given gradients. */
export async function compileStep(
  optimizer: Optimizer,
  params: Record<string, NDArray>,
  options: { maxNorm?: number; donate?: boolean } = {},
) {
  const state = { params, optimizer: optimizer.init(params) }
  const step = await compile(
    (state, grads, lr, step) => {
      const norm = globalNorm(grads as Tree<Tensor>)
      const gradScale = options.maxNorm === undefined ? undefined : clipFactor(norm, options.maxNorm)
      const context = { lr, step, ...(gradScale && { gradScale }) }
      const next = optimizer.update(
        state.params as Record<string, Tensor>,
        grads as Record<string, Tensor>,
        state.optimizer as OptimizerState<Tensor>,
        context,
      )
      return { state: { params: next.params, optimizer: next.state }, norm }
    },
    [state, params, NDArray.scalar(0), NDArray.scalar(0)],
    { device, ...(options.donate && { donate: [0] }) },
  )
  return { step, state }
}

/** Runs the recorded gradients and returns the largest error at the recorded steps, relative to max(|expected|, 0.1). */
export async function errorAgainst(
  run: string,
  optimizer: Optimizer,
  options: { maxNorm?: number; donate?: boolean } = {},
): Promise<{ error: number; norms: number[] }> {
  const expected = reference.runs[run]!
  const names = Object.keys(expected.params['1']!)
  const { step, state: initial } = await compileStep(optimizer, arraysOf(reference.params, names), options)
  let state = initial as never
  let error = 0
  const norms: number[] = []
  for (const [i, grads] of reference.grads.entries()) {
    const out = await step(
      state,
      arraysOf(grads, names),
      NDArray.scalar(reference.rates[i]!),
      NDArray.scalar(i + 1),
    )
    state = out.state as never
    norms.push(await out.norm.item())
    const known = expected.params[i + 1]
    if (known) error = Math.max(error, relativeError(out.state.params as Tree<NDArray>, known))
  }
  await step.dispose()
  return { error, norms }
}

export function relativeError(arrays: Tree<NDArray>, expected: Flat): number {
  let worst = 0
  for (const [name, array] of leavesWithPaths<NDArray>(arrays)) {
    const values = array.data as Float32Array
    expected[name]!.forEach((value, i) => {
      const error = Math.abs(values[i]! - value) / Math.max(Math.abs(value), 0.1)
      worst = Number.isNaN(error) ? Number.POSITIVE_INFINITY : Math.max(worst, error)
    })
  }
  return worst
}
