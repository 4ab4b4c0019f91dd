/**
 * Group relative policy optimisation (Shao et al. 2024): PPO without a critic. Several answers to each prompt are compared with
 * each other; what is better than its group becomes likelier. Scores come from programs that can tell right from wrong (see
 * `rewards`), from a reward model, or from a function of the caller's.
 */
import { z } from 'zod'
import type { Prompt } from '../data/index.js'
import { LanguageModel, loadRewardModel } from '../infer/index.js'
import type { GptConfig, Params } from '../models/index.js'
import type { Optimizer } from '../optim/index.js'
import { Rng } from '../rng.js'
import { type Device, NDArray, type Tensor, type Tree } from '../tensor/index.js'
import { TrainError } from './errors.js'
import { groupAdvantages, grpoLoss, tokenWeights } from './grpo-loss.js'
import { type GrpoRecipe, type GrpoRecipeInput, grpoSchema } from './grpo-recipe.js'
import { answerSums, moments, tokenKl } from './ppo/advantages.js'
import { copyWeights, Means } from './ppo/learner.js'
import { answerLogProbs, type Evaluation, type Evaluator, policyEvaluator } from './ppo/policy.js'
import type { RolloutReport } from './ppo/ppo.js'
import { type EncodedPrompt, encodePrompts, loadPrompts, promptsOf } from './ppo/prompts.js'
import { fingerprint, machineOf, referenceWeights, requireFinite, sameReference } from './ppo/reference.js'
import {
  type Answer,
  type EpisodeBatch,
  type Episodes,
  gatherEpisodes,
  packEpisodes,
  sampleAnswers,
  takeTokens,
} from './ppo/rollout.js'
import { finalScores, functionScorer, modelScorer, type RewardFunction, type Scorer } from './ppo/scoring.js'
import { recipeOptimizer, recipeSchedule } from './recipe.js'
import { createReward } from './rewards.js'
import { Speed } from './speed.js'
import { openStage, type StageOptions, type StageResult, type StageRun } from './stage.js'
import type { Weights } from './training-step.js'
import { createUpdate, type Trainable } from './update.js'

export interface GrpoOptions extends StageOptions {
  /** Files of prompts; see `readPrompts`. */
  readonly data?: readonly string[]
  /** Prompts themselves, in place of files. */
  readonly prompts?: readonly Prompt[]
  /** What scores the answers: rewards by name (see `rewards`), whose values are added up, */
  readonly rewards?: readonly string[]
  /** or a reward model, */
  readonly rewardModel?: string
  /** or a function. */
  readonly reward?: RewardFunction
  readonly overrides?: GrpoRecipeInput
  readonly onRollout?: (rollout: RolloutReport) => void | Promise<void>
}

export interface GrpoResult extends StageResult {
  readonly episodes: number
  /** Metrics of the last step. */
  readonly metrics: Readonly<Record<string, number>>
}

const extraSchema = z.object({
  updates: z.number().int().nonnegative(),
  /** SHA-256 of the reference's weights. */
  reference: z.string(),
})

/** @throws TrainError, DataError, ModelError, RunError, StorageError */
export async function grpo(options: GrpoOptions): Promise<GrpoResult> {
  const stage = await openStage<GrpoRecipe>(
    {
      stage: 'grpo',
      schema: grpoSchema,
      overrides: options.overrides,
      inputs: {
        data: options.data,
        rewards: options.rewards,
        rewardModel: options.rewardModel === undefined ? undefined : [options.rewardModel],
      },
      asGiven: ['rewards'],
    },
    options,
  )
  try {
    return await train(stage, options)
  } finally {
    await stage.model.dispose()
    await stage.close()
  }
}

