import { readFileSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Rng } from '../rng.js'
import { compile, constant, NDArray, type Tensor, valueAndGrad } from '../tensor/index.js'
import { answerGroups, createGroupLearner, grpo } from './grpo.js'
import { groupAdvantages, grpoLoss, tokenWeights } from './grpo-loss.js'
import { type GrpoRecipeInput, grpoSchema } from './grpo-recipe.js'
import { copyWeights } from './ppo/learner.js'
import { policyEvaluator } from './ppo/policy.js'
import { gatherEpisodes } from './ppo/rollout.js'
import { device, distance, normalized, promptOf, tinyModel } from './ppo/testing/bandit.js'
import { type ModelFolders, writeModels } from './ppo/testing/models.js'
import { recipeOptimizer } from './recipe.js'

const reference = JSON.parse(
  readFileSync(new URL('ppo/fixtures/reference.json', import.meta.url), 'utf8'),
) as Record<string, number[]> & {
  width: number
  groups: { size: number; scores: number[]; advantages: number[]; centred: number[] }
  grpo: Record<'advantages' | 'ref', number[]> &
    Record<'beta' | 'low' | 'high', number> &
    Record<'sequence' | 'token' | 'constant', { loss: number; grad: number[] }>
}
const far = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Math.max(...Array.from(a, (value, i) => Math.abs(value - b[i]!)))

describe('groupAdvantages', () => {
  it('compares answers with their group as PyTorch does, scaled or not', () => {
    const { size, scores, advantages, centred } = reference.groups
    expect(far(groupAdvantages(Float32Array.from(scores), size, 'scaled'), advantages)).toBeLessThan(1e-5)
    expect(far(groupAdvantages(Float32Array.from(scores), size, 'centred'), centred)).toBeLessThan(1e-6)
  })

  it('finds nothing to learn in a group of equal scores', () => {
    for (const kind of ['scaled', 'centred'] as const)
      expect([...groupAdvantages(Float32Array.of(0.3, 0.3, 0.3), 3, kind)].map(Math.abs)).toEqual([0, 0, 0])
  })
})

describe('grpoLoss', () => {
  const lengths = reference.lengths!
  const { width: R } = reference
  const N = lengths.length
  const grid = (values: ArrayLike<number>) => constant(Float32Array.from(values), { shape: [N, R] })
  const valid = (at: number) => at % R < lengths[Math.floor(at / R)]!

  it.each(['sequence', 'token', 'constant'] as const)('agrees with PyTorch: mean over %s', async (kind) => {
    const { advantages, ref, beta, low, high } = reference.grpo
    const expected = reference.grpo[kind]
    const packed = tokenWeights(lengths, N * R, kind, R)
    let next = 0
    const weights = Array.from({ length: N * R }, (_, at) => (valid(at) ? packed[next++]! : 0))
    const spoiled = (values: number[]) => values.map((value, at) => (valid(at) ? value : 1e6))
    const program = await compile(
      (x: Tensor) =>
        valueAndGrad(
          (logProbs: Tensor) =>
            grpoLoss({
              logProbs,
              oldLogProbs: grid(spoiled(reference.old!)),
              referenceLogProbs: grid(spoiled(ref)),
              advantages: grid(Array.from({ length: N * R }, (_, at) => advantages[Math.floor(at / R)]!)),
              mask: grid(Array.from({ length: N * R }, (_, at) => Number(valid(at)))),
              weights: grid(weights),
              clipLow: low,
              clipHigh: high,
              beta,
              klEstimator: 'k3',
            }).loss,
        )(x),
      [{ shape: [N, R], dtype: 'f32' }],
      { device },
    )
    const [loss, grad] = (await program(NDArray.from(reference.new!, [N, R]))) as unknown as NDArray[]
    expect(await loss!.item()).toBeCloseTo(expected.loss, 5)
    expect(far(grad!.data as Float32Array, expected.grad)).toBeLessThan(1e-6)
    await program.dispose()
  })
})

