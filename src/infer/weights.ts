/** Weights of a program: given at each call, or built into it. */
import { constant, dtypes, type NDArray, type Tensor } from '../tensor/index.js'

/** Above this they stay apart from the program: the runtime's model files end at two gigabytes. */
export const BUILT_IN_LIMIT = 2 ** 29

/** Bytes of a model's parameters in memory. */
export function weightBytes(params: Readonly<Record<string, NDArray>>): number {
  return Object.values(params).reduce(
    (total, { shape, dtype }) =>
      total + dtypes[dtype].bytes * shape.reduce((product, size) => product * size, 1),
    0,
  )
}

/** Parameters as constants of the program that is being traced. */
export function builtIn(params: Readonly<Record<string, NDArray>>): Record<string, Tensor> {
  return Object.fromEntries(
    Object.entries(params).map(([name, { data, shape, dtype }]) => [name, constant(data, { shape, dtype })]),
  )
}
