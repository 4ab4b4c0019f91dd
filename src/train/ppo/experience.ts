/** One round of answering: what the policy wrote, what it was worth, and what each token contributed. */
import type { LanguageModel } from '../../infer/index.js'
import type { Weights } from '../training-step.js'
import { answerSums, gae, moments, tokenKl, tokenRewards, whiten } from './advantages.js'
import type { Evaluation, Evaluator } from './policy.js'
import type { EncodedPrompt } from './prompts.js'
import type { PpoRecipe } from './recipe.js'
import { type Answer, type Episodes, gatherEpisodes, sampleAnswers } from './rollout.js'
import { finalScores, type Scorer } from './scoring.js'

export interface Experience {
  readonly prompts: readonly EncodedPrompt[]
  readonly answers: readonly Answer[]
  /** One for each answer, as learnt from. */
  readonly scores: Float32Array
  readonly episodes: Episodes
  /** [N, R] each: ln p when the answers were drawn, values, returns, advantages. */
  readonly logProbs: Float32Array
  readonly values: Float32Array
  readonly returns: Float32Array
  readonly advantages: Float32Array
  /** Mean KL per answer from the reference, in nats (k1). */
  readonly kl: number
  readonly metrics: Readonly<Record<string, number>>
}

export interface Collector {
  readonly recipe: PpoRecipe
  /** Draws with the parameters that it is given. */
  readonly policy: LanguageModel
  readonly reference: Weights
  readonly logProbsOf: Evaluator<Evaluation>
  readonly valuesOf: Evaluator<Float32Array>
  readonly score: Scorer
}

export interface CollectInput {
  readonly actor: Weights
  readonly critic: Weights
  readonly prompts: readonly EncodedPrompt[]
  /** Weight of the KL penalty. */
  readonly beta: number
  readonly seed: number
  readonly signal?: AbortSignal | undefined
}

/** Answers the prompts and works out advantages and returns of every token. */
export async function collect(
  { recipe, policy, reference, logProbsOf, valuesOf, score }: Collector,
  { actor, critic, prompts, beta, seed, signal }: CollectInput,
): Promise<Experience> {
  policy.params = actor
  const answers = await sampleAnswers(policy, prompts, { ...recipe, seed, signal })
  const rawScores = await score(prompts, answers)
  const scores = finalScores(rawScores, answers, recipe)

  const episodes = gatherEpisodes(prompts, answers, policy.config.contextLength)
  const { logProbs, entropy } = await logProbsOf(actor, episodes)
  const unchanged = actor === reference
  const referenceLogProbs = unchanged ? logProbs : (await logProbsOf(reference, episodes)).logProbs
  const values = await valuesOf(critic, episodes)

  const kl = tokenKl(logProbs, referenceLogProbs, episodes, recipe.klEstimator)
  const rewards = tokenRewards(scores, kl, beta, episodes)
  const kept = recipe.whitenRewards ? whiten(rewards, episodes, { keepMean: true }) : rewards
  const { advantages, returns } = gae(kept, values, episodes, recipe)

  const difference = recipe.klEstimator === 'k1' ? kl : tokenKl(logProbs, referenceLogProbs, episodes)
  const perAnswer = moments(answerSums(difference, episodes)).mean
  const scored = moments(scores)
  const penalty = -beta * moments(answerSums(kl, episodes)).mean
  return {
    prompts,
    answers,
    scores,
    episodes,
    logProbs,
    values,
    returns,
    advantages: recipe.whitenAdvantages ? whiten(advantages, episodes) : advantages,
    kl: perAnswer,
    metrics: {
      'objective/kl': perAnswer,
      'objective/kl_k3': moments(answerSums(tokenKl(logProbs, referenceLogProbs, episodes, 'k3'), episodes))
        .mean,
      'objective/kl_coefficient': beta,
      'objective/entropy': moments(answerSums(logProbs, episodes)).mean * -1,
      'objective/non_score_reward': penalty,
      'objective/scores': scored.mean,
      'objective/scores_std': scored.std,
      'objective/raw_scores': moments(rawScores).mean,
      'objective/rlhf_reward': scored.mean + penalty,
      'policy/entropy': tokenMean(entropy, episodes),
      'val/mean': tokenMean(values, episodes),
      'val/explained_variance': explainedVariance(values, returns, episodes),
      'rollout/length': moments(episodes.lengths).mean,
      'rollout/ended': answers.filter(({ ended }) => ended).length / answers.length,
    },
  }
}

function tokenMean(x: Float32Array, episodes: Episodes): number {
  const tokens = episodes.lengths.reduce((sum, n) => sum + n, 0)
  return answerSums(x, episodes).reduce((sum, value) => sum + value, 0) / Math.max(1, tokens)
}

/** 1 - variance of what the values miss / variance of the returns: 1 is perfect, 0 as good as a constant. */
function explainedVariance(values: Float32Array, returns: Float32Array, episodes: Episodes): number {
  const all = tokensOf(returns, episodes)
  const missed = tokensOf(
    returns.map((value, i) => value - values[i]!),
    episodes,
  )
  const { std } = moments(all)
  return std === 0 ? 0 : 1 - (moments(missed).std / std) ** 2
}

function tokensOf(x: Float32Array, { lengths, width }: Episodes): number[] {
  return Array.from(lengths).flatMap((n, row) => [...x.subarray(row * width, row * width + n)])
}