async function train(stage: StageRun<GrpoRecipe>, options: GrpoOptions): Promise<GrpoResult> {
  const { onEvent = () => {}, signal } = options
  const { run, recipe, config, device, chat, tokenizer, inputs } = stage
  const batchSize = recipe.promptsPerStep * recipe.groupSize
  if (batchSize % recipe.minibatchSize !== 0) {
    throw new TrainError(
      'recipe',
      `minibatchSize ${recipe.minibatchSize} does not divide the ${batchSize} answers of a step`,
    )
  }
  const reading = { ...recipe, chat, onEvent, signal }
  const loaded =
    options.prompts ?? (inputs.data?.length ? await loadPrompts(inputs.data, reading) : undefined)
  if (!loaded) throw new TrainError('recipe', 'grpo needs prompts to answer; give a file of them')
  const prompts = encodePrompts(loaded, chat, config.contextLength, reading)
  const { score, rewardModel } = await scorerOf(stage, options)

  const reference = await referenceWeights(stage, options)
  const policy = new LanguageModel({ config, params: reference, device, tokenizer, eosIds: chat.stopIds })
  const optimizer = recipeOptimizer(recipe)
  const extra = extraSchema.parse(stage.extra ?? { updates: 0, reference: fingerprint(reference) })
  sameReference(stage, extra.reference, reference)
  let { updates } = extra
  let actor: Trainable<Weights> = {
    params: stage.model.params,
    optimizer: await stage.group('optimizer', optimizer.init(reference) as Tree<NDArray> as never),
  }
  const vocabulary = tokenizer.vocabSize
  const logProbsOf = policyEvaluator(config, device, recipe.minibatchSize, { ...recipe, vocabulary })
  const learner = createGroupLearner({ recipe, config, vocabulary, optimizer, device })
  const schedule = recipeSchedule({ ...recipe, warmup: Math.min(recipe.warmup, recipe.steps - 1) })
  const parameters = Object.values(reference).reduce((sum, { data }) => sum + data.length, 0)
  onEvent({
    type: 'settings',
    settings: {
      ...(recipe as Record<string, string | number | boolean>),
      parameters,
      prompts: prompts.length,
    },
  })

  let step = stage.step
  let metrics: Readonly<Record<string, number>> = {}
  const root = Rng.seed(recipe.seed).fork('grpo')
  const save = () =>
    stage.save({
      step,
      params: actor.params,
      groups: { optimizer: actor.optimizer as Tree<NDArray> },
      extra: { updates, reference: extra.reference },
    })
  if (step === 0) await save()

  // ---- the loop ----
  const speed = new Speed(step)
  while (step < recipe.steps && !signal?.aborted) {
    const round = await answerGroups(
      { recipe, policy, reference, logProbsOf, score },
      {
        actor: actor.params,
        prompts: promptsOf(prompts, step, recipe.promptsPerStep, root),
        seed: root.fork('answers').fork(step).uint32(),
        signal,
      },
    ).catch((error: unknown) => {
      if (signal?.aborted && error === signal.reason) return undefined
      throw error
    })
    if (!round) break
    await speed.pause(async () => options.onRollout?.({ step, ...round.report }))

    const lr = recipe.learningRate * schedule(step)
    const own = actor.params === reference ? { ...actor, params: copyWeights(reference) } : actor
    const learnt = await learner.learn(own, round, { lr, updates, rng: root.fork('minibatches').fork(step) })
    ;({ actor, updates } = learnt)
    step++
    metrics = { ...round.metrics, ...learnt.metrics, lr, episodes: step * batchSize }
    await requireFinite(stage, step, metrics, lr)

    const perStep = speed.secondsPerStep(step)
    await run.appendMetrics({ step, ...metrics, secondsPerStep: perStep })
    const secondsLeft = Math.round(perStep * (recipe.steps - step))
    onEvent({ type: 'metrics', step, steps: recipe.steps, metrics, secondsLeft })
    await speed.pause(async () => {
      if (recipe.sampleEvery > 0 && (step % recipe.sampleEvery === 0 || step === recipe.steps)) {
        const [prompt, text] = [round.report.prompts[0]!.messages.at(-1)!.content, round.report.answers[0]!]
        onEvent({ type: 'sample', step, prompt: `${prompt}\n`, text })
      }
      if (step % recipe.checkpointEvery === 0 && step < recipe.steps) await save()
    })
  }

  if (step > stage.step) await save()
  await Promise.all([logProbsOf, learner, policy, rewardModel].map((each) => each?.dispose()))
  return {
    dir: run.dir,
    step,
    finished: step >= recipe.steps,
    parameters,
    seconds: stage.elapsed(),
    episodes: step * batchSize,
    metrics,
  }
}

