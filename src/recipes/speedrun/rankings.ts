/** Comparisons for the reward model: a model's own answers, ranked by simulated people. */
import { writeFileAtomic } from '../../atomic.js'
import { type Prompt, readPrompts } from '../../data/index.js'
import type { LanguageModel } from '../../infer/index.js'
import { Rng } from '../../rng.js'
import { type Calibration, calibrateNoise, createLabeler, judge, rankAnswers } from '../assistant/index.js'
import { type AnswerOptions, answerPrompts } from './answers.js'

export interface RankingOptions extends Pick<AnswerOptions, 'signal' | 'onProgress' | 'maxTokens'> {
  /** Answers to each prompt. */
  readonly answers: number
  readonly temperature: number
  /** How often two labelers agree; 0.73 as InstructGPT's did. */
  readonly agreement: number
  readonly labelers: number
  readonly seed: number
}

export interface RankingSummary extends Calibration {
  readonly prompts: number
  readonly answers: number
  /** Mean gold score of the ranked answers. */
  readonly gold: number
}

/** Has every prompt of a file answered and ranked, each by one labeler, and writes the rankings. */
export async function collectRankings(
  model: LanguageModel,
  promptFile: string,
  out: string,
  options: RankingOptions,
): Promise<RankingSummary> {
  const { seed, labelers, agreement } = options
  const prompts: Prompt[] = []
  for await (const prompt of readPrompts([promptFile])) prompts.push(prompt)
  const answers = await answerPrompts(
    model,
    prompts.map(({ messages }) => messages),
    { ...options, samples: options.answers, seed },
  )
  const samples = prompts.map((prompt, i) => ({ prompt, answers: answers[i]! }))
  const calibration = calibrateNoise(samples, { seed, agreement })
  const panel = Array.from({ length: labelers }, (_, number) =>
    createLabeler({ number, seed, noise: calibration.noise }),
  )
  const assign = Rng.seed(seed).fork('labelers')
  const lines = samples.map(({ prompt, answers }) =>
    JSON.stringify(rankAnswers(panel[assign.integer(panel.length)]!, prompt, answers)),
  )
  await writeFileAtomic(out, `${lines.join('\n')}\n`)
  const scores = samples.flatMap(({ prompt, answers }) =>
    answers.map((answer) => judge(prompt, answer).score),
  )
  return {
    ...calibration,
    prompts: prompts.length,
    answers: scores.length,
    gold: scores.reduce((sum, score) => sum + score, 0) / scores.length,
  }
}
