/** A step of PPO as its stage runs it, and its answers written in three ways: in a batch with a cache, one by one, without a cache. */
import { generateBatch, LanguageModel, sample, scoreTokens } from '../infer/index.js'
import { gptLogits, gptPrefill, type Params } from '../models/index.js'
import { Rng } from '../rng.js'
import { compile, type Device, dim, gather, NDArray, reshape, type Tensor } from '../tensor/index.js'
import { ppoSchema, recipeOptimizer } from '../train/index.js'
import { collect } from '../train/ppo/experience.js'
import { copyWeights, createLearner } from '../train/ppo/learner.js'
import { policyEvaluator, valueEvaluator } from '../train/ppo/policy.js'
import type { Scorer } from '../train/ppo/scoring.js'
import type { Weights } from '../train/training-step.js'
import { assistantModels, EPISODES, endIds, MAX_ANSWER, MINIBATCH, promptTokens } from './assistant.js'
import { type Case, learning } from './cases.js'
import { PIECES, type Piece, type RolloutWay } from './pieces.js'

/** One repetition is a whole step, of other prompts each time: answers, scores, log-probabilities and values, two updates of each network. */
export async function ppoStepWork(chosen: Case, device: Device) {
  const { config, policy: reference, scorer } = assistantModels(chosen)
  const { learningRate, ...settings } = learning.ppo
  const recipe = ppoSchema.parse({
    ...settings,
    batchSize: EPISODES,
    minibatchSize: MINIBATCH,
    maxTokens: MAX_ANSWER,
  })
  const vocabulary = config.vocabSize
  const optimizer = recipeOptimizer(recipe)
  const parts: Record<Piece, number> = { generation: 0, scoring: 0, evaluation: 0, learning: 0 }
  const timed = async <T>(piece: Piece, work: () => Promise<T>): Promise<T> => {
    const start = performance.now()
    const result = await work()
    parts[piece] += (performance.now() - start) / 1000
    return result
  }
  const timedEvaluator = <A extends unknown[], R>(evaluate: ((...args: A) => Promise<R>) & Disposable) =>
    Object.assign((...args: A) => timed('evaluation', () => evaluate(...args)), {
      dispose: () => evaluate.dispose(),
    })

  const policy = new LanguageModel({ config, params: reference, device, eosIds: endIds(config) })
  const rewardModel = new LanguageModel({ config: scorer.config, params: scorer.params, device })
  let began = 0
  const score: Scorer = (prompts, answers) => {
    parts.generation += (performance.now() - began) / 1000
    const rows = answers.map(({ tokens }, i) => Int32Array.from([...prompts[i]!.ids, ...tokens]))
    return timed('scoring', () => scoreTokens(rewardModel, rows))
  }
  const collector = {
    recipe,
    policy,
    reference,
    score,
    logProbsOf: timedEvaluator(policyEvaluator(config, device, MINIBATCH, { temperature: 1, vocabulary })),
    valuesOf: timedEvaluator(valueEvaluator(scorer.config, device, MINIBATCH)),
  }
  const learner = createLearner({
    recipe,
    actor: config,
    critic: scorer.config,
    vocabulary,
    optimizer,
    device,
  })
  const fresh = (params: Weights) => ({ params: copyWeights(params), optimizer: optimizer.init(params) })
  let state = { actor: fresh(reference), critic: fresh(scorer.params), actorUpdates: 0, criticUpdates: 0 }
  const root = Rng.seed(31)
  let step = 0
  return {
    ready: { tokens: EPISODES },
    work: async () => {
      for (const piece of PIECES) parts[piece] = 0
      const prompts = promptTokens(root.fork('prompts').fork(step), EPISODES, config).map((ids) => ({
        ids,
        prompt: { messages: [] },
      }))
      began = performance.now()
      const experience = await collect(collector, {
        actor: state.actor.params,
        critic: state.critic.params,
        prompts,
        beta: recipe.klCoefficient,
        seed: step,
      })
      const learnt = await timed('learning', () =>
        learner.learn(state, experience, {
          actorRate: learningRate,
          criticRate: learningRate,
          both: true,
          rng: root.fork('minibatches').fork(step),
        }),
      )
      state = learnt.state
      step++
      return { ...parts }
    },
  }
}

interface Disposable {
  dispose(): Promise<void>
}

/** Of a round's prompts, how many are answered in a repetition. */
const answered: Readonly<Record<RolloutWay, number>> = { batched: EPISODES, single: 8, plain: 4 }

/** One repetition answers the first prompts of a round, the same each time: all together, or some of them one by one. */
export async function rolloutWork(chosen: Case, way: RolloutWay, device: Device) {
  const { config, policy: params } = assistantModels(chosen)
  const model = new LanguageModel({ config, params, device, eosIds: endIds(config) })
  const prompts = promptTokens(Rng.seed(32), EPISODES, config).slice(0, answered[way])
  const write = way === 'plain' ? await plainAnswers(model) : cachedAnswers(model, way)
  const tokens = (await write(prompts)).reduce((sum, answer) => sum + answer.length, 0)
  return {
    ready: { tokens },
    work: async () => {
      await write(prompts)
      return undefined
    },
  }
}

type Write = (prompts: readonly number[][]) => Promise<readonly number[][]>

export function cachedAnswers(model: LanguageModel, way: 'batched' | 'single'): Write {
  return async (prompts) => {
    const generations = await generateBatch(model, prompts, {
      maxTokens: MAX_ANSWER,
      temperature: 1,
      seed: 0,
      batch: way === 'batched' ? prompts.length : 1,
      weights: 'input',
    })
    return generations.map(({ tokens }) => tokens)
  }
}

/** What a cache and a batch are measured against: each token from a pass over all before it. The same answers. */
export async function plainAnswers(model: LanguageModel): Promise<Write> {
  const { config, params, device, eosIds } = model
  const next = (ids: Tensor, last: Tensor, weights: Params) => {
    const { hidden } = gptPrefill(config, weights, ids)
    return gptLogits(config, weights, gather(reshape(hidden, [-1, config.width]), last))
  }
  const examples = [{ shape: [1, dim('length')], dtype: 'i32' }, { shape: [1], dtype: 'i32' }, params]
  const run = (await compile(next as never, examples, { device })) as unknown as (
    ids: NDArray,
    last: NDArray,
    weights: Weights,
  ) => Promise<NDArray>
  const root = Rng.seed(0)
  return async (prompts) => {
    const answers: number[][] = []
    for (const [i, prompt] of prompts.entries()) {
      const rng = root.fork(i)
      const answer: number[] = []
      while (answer.length < MAX_ANSWER && !eosIds.includes(answer.at(-1) ?? -1)) {
        const ids = Int32Array.from([...prompt, ...answer])
        const logits = await run(
          new NDArray('i32', [1, ids.length], ids),
          NDArray.from([ids.length - 1], [1], 'i32'),
          params,
        )
        answer.push(sample(logits.data as Float32Array, { temperature: 1, repetitionPenalty: 1 }, rng))
      }
      answers.push(answer)
    }
    return answers
  }
}
