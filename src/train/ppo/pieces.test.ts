import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { nodeDevice } from '../../tensor/device/node.js'
import { compile, mul, NDArray, sum, type Tensor, valueAndGrad } from '../../tensor/index.js'
import { answerSums, gae, tokenKl, tokenMoments, tokenRewards, whiten } from './advantages.js'
import { adaptiveKl, fixedKl } from './kl-controller.js'
import { maskedMean, policyLoss, tokenLogProbs, valueLoss } from './losses.js'

interface Losses {
  readonly loss: number
  readonly clipfrac: number
  readonly grad: number[]
}

interface Reference {
  readonly [name: string]: unknown
  readonly lengths: number[]
  readonly width: number
  readonly controller: [number, number, number][]
}

const reference = JSON.parse(
  readFileSync(new URL('fixtures/reference.json', import.meta.url), 'utf8'),
) as Reference
const device = nodeDevice('cpu', { threads: 1 })
const { lengths, width } = reference
const shape = { lengths, width }
const row = (name: string) => Float32Array.from(reference[name] as number[])
const array = (values: ArrayLike<number>) => NDArray.from(Float32Array.from(values), [lengths.length, width])
const mask = array(lengths.flatMap((n) => Array.from({ length: width }, (_, t) => Number(t < n))))
const far = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Math.max(...Array.from(a, (value, i) => Math.abs(value - b[i]!)))
/** What stands in the padding must not matter. */
const spoiled = (values: Float32Array) =>
  values.map((value, at) => (at % width < lengths[Math.floor(at / width)]! ? value : 1e6 * (at + 1)))

describe('rewards and advantages agree with PyTorch', () => {
  it.each(['k1', 'k2', 'k3'] as const)('rewards with the KL estimate %s', (kind) => {
    const kl = tokenKl(spoiled(row('logp')), spoiled(row('ref')), shape, kind)
    const rewards = tokenRewards(row('scores'), kl, reference.beta as number, shape)
    expect(far(rewards, row(`rewards-${kind}`))).toBeLessThan(1e-5)
  })

  it.each(['gae', 'gae-discounted', 'gae-monte-carlo'])('%s', (name) => {
    const expected = reference[name] as {
      gamma: number
      lambda: number
      advantages: number[]
      returns: number[]
    }
    const { advantages, returns } = gae(spoiled(row('reward')), spoiled(row('value')), shape, expected)
    expect(far(advantages, expected.advantages)).toBeLessThan(1e-5)
    expect(far(returns, expected.returns)).toBeLessThan(1e-5)
  })

  it('whitening, with the mean removed and kept', () => {
    const x = spoiled(row('reward'))
    expect(far(whiten(x, shape), row('whiten'))).toBeLessThan(1e-5)
    expect(far(whiten(x, shape, { keepMean: true }), row('whiten-keep-mean'))).toBeLessThan(1e-5)
  })
})

describe('rewards and advantages at the edges', () => {
  it('puts the score on the last valid token of each answer and nowhere else', () => {
    const none = new Float32Array(lengths.length * width)
    const rewards = tokenRewards(
      Float32Array.from(lengths, (_, i) => i + 1),
      none,
      0.1,
      shape,
    )
    lengths.forEach((n, i) => {
      const own = [...rewards.subarray(i * width, (i + 1) * width)]
      expect(own).toEqual(own.map((_, t) => (t === n - 1 ? i + 1 : 0)))
    })
  })

  it('takes the score of the answer itself as the advantage where nothing is discounted and nothing expected', () => {
    const rewards = tokenRewards([3], new Float32Array(4), 0.1, { lengths: [3], width: 4 })
    const { advantages } = gae(rewards, new Float32Array(4), { lengths: [3], width: 4 }, { lambda: 1 })
    expect([...advantages]).toEqual([3, 3, 3, 0])
  })

  it('makes nothing of equal values, of one token and of none', () => {
    for (const lengths of [
      [2, 3],
      [1, 0],
      [0, 0],
    ]) {
      const x = new Float32Array(6).fill(5)
      expect([...whiten(x, { lengths, width: 3 })]).toEqual(new Array(6).fill(0))
    }
    expect(tokenMoments(new Float32Array(3), { lengths: [0], width: 3 })).toEqual({
      count: 0,
      mean: 0,
      variance: 0,
    })
  })

  it('sums per answer without padding', () => {
    expect([...answerSums(Float32Array.of(1, 2, 99, 4, 99, 99), { lengths: [2, 1], width: 3 })]).toEqual([
      3, 4,
    ])
  })

  it('computes returns from the advantages before they are whitened', () => {
    const { advantages, returns } = gae(row('reward'), row('value'), shape)
    const value = row('value')
    lengths.forEach((n, i) => {
      for (let t = 0; t < n; t++) {
        const at = i * width + t
        expect(returns[at]).toBeCloseTo(advantages[at]! + value[at]!, 5)
      }
    })
  })
})