describe('GRPO on a bandit', () => {
  const V = 6
  const prompts = [promptOf(1, 2), promptOf(3, 4, 5, 1)]
  const rewardOf = (ids: readonly number[], token: number) => Math.sin(token * (ids.length + 1) + 0.5)
  const beta = 0.5

  /** The distributions that it ends with, beside those it started from. */
  async function learn(overrides: GrpoRecipeInput) {
    const recipe = grpoSchema.parse({
      maxTokens: 1,
      promptsPerStep: 16,
      groupSize: 16,
      minibatchSize: 64,
      epochs: 2,
      learningRate: 5e-3,
      advantages: 'centred',
      klCoefficient: beta,
      ...overrides,
    })
    const { config, params, policy } = tinyModel(V)
    const optimizer = recipeOptimizer(recipe)
    const logProbsOf = policyEvaluator(config, device, recipe.minibatchSize, {
      temperature: 1,
      vocabulary: V,
    })
    const learner = createGroupLearner({ recipe, config, vocabulary: V, optimizer, device })
    const own = copyWeights(params)
    let actor = { params: own, optimizer: optimizer.init(own) } as Parameters<typeof learner.learn>[0]
    let updates = 0
    const steps = 80
    for (let step = 0; step < steps; step++) {
      const round = await answerGroups(
        {
          recipe,
          policy,
          reference: params,
          logProbsOf,
          score: async (asked, answers) =>
            Float32Array.from(answers, ({ tokens }, i) => rewardOf(asked[i]!.ids, tokens[0]!)),
        },
        { actor: actor.params, prompts: Array.from({ length: 16 }, (_, i) => prompts[i % 2]!), seed: step },
      )
      const lr = recipe.learningRate * (1 - step / steps)
      ;({ actor, updates } = await learner.learn(actor, round, { lr, updates, rng: Rng.seed(1).fork(step) }))
    }
    const distributions = (weights: typeof params) =>
      Promise.all(
        prompts.map(async (prompt) => {
          const answers = Array.from({ length: V }, (_, token) => ({ tokens: [token] }))
          const episodes = gatherEpisodes(
            answers.map(() => prompt),
            answers,
            config.contextLength,
          )
          const { logProbs } = await logProbsOf(weights, episodes)
          return answers.map((_, i) => Math.exp(logProbs[i * episodes.width]!))
        }),
      )
    return { learnt: await distributions(actor.params), start: await distributions(params) }
  }

  it('with the k2 term learns the reference times exp(reward / beta)', async () => {
    const { learnt, start } = await learn({ klEstimator: 'k2' })
    for (const [i, prompt] of prompts.entries()) {
      const best = normalized(start[i]!.map((p, token) => p * Math.exp(rewardOf(prompt.ids, token) / beta)))
      expect(distance(start[i]!, best)).toBeGreaterThan(0.2)
      expect(distance(learnt[i]!, best)).toBeLessThan(0.05)
    }
  })

  it('with the k3 term, as published, learns beta reference / (a constant - reward)', async () => {
    const { learnt, start } = await learn({ klEstimator: 'k3' })
    for (const [i, prompt] of prompts.entries()) {
      const weights = (limit: number) =>
        start[i]!.map((p, token) => (beta * p) / (limit - rewardOf(prompt.ids, token)))
      let [low, high] = [Math.max(...start[i]!.map((_, token) => rewardOf(prompt.ids, token))) + 1e-9, 10]
      for (let round = 0; round < 100; round++) {
        const middle = (low + high) / 2
        if (weights(middle).reduce((a, b) => a + b, 0) > 1) low = middle
        else high = middle
      }
      expect(distance(learnt[i]!, normalized(weights(low)))).toBeLessThan(0.05)
    }
  })
})

describe('grpo', () => {
  let dir: string
  let models: ModelFolders
  let data: string
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'athanor-grpo-'))
    models = await writeModels(dir)
    data = join(dir, 'prompts.jsonl')
    const prompts = ['a?', 'what is b?', 'c d e'].map((content, i) => ({
      messages: [{ role: 'user', content }],
      check: { answer: 'abc'[i] },
    }))
    await writeFile(data, prompts.map((each) => `${JSON.stringify(each)}\n`).join(''))
  })
  afterAll(() => rm(dir, { recursive: true, force: true }))
  const settings: GrpoRecipeInput = {
    steps: 4,
    promptsPerStep: 2,
    groupSize: 4,
    minibatchSize: 4,
    maxTokens: 5,
    learningRate: 1e-3,
    checkpointEvery: 2,
  }

  it('goes on bit for bit where it was stopped', async () => {
    const common = { model: models.model, data: [data], rewards: ['length=1', '0.5*contains'], threads: 1 }
    await grpo({ ...common, out: join(dir, 'whole'), overrides: settings })
    const stop = new AbortController()
    await grpo({
      ...common,
      out: join(dir, 'parts'),
      overrides: settings,
      signal: stop.signal,
      onRollout: ({ step }) => {
        if (step === 1) stop.abort()
      },
    })
    const rest = await grpo({ out: join(dir, 'parts'), resume: 'must', threads: 1 })
    expect(rest).toMatchObject({ step: 4, finished: true, episodes: 32 })
    for (const name of ['model', 'optimizer']) {
      const which = `checkpoints/step-000004/${name}.safetensors`
      const [a, b] = await Promise.all(['whole', 'parts'].map((run) => readFile(join(dir, run, which))))
      expect(a!.equals(b!), name).toBe(true)
    }
  })

  it('takes a reward model as well', async () => {
    const result = await grpo({
      ...models,
      data: [data],
      out: join(dir, 'model'),
      threads: 1,
      overrides: { ...settings, steps: 2 },
    })
    expect(result.metrics).toHaveProperty(['objective/scores'])
  })

  it('wants one source of scores, and batches that divide', async () => {
    const common = { model: models.model, data: [data], threads: 1 }
    await expect(grpo({ ...common, out: join(dir, 'bad1'), overrides: settings })).rejects.toThrow(
      /one source of scores.*got 0/,
    )
    await expect(
      grpo({ ...common, ...models, rewards: ['exact'], out: join(dir, 'bad2'), overrides: settings }),
    ).rejects.toThrow(/got 2/)
    await expect(
      grpo({ ...common, rewards: ['exactly'], out: join(dir, 'bad3'), overrides: settings }),
    ).rejects.toThrow(/no reward "exactly"; there are exact/)
    await expect(
      grpo({
        ...common,
        rewards: ['exact'],
        out: join(dir, 'bad4'),
        overrides: { ...settings, minibatchSize: 3 },
      }),
    ).rejects.toThrow(/does not divide/)
  })
})
