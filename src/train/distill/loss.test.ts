import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { LanguageModel } from '../../infer/index.js'
import { gptConfig, initGpt } from '../../models/index.js'
import { Rng } from '../../rng.js'
import { add, compile, mul, NDArray, type Tensor, valueAndGrad } from '../../tensor/index.js'
import { gradcheck, testDevice } from '../../tensor/testing/gradcheck.js'
import { teacherDistributions } from './distill.js'
import { type LogitSource, linearDistillation } from './loss.js'

/** Written by fixtures/distillation.py, in double precision. */
const fixture = JSON.parse(
  readFileSync(new URL('../fixtures/distillation.json', import.meta.url), 'utf8'),
) as {
  shape: { N: number; C: number; D: number; V: number }
  hidden: number[]
  weight: number[]
  teacherHidden: number[]
  teacherWeight: number[]
  targets: number[]
  cases: {
    temperature: number
    labelWeight: number
    cap?: number
    teacherCap?: number
    kl: number
    crossEntropy: number
    loss: number
    hiddenGrad: number[]
    weightGrad: number[]
  }[]
}

const { N, C, D, V } = fixture.shape
const matrix = (values: number[], rows: number, columns: number) =>
  NDArray.from(values, [rows, columns], 'f64')
const inputs = [
  matrix(fixture.hidden, N, C),
  matrix(fixture.weight, V, C),
  matrix(fixture.teacherHidden, N, D),
  matrix(fixture.teacherWeight, V, D),
  NDArray.from(fixture.targets, [N], 'i32'),
]

describe('against PyTorch', () => {
  const cases = fixture.cases.flatMap((each) => [
    { ...each, rows: 100 },
    { ...each, rows: 3 },
  ])
  it.each(cases)(
    'temperature $temperature, label weight $labelWeight, cap $cap, $rows rows a chunk',
    async (wanted) => {
      const { temperature, labelWeight, cap, teacherCap, rows } = wanted
      const program = await compile(
        (xs: Tensor[]) => {
          const [hidden, weight, u, v, ids] = xs as [Tensor, Tensor, Tensor, Tensor, Tensor]
          const [{ loss, ...parts }, grads] = valueAndGrad((student: { hidden: Tensor; weight: Tensor }) => {
            const teacher: LogitSource = { hidden: u, weight: v, softCap: teacherCap }
            const { kl, crossEntropy } = linearDistillation({ ...student, softCap: cap }, teacher, ids, {
              temperature,
              rowsPerChunk: rows,
            })
            const loss = add(mul(kl, (1 - labelWeight) * temperature ** 2), mul(crossEntropy, labelWeight))
            return { loss, kl, crossEntropy }
          })({ hidden, weight })
          return { loss, ...parts, ...grads }
        },
        [inputs],
        { device: testDevice },
      )
      const result = await program(inputs)
      await program.dispose()
      const close = async (name: 'loss' | 'kl' | 'crossEntropy' | 'hidden' | 'weight', values: number[]) => {
        const actual = await result[name].numbers()
        expect(actual.length).toBe(values.length)
        for (const [i, value] of values.entries()) expect(actual[i], name).toBeCloseTo(value, 10)
      }
      await close('kl', [wanted.kl])
      await close('crossEntropy', [wanted.crossEntropy])
      await close('loss', [wanted.loss])
      await close('hidden', wanted.hiddenGrad)
      await close('weight', wanted.weightGrad)
    },
  )
})

it('refuses vocabularies of different sizes', async () => {
  const source = (rows: number) => ({ hidden: NDArray.zeros([1, 2]), weight: NDArray.zeros([rows, 2]) })
  const ids = NDArray.from([0], [1], 'i32')
  const build = compile(
    (s: { hidden: Tensor; weight: Tensor }, t: { hidden: Tensor; weight: Tensor }, x: Tensor) =>
      linearDistillation(s, t, x, { temperature: 1 }).kl,
    [source(3), source(4), ids],
    { device: testDevice },
  )
  await expect(build).rejects.toThrow(/must have as many rows/)
})

describe('a micro model', () => {
  const shape = {
    contextLength: 8,
    nLayer: 1,
    nHead: 2,
    nKvHead: 1,
    mlpWidth: 12,
    headDim: 4,
    positions: 'learned',
  } as const
  // The student's matrices are filled up to 13 rows, the teacher's to 12: the tokenizer knows 11.
  const student = gptConfig({ ...shape, vocabSize: 13, width: 8, logitSoftCap: 5 })
  const larger = gptConfig({ ...shape, vocabSize: 12, width: 12, nLayer: 2, tied: false })
  const teacher = new LanguageModel({
    config: larger,
    params: initGpt(larger, Rng.seed(5)),
    device: testDevice,
  })
  const rows = {
    ids: NDArray.from([1, 2, 3, 4, 5, 6, 1, 2, 9, 8, 0, 0], [2, 6], 'i32'),
    targets: NDArray.from([-100, 3, 4, -100, 6, 1, 2, 9, 8, -100, -100, -100], [2, 6], 'i32'),
    positions: NDArray.from([0, 1, 2, 0, 1, 2, 0, 1, 2, 3, 4, 5], [2, 6], 'i32'),
    documents: NDArray.from([0, 0, 0, 1, 1, 1, 0, 0, 0, 0, -1, -1], [2, 6], 'i32'),
  }

  it('has the gradient of finite differences', async () => {
    const objective = teacherDistributions(teacher, 11, { temperature: 2, labelWeight: 0.3 })
    const params = initGpt(student, Rng.seed(6))
    const names = Object.keys(params)
    const frozenNames = Object.keys(teacher.params)
    await gradcheck(
      (...xs) => {
        const own = Object.fromEntries(names.map((name, i) => [name, xs[i]!]))
        const frozen = Object.fromEntries(frozenNames.map((name, i) => [name, xs[names.length + i]!]))
        const [ids, targets, positions, documents] = xs.slice(-4) as [Tensor, Tensor, Tensor, Tensor]
        return objective.loss(student, own, { ids, targets, positions, documents }, { frozen }).loss
      },
      [...Object.values(params), ...Object.values(teacher.params), ...Object.values(rows)],
      { elements: 4, fixed: frozenNames.map((_, i) => names.length + i) },
    )
  })

  it('has no KL to itself', async () => {
    const own = new LanguageModel({
      config: student,
      params: initGpt(student, Rng.seed(6)),
      device: testDevice,
    })
    const objective = teacherDistributions(own, 11, { temperature: 3, labelWeight: 0 })
    const program = await compile(
      (params: Record<string, Tensor>, batch: Record<keyof typeof rows, Tensor>) =>
        objective.loss(student, params, batch, { frozen: params }).metrics!.kl!,
      [own.params, rows],
      { device: testDevice },
    )
    const kl = await program(own.params, rows)
    expect(await kl.item()).toBeCloseTo(0, 6)
    await program.dispose()
  })
})
