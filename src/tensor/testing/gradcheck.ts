/** Checks gradients against central differences, and runs functions once. For tests only. */
import { vjp } from '../autodiff.js'
import { type CompileOptions, type Computed, compile } from '../compile.js'
import type { Device } from '../device/device.js'
import { nodeDevice } from '../device/node.js'
import { type DType, isFloat } from '../dtype.js'
import type { Graph } from '../graph.js'
import { NDArray } from '../ndarray.js'
import { constant } from '../ops/constant.js'
import type { Tensor, TensorType } from '../tensor.js'
import { leaves, type MapTree, type Tree } from '../tree.js'

/** The device of the tests: two threads, so that races show. */
export const testDevice: Device = nodeDevice('cpu', { threads: 2 })

export interface GradcheckOptions {
  /** Precision of the floating-point inputs. Default f64; f32 for what ONNX Runtime has no f64 kernel for. */
  readonly dtype?: 'f64' | 'f32'
  /** Half the distance between the two points of a difference. Default 1e-5 in f64, 1e-2 in f32. */
  readonly step?: number
  /** Allowed error, relative to the larger of 1 and the gradient. Default 2e-7 in f64, 2e-3 in f32. */
  readonly tolerance?: number
  /** Also check the gradient of the gradient. */
  readonly second?: boolean
  /** At most so many elements of each input are moved, chosen at random. Default 48. */
  readonly elements?: number
  /** Indices of inputs that are held fixed; integer and bool inputs always are. */
  readonly fixed?: readonly number[]
  readonly seed?: number
  readonly device?: Device
}

type Fn = (...inputs: Tensor[]) => Tree<Tensor>
type FlatFn = (...inputs: Tensor[]) => Tensor[]

/**
 * Throws unless fn's gradient, pulled back from random cotangents of all its floating-point results, is that of central
 * differences at `inputs`. The inputs must stay clear of kinks by more than the step.
 */
export async function gradcheck(
  fn: Fn,
  inputs: readonly NDArray[],
  options: GradcheckOptions = {},
): Promise<void> {
  const { dtype = 'f64', elements = 48, seed = 1, fixed = [], device = testDevice } = options
  const { step = dtype === 'f64' ? 1e-5 : 1e-2, tolerance = dtype === 'f64' ? 2e-7 : 2e-3 } = options
  const given = await Promise.all(inputs.map((x) => (isFloat(x.dtype) ? convert(x, dtype) : x)))
  const moved = [...given.keys()].filter((i) => isFloat(given[i]!.dtype) && !fixed.includes(i))
  const floats: FlatFn = (...xs) => leaves<Tensor>(fn(...xs)).filter((y) => isFloat(y.dtype))

  const value = await load(floats, given, { device })
  const results = await value(...given)
  const cotangents = results.map((y, i) => random(y.shape, { dtype: y.dtype, seed: seed + 7919 * (i + 1) }))
  const project = async () => {
    const outputs = await value(...given)
    let total = 0
    outputs.forEach((y, i) => {
      const [a, b] = [y.data as Float64Array, cotangents[i]!.data as Float64Array]
      for (let j = 0; j < a.length; j++) total += a[j]! * b[j]!
    })
    return total
  }

  const gradient = gradientOf(floats, moved, cotangents)
  const pulled = await load(gradient, given, { device })
  const analytic = await pulled(...given)
  await pulled.dispose()
  const next = generator(seed)
  const wrong: string[] = []
  for (const [at, index] of moved.entries()) {
    const data = given[index]!.data as Float64Array
    const expected = analytic[at]!.data as Float64Array
    for (const j of choose(data.length, elements, next)) {
      const original = data[j]!
      data[j] = original + step
      const [high, above] = [data[j]!, await project()]
      data[j] = original - step
      const [low, below] = [data[j]!, await project()]
      data[j] = original
      const numeric = (above - below) / (high - low)
      const error = Math.abs(numeric - expected[j]!)
      if (!(error <= tolerance * Math.max(1, Math.abs(numeric)))) {
        wrong.push(`input ${index}, element ${j}: gradient ${expected[j]}, difference quotient ${numeric}`)
      }
    }
  }
  await value.dispose()
  if (wrong.length > 0) {
    throw new Error(`${wrong.length} gradients are wrong:\n  ${wrong.slice(0, 8).join('\n  ')}`)
  }
  if (options.second) {
    const loose = tolerance * (dtype === 'f64' ? 10 : 5)
    await gradcheck(gradient, given, { ...options, tolerance: loose, second: false, seed: seed + 1 })
  }
}

