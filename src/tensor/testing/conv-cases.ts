/** The reference cases of ../fixtures/generate_conv.py: options and named tensors, checked in both precisions. */
import { readFileSync } from 'node:fs'
import { expect } from 'vitest'
import { vjp } from '../autodiff.js'
import type { Device } from '../device/device.js'
import type { DType } from '../dtype.js'
import { NDArray } from '../ndarray.js'
import type { Tensor } from '../tensor.js'
import { run } from './gradcheck.js'

interface Packed {
  readonly shape: readonly number[]
  readonly data: readonly number[]
}

export interface ConvCase {
  readonly name: string
  readonly options: Readonly<Record<string, never>>
  readonly inputs: Readonly<Record<string, Packed>>
  readonly output: Packed
  readonly cotangent: Packed
  readonly gradients: Readonly<Record<string, Packed>>
}

export function convCases(file: string): readonly ConvCase[] {
  return JSON.parse(readFileSync(new URL(`../fixtures/${file}.json`, import.meta.url), 'utf8'))
}

export function unpack({ shape, data }: Packed, dtype: DType = 'f32'): NDArray {
  return NDArray.from(data, shape, dtype)
}

/** Expects fn's result and its gradients for all inputs to be the reference's. */
export async function expectReference(
  fn: (inputs: Record<string, Tensor>) => Tensor,
  reference: ConvCase,
  dtype: 'f32' | 'f64',
  device?: Device,
): Promise<void> {
  const inputs = Object.fromEntries(Object.entries(reference.inputs).map(([k, v]) => [k, unpack(v, dtype)]))
  const both = (xs: Record<string, Tensor>, g: Tensor) => {
    const { value, pullback } = vjp(fn, xs)
    return { value, gradients: pullback(g)[0] }
  }
  const found = await run(both, [inputs, unpack(reference.cotangent, dtype)], device)
  await expectClose(found.value, reference.output, `${dtype} result`, dtype)
  for (const [name, gradient] of Object.entries(reference.gradients)) {
    await expectClose(found.gradients[name]!, gradient, `${dtype} gradient of ${name}`, dtype)
  }
}

async function expectClose(found: NDArray, expected: Packed, what: string, dtype: DType): Promise<void> {
  expect(found.shape, what).toEqual(expected.shape)
  const values = await found.numbers()
  const limit = dtype === 'f64' ? 1e-10 : 3e-6 * Math.max(1, ...expected.data.map(Math.abs))
  const worst = Math.max(...values.map((v, i) => Math.abs(v - expected.data[i]!)))
  if (!(worst <= limit)) {
    throw new Error(`${what} is off by ${worst}:\n  found    ${values}\n  expected ${expected.data}`)
  }
}
