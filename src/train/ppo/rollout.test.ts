/** What goes wrong silently in RLHF: shifts by one, padding that counts, a reference that moves. */
import { afterAll, describe, expect, it } from 'vitest'
import { generateBatch, LanguageModel } from '../../infer/index.js'
import { Rng } from '../../rng.js'
import type { NDArray } from '../../tensor/index.js'
import { recipeOptimizer } from '../recipe.js'
import { collect, type Experience } from './experience.js'
import { copyWeights, createLearner } from './learner.js'
import { policyEvaluator, valueEvaluator } from './policy.js'
import { promptsOf } from './prompts.js'
import { type PpoRecipeInput, ppoSchema } from './recipe.js'
import { gatherEpisodes, packEpisodes, sampleAnswers } from './rollout.js'
import { finalScores, functionScorer } from './scoring.js'
import { device, promptOf, tinyCritic, tinyModel } from './testing/bandit.js'

const V = 9
const EOS = 7
const { config, params } = tinyModel(V)
const policy = new LanguageModel({ config, params, device, eosIds: [EOS] })
const prompts = [promptOf(1, 2, 3), promptOf(4), promptOf(5, 6, 8, 0, 1, 2), promptOf(2, 2)]
const many = Array.from({ length: 24 }, (_, i) => prompts[i % prompts.length]!)
const drawing = { maxTokens: 6, temperature: 0.7, rows: 5, seed: 4 }
const evaluator = policyEvaluator(config, device, 8, { temperature: 0.7, vocabulary: V })
const critic = tinyCritic(config, params)
Rng.seed(2).fillNormal(critic.params['score.weight']!.data as Float32Array)
const values = valueEvaluator(critic.config, device, 8)
afterAll(() => Promise.all([policy, evaluator, values].map((each) => each.dispose())))

describe('episodes packed into rows', () => {
  it('hold each answer with its end token, predicted from the position before it', async () => {
    const answers = await sampleAnswers(policy, many, drawing)
    const episodes = gatherEpisodes(many, answers, config.contextLength)
    expect(answers.some(({ ended }) => ended) && answers.some(({ ended }) => !ended)).toBe(true)
    const chosen = [5, 0, 17, 11, 2, 3]
    const { batch, source } = packEpisodes(episodes, chosen)
    const [ids, positions, documents, at, targets, mask] = (
      ['ids', 'positions', 'documents', 'at', 'targets', 'mask'] as const
    ).map((name) => batch[name].data as Int32Array) as [Int32Array, ...Int32Array[]]
    let k = 0
    for (const [place, i] of chosen.entries()) {
      const { tokens, ended } = answers[i]!
      const prompt = many[i]!.ids
      expect(tokens.includes(EOS)).toBe(ended)
      if (ended) expect(tokens.indexOf(EOS)).toBe(tokens.length - 1)
      for (const [t, token] of tokens.entries()) {
        const position = at![k]!
        expect(targets![k]).toBe(token)
        expect(mask![k]).toBe(1)
        expect(source[k++]).toBe(i * episodes.width + t)
        const seen = [...ids.keys()].filter(
          (other) =>
            Math.floor(other / episodes.T) === Math.floor(position / episodes.T) &&
            other <= position &&
            documents![other] === documents![position],
        )
        expect(documents![position]).toBe(place)
        expect(seen.map((other) => ids[other])).toEqual([...prompt, ...tokens].slice(0, prompt.length + t))
        expect(seen.map((other) => positions![other])).toEqual([...seen.keys()])
      }
    }
    expect(source).toHaveLength(k)
    expect([...mask!.subarray(k)].every((value) => value === 0)).toBe(true)
  })

  it('fill the context exactly: the last token is never read', () => {
    const episodes = gatherEpisodes([promptOf(...new Array(12).fill(1))], [{ tokens: [1, 2, 3, 4, 5] }], 16)
    expect(episodes.T).toBe(16)
    const { batch } = packEpisodes(episodes, [0])
    expect((batch.at.data as Int32Array)[4]).toBe(15)
  })

  it('allow answers of no tokens', () => {
    const episodes = gatherEpisodes([promptOf(1), promptOf(2)], [{ tokens: [] }, { tokens: [3] }], 16)
    expect([...episodes.lengths]).toEqual([0, 1])
    const { batch, source } = packEpisodes(episodes, [0, 1])
    expect((batch.mask.data as Float32Array).reduce((a, b) => a + b, 0)).toBe(1)
    expect([...source]).toEqual([1])
  })
})