async function scorerOf({ inputs, tokenizer, chat }: StageRun<GrpoRecipe>, options: GrpoOptions) {
  const rewardDir = inputs.rewardModel?.[0]
  const named = inputs.rewards?.length ? createReward(inputs.rewards) : undefined
  const given = [options.reward, named, rewardDir].filter((each) => each !== undefined)
  if (given.length !== 1) {
    throw new TrainError(
      'recipe',
      `grpo needs one source of scores: rewards by name, a reward model, or (from code) a function; it got ${given.length}`,
    )
  }
  const reward = options.reward ?? named
  if (reward) return { score: functionScorer(reward), rewardModel: undefined }
  const rewardModel = await loadRewardModel(rewardDir!, machineOf(options))
  return { score: modelScorer(rewardModel, tokenizer, chat.stopIds[0]!), rewardModel }
}

export interface GroupRound {
  readonly episodes: Episodes
  /** [N, R] each. */
  readonly logProbs: Float32Array
  readonly referenceLogProbs: Float32Array
  readonly advantages: Float32Array
  readonly report: Omit<RolloutReport, 'step'>
  readonly metrics: Readonly<Record<string, number>>
}

export interface GroupCollector {
  readonly recipe: GrpoRecipe
  readonly policy: LanguageModel
  readonly reference: Weights
  readonly logProbsOf: Evaluator<Evaluation>
  readonly score: Scorer
}

/** A round: `groupSize` answers to each prompt, their scores, and how each compares with its group. */
export async function answerGroups(
  { recipe, policy, reference, logProbsOf, score }: GroupCollector,
  input: {
    readonly actor: Weights
    readonly prompts: readonly EncodedPrompt[]
    readonly seed: number
    readonly signal?: AbortSignal | undefined
  },
): Promise<GroupRound> {
  const { actor, seed, signal } = input
  const { groupSize } = recipe
  const prompts = input.prompts.flatMap((prompt) => new Array<EncodedPrompt>(groupSize).fill(prompt))
  policy.params = actor
  const answers: Answer[] = await sampleAnswers(policy, prompts, { ...recipe, seed, signal })
  const rawScores = await score(prompts, answers)
  const scores = finalScores(rawScores, answers, recipe)

  const episodes = gatherEpisodes(prompts, answers, policy.config.contextLength)
  const { logProbs, entropy } = await logProbsOf(actor, episodes)
  const referenceLogProbs = actor === reference ? logProbs : (await logProbsOf(reference, episodes)).logProbs
  const perAnswer = groupAdvantages(scores, groupSize, recipe.advantages)
  const advantages = Float32Array.from(logProbs, (_, at) => perAnswer[Math.floor(at / episodes.width)]!)

  const kl = moments(answerSums(tokenKl(logProbs, referenceLogProbs, episodes), episodes)).mean
  const scored = moments(scores)
  const groups = scores.length / groupSize
  const same = Array.from({ length: groups }, (_, g) => scores.subarray(g * groupSize, (g + 1) * groupSize))
  const tokens = episodes.lengths.reduce((sum, n) => sum + n, 0)
  return {
    episodes,
    logProbs,
    referenceLogProbs,
    advantages,
    report: {
      prompts: prompts.map(({ prompt }) => prompt),
      answers: answers.map(({ text }) => text),
      scores,
      kl,
    },
    metrics: {
      'objective/kl': kl,
      'objective/entropy': -moments(answerSums(logProbs, episodes)).mean,
      'objective/scores': scored.mean,
      'objective/scores_std': scored.std,
      'objective/raw_scores': moments(rawScores).mean,
      /** Groups whose answers all score the same teach nothing. */
      'objective/equal_groups': same.filter((group) => group.every((x) => x === group[0])).length / groups,
      'policy/entropy': answerSums(entropy, episodes).reduce((sum, x) => sum + x, 0) / Math.max(1, tokens),
      'rollout/length': moments(episodes.lengths).mean,
      'rollout/ended': answers.filter(({ ended }) => ended).length / answers.length,
    },
  }
}

