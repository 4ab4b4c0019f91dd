/** The updates of the stages after pretraining, as the stages run them: SFT, the reward model, and a round of PPO's answers. */
import { writeSafetensors } from '../hub/index.js'
import { type GptConfig, gptScores } from '../models/index.js'
import { Rng } from '../rng.js'
import { type Device, gather } from '../tensor/index.js'
import { parseRecipe, ppoSchema, recipeOptimizer } from '../train/index.js'
import { createLearner, minibatches } from '../train/ppo/learner.js'
import { policyEvaluator, valueEvaluator } from '../train/ppo/policy.js'
import { gatherEpisodes, packEpisodes, takeTokens } from '../train/ppo/rollout.js'
import { comparisonLosses, weightedMean } from '../train/preference-loss.js'
import { nextTokens } from '../train/sft.js'
import type { Weights } from '../train/training-step.js'
import { createUpdate, type UpdateOptions } from '../train/update.js'
import {
  assistantModels,
  type Batch,
  EPISODES,
  MAX_ANSWER,
  MINIBATCH,
  promptTokens,
  rewardBatches,
  sftBatches,
} from './assistant.js'
import { type Case, learning, recipeOf, stepFlops } from './cases.js'

export function alignmentWork(chosen: Case, device: Device) {
  return chosen.task === 'ppo' ? learningWork(chosen, device) : updateWork(chosen, device)
}

type Loss = UpdateOptions<Weights, Batch>['loss']

/** The loss of a reward model as in its stage: `reward` in train/. */
const rewardLoss =
  (config: GptConfig): Loss =>
  (params, { ids, lengths, better, worse, margin, target, weight }) => {
    const scores = gptScores(config, params, ids!, lengths!)
    const [chosen, rejected] = [gather(scores, better!), gather(scores, worse!)]
    return { loss: weightedMean(comparisonLosses(chosen, rejected, margin!, target!), weight!) }
  }

const sftLoss =
  (config: GptConfig): Loss =>
  (params, rows) =>
    nextTokens.loss(config, params, rows as never, { frozen: {} })

/** What an update of SFT or of the reward model starts from. */
function updateParts(chosen: Case) {
  const { config, policy, scorer } = assistantModels(chosen)
  if (chosen.task === 'sft') return { config, params: policy, batches: sftBatches(chosen), loss: sftLoss }
  return { config: scorer.config, params: scorer.params, batches: rewardBatches(chosen), loss: rewardLoss }
}

async function updateWork(chosen: Case, device: Device) {
  const { config, params, batches, loss } = updateParts(chosen)
  const optimizer = recipeOptimizer(parseRecipe(recipeOf(chosen)))
  const { gradClip, learningRate: lr } = learning[chosen.task]
  let state = { params: params as Weights, optimizer: optimizer.init(params) }
  const start = performance.now()
  const update = createUpdate<Weights, Batch>({ loss: loss(config), optimizer, gradClip, device })
  await update.prepare(state, batches[0]!)
  const compileSeconds = (performance.now() - start) / 1000
  const tokens = batches[0]!.ids!.data.length
  const outputs = chosen.task === 'sft' ? tokens : 0
  let done = 0
  return {
    ready: { compileSeconds, ...sizeOf(params), tokens, flops: flopsOf(config, params, tokens, outputs) },
    work: async () => {
      const result = await update(state, batches[done % batches.length]!, { lr, step: ++done })
      state = result.state
      return result.loss
    },
  }
}

/** A round of answers that nobody wrote, with what its tokens were worth drawn at random. */
async function ppoRound(chosen: Case, device: Device) {
  const { config, policy, scorer } = assistantModels(chosen)
  const rng = Rng.seed(23)
  const { vocabSize } = chosen
  const prompts = promptTokens(rng, EPISODES, chosen).map((ids) => ({ ids }))
  const answers = prompts.map(() => {
    // As if each token were the last with a chance of 1/24.
    const length = Math.min(MAX_ANSWER, 1 + Math.floor(Math.log(1 - rng.uniform()) / Math.log(23 / 24)))
    return { tokens: Array.from({ length }, () => rng.integer(vocabSize)) }
  })
  const episodes = gatherEpisodes(prompts, answers, config.contextLength)
  const noise = () => rng.fillNormal(new Float32Array(episodes.count * episodes.width))
  const logProbsOf = policyEvaluator(config, device, MINIBATCH, { temperature: 1, vocabulary: vocabSize })
  const valuesOf = valueEvaluator(scorer.config, device, MINIBATCH)
  const { logProbs } = await logProbsOf(policy, episodes)
  const values = await valuesOf(scorer.params, episodes)
  await Promise.all([logProbsOf.dispose(), valuesOf.dispose()])
  const shift = noise()
  return {
    config,
    policy,
    critic: scorer,
    order: Rng.seed(24),
    round: { episodes, logProbs, values, returns: values.map((x, i) => x + shift[i]!), advantages: noise() },
  }
}