describe('log-probabilities of a rollout', () => {
  it('are those that the tokens were drawn with', async () => {
    const generations = await generateBatch(
      policy,
      many.map(({ ids }) => ids),
      { ...drawing, batch: 5, logProbabilities: 'sampling' },
    )
    const episodes = gatherEpisodes(many, generations, config.contextLength)
    const { logProbs } = await evaluator(params, episodes)
    generations.forEach(({ logProbabilities }, i) => {
      logProbabilities!.forEach((value, t) => {
        expect(logProbs[i * episodes.width + t]).toBeCloseTo(value, 4)
      })
    })
  })

  it('sum to one over the tokens that can be drawn, and no others', async () => {
    const half = policyEvaluator(config, device, 5, { temperature: 0.7, vocabulary: 5 })
    const answers = Array.from({ length: 5 }, (_, token) => ({ tokens: [token] }))
    const episodes = gatherEpisodes(
      answers.map(() => promptOf(1, 2)),
      answers,
      16,
    )
    const { logProbs, entropy } = await half(params, episodes)
    const probabilities = answers.map((_, i) => Math.exp(logProbs[i * episodes.width]!))
    expect(probabilities.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 5)
    const expected = probabilities.reduce((sum, p) => sum - p * Math.log(p), 0)
    expect(entropy[0]).toBeCloseTo(expected, 5)
    await half.dispose()
  })

  it('and values are those of each answer alone: no neighbour is seen, nor what fills a row up', async () => {
    const answers = await sampleAnswers(policy, many, drawing)
    const episodes = gatherEpisodes(many, answers, config.contextLength)
    expect(packEpisodes(episodes, [0, 1, 2, 3, 4, 5, 6, 7]).batch.ids.shape[0]!).toBeLessThan(8)
    const together = [(await evaluator(params, episodes)).logProbs, await values(critic.params, episodes)]
    for (const [i, answer] of answers.entries()) {
      const alone = gatherEpisodes([many[i]!], [answer], config.contextLength)
      const apart = [(await evaluator(params, alone)).logProbs, await values(critic.params, alone)]
      for (const [which, numbers] of apart.entries()) {
        for (let t = 0; t < answer.tokens.length; t++)
          expect(together[which]![i * episodes.width + t]).toBeCloseTo(numbers[t]!, 5)
      }
    }
  })
})

