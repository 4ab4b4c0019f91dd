/** From answers to scores: a reward model or a function of the caller's, then what the recipe makes of the numbers. */
import type { Prompt } from '../../data/index.js'
import { type RewardModel, scoreDialogues, scoreTokens } from '../../infer/index.js'
import type { Tokenizer } from '../../text/index.js'
import { TrainError } from '../errors.js'
import type { EncodedPrompt } from './prompts.js'
import type { PpoRecipe } from './recipe.js'
import type { Answer } from './rollout.js'

/** How good each answer is. `answers[i]` is the text that answers `prompts[i]`. */
export type RewardFunction = (
  prompts: readonly Prompt[],
  answers: readonly string[],
) => Promise<ArrayLike<number>> | ArrayLike<number>

export type Scorer = (prompts: readonly EncodedPrompt[], answers: readonly Answer[]) => Promise<Float32Array>

/** Scores by a function. @throws TrainError where it does not give one finite number for each answer */
export function functionScorer(reward: RewardFunction): Scorer {
  return async (prompts, answers) => {
    const scores = Float32Array.from(
      await reward(
        prompts.map(({ prompt }) => prompt),
        answers.map(({ text }) => text),
      ),
    )
    checkScores(scores, answers.length, 'the reward function')
    return scores
  }
}

/**
 * Scores by a reward model. With the policy's own tokenizer it reads the very tokens that were drawn; another one reads the text.
 * An answer that was cut off is scored as if it ended there.
 */
export function modelScorer(model: RewardModel, tokenizer: Tokenizer, endId: number): Scorer {
  const same = sameTokens(model.tokenizer, tokenizer)
  const { contextLength } = model.config
  return async (prompts, answers) => {
    const scores = same
      ? await scoreTokens(
          model,
          answers.map(({ tokens, ended }, i) => {
            const said = ended ? tokens.slice(0, -1) : tokens
            return Int32Array.from([...prompts[i]!.ids, ...said, endId]).slice(-contextLength)
          }),
        )
      : await scoreDialogues(
          model,
          answers.map(({ text }, i) => [
            ...prompts[i]!.prompt.messages,
            { role: 'assistant', content: text },
          ]),
        )
    checkScores(scores, answers.length, `the reward model in ${model.dir}`)
    return scores
  }
}

/** Whether two tokenizers give text the same ids. */
export function sameTokens(a: Tokenizer, b: Tokenizer): boolean {
  return a === b || JSON.stringify(a.toJSON()) === JSON.stringify(b.toJSON())
}

type ScoreSettings = Pick<PpoRecipe, 'rewardScale' | 'rewardClip' | 'missingEnd' | 'missingEndPenalty'>

/** Scores as they are learnt from: scaled, clipped, and then made to tell of answers that did not end. */
export function finalScores(
  scores: Float32Array,
  answers: readonly { readonly ended: boolean }[],
  { rewardScale, rewardClip, missingEnd, missingEndPenalty }: ScoreSettings,
): Float32Array {
  return scores.map((raw, i) => {
    const scaled = raw * rewardScale
    const score = rewardClip > 0 ? Math.min(rewardClip, Math.max(-rewardClip, scaled)) : scaled
    if (answers[i]!.ended || missingEnd === 'ignore') return score
    return missingEnd === 'replace' ? -missingEndPenalty : score - missingEndPenalty
  })
}

function checkScores(scores: Float32Array, count: number, source: string): void {
  if (scores.length !== count)
    throw new TrainError('data', `${source} gave ${scores.length} scores for ${count} answers`)
  const wrong = scores.findIndex((score) => !Number.isFinite(score))
  if (wrong >= 0)
    throw new TrainError(
      'data',
      `${source} gave ${scores[wrong]} for answer ${wrong}; a score is a finite number`,
    )
}
