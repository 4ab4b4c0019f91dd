import { describe, expect, it } from 'vitest'
import { valueAndGrad } from '../autodiff.js'
import { printTrace } from '../compile.js'
import { NDArray } from '../ndarray.js'
import type { Tensor } from '../tensor.js'
import { comparesToPyTorch, type Fn } from '../testing/fixtures.js'
import { gradcheck, random, run } from '../testing/gradcheck.js'
import { crossEntropy, type LinearCrossEntropyOptions, linearCrossEntropy, matmul } from './index.js'

const plain: Fn = (x, y) => crossEntropy(x!, y!)
const linear =
  (options: LinearCrossEntropyOptions = {}): Fn =>
  (x, w, y) =>
    linearCrossEntropy(x!, w!, y!, { rowsPerChunk: 4, ...options })

describe('cross-entropy', () => {
  comparesToPyTorch('loss', {
    crossEntropy: plain,
    'crossEntropy sum and none': (x, y) => [
      crossEntropy(x!, y!, { reduction: 'sum' }),
      crossEntropy(x!, y!, { reduction: 'none' }),
    ],
    'crossEntropy with ignored targets': (x, y) => [
      crossEntropy(x!, y!),
      crossEntropy(x!, y!, { reduction: 'none' }),
    ],
    'crossEntropy with another ignored index': (x, y) => crossEntropy(x!, y!, { ignoreIndex: 3 }),
    'crossEntropy with all targets ignored': plain,
    'crossEntropy with label smoothing': (x, y) => crossEntropy(x!, y!, { labelSmoothing: 0.1 }),
    'crossEntropy with zLoss': (x, y) => crossEntropy(x!, y!, { zLoss: 0.05, labelSmoothing: 0.2 }),
    'crossEntropy of huge logits': plain,
    'crossEntropy with hidden logits in ignored rows': plain,
    linearCrossEntropy: linear(),
    'linearCrossEntropy with label smoothing': linear({ labelSmoothing: 0.1 }),
    'linearCrossEntropy with zLoss': linear({ zLoss: 0.05 }),
    'linearCrossEntropy with both': linear({ zLoss: 0.05, labelSmoothing: 0.1 }),
    'linearCrossEntropy sum': linear({ reduction: 'sum' }),
    'linearCrossEntropy with softCap': linear({ softCap: 3 }),
  })

  const targets = NDArray.from([3, 0, -100, 4, 1, 1], [2, 3], 'i32')
  const all: LinearCrossEntropyOptions = { labelSmoothing: 0.1, zLoss: 0.05, softCap: 2, rowsPerChunk: 4 }

  it('has the gradients of differences, twice', async () => {
    const inputs = [random([2, 3, 4]), random([5, 4], { seed: 2 }), targets]
    await gradcheck((x, w, y) => crossEntropy(matmul(x!, w!, { transB: true }), y!, { zLoss: 0.1 }), inputs, {
      second: true,
    })
    await gradcheck((x, w, y) => linearCrossEntropy(x!, w!, y!, all), inputs, { second: true })
  })

  it('in chunks is that of all rows at once', async () => {
    const f = (x: Tensor, w: Tensor, y: Tensor) =>
      [1, 4, 100].map((rowsPerChunk) =>
        valueAndGrad((p: { x: Tensor; w: Tensor }) =>
          linearCrossEntropy(p.x, p.w, y, { ...all, rowsPerChunk }),
        )({ x, w }),
      )
    const results = await run(f, [random([2, 3, 4]), random([5, 4], { seed: 2 }), targets])
    const [first] = results
    for (const [value, g] of results) {
      expect(await value.item()).toBeCloseTo(await first![0].item(), 5)
      const expected = [...(await first![1].x.numbers()), ...(await first![1].w.numbers())]
      const found = [...(await g.x.numbers()), ...(await g.w.numbers())]
      found.forEach((value_, i) => {
        expect(value_).toBeCloseTo(expected[i]!, 5)
      })
    }
  })

  it('in chunks never holds all logits', () => {
    const printed = printTrace(
      ((x: Tensor, w: Tensor, y: Tensor) =>
        valueAndGrad((p: Tensor) => linearCrossEntropy(p, w, y, { rowsPerChunk: 16 }))(x)) as never,
      [
        { shape: [64, 4], dtype: 'f32' },
        { shape: [100, 4], dtype: 'f32' },
        { shape: [64], dtype: 'i32' },
      ],
    )
    expect(printed).toContain('f32[16, 100]')
    expect(printed).not.toContain('[64, 100]')
  })
})
