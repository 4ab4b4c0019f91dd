/**
 * What a model must not forget while it learns corrections: its own answers to earlier questions, or what was demonstrated there,
 * where the last reward model likes that better.
 */
import { loadRewardModel } from '../../infer/index.js'
import type { Rng } from '../../rng.js'
import { answerPrompts } from '../speedrun/answers.js'
import { byScores, rewardScores } from './measure.js'
import { type EarlierQuestion, earlierQuestions, type Replay } from './replay.js'
import { distinctPrompts, type Vote } from './votes.js'
import { type Workshop, withModel } from './workshop.js'

export interface RehearsalOptions {
  /** Folders of the live version, and of the last reward model. */
  readonly live: string
  readonly lastReward: string | undefined
  readonly replay: Partial<Replay>
  /** Questions of this round: asked where there are no earlier ones. */
  readonly asked: readonly Vote['prompt'][]
  readonly count: number
  readonly maxTokens: number
  readonly rng: Rng
}

export interface Rehearsed {
  readonly prompt: Vote['prompt']
  readonly answer: string
  /** The demonstrated answer, not the model's own. */
  readonly demonstrated: boolean
}

/** An answer to learn again for each of `count` questions; a question that the model says nothing to is left out. */
export async function rehearse(
  { machine, using, progress }: Pick<Workshop, 'machine' | 'using' | 'progress'>,
  { live, lastReward, replay, asked, count, maxTokens, rng }: RehearsalOptions,
): Promise<Rehearsed[]> {
  const earlier = await earlierQuestions(replay, count, rng)
  const questions =
    earlier.length > 0
      ? earlier
      : distinctPrompts(asked)
          .slice(0, count)
          .map((prompt): EarlierQuestion => ({ prompt }))
  const shown = progress('answering as before')
  const own = await using(live, (model) =>
    answerPrompts(
      model,
      questions.map(({ prompt }) => prompt),
      { temperature: 0, maxTokens, ...shown },
    ),
  )
  const choices = questions.map(({ prompt, demonstrated }, i) => ({
    prompt,
    answers: [own[i]![0]!, ...(demonstrated === undefined ? [] : [demonstrated])],
  }))
  const worth =
    lastReward === undefined
      ? () => 0
      : byScores(
          await withModel(
            () => loadRewardModel(lastReward, machine),
            (model) => rewardScores(model, choices, { signal: shown.signal }),
          ),
        )
  const chosen = choices.map(({ prompt, answers }) => {
    const [mine, theirs] = answers as [string, string?]
    const isBetter = theirs !== undefined && worth(prompt, theirs)! > worth(prompt, mine)!
    return { prompt, answer: isBetter ? theirs : mine, demonstrated: isBetter }
  })
  return chosen.filter(({ answer }) => answer !== '')
}
