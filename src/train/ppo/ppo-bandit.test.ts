import { describe, expect, it } from 'vitest'
import { Rng } from '../../rng.js'
import { recipeOptimizer } from '../recipe.js'
import type { Weights } from '../training-step.js'
import { collect } from './experience.js'
import { copyWeights, createLearner, type LearnerState } from './learner.js'
import { policyEvaluator, valueEvaluator } from './policy.js'
import type { EncodedPrompt } from './prompts.js'
import { type PpoRecipeInput, ppoSchema } from './recipe.js'
import { gatherEpisodes } from './rollout.js'
import type { Scorer } from './scoring.js'
import { device, distance, normalized, promptOf, tinyCritic, tinyModel } from './testing/bandit.js'

const V = 6
const base: PpoRecipeInput = {
  maxTokens: 1,
  missingEnd: 'ignore',
  batchSize: 256,
  minibatchSize: 64,
  epochs: 2,
  learningRate: 5e-3,
  klCoefficient: 0.5,
}

/** Everything of PPO but the files. */
function setUp(overrides: PpoRecipeInput, prompts: readonly EncodedPrompt[], score: Scorer) {
  const recipe = ppoSchema.parse({ ...base, ...overrides })
  const { config, params, policy } = tinyModel(V)
  const critic = tinyCritic(config, params)
  const optimizer = recipeOptimizer(recipe)
  const options = { temperature: recipe.temperature, vocabulary: V }
  const logProbsOf = policyEvaluator(config, device, recipe.minibatchSize, options)
  const valuesOf = valueEvaluator(critic.config, device, recipe.minibatchSize)
  const collector = { recipe, policy, reference: params, logProbsOf, valuesOf, score }
  const learner = createLearner({
    recipe,
    actor: config,
    critic: critic.config,
    vocabulary: V,
    optimizer,
    device,
  })
  const stateOf = (weights: Weights) => {
    const own = copyWeights(weights)
    return { params: own, optimizer: optimizer.init(own) }
  }
  let state: LearnerState = {
    actor: stateOf(params),
    critic: stateOf(critic.params),
    actorUpdates: 0,
    criticUpdates: 0,
  }
  const round = (step: number) =>
    collect(collector, {
      actor: state.actor.params,
      critic: state.critic.params,
      prompts: Array.from({ length: recipe.batchSize }, (_, i) => prompts[i % prompts.length]!),
      beta: recipe.klCoefficient,
      seed: step,
    })
  return {
    recipe,
    reference: params,
    get state() {
      return state
    },
    round,
    learn: async (experience: Awaited<ReturnType<typeof round>>, rate = recipe.learningRate, step = 0) => {
      const learnt = await learner.learn(state, experience, {
        actorRate: rate,
        criticRate: rate,
        both: true,
        rng: Rng.seed(9).fork(step),
      })
      state = learnt.state
      return learnt.metrics
    },
    /** The probabilities of all tokens after a prompt. */
    distribution: async (weights: Weights, prompt: EncodedPrompt) => {
      const answers = Array.from({ length: V }, (_, token) => ({ tokens: [token] }))
      const episodes = gatherEpisodes(
        answers.map(() => prompt),
        answers,
        config.contextLength,
      )
      const { logProbs } = await logProbsOf(weights, episodes)
      return answers.map((_, i) => Math.exp(logProbs[i * episodes.width]!))
    },
  }
}

const prompts = [promptOf(1, 2), promptOf(3, 4, 5, 1)]
const rewardOf = (prompt: EncodedPrompt, token: number) => Math.sin(token * (prompt.ids.length + 1) + 0.5)
const banditScore: Scorer = async (asked, answers) =>
  Float32Array.from(answers, ({ tokens }, i) => rewardOf(asked[i]!, tokens[0]!))

describe('PPO on a bandit', () => {
  it('learns the policy that is best under the KL penalty: the reference times exp(reward / beta)', async () => {
    const steps = 80
    const ppo = setUp({}, prompts, banditScore)
    const best = await Promise.all(
      prompts.map(async (prompt) => {
        const reference = await ppo.distribution(ppo.reference, prompt)
        return normalized(reference.map((p, token) => p * Math.exp(rewardOf(prompt, token) / 0.5)))
      }),
    )
    const far = async (weights: Weights) =>
      Math.max(
        ...(await Promise.all(
          prompts.map(async (prompt, i) => distance(await ppo.distribution(weights, prompt), best[i]!)),
        )),
      )
    expect(await far(ppo.reference)).toBeGreaterThan(0.3)
    for (let step = 0; step < steps; step++) {
      await ppo.learn(await ppo.round(step), ppo.recipe.learningRate * (1 - step / steps), step)
    }
    expect(await far(ppo.state.actor.params)).toBeLessThan(0.04)
  })
})
