/**
 * Proximal policy optimisation from a reward model (Ziegler et al. 2019; Ouyang et al. 2022): the last stage on the way to an
 * assistant.
 *
 * Four networks in one process: the actor, which answers; the reference it started from, which it is held near to; the reward
 * model; and the critic, which starts from the reward model and learns what to expect. Until the first update the actor's arrays
 * are the reference's and the critic's those of the reward model. One step is a round of answers (`collect`) and some updates
 * from it (`learn`). All randomness is a function of (seed, step), and the state is that of the last checkpoint: a run that was
 * stopped goes on as if it had not been, its answers included.
 */
import { resolve } from 'node:path'
import { z } from 'zod'
import type { Prompt } from '../../data/index.js'
import { LanguageModel, loadRewardModel, type RewardModel } from '../../infer/index.js'
import type { GptConfig } from '../../models/index.js'
import { Rng } from '../../rng.js'
import { NDArray, type Tree } from '../../tensor/index.js'
import { TrainError } from '../errors.js'
import { recipeOptimizer, recipeSchedule } from '../recipe.js'
import { Speed } from '../speed.js'
import { openStage, type StageOptions, type StageResult, type StageRun } from '../stage.js'
import type { Weights } from '../training-step.js'
import { collect, type Experience } from './experience.js'
import { adaptiveKl, fixedKl } from './kl-controller.js'
import { copyWeights, createLearner, type LearnerState } from './learner.js'
import { policyEvaluator, valueEvaluator } from './policy.js'
import { encodePrompts, loadPrompts, promptsOf } from './prompts.js'
import { type PpoRecipe, type PpoRecipeInput, ppoSchema } from './recipe.js'
import { fingerprint, machineOf, referenceWeights, requireFinite, sameReference } from './reference.js'
import { functionScorer, modelScorer, type RewardFunction, sameTokens } from './scoring.js'
import { textRows } from './text-rows.js'

const count = z.number().int().nonnegative()

/** A round of answers, for the caller to look at: to measure, say, what a better judge thinks of them. */
export interface RolloutReport {
  /** Steps done before it. */
  readonly step: number
  readonly prompts: readonly Prompt[]
  readonly answers: readonly string[]
  readonly scores: Float32Array
  /** Nats per answer. */
  readonly kl: number
}

export interface PpoOptions extends StageOptions {
  /** Files of prompts; see `readPrompts`. */
  readonly data?: readonly string[]
  /** Prompts themselves, in place of files. */
  readonly prompts?: readonly Prompt[]
  /** Folder of a reward model. */
  readonly rewardModel?: string
  /** Scores answers in place of a reward model; the critic then starts from the policy, with a head of zeros. */
  readonly reward?: RewardFunction
  /** Plain text, and dialogues, whose language-model loss is mixed in with `ptxCoefficient`. */
  readonly ptxText?: readonly string[]
  readonly ptxDialogues?: readonly string[]
  readonly overrides?: PpoRecipeInput
  readonly onRollout?: (rollout: RolloutReport) => void | Promise<void>
}

export interface PpoResult extends StageResult {
  /** Answers that were learnt from. */
  readonly episodes: number
  /** Metrics of the last step. */
  readonly metrics: Readonly<Record<string, number>>
  /** Whether `klLimit` ended the run. */
  readonly stoppedAtKl: boolean
}

/** What a run remembers between checkpoints. */
const extraSchema = z.object({
  actorUpdates: count,
  criticUpdates: count,
  klCoefficient: z.number(),
  /** SHA-256 of the reference's weights. */
  reference: z.string(),
  stoppedAtKl: z.boolean(),
})