/** The cotangents of the inputs `moved` for fixed cotangents of the results, as a function of all inputs. */
function gradientOf(fn: FlatFn, moved: readonly number[], cotangents: readonly NDArray[]): FlatFn {
  return (...xs) => {
    const ofMoved = (...chosen: Tensor[]) => fn(...xs.map((x, i) => chosen[moved.indexOf(i)] ?? x))
    const { pullback } = vjp(ofMoved, ...moved.map((i) => xs[i]!))
    return pullback(cotangents.map(({ data, dtype, shape }) => constant(data, { dtype, shape })))
  }
}

/** Compiles a function, runs it once and frees it. */
export async function run<Args extends readonly unknown[], R>(
  fn: (...args: Args) => R,
  inputs: Arguments<Args, NDArray>,
  device: Device = testDevice,
): Promise<Computed<R>> {
  const compiled = await load(fn, inputs, { device })
  try {
    return await compiled(...inputs)
  } finally {
    await compiled.dispose()
  }
}

type Arguments<Args extends readonly unknown[], Leaf> = {
  readonly [K in keyof Args]: MapTree<Args[K], Tensor, Leaf>
}

interface Loaded<Args extends readonly unknown[], R> {
  (...inputs: Arguments<Args, NDArray>): Promise<Computed<R>>
  readonly graph: Graph
  dispose(): Promise<void>
}

/** `compile` on the test device, with the types of its arguments taken from the function. */
export async function load<Args extends readonly unknown[], R>(
  fn: (...args: Args) => R,
  examples: Arguments<Args, TensorType>,
  options: Partial<CompileOptions> = {},
): Promise<Loaded<Args, R>> {
  return (await compile(fn as never, examples as never, { device: testDevice, ...options })) as never
}

export interface RandomOptions {
  readonly dtype?: DType
  readonly seed?: number
  readonly low?: number
  readonly high?: number
}

/** Uniform numbers in [low, high), by default [-1, 1), the same for the same seed. */
export function random(shape: readonly number[], options: RandomOptions = {}): NDArray {
  const { dtype = 'f32', seed = 1, low = -1, high = 1 } = options
  const next = generator(seed)
  const count = shape.reduce((product, size) => product * size, 1)
  const values = Array.from({ length: count }, () => low + (high - low) * next())
  return NDArray.from(isFloat(dtype) ? values : values.map(Math.floor), shape, dtype)
}

/** Distinct numbers at least `gap` apart, in random order: for functions with kinks where elements are equal. */
export function distinct(shape: readonly number[], options: { seed?: number; gap?: number } = {}): NDArray {
  const next = generator(options.seed ?? 1)
  const count = shape.reduce((product, size) => product * size, 1)
  const order = choose(count, count, next)
  return NDArray.from(
    order.map((place) => (place - count / 2 + 0.25) * (options.gap ?? 0.1)),
    shape,
  )
}

/** mulberry32: uniform numbers in [0, 1). */
export function generator(seed: number): () => number {
  let state = Math.imul(seed, 0x9e3779b1)
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let bits = Math.imul(state ^ (state >>> 15), state | 1)
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61)
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32
  }
}

/** `count` (or all) of the numbers below `length`, in random order. */
function choose(length: number, count: number, next: () => number): number[] {
  const all = Array.from({ length }, (_, i) => i)
  for (let i = length - 1; i > 0; i--) {
    const j = Math.floor(next() * (i + 1))
    const kept = all[i]!
    all[i] = all[j]!
    all[j] = kept
  }
  return all.slice(0, count)
}

/** A copy, so that moving its elements leaves the caller's array alone. */
async function convert(x: NDArray, dtype: DType): Promise<NDArray> {
  return NDArray.from(await x.numbers(), x.shape, dtype)
}
