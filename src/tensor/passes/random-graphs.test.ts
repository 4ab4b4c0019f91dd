/** Random graphs compute the same before and after the passes, forwards and backwards. */
import { describe, expect, it } from 'vitest'
import { backward } from '../autodiff.js'
import { trace } from '../compile.js'
import { isFloat } from '../dtype.js'
import type { Graph } from '../graph.js'
import type { NDArray } from '../ndarray.js'
import { lower } from '../onnx/lower.js'
import * as ops from '../ops/index.js'
import type { Tensor } from '../tensor.js'
import { generator, random, testDevice } from '../testing/gradcheck.js'
import { mergeCommon, optimize, removeIdentities, simplify } from './index.js'

/** A number in an interval where chains of the ops below stay finite, among them the neutral ones. */
const numbers = [0, 1, -1, 2, 0.5, 3]

/** Ops on tensors of one 2-D shape family, each from what is there and some dice. */
type Dice = (sides: number) => number
type Step = (pick: () => Tensor, dice: Dice) => Tensor | undefined

const steps: Step[] = [
  (pick, dice) => ops.add(pick(), numbers[dice(6)]!),
  (pick, dice) => ops.sub(numbers[dice(6)]!, pick()),
  (pick, dice) => ops.mul(pick(), numbers[dice(6)]!),
  (pick, dice) => ops.mul(ops.full([], numbers[dice(6)]!), pick()),
  (pick, dice) => ops.div(pick(), numbers[1 + dice(5)]!),
  (pick, dice) => ops.pow(ops.abs(pick()), 1 + dice(2)),
  (pick) => ops.tanh(pick()),
  (pick) => ops.exp(ops.neg(ops.abs(pick()))),
  (pick) => ops.transpose(pick()),
  (pick) => ops.reshape(pick(), [-1]),
  (pick) => ops.identity(ops.stopGradient(pick())),
  (pick, dice) => {
    const x = pick()
    return x.rank > 0 ? ops.sum(x, dice(x.rank)) : x
  },
  (pick, dice) => {
    const x = pick()
    return x.rank > 0 ? ops.mean(x, dice(x.rank), { keepDims: true }) : x
  },
  (pick, dice) => {
    const x = pick()
    return ops.broadcastTo(x, [1 + dice(2), ...x.shape])
  },
  (pick, dice) => {
    const x = pick()
    return x.rank > 0 ? ops.slice(x, [[0, Math.max(1, (x.shape[0] as number) - dice(2))]]) : x
  },
  (pick, dice) => ops.full(pick().shape, numbers[dice(6)]!),
  (pick, dice) => {
    const x = pick()
    return ops.where(ops.greater(x, numbers[dice(6)]!), x, numbers[dice(6)]!)
  },
  (pick, dice) => {
    const x = pick()
    return ops.where(ops.full(x.shape, dice(2), 'bool'), ops.mul(x, 2), x)
  },
  (pick, dice) => ops.clip(pick(), -1 - dice(2), 1),
  (pick) => {
    const x = pick()
    return ops.cast(ops.cast(x, 'f64'), 'f32')
  },
  (pick) => {
    const x = pick()
    return x.rank >= 2 ? ops.matmul(x, ops.transpose(x, swapLast(x.rank))) : undefined
  },
  (pick) => {
    const x = pick()
    return x.rank >= 2 ? ops.matmul(x, x, { transA: true }) : undefined
  },
  ...[ops.add, ops.sub, ops.mul, ops.maximum, ops.minimum].map(
    (op): Step =>
      (pick) => {
        const [a, b] = [pick(), pick()]
        return broadcasts(a, b) ? op(a, b) : undefined
      },
  ),
]

function swapLast(rank: number): number[] {
  return [...Array(rank).keys()].slice(0, -2).concat(rank - 1, rank - 2)
}

function broadcasts(a: Tensor, b: Tensor): boolean {
  try {
    ops.broadcastShapes('test', a.shape, b.shape)
    return true
  } catch {
    return false
  }
}

/** About twenty random ops on two inputs; the results are a few random tensors and the gradients of their sum. */
function randomFunction(seed: number): (x: Tensor, y: Tensor) => Tensor[] {
  return (x, y) => {
    const next = generator(seed)
    const dice: Dice = (sides) => Math.floor(next() * sides)
    const pool = [x, y]
    const pick = () => pool[Math.max(0, pool.length - 1 - dice(6))]!
    for (let i = 0; i < 20; i++) {
      const made = steps[dice(steps.length)]!(pick, dice)
      if (made && elements(made) <= 64) pool.push(tame(made))
    }
    const results = [pick(), pick(), pool.at(-1)!]
    const loss = results.map((r) => ops.sum(r)).reduce((a, b) => ops.add(a, b))
    const gradients = backward([loss], [ops.ones([])], [x, y])
    return [...results, ...gradients.flatMap((g) => (g && isFloat(g.dtype) ? [g] : []))]
  }
}

function elements({ shape }: Tensor): number {
  return shape.reduce<number>((count, size) => count * (size as number), 1)
}

/** Keeps products from growing without bound. */
function tame(x: Tensor): Tensor {
  return x.node.primitive.name === 'matmul' ? ops.tanh(ops.mul(x, 0.25)) : x
}

async function evaluate(graph: Graph, inputs: readonly NDArray[]): Promise<number[][]> {
  const executable = await testDevice.load(lower(graph, 'cpu'), graph.outputs)
  const outputs = await executable.run(inputs)
  await executable.dispose()
  return Promise.all(outputs.map((array) => array.numbers()))
}

const passes = {
  removeIdentities,
  mergeCommon,
  simplify: (g: Graph) => simplify(removeIdentities(g)),
  optimize,
}

describe('random graphs', () => {
  const inputs = [random([2, 3], { seed: 1, low: -1.5, high: 1.5 }), random([3], { seed: 2 })]

  it.each(Array.from({ length: 40 }, (_, i) => i + 1))(
    'compute the same after every pass: seed %i',
    async (seed) => {
      const types = inputs.map(({ shape, dtype }) => ({ shape, dtype }))
      const { graph } = trace(randomFunction(seed) as never, types)
      const expected = await evaluate(graph, inputs)
      for (const [name, pass] of Object.entries(passes)) {
        const found = await evaluate(pass(graph), inputs)
        found.forEach((values, i) => {
          const size = Math.max(1, ...expected[i]!.map(Math.abs))
          const wrong = values.findIndex((value, j) => {
            const target = expected[i]![j]!
            return !(Object.is(value, target) || Math.abs(value - target) <= 1e-5 * size)
          })
          expect(wrong, `${name}, result ${i}: ${values} instead of ${expected[i]}`).toBe(-1)
          expect(values).toHaveLength(expected[i]!.length)
        })
      }
    },
  )

  it('keep the types of their results', () => {
    const types = inputs.map(({ shape, dtype }) => ({ shape, dtype }))
    for (let seed = 100; seed < 300; seed++) {
      const { graph } = trace(randomFunction(seed) as never, types)
      const optimised = optimize(graph)
      expect(optimised.outputs.map(String)).toEqual(graph.outputs.map(String))
      expect(optimised.inputs).toEqual(graph.inputs)
    }
  })
})
