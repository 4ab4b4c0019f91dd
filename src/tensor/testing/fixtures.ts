/** Reference values that PyTorch computed (see ../fixtures/generate.py), as tests. */
import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { vjp } from '../autodiff.js'
import { type DType, isFloat, toNumbers } from '../dtype.js'
import { NDArray } from '../ndarray.js'
import type { Tensor } from '../tensor.js'
import { leaves, type Tree } from '../tree.js'
import { run } from './gradcheck.js'

type Packed = readonly [dtype: DType, shape: readonly number[], values: readonly (number | string)[]]

interface Case {
  readonly inputs: readonly Packed[]
  readonly outputs: readonly Packed[]
  /** Of the floating-point outputs that depend on an input, in order. */
  readonly cotangents?: readonly Packed[]
  /** Of the floating-point inputs, in order. */
  readonly gradients?: readonly Packed[]
}

export type Fn = (...inputs: Tensor[]) => Tree<Tensor>

/** How far from the reference a value may be, relative to the larger of 1 and its size. */
const tolerance = 2e-6

/**
 * One test for each case of a fixture file: `functions` has a function of the same name, whose results and gradients
 * must be PyTorch's. Every case must have a function.
 */
export function comparesToPyTorch(
  file: string,
  functions: Readonly<Record<string, Fn>>,
  tolerances: Readonly<Record<string, number>> = {},
): void {
  const cases = readFixture(file)
  it('has a function for every reference', () => {
    expect(Object.keys(functions).sort()).toEqual(Object.keys(cases).sort())
  })
  it.each(Object.keys(cases))('%s', async (name) => {
    const fn = functions[name]
    if (!fn) throw new Error(`no function is called '${name}'`)
    await compareCase(fn, cases[name]!, tolerances[name] ?? tolerance)
  })
}

export function readFixture(file: string): Record<string, Case> {
  return JSON.parse(readFileSync(new URL(`../fixtures/${file}.json`, import.meta.url), 'utf8'))
}

async function compareCase(fn: Fn, { inputs, outputs, cotangents, gradients }: Case, allowed: number) {
  const arrays = inputs.map(unpack)
  const floats = arrays.flatMap(({ dtype }, i) => (isFloat(dtype) ? [i] : []))
  const withGradients = (xs: Tensor[], gs: Tensor[]) => {
    if (!cotangents) return { values: leaves<Tensor>(fn(...xs)), gradients: [] }
    const ofFloats = (...chosen: Tensor[]) =>
      leaves<Tensor>(fn(...xs.map((x, i) => chosen[floats.indexOf(i)] ?? x)))
    const { value, pullback } = vjp(ofFloats, ...floats.map((i) => xs[i]!))
    let next = 0
    const all = value.map((y) => (isFloat(y.dtype) ? gs[next++]! : y))
    return { values: value, gradients: pullback(all) }
  }
  const actual = await run(withGradients, [arrays, (cotangents ?? []).map(unpack)])
  outputs.forEach((reference, i) => {
    expectClose(actual.values[i]!, reference, `result ${i}`, allowed)
  })
  gradients?.forEach((reference, i) => {
    expectClose(actual.gradients[i]!, reference, `gradient of input ${floats[i]}`, allowed)
  })
  expect(actual.values).toHaveLength(outputs.length)
}

function expectClose(actual: NDArray, [dtype, shape, values]: Packed, what: string, allowed: number): void {
  expect(`${actual.dtype} ${actual.shape}`, what).toBe(`${dtype} ${shape}`)
  const limit = dtype === 'f16' ? 2e-3 : isFloat(dtype) ? allowed : 0
  const expected = Array.from(unpack([isFloat(dtype) ? 'f64' : dtype, shape, values]).data, Number)
  const found = toNumbers(actual.dtype, actual.data)
  const wrong = expected.findIndex((e, i) => {
    const f = found[i]!
    const same = Object.is(e, f) || e === f
    return !(same || Math.abs(e - f) <= limit * Math.max(1, Math.abs(e)))
  })
  if (wrong >= 0) {
    throw new Error(
      `${what}: element ${wrong} is ${found[wrong]} and should be ${expected[wrong]}\n  found    ${found}\n  expected ${expected}`,
    )
  }
}

function unpack([dtype, shape, values]: Packed): NDArray {
  return NDArray.from(values.map(numberOf), shape, dtype)
}

/** JSON has no infinities and no NaN: they come as Python's words. */
function numberOf(value: number | string): number {
  return typeof value === 'number'
    ? value
    : value === 'nan'
      ? Number.NaN
      : value === 'inf'
        ? Infinity
        : -Infinity
}
