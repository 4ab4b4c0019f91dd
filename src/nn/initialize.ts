/** Parameters before training: what each is (its shape) and how it starts. */
import type { Rng } from '../rng.js'
import { NDArray } from '../tensor/index.js'

export interface ParameterSpec {
  readonly shape: readonly number[]
  readonly dtype: 'f32'
  readonly init: Initializer
}

export type Initializer =
  | { readonly kind: 'zeros' }
  | { readonly kind: 'ones' }
  | { readonly kind: 'normal'; readonly std: number }
  | { readonly kind: 'uniform'; readonly limit: number }

export const zerosInit: Initializer = { kind: 'zeros' }
export const onesInit: Initializer = { kind: 'ones' }
export const normalInit = (std: number): Initializer => ({ kind: 'normal', std })
/** Uniform in +-sqrt(6 / (fanIn + fanOut)) (Glorot & Bengio 2010). */
export const xavierInit = (fanIn: number, fanOut: number): Initializer => ({
  kind: 'uniform',
  limit: Math.sqrt(6 / (fanIn + fanOut)),
})
/** Normal with std sqrt(gain / fanIn), gain 2 for ReLU (He et al. 2015). */
export const kaimingInit = (fanIn: number, gain = 2): Initializer => ({
  kind: 'normal',
  std: Math.sqrt(gain / fanIn),
})

export function parameter(shape: readonly number[], init: Initializer): ParameterSpec {
  return { shape, dtype: 'f32', init }
}

/**
 * Draws every parameter. Each has a random stream of its own, named after it, so adding one does not change the others.
 */
export function initialize(
  specs: Readonly<Record<string, ParameterSpec>>,
  rng: Rng,
): Record<string, NDArray> {
  return Object.fromEntries(
    Object.entries(specs).map(([name, { shape, init }]) => {
      const data = new Float32Array(shape.reduce((product, size) => product * size, 1))
      if (init.kind === 'ones') data.fill(1)
      if (init.kind === 'normal') rng.fork(name).fillNormal(data, 0, init.std)
      if (init.kind === 'uniform') rng.fork(name).fillUniform(data, -init.limit, init.limit)
      return [name, new NDArray('f32', shape, data)]
    }),
  )
}
