/**
 * Every op on WebGPU against the CPU: values, and gradients where there are any. Runs where there is a GPU, or Chromium's
 * software GPU (see docs/devices.md).
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { compile, type Device, isFloat, type NDArray, type Tensor, vjp } from '../index.js'
import * as ops from '../ops/index.js'
import { comparedOps, needInt64, notCompared, type OpCase, opCases } from '../testing/op-cases.js'
import { webgpuDevice } from '../testing/software-gpu.js'
import { nodeDevice } from './node.js'

const cpu = nodeDevice('cpu', { threads: 1 })
const webgpu = await webgpuDevice()

/** The results, and the gradients of half the sum of their squares. */
async function evaluate({ run, inputs }: OpCase, device: Device, profile?: string): Promise<number[][]> {
  const compute = await compile(
    (...args: Tensor[]) => {
      const all = (...xs: Tensor[]) => [run(...xs)].flat() as Tensor[]
      const { value, pullback } = vjp(all as never, ...(args as never[])) as {
        value: Tensor[]
        pullback: (g: unknown) => Tensor[]
      }
      const differentiable =
        args.some(({ dtype }) => dtype === 'f32') && value.every(({ dtype }) => dtype === 'f32')
      const gradients = differentiable ? pullback(value) : []
      return [...value, ...gradients.filter((_, i) => isFloat(args[i]!.dtype))]
    },
    inputs as never,
    { device, ...(profile ? { profile } : {}) },
  )
  const results = (await (compute as unknown as (...args: NDArray[]) => Promise<NDArray[]>)(
    ...inputs,
  )) as NDArray[]
  await compute.dispose()
  return Promise.all(results.map((result) => result.numbers()))
}

/** The kernels of a trace that ran on the CPU. */
function cpuKernels(folder: string): string[] {
  const [file] = readdirSync(folder)
  const events = JSON.parse(readFileSync(join(folder, file!), 'utf8')) as {
    cat: string
    args?: { provider?: string; op_name?: string }
  }[]
  const names = events.flatMap(({ cat, args }) =>
    cat === 'Node' && args?.provider === 'CPUExecutionProvider' ? [args.op_name!] : [],
  )
  return [...new Set(names)].sort()
}

describe.skipIf(!webgpu)(
  `WebGPU${webgpu ? '' : ' (skipped: no GPU found, nor the software GPU of Chromium)'}`,
  () => {
    it.each(opCases())('computes $name as the CPU does', async (given) => {
      const expected = await evaluate(given, cpu)
      const folder = mkdtempSync(join(tmpdir(), 'athanor-trace-'))
      try {
        const actual = await evaluate(given, webgpu!, join(folder, 'trace'))
        expect(actual.length).toBe(expected.length)
        let worst = 0
        expected.forEach((values, i) => {
          expect(actual[i]!.length).toBe(values.length)
          values.forEach((value, j) => {
            const error = Math.abs(value - actual[i]![j]!) / Math.max(1, Math.abs(value))
            if (!(error <= worst)) worst = error
          })
        })
        expect(worst).toBeLessThanOrEqual(given.tolerance)
        expect(cpuKernels(folder)).toEqual([...given.onCpu].sort())
      } finally {
        rmSync(folder, { recursive: true })
      }
    })

    it('has been compared on every op', () => {
      const exported = Object.entries(ops).flatMap(([name, op]) => (typeof op === 'function' ? [name] : []))
      const missing = exported.filter(
        (name) => !comparedOps.has(name) && !notCompared.has(name) && !needInt64.has(name),
      )
      expect(missing, 'add them to src/tensor/testing/op-cases.ts').toEqual([])
    })
  },
)
