/** Learning from a round of answers: minibatches for the actor and, apart from it, for the critic. */
import { type GptConfig, gptLoss, type Params } from '../../models/index.js'
import type { Optimizer } from '../../optim/index.js'
import type { Rng } from '../../rng.js'
import { add, type Device, mul, NDArray, type Tensor } from '../../tensor/index.js'
import type { Weights } from '../training-step.js'
import { createUpdate, type Trainable } from '../update.js'
import type { Experience } from './experience.js'
import { policyLoss, valueLoss } from './losses.js'
import { answerLogProbs, answerValues } from './policy.js'
import type { PpoRecipe } from './recipe.js'
import { type EpisodeBatch, packEpisodes, takeTokens } from './rollout.js'

/** Rows of other text for PPO-ptx: i32 [B, T] each. */
export type TextBatch = {
  readonly ids: NDArray
  readonly targets: NDArray
  readonly positions: NDArray
  readonly documents: NDArray
}

type ActorBatch = EpisodeBatch & {
  readonly logProbs: NDArray
  readonly advantages: NDArray
  readonly text?: TextBatch
}

type CriticBatch = Omit<EpisodeBatch, 'targets'> & { readonly values: NDArray; readonly returns: NDArray }

export interface LearnerState {
  readonly actor: Trainable<Weights>
  readonly critic: Trainable<Weights>
  /** Updates of each so far: Adam counts them. */
  readonly actorUpdates: number
  readonly criticUpdates: number
}

export interface LearnerOptions {
  readonly recipe: PpoRecipe
  readonly actor: GptConfig
  readonly critic: GptConfig
  readonly vocabulary: number
  readonly optimizer: Optimizer
  readonly device: Device
  /** Rows of text by number of update; only with `ptxCoefficient`. */
  readonly text?: ((update: number) => TextBatch) | undefined
}

export interface LearnInput {
  readonly actorRate: number
  readonly criticRate: number
  /** Whether the actor learns as well. */
  readonly both: boolean
  /** Decides the order of the minibatches. */
  readonly rng: Rng
}

/**
 * Actor and critic are two networks with an optimizer and a clipped gradient each, so that neither loss needs a weight against
 * the other: what TRL adds up with vf_coef is here the ratio of two learning rates (under Adam a loss's scale does not matter).
 */
export function createLearner({ recipe, vocabulary, optimizer, device, text, ...configs }: LearnerOptions) {
  const { temperature, clipRange, valueClipRange, gradClip, ptxCoefficient } = recipe
  const updateActor = createUpdate<Weights, ActorBatch>({
    loss: (params: Params, batch: Record<string, unknown>) => {
      const { mask, logProbs: old, advantages } = batch as Record<string, Tensor>
      const { logProbs } = answerLogProbs(configs.actor, params, batch as never, { temperature, vocabulary })
      const { loss, clipFraction, approxKl, ratio } = policyLoss({
        logProbs,
        oldLogProbs: old!,
        advantages: advantages!,
        mask: mask!,
        clipLow: clipRange,
        clipHigh: clipRange,
      })
      const metrics = {
        'loss/policy': loss,
        'policy/clipfrac': clipFraction,
        'policy/approxkl': approxKl,
        'policy/ratio': ratio,
      }
      if (!batch.text) return { loss, metrics }
      const { ids: words, targets: next, positions, documents } = batch.text as Record<string, Tensor>
      const ptx = gptLoss(configs.actor, params, words!, next!, {
        positions: positions!,
        documents: documents!,
      })
      return { loss: add(loss, mul(ptx, ptxCoefficient)), metrics: { ...metrics, 'loss/ptx': ptx } }
    },
    optimizer,
    gradClip,
    device,
  })
  const updateCritic = createUpdate<Weights, CriticBatch>({
    loss: (params: Params, batch: Record<string, unknown>) => {
      const { mask, values: old, returns } = batch as Record<string, Tensor>
      const values = answerValues(configs.critic, params, batch as never)
      const { loss, clipFraction } = valueLoss({
        values,
        oldValues: old!,
        returns: returns!,
        mask: mask!,
        clipRange: valueClipRange,
      })
      return { loss, metrics: { 'loss/value': loss, 'val/clipfrac': clipFraction } }
    },
    optimizer,
    gradClip,
    device,
  })

  const learn = async (
    state: LearnerState,
    experience: Pick<Experience, 'episodes' | 'logProbs' | 'values' | 'returns' | 'advantages'>,
    { actorRate, criticRate, both, rng }: LearnInput,
  ): Promise<{ state: LearnerState; metrics: Record<string, number> }> => {
    const { episodes, logProbs, values, returns, advantages } = experience
    const { epochs, minibatchSize, maxApproxKl } = recipe
    let { actor, critic, actorUpdates, criticUpdates } = state
    const means = new Means()
    let far = false
    for (let epoch = 0; epoch < epochs; epoch++) {
      for (const chosen of minibatches(episodes.count, minibatchSize, rng.fork(epoch))) {
        const { batch, source } = packEpisodes(episodes, chosen)
        const { targets, ...shared } = batch
        const take = (x: Float32Array) => takeTokens(x, source, batch.at.shape[0]!)
        if (both && !far) {
          const result = await updateActor(
            actor,
            {
              ...shared,
              targets,
              logProbs: take(logProbs),
              advantages: take(advantages),
              ...(text ? { text: text(actorUpdates) } : {}),
            },
            { lr: actorRate, step: ++actorUpdates },
          )
          actor = result.state
          means.add({ ...result.metrics, 'policy/grad_norm': result.gradNorm })
          far = maxApproxKl !== undefined && result.metrics['policy/approxkl']! > maxApproxKl
        }
        const result = await updateCritic(
          critic,
          { ...shared, values: take(values), returns: take(returns) },
          { lr: criticRate, step: ++criticUpdates },
        )
        critic = result.state
        means.add({ ...result.metrics, 'val/grad_norm': result.gradNorm })
      }
    }
    return {
      state: { actor, critic, actorUpdates, criticUpdates },
      metrics: { ...means.values(), 'policy/stopped_early': Number(far) },
    }
  }
  return {
    learn,
    dispose: async () => {
      await updateActor.dispose()
      await updateCritic.dispose()
    },
  }
}

/** Numbers below `count` in an order that `rng` decides, some at a time. */
export function* minibatches(count: number, size: number, rng: Rng): Generator<number[]> {
  const order = rng.shuffle([...Array(count).keys()])
  for (let start = 0; start < count; start += size) yield order.slice(start, start + size)
}

/** Means of numbers by name. */
export class Means {
  readonly #sums = new Map<string, { total: number; count: number }>()

  add(numbers: Readonly<Record<string, number>>): void {
    for (const [name, value] of Object.entries(numbers)) {
      const sum = this.#sums.get(name) ?? { total: 0, count: 0 }
      this.#sums.set(name, { total: sum.total + value, count: sum.count + 1 })
    }
  }

  values(): Record<string, number> {
    return Object.fromEntries([...this.#sums].map(([name, { total, count }]) => [name, total / count]))
  }
}

/** Arrays of their own: an update writes over those that it is given. */
export function copyWeights(params: Weights): Weights {
  const copies = Object.entries(params).map(
    ([name, { dtype, shape, data }]) => [name, new NDArray(dtype, shape, data.slice())] as const,
  )
  return Object.fromEntries(copies)
}
