import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import {
  gptConfig,
  gptHidden,
  gptLogits,
  gptLogProbs,
  gptScores,
  initGpt,
  initRewardModel,
} from '../models/index.js'
import { Rng } from '../rng.js'
import {
  compile,
  crossEntropy,
  full,
  NDArray,
  neg,
  slice,
  split,
  sum,
  type Tensor,
  valueAndGrad,
} from '../tensor/index.js'
import { gradcheck, testDevice } from '../tensor/testing/gradcheck.js'
import { comparisonLosses, type DpoLossType, dpoLosses } from './preference-loss.js'

interface Recorded {
  readonly losses: readonly number[]
  readonly grads: readonly (readonly number[])[]
}

/** Written by fixtures/preference_loss.py, in double precision. */
const fixture = JSON.parse(
  readFileSync(new URL('./fixtures/preference-loss.json', import.meta.url), 'utf8'),
) as {
  better: number[]
  worse: number[]
  margin: number[]
  target: number[]
  comparison: (Recorded & { flip: number })[]
  policy: [number[], number[]]
  reference: [number[], number[]]
  counts: [number[], number[]]
  dpo: (Recorded & { type: DpoLossType; beta: number; labelSmoothing: number })[]
}

const vector = (values: readonly number[]) => NDArray.from(values, [values.length], 'f64')

/** The losses of two vectors, and the gradient of their sum. */
async function evaluate(losses: (a: Tensor, b: Tensor, rest: Tensor[]) => Tensor, args: NDArray[]) {
  const program = await compile(
    (inputs: Tensor[]) => {
      const [a, b, ...rest] = inputs as [Tensor, Tensor]
      const [, grads] = valueAndGrad((ab: { a: Tensor; b: Tensor }) => sum(losses(ab.a, ab.b, rest)))({
        a,
        b,
      })
      return { losses: losses(a, b, rest), ...grads }
    },
    [args],
    { device: testDevice },
  )
  const { losses: values, a, b } = await program(args)
  await program.dispose()
  return { losses: await values.numbers(), grads: [await a.numbers(), await b.numbers()] }
}

function expectClose(actual: Recorded, { losses, grads }: Recorded): void {
  const flat = (r: Recorded) => [...r.losses, ...r.grads.flat()]
  const expected = flat({ losses, grads })
  for (const [i, value] of flat(actual).entries()) expect(value).toBeCloseTo(expected[i]!, 10)
}

describe('against PyTorch', () => {
  it.each(fixture.comparison)('the loss of comparisons, with flip $flip', async ({ flip, ...expected }) => {
    const { better, worse, margin, target } = fixture
    const result = await evaluate(
      (a, b, [m, t]) => comparisonLosses(a, b, m!, t!, { flip }),
      [better, worse, margin, target].map(vector),
    )
    expectClose(result, expected)
  })

  it.each(fixture.dpo)('DPO: $type, beta $beta, label smoothing $labelSmoothing', async (wanted) => {
    const { type, beta, labelSmoothing, ...expected } = wanted
    const result = await evaluate(
      (chosen, rejected, [rc, rr, cc, cr]) =>
        dpoLosses(
          { chosen, rejected },
          { chosen: rc!, rejected: rr! },
          { chosen: cc!, rejected: cr! },
          { type, beta, labelSmoothing },
        ),
      [...fixture.policy, ...fixture.reference, ...fixture.counts].map(vector),
    )
    expectClose(result, expected)
  })
})

const config = gptConfig({
  vocabSize: 11,
  contextLength: 8,
  nLayer: 1,
  nHead: 2,
  nKvHead: 1,
  width: 8,
  headDim: 4,
  mlpWidth: 12,
  positions: 'learned',
  norm: 'rmsNorm',
  activation: 'silu',
  gated: true,
  logitSoftCap: 5,
})
/** Token ids [2, 6] and their lengths. */
const batch = [
  NDArray.from([1, 2, 3, 4, 5, 6, 1, 2, 9, 8, 0, 0], [2, 6], 'i32'),
  NDArray.from([6, 4], [2], 'i32'),
]
const ids = (inputs: readonly Tensor[]) => inputs.at(-2)!
const lengths = (inputs: readonly Tensor[]) => inputs.at(-1)!

describe('the gradient of a whole micro model', () => {
  it('is that of finite differences for the reward loss', async () => {
    const model = initRewardModel(config, initGpt(config, Rng.seed(1)), Rng.seed(2))
    const names = Object.keys(model.params)
    await gradcheck(
      (...xs) => {
        const params = Object.fromEntries(names.map((name, i) => [name, xs[i]!]))
        const scores = gptScores(model.config, params, ids(xs), lengths(xs))
        const [better, worse] = split(scores, 2)
        const margin = full([1], 0.25, scores.dtype)
        return comparisonLosses(better!, worse!, margin, full([1], 0.9, scores.dtype), { flip: 0.05 })
      },
      [...Object.values(model.params), ...batch],
      { elements: 6 },
    )
  })

  it('is that of finite differences for DPO', async () => {
    const params = initGpt(config, Rng.seed(3))
    const names = Object.keys(params)
    await gradcheck(
      (...xs) => {
        const own = Object.fromEntries(names.map((name, i) => [name, xs[i]!]))
        const logProbs = gptLogProbs(config, own, ids(xs), { rowsPerChunk: 3, temperature: 0.7 })
        const [chosen, rejected] = split(sum(logProbs, 1), 2)
        const constant = (value: number) => full([1], value, logProbs.dtype)
        return dpoLosses(
          { chosen: chosen!, rejected: rejected! },
          { chosen: constant(-11), rejected: constant(-12) },
          { chosen: constant(5), rejected: constant(5) },
          { type: 'sigmoid', beta: 0.5, labelSmoothing: 0.1 },
        )
      },
      [...Object.values(params), ...batch],
      { elements: 6 },
    )
  })
})

describe('log-probabilities', () => {
  it('are those of the whole vocabulary, whatever the chunks', async () => {
    const params = initGpt(config, Rng.seed(3))
    const program = await compile(
      (p: Record<string, Tensor>, x: Tensor) => ({
        whole: neg(
          crossEntropy(
            slice(gptLogits(config, p, gptHidden(config, p, x)), [undefined, [0, 5]]),
            slice(x, [undefined, [1, 6]]),
            { reduction: 'none' },
          ),
        ),
        chunked: gptLogProbs(config, p, x, { rowsPerChunk: 4 }),
      }),
      [params, batch[0]!],
      { device: testDevice },
    )
    const { whole, chunked } = await program(params, batch[0]!)
    await program.dispose()
    expect(chunked.shape).toEqual([2, 5])
    const expected = await whole.numbers()
    for (const [i, value] of (await chunked.numbers()).entries()) expect(value).toBeCloseTo(expected[i]!, 5)
  })
})