async function gradientOf(loss: (x: Tensor) => { loss: Tensor } & Record<string, Tensor>, x: NDArray) {
  const program = await compile(
    (input: Tensor) => {
      const [value, grad] = valueAndGrad((p: Tensor) => {
        const { loss: first, ...rest } = loss(p)
        return { loss: first, metrics: rest }
      })(input)
      return { ...value, grad }
    },
    [x],
    { device },
  )
  const result = await program(x)
  const metrics: Record<string, number> = {}
  for (const [name, value] of Object.entries(result.metrics))
    metrics[name] = await (value as unknown as NDArray).item()
  await program.dispose()
  return {
    loss: await (result.loss as unknown as NDArray).item(),
    grad: (result.grad as unknown as NDArray).data as Float32Array,
    metrics,
  }
}

describe('losses agree with PyTorch', () => {
  it.each(['policy', 'policy-clip-higher'])('%s', async (name) => {
    const expected = reference[name] as Losses & {
      low: number
      high: number
      approxkl: number
      ratio: number
    }
    const { constant } = await import('../../tensor/index.js')
    const fixed = (values: NDArray) => constant(values.data, { shape: values.shape })
    const got = await gradientOf(
      (logProbs) =>
        policyLoss({
          logProbs,
          oldLogProbs: fixed(array(spoiled(row('old')))),
          advantages: fixed(array(row('advantages'))),
          mask: fixed(mask),
          clipLow: expected.low,
          clipHigh: expected.high,
        }),
      array(row('new')),
    )
    expect(got.loss).toBeCloseTo(expected.loss, 5)
    expect(got.metrics.clipFraction).toBeCloseTo(expected.clipfrac, 5)
    expect(got.metrics.approxKl).toBeCloseTo(expected.approxkl, 5)
    expect(got.metrics.ratio).toBeCloseTo(expected.ratio, 5)
    expect(far(got.grad, expected.grad)).toBeLessThan(1e-6)
  })

  it('the value loss', async () => {
    const expected = reference['value-loss'] as Losses & Record<'returns' | 'before' | 'after', number[]>
    const { constant } = await import('../../tensor/index.js')
    const fixed = (values: NDArray) => constant(values.data, { shape: values.shape })
    const got = await gradientOf(
      (values) =>
        valueLoss({
          values,
          oldValues: fixed(array(expected.before)),
          returns: fixed(array(expected.returns)),
          mask: fixed(mask),
          clipRange: 0.2,
        }),
      array(expected.after),
    )
    expect(got.loss).toBeCloseTo(expected.loss, 5)
    expect(got.metrics.clipFraction).toBeCloseTo(expected.clipfrac, 5)
    expect(far(got.grad, expected.grad)).toBeLessThan(1e-6)
  })

  it('log-probabilities and entropy at a temperature', async () => {
    const expected = reference['token-log-probs'] as Record<string, number[]> & { temperature: number }
    const program = await compile(
      (logits: Tensor, targets: Tensor, weights: Tensor) => {
        const [value, grad] = valueAndGrad((x: Tensor) => {
          const { logProbs, entropy } = tokenLogProbs(x, targets, expected.temperature)
          return { loss: sum(mul(logProbs, weights)), logProbs, entropy }
        })(logits)
        return { ...value, grad }
      },
      [
        { shape: [4, 6], dtype: 'f32' },
        { shape: [4], dtype: 'i32' },
        { shape: [4], dtype: 'f32' },
      ],
      { device },
    )
    const result = (await program(
      NDArray.from(expected.logits!, [4, 6]),
      NDArray.from(expected.targets!, [4], 'i32'),
      NDArray.from(expected.weights!),
    )) as unknown as Record<string, NDArray>
    expect(far(result.logProbs!.data as Float32Array, expected.logp!)).toBeLessThan(1e-5)
    expect(far(result.entropy!.data as Float32Array, expected.entropy!)).toBeLessThan(1e-5)
    expect(far(result.grad!.data as Float32Array, expected.grad!)).toBeLessThan(1e-5)
    await program.dispose()
  })

  it('is 0 over no tokens', async () => {
    const program = await compile(
      (x: Tensor, m: Tensor) => maskedMean(x, m),
      [
        { shape: [2], dtype: 'f32' },
        { shape: [2], dtype: 'f32' },
      ],
      { device },
    )
    expect(await (await program(NDArray.from([3, 4]), NDArray.from([0, 0]))).item()).toBe(0)
    await program.dispose()
  })
})

describe('the weight of the KL penalty', () => {
  it('follows the proportional controller of Ziegler et al.', () => {
    const controller = adaptiveKl(0.15, { target: 6, horizon: 10_000 })
    for (const [kl, episodes, expected] of reference.controller) {
      controller.update(kl, episodes)
      expect(controller.coefficient).toBeCloseTo(expected, 12)
    }
  })

  it('stays where it is fixed', () => {
    const controller = fixedKl(0.02)
    controller.update(100, 512)
    expect(controller.coefficient).toBe(0.02)
  })
})
