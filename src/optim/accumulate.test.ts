import { describe, expect, it } from 'vitest'
import {
  add,
  compile,
  div,
  matmul,
  maximum,
  mean,
  mul,
  NDArray,
  square,
  sub,
  sum,
  type Tensor,
  tanh,
  valueAndGrad,
} from '../tensor/index.js'
import { accumulateGradients } from './accumulate.js'
import { device } from './testing/trajectories.js'

type Params = {
  readonly w: Tensor
  readonly b: Tensor
}
type Batch = {
  readonly x: Tensor
  readonly y: Tensor
  readonly mask: Tensor
}

const f32 = (...shape: number[]) => ({ shape, dtype: 'f32' as const })
const wave = (count: number, speed: number) =>
  Array.from({ length: count }, (_, i) => Math.sin(speed * i * i))
const params = { w: NDArray.from(wave(6, 1), [3, 2]), b: NDArray.from([0.1, -0.2]) }
const errors = (p: Params, { x, y }: Batch) => mean(square(sub(tanh(add(matmul(x, p.w), p.b)), y)), -1)

/** Micro-batches [n, rows, ...] and the same as one batch. */
function data(n: number, rows: number) {
  const count = n * rows
  const x = wave(count * 3, 0.7)
  const y = wave(count * 2, 0.3)
  const mask = wave(count, 5).map((value) => Number(value > -0.3))
  const shaped = (...lead: number[]) => ({
    x: NDArray.from(x, [...lead, 3]),
    y: NDArray.from(y, [...lead, 2]),
    mask: NDArray.from(mask, lead),
  })
  return { micro: shaped(n, rows), whole: shaped(count) }
}

type Run = (
  p: typeof params,
  batch: object,
) => Promise<{ loss: NDArray; grads: typeof params; each?: { loss: NDArray } }>

async function compare(n: number, micro: unknown, whole: unknown) {
  const rows = 2
  const { micro: many, whole: one } = data(n, rows)
  const run = async (fn: unknown, batch: object) => {
    const f = await compile(fn as never, [params, batch], { device })
    const result = await (f as never as Run)(params, batch)
    await f.dispose()
    return result
  }
  const accumulated = await run(micro, many)
  const expected = await run(whole, one)
  expect(await accumulated.loss.item()).toBeCloseTo(await expected.loss.item(), 6)
  for (const name of ['w', 'b'] as const) {
    const values = await accumulated.grads[name].numbers()
    const wanted = await expected.grads[name].numbers()
    values.forEach((value, i) => {
      expect(value).toBeCloseTo(wanted[i]!, 6)
    })
  }
  return accumulated
}

const meanLoss = (p: Params, batch: Batch) => ({ loss: mean(errors(p, batch)), first: batch.x })
const wholeMean = (p: Params, batch: Batch) => {
  const [value, grads] = valueAndGrad(meanLoss)(p, batch)
  return { loss: value.loss, grads }
}

describe('accumulateGradients', () => {
  for (const n of [1, 4]) {
    it(`gives the loss and gradient of the whole batch from ${n} micro-batch${n > 1 ? 'es' : ''}`, async () => {
      const out = await compare(n, (p: Params, b: Batch) => accumulateGradients(meanLoss, p, b), wholeMean)
      expect(out.each!.loss.shape).toEqual([n])
      const losses = await out.each!.loss.numbers()
      expect(losses.reduce((a, b) => a + b) / n).toBeCloseTo(await out.loss.item(), 6)
    })
  }

  it('weighs micro-batches by what they count', async () => {
    const masked = (p: Params, batch: Batch) => ({
      loss: div(sum(mul(errors(p, batch), batch.mask)), maximum(sum(batch.mask), 1)),
    })
    await compare(
      4,
      (p: Params, b: Batch) => accumulateGradients(masked, p, b, sum(b.mask, 1)),
      (p: Params, b: Batch) => {
        const [value, grads] = valueAndGrad(masked)(p, b)
        return { loss: value.loss, grads }
      },
    )
  })

  it('says what does not fit', async () => {
    const build = (weights: object | undefined, shape: number[]) =>
      compile(
        ((p: Tensor, x: Tensor, w: Tensor) =>
          accumulateGradients(
            (q: Tensor, y: Tensor) => ({ loss: sum(mul(q, y)) }),
            p,
            x,
            weights && w,
          )) as never,
        [f32(2), f32(...shape), f32(3)],
        { device },
      )
    await expect(build({}, [4, 2])).rejects.toThrow(/the weights are f32\[3\]; they must be \[4\]/)
    await expect(build(undefined, [])).rejects.toThrow(/stacked along a first axis/)
  })
})
