import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node'
import { describe, expect, it } from 'vitest'
import { valueAndGrad } from './autodiff.js'
import { exportOnnx, printTrace, trace } from './compile.js'
import { dim } from './dim.js'
import { printGraph } from './graph.js'
import { OPSET } from './onnx/emitter.js'
import {
  add,
  constant,
  gelu,
  layerNorm,
  matmul,
  mean,
  reshape,
  scan,
  split,
  square,
  sum,
} from './ops/index.js'
import type { Tensor, TensorType } from './tensor.js'
import type { Tree } from './tree.js'

const T = dim('T')
const model = (p: { w: Tensor; unused: Tensor }, x: Tensor) => ({
  y: gelu(layerNorm(matmul(reshape(x, [-1, 3]), p.w))),
  same: x,
  last: scan((c: Tensor, row: Tensor) => [add(c, row), sum(row)] as const, sum(p.w, 0), p.w),
  g: valueAndGrad((q: Tensor) => mean(square(matmul(reshape(x, [-1, 3]), q))))(p.w)[1],
})
const examples: Tree<TensorType>[] = [
  { w: { shape: [3, 2], dtype: 'f32' }, unused: { shape: [4], dtype: 'i64' } },
  { shape: [T, 3], dtype: 'f32' },
]

describe('exportOnnx', () => {
  it('writes a file that ONNX Runtime loads and runs, with a name for each input and output', async () => {
    const bytes = exportOnnx(model as never, examples)
    const session = await InferenceSession.create(bytes)
    // The unused parameter is not an input of the file.
    expect(session.inputNames).toHaveLength(2)
    expect(session.outputNames).toHaveLength(5)
    const [w, x] = [Float32Array.of(1, 2, 3, 4, 5, 6), new Float32Array(12).fill(1)]
    const feeds = Object.fromEntries(
      [new OrtTensor(w, [3, 2]), new OrtTensor(x, [4, 3])].map((t, i) => [session.inputNames[i]!, t]),
    )
    const results = await session.run(feeds)
    const shapes = session.outputNames.map((name) => results[name]!.dims)
    expect(shapes).toEqual([[4, 2], [4, 3], [2], [3], [3, 2]])
    expect(results[session.outputNames[2]!]!.data).toEqual(Float32Array.of(18, 24))
    await session.release()
  })

  it('keeps the names of dynamic axes and the version of the operators', () => {
    const text = Buffer.from(exportOnnx(model as never, examples)).toString('latin1')
    expect(text).toContain('athanor')
    expect(text).toContain('com.microsoft')
    expect(text).toContain('\x12\x01T')
    expect(OPSET).toBe(21)
  })
})

describe('printGraph', () => {
  it('shows types, operands, attributes, constants and several outputs', () => {
    const { graph } = trace(
      ((x: Tensor) => {
        const [a, b] = split(x, [1, 2], 1) as [Tensor, Tensor]
        return [add(a, constant([1, 2, 3, 4, 5])), sum(b, 0, { keepDims: true })]
      }) as never,
      [{ shape: [T, 3], dtype: 'f32' }],
    )
    expect(printGraph(graph)).toMatchInlineSnapshot(`
      "%0: f32[T, 3] = input() { name=0, shape=[T, 3], dtype=f32 }
      %1: f32[T, 1], %2: f32[T, 2] = split(%0) { sizes=[1, 2], axis=1 }
      %3: f32[5] = constant() { dtype=f32, shape=[5], value=<5 values> }
      %4: f32[T, 5] = add(%1, %3)
      %5: f32[1, 2] = sum(%2) { axes=[0], keepDims=true }
      return %4, %5"
    `)
  })

  it('shows what is left after the passes', () => {
    expect(
      printTrace(((w: Tensor, x: Tensor) => valueAndGrad((p: Tensor) => sum(matmul(x, p)))(w)) as never, [
        { shape: [3, 2], dtype: 'f32' },
        { shape: [T, 3], dtype: 'f32' },
      ]),
    ).toMatchInlineSnapshot(`
      "%0: f32[3, 2] = input() { name=0, shape=[3, 2], dtype=f32 }
      %1: f32[T, 3] = input() { name=1, shape=[T, 3], dtype=f32 }
      %2: f32[T, 2] = matmul(%1, %0) { transA=false, transB=false, alpha=1 }
      %3: f32[] = sum(%2) { axes=[0, 1], keepDims=false }
      %4: f32[T, 2] = constant() { dtype=f32, shape=[T, 2], value=1 }
      %5: f32[3, 2] = matmul(%1, %4) { transA=true, transB=false, alpha=1 }
      return %3, %5"
    `)
  })
})