/** @throws TrainError, DataError, ModelError, RunError, StorageError */
export async function ppo(options: PpoOptions): Promise<PpoResult> {
  const stage = await openStage<PpoRecipe>(
    {
      stage: 'ppo',
      schema: ppoSchema,
      overrides: options.overrides,
      inputs: {
        data: options.data,
        rewardModel: options.rewardModel === undefined ? undefined : [resolve(options.rewardModel)],
        ptxText: options.ptxText,
        ptxDialogues: options.ptxDialogues,
      },
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

async function train(stage: StageRun<PpoRecipe>, options: PpoOptions): Promise<PpoResult> {
  const { onEvent = () => {}, signal } = options
  const { run, recipe, config, device, chat, tokenizer, inputs } = stage
  if (recipe.batchSize % recipe.minibatchSize !== 0) {
    throw new TrainError(
      'recipe',
      `minibatchSize ${recipe.minibatchSize} does not divide batchSize ${recipe.batchSize}`,
    )
  }
  const reading = { ...recipe, chat, onEvent, signal }
  const loaded =
    options.prompts ?? (inputs.data?.length ? await loadPrompts(inputs.data, reading) : undefined)
  if (!loaded) throw new TrainError('recipe', 'ppo needs prompts to answer; give a file of them')
  const prompts = encodePrompts(loaded, chat, config.contextLength, reading)
  const text =
    recipe.ptxCoefficient > 0
      ? await textRows({
          ...inputs,
          ...recipe,
          text: inputs.ptxText,
          dialogues: inputs.ptxDialogues,
          tokenizer,
          chat,
          contextLength: config.contextLength,
          batchSize: recipe.ptxBatchSize,
          textShare: recipe.ptxTextShare,
          onEvent,
        })
      : undefined

  // ---- the four networks ----
  const reference = await referenceWeights(stage, options)
  const rewardDir = inputs.rewardModel?.[0]
  const rewardModel =
    options.reward || rewardDir === undefined
      ? undefined
      : await loadRewardModel(rewardDir, machineOf(options))
  if (!options.reward && !rewardModel) {
    throw new TrainError(
      'recipe',
      'ppo needs a reward model (or, from code, a reward function); give its folder',
    )
  }
  const start = criticStart(stage, reference, rewardModel)
  const score = options.reward
    ? functionScorer(options.reward)
    : modelScorer(rewardModel!, tokenizer, chat.stopIds[0]!)
  const policy = new LanguageModel({
    config,
    params: reference,
    device,
    tokenizer,
    eosIds: chat.stopIds,
  })

  const optimizer = recipeOptimizer(recipe)
  const fresh = (params: Weights) => optimizer.init(params) as Tree<NDArray> as never
  const extra = extraSchema.parse(
    stage.extra ?? {
      actorUpdates: 0,
      criticUpdates: 0,
      klCoefficient: recipe.klCoefficient,
      reference: fingerprint(reference),
      stoppedAtKl: false,
    },
  )
  sameReference(stage, extra.reference, reference)
  let state: LearnerState = {
    actor: { params: stage.model.params, optimizer: await stage.group('actor-optimizer', fresh(reference)) },
    critic: {
      params: (await stage.group('critic', start.params as never)) as Weights,
      optimizer: await stage.group('critic-optimizer', fresh(start.params)),
    },
    actorUpdates: extra.actorUpdates,
    criticUpdates: extra.criticUpdates,
  }
  // The policy of the last step that was found within the limit.
  let within: Weights | undefined =
    recipe.klLimit === undefined ? undefined : ((await stage.group('within', reference as never)) as Weights)
  let stoppedAtKl = extra.stoppedAtKl

  const drawing = { temperature: recipe.temperature, vocabulary: tokenizer.vocabSize }
  const logProbsOf = policyEvaluator(config, device, recipe.minibatchSize, drawing)
  const valuesOf = valueEvaluator(start.config, device, recipe.minibatchSize)
  const collector = { recipe, policy, reference, logProbsOf, valuesOf, score }
  const learner = createLearner({
    recipe,
    actor: config,
    critic: start.config,
    vocabulary: tokenizer.vocabSize,
    optimizer,
    device,
    text,
  })
  const controller =
    recipe.kl === 'adaptive'
      ? adaptiveKl(extra.klCoefficient, { target: recipe.klTarget, horizon: recipe.klHorizon })
      : fixedKl(recipe.klCoefficient)
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
  const root = Rng.seed(recipe.seed).fork('ppo')
  const save = (params: Weights = state.actor.params) =>
    stage.save({
      step,
      params,
      groups: {
        'actor-optimizer': state.actor.optimizer as Tree<NDArray>,
        critic: state.critic.params,
        'critic-optimizer': state.critic.optimizer as Tree<NDArray>,
        ...(within ? { within } : {}),
      },
      extra: {
        actorUpdates: state.actorUpdates,
        criticUpdates: state.criticUpdates,
        klCoefficient: controller.coefficient,
        reference: extra.reference,
        stoppedAtKl,
      },
    })
  if (step === 0) await save()

  // ---- the loop ----
  const speed = new Speed(step)
  while (step < recipe.steps && !stoppedAtKl && !signal?.aborted) {
    const experience = await collect(collector, {
      actor: state.actor.params,
      critic: state.critic.params,
      prompts: promptsOf(prompts, step, recipe.batchSize, root),
      beta: controller.coefficient,
      seed: root.fork('answers').fork(step).uint32(),
      signal,
    }).catch((error: unknown) => {
      // Told to stop in the middle of a round: it will be answered again.
      if (signal?.aborted && error === signal.reason) return undefined
      throw error
    })
    if (!experience) break
    await speed.pause(async () => options.onRollout?.(reportOf(experience, step)))
    if (within && experience.kl > recipe.klLimit!) {
      stoppedAtKl = true
      onEvent({
        type: 'message',
        text: `the policy is ${experience.kl.toFixed(2)} nats per answer from its start, more than ${recipe.klLimit}: keeping it as it was a step before`,
      })
      break
    }
    if (within) within = copyWeights(state.actor.params)

    const factor = schedule(step)
    const lr = recipe.learningRate * factor
    const learnt = await learner.learn(owned(state, reference, start.params), experience, {
      actorRate: lr,
      criticRate: (recipe.criticLearningRate ?? recipe.learningRate) * factor,
      both: step >= recipe.criticWarmup,
      rng: root.fork('minibatches').fork(step),
    })
    state = learnt.state
    controller.update(experience.kl, experience.answers.length)
    step++
    metrics = { ...experience.metrics, ...learnt.metrics, lr, episodes: step * recipe.batchSize }
    await requireFinite(stage, step, metrics, lr)

    const perStep = speed.secondsPerStep(step)
    await run.appendMetrics({ step, ...metrics, secondsPerStep: perStep })
    onEvent({
      type: 'metrics',
      step,
      steps: recipe.steps,
      metrics,
      secondsLeft: Math.round(perStep * (recipe.steps - step)),
    })
    await speed.pause(async () => {
      if (recipe.sampleEvery > 0 && (step % recipe.sampleEvery === 0 || step === recipe.steps)) {
        const { messages } = experience.prompts[0]!.prompt
        const text = experience.answers[0]!.text
        onEvent({ type: 'sample', step, prompt: `${messages.at(-1)!.content}\n`, text })
      }
      if (step % recipe.checkpointEvery === 0 && step < recipe.steps) await save()
    })
  }

  if (stoppedAtKl && !extra.stoppedAtKl) await save(within)
  else if (step > stage.step) await save()
  await Promise.all([logProbsOf, valuesOf, learner, policy, rewardModel].map((each) => each?.dispose()))
  return {
    dir: run.dir,
    step,
    finished: step >= recipe.steps || stoppedAtKl,
    parameters,
    seconds: stage.elapsed(),
    episodes: step * recipe.batchSize,
    metrics,
    stoppedAtKl,
  }
}

/** Where the critic starts: the reward model, or, where there is none that reads the same tokens, the policy with a head of zeros. */
function criticStart(
  { config, tokenizer }: StageRun<PpoRecipe>,
  reference: Weights,
  rewardModel: RewardModel | undefined,
): { config: GptConfig; params: Weights } {
  if (
    rewardModel &&
    sameTokens(rewardModel.tokenizer, tokenizer) &&
    rewardModel.config.contextLength >= config.contextLength
  ) {
    return { config: rewardModel.config, params: rewardModel.params }
  }
  const { 'lm_head.weight': _, ...decoder } = reference
  return {
    config: { ...config, tied: true },
    params: {
      ...decoder,
      'score.weight': NDArray.zeros([1, config.width]),
      'score.bias': NDArray.zeros([1]),
    },
  }
}

/** The state with arrays of its own: updates write over them, and those of the start belong to reference and reward model. */
function owned(state: LearnerState, reference: Weights, criticStart: Weights): LearnerState {
  const separate = (params: Weights, start: Weights) => (params === start ? copyWeights(params) : params)
  return {
    ...state,
    actor: { ...state.actor, params: separate(state.actor.params, reference) },
    critic: { ...state.critic, params: separate(state.critic.params, criticStart) },
  }
}

function reportOf({ prompts, answers, scores, kl }: Experience, step: number): RolloutReport {
  return {
    step,
    prompts: prompts.map(({ prompt }) => prompt),
    answers: answers.map(({ text }) => text),
    scores,
    kl,
  }
}