describe('a step of PPO', () => {
  const base: PpoRecipeInput = {
    ...{ maxTokens: 6, temperature: 0.7, rows: 8 },
    batchSize: 24,
    minibatchSize: 8,
    learningRate: 1e-2,
  }
  function setUp(overrides: PpoRecipeInput = {}) {
    const recipe = ppoSchema.parse({ ...base, ...overrides })
    const optimizer = recipeOptimizer(recipe)
    const stateOf = (weights: typeof critic.params) => {
      const own = copyWeights(weights)
      return { params: own, optimizer: optimizer.init(own) }
    }
    const state = {
      actor: stateOf(params),
      critic: stateOf(critic.params),
      actorUpdates: 0,
      criticUpdates: 0,
    }
    const learner = createLearner({
      recipe,
      actor: config,
      critic: critic.config,
      vocabulary: V,
      optimizer,
      device,
    })
    const round = (score: (answer: number) => number) =>
      collect(
        {
          recipe,
          policy,
          reference: params,
          logProbsOf: evaluator,
          valuesOf: values,
          score: async (_, answers) => Float32Array.from(answers, (__, i) => score(i)),
        },
        { actor: state.actor.params, critic: state.critic.params, prompts: many, beta: 0.1, seed: 3 },
      )
    const learn = (experience: Experience) =>
      learner.learn(state, experience, { actorRate: 1e-2, criticRate: 1e-2, both: true, rng: Rng.seed(1) })
    return { state, round, learn, dispose: learner.dispose }
  }
  const bytes = (weights: Readonly<Record<string, NDArray>>) =>
    Object.values(weights).map(({ data }) => [...(data as Float32Array)])

  it('begins with a ratio of 1 and no clipping', async () => {
    const { round, learn, dispose } = setUp({ minibatchSize: 24 })
    const { metrics } = await learn(await round((i) => i % 3))
    expect(metrics['policy/ratio']).toBeCloseTo(1, 5)
    expect(metrics['policy/approxkl']).toBeLessThan(1e-9)
    expect(metrics['policy/clipfrac']).toBe(0)
    await dispose()
  })

  it('changes actor and critic, and neither the reference nor what the critic started from', async () => {
    const before = [bytes(params), bytes(critic.params)]
    const { state, round, learn, dispose } = setUp()
    const first = bytes(state.actor.params)
    const learnt = await learn(await round((i) => i % 3))
    expect([bytes(params), bytes(critic.params)]).toEqual(before)
    expect(bytes(learnt.state.actor.params)).not.toEqual(first)
    await dispose()
  })

  it('does not learn from padding', async () => {
    const results = []
    for (const spoil of [false, true]) {
      const { round, learn, dispose } = setUp()
      const experience = await round((i) => i % 3)
      const { episodes } = experience
      const spoiled = (x: Float32Array) =>
        spoil
          ? x.map((value, at) =>
              at % episodes.width < episodes.lengths[Math.floor(at / episodes.width)]! ? value : 1e4,
            )
          : x
      const learnt = await learn({
        ...experience,
        logProbs: spoiled(experience.logProbs),
        advantages: spoiled(experience.advantages),
        values: spoiled(experience.values),
        returns: spoiled(experience.returns),
      })
      results.push([bytes(learnt.state.actor.params), bytes(learnt.state.critic.params)])
      await dispose()
    }
    expect(results[1]).toEqual(results[0])
  })

  it('stays finite where all answers score the same', async () => {
    const { round, learn, dispose } = setUp()
    const { metrics } = await learn(await round(() => 1))
    for (const value of Object.values(metrics)) expect(value).toSatisfy(Number.isFinite)
    await dispose()
  })

  it('leaves the rest of a step out once the policy has moved too far', async () => {
    const { round, learn, dispose } = setUp({ epochs: 4, maxApproxKl: 1e-4 })
    const { state, metrics } = await learn(await round((i) => i % 3))
    expect(metrics['policy/stopped_early']).toBe(1)
    expect(state.actorUpdates).toBeLessThan(12)
    expect(state.criticUpdates).toBe(12)
    await dispose()
  })
})

describe('scores', () => {
  const answers = [{ ended: true }, { ended: false }]
  const settings = { rewardScale: 1, rewardClip: 0, missingEnd: 'penalise', missingEndPenalty: 1 } as const
  const of = (changes: Partial<Parameters<typeof finalScores>[2]>) => [
    ...finalScores(Float32Array.of(4, 4), answers, { ...settings, ...changes }),
  ]

  it('tell of answers that did not end: less, replaced, or not at all', () => {
    expect(of({})).toEqual([4, 3])
    expect(of({ missingEnd: 'replace' })).toEqual([4, -1])
    expect(of({ missingEnd: 'ignore' })).toEqual([4, 4])
  })

  it('are scaled and clipped before that', () => {
    expect(of({ rewardScale: 0.5, rewardClip: 1.5 })).toEqual([1.5, 0.5])
  })

  it('come from a function in the order of the answers', async () => {
    const score = functionScorer((asked, texts) =>
      texts.map((text, i) => text.length + asked[i]!.messages.length),
    )
    const [a, b] = ['xx', 'yyyy'].map((text) => ({ tokens: [1], text, ended: true }))
    expect([...(await score([promptOf(1), promptOf(2)], [a!, b!]))]).toEqual([3, 5])
  })
})

describe('the prompts of a step', () => {
  it('are each taken once before any comes again, in an order that the seed decides', () => {
    const items = Array.from({ length: 7 }, (_, i) => i)
    const taken = [0, 1, 2, 3, 4, 5, 6].flatMap((step) => promptsOf(items, step, 3, Rng.seed(1)))
    for (let epoch = 0; epoch < 3; epoch++)
      expect(taken.slice(epoch * 7, (epoch + 1) * 7).sort()).toEqual(items)
    expect(promptsOf(items, 5, 3, Rng.seed(1))).toEqual(taken.slice(15, 18))
    expect(promptsOf(items, 0, 7, Rng.seed(2))).not.toEqual(taken.slice(0, 7))
  })
})