type GroupBatch = EpisodeBatch & {
  readonly weights: NDArray
  readonly logProbs: NDArray
  readonly referenceLogProbs: NDArray
  readonly advantages: NDArray
}

export interface GroupLearnerOptions {
  readonly recipe: GrpoRecipe
  readonly config: GptConfig
  readonly vocabulary: number
  readonly optimizer: Optimizer
  readonly device: Device
}

/** Updates of the policy from a round. */
export function createGroupLearner({ recipe, config, vocabulary, optimizer, device }: GroupLearnerOptions) {
  const { clipLow, clipHigh, klCoefficient: beta, klEstimator, gradClip, temperature } = recipe
  const update = createUpdate<Weights, GroupBatch>({
    loss: (params: Params, batch: { readonly [K in keyof GroupBatch]: Tensor }) => {
      const { logProbs } = answerLogProbs(config, params, batch, { temperature, vocabulary })
      const { logProbs: oldLogProbs, referenceLogProbs, advantages, mask, weights } = batch
      const shared = { clipLow, clipHigh, beta, klEstimator }
      const { loss, kl, clipFraction, approxKl, ratio } = grpoLoss({
        logProbs,
        oldLogProbs,
        referenceLogProbs,
        advantages,
        mask,
        weights,
        ...shared,
      })
      return {
        loss,
        metrics: {
          'loss/policy': loss,
          'loss/kl': kl,
          'policy/clipfrac': clipFraction,
          'policy/approxkl': approxKl,
          'policy/ratio': ratio,
        },
      }
    },
    optimizer,
    gradClip,
    device,
  })
  const learn = async (
    start: Trainable<Weights>,
    round: GroupRound,
    at: { readonly lr: number; readonly updates: number; readonly rng: Rng },
  ) => {
    const { episodes, logProbs, referenceLogProbs, advantages } = round
    const { epochs, minibatchSize, lossMean, maxTokens } = recipe
    let [actor, updates] = [start, at.updates]
    const means = new Means()
    for (let epoch = 0; epoch < epochs; epoch++) {
      const order = at.rng.fork(epoch).shuffle([...episodes.lengths.keys()])
      for (let from = 0; from < order.length; from += minibatchSize) {
        const chosen = order.slice(from, from + minibatchSize)
        const { batch: packed, source } = packEpisodes(episodes, chosen)
        const K = packed.at.shape[0]!
        const take = (x: Float32Array) => takeTokens(x, source, K)
        const lengths = chosen.map((episode) => episodes.lengths[episode]!)
        const batch = {
          ...packed,
          weights: new NDArray('f32', [K], tokenWeights(lengths, K, lossMean, maxTokens)),
          logProbs: take(logProbs),
          referenceLogProbs: take(referenceLogProbs),
          advantages: take(advantages),
        }
        const result = await update(actor, batch, { lr: at.lr, step: ++updates })
        actor = result.state
        means.add({ ...result.metrics, 'policy/grad_norm': result.gradNorm })
      }
    }
    return { actor, updates, metrics: means.values() }
  }
  return { learn, dispose: () => update.dispose() }
}