async function learningWork(chosen: Case, device: Device) {
  const { config, policy, critic, order, round } = await ppoRound(chosen, device)
  const { learningRate, ...settings } = learning.ppo
  const recipe = ppoSchema.parse({ ...settings, batchSize: EPISODES, minibatchSize: MINIBATCH })
  const optimizer = recipeOptimizer(recipe)
  const learner = createLearner({
    recipe,
    actor: config,
    critic: critic.config,
    vocabulary: chosen.vocabSize,
    optimizer,
    device,
  })
  const packed = [...minibatches(EPISODES, MINIBATCH, order.fork(0))].map(
    (part) => packEpisodes(round.episodes, part).batch,
  )
  const tokens = packed.reduce((sum, { ids }) => sum + ids.data.length, 0)
  const outputs = packed.reduce((sum, { at }) => sum + at.data.length, 0)
  let state = {
    actor: { params: policy as Weights, optimizer: optimizer.init(policy) },
    critic: { params: critic.params as Weights, optimizer: optimizer.init(critic.params) },
    actorUpdates: 0,
    criticUpdates: 0,
  }
  return {
    ready: {
      // Each program is compiled by the round that first needs it.
      compileSeconds: 0,
      ...sizeOf(policy, critic.params),
      tokens,
      flops: flopsOf(config, policy, tokens, outputs) + flopsOf(config, policy, tokens, 0),
    },
    work: async () => {
      const learnt = await learner.learn(state, round, {
        actorRate: learningRate,
        criticRate: learningRate,
        both: true,
        rng: order,
      })
      state = learnt.state
      return learnt.metrics['loss/policy']! + learnt.metrics['loss/value']!
    },
  }
}

/** As `stepFlops`, where only some tokens go through the output matrix. */
function flopsOf(config: GptConfig, params: Weights, tokens: number, outputs: number): number {
  const embedding = config.vocabSize * config.width
  return stepFlops(sizeOf(params).parameters - embedding, config, tokens) + 6 * embedding * outputs
}

function sizeOf(...models: readonly Weights[]): { parameters: number } {
  const arrays = models.flatMap((params) => Object.values(params))
  return { parameters: arrays.reduce((sum, { data }) => sum + data.length, 0) }
}

/** Writes what PyTorch needs to take the same steps: the first weights, and all batches by their number. */
export async function exportAlignment(chosen: Case, path: string, device: Device): Promise<void> {
  const { weights, batches } = await exported(chosen, device)
  const named = batches.flatMap((batch, i) =>
    Object.entries(batch).map(([name, array]) => [`bench.${i}.${name}`, array] as const),
  )
  const tensors = [...Object.entries(weights), ...named].map(([name, { dtype, shape, data }]) => {
    return [name, { dtype: dtype as 'f32', shape, data: data as Float32Array }] as const
  })
  await writeSafetensors(path, Object.fromEntries(tensors))
}

async function exported(chosen: Case, device: Device): Promise<{ weights: Weights; batches: Batch[] }> {
  if (chosen.task !== 'ppo') {
    const { params, batches } = updateParts(chosen)
    return { weights: params, batches }
  }
  const { policy, critic, order, round } = await ppoRound(chosen, device)
  const weights = Object.entries(critic.params).map(([name, array]) => [`critic.${name}`, array] as const)
  const batches = [...minibatches(EPISODES, MINIBATCH, order.fork(0))].map((part) => {
    const { batch, source } = packEpisodes(round.episodes, part)
    const take = (x: Float32Array) => takeTokens(x, source, batch.at.data.length)
    const { logProbs, values, returns, advantages } = round
    return {
      ...batch,
      logProbs: take(logProbs),
      values: take(values),
      returns: take(returns),
      advantages: take(advantages),
    }
  })
  return { weights: { ...policy, ...Object.fromEntries(weights) }, batches }
}
