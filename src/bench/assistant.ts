/** What SFT, the reward model and PPO are measured on: synthetic dialogues for a model of the tiny speedrun's shape. */
import { type PackedRow, packDialogues } from '../data/index.js'
import { paddedLength, padTokens } from '../infer/index.js'
import { type GptConfig, initGpt, initRewardModel } from '../models/index.js'
import { Rng } from '../rng.js'
import { NDArray } from '../tensor/index.js'
import { modelConfig, parseRecipe } from '../train/index.js'
import { type Case, recipeOf } from './cases.js'

/** Answers of one PPO step, and of one of its updates. */
export const EPISODES = 64
export const MINIBATCH = 32
export const MAX_ANSWER = 48
/** Prompts of one step of the reward model, and the answers to each. */
const COMPARED = { prompts: 8, answers: 4 } as const
/** Different batches of SFT and of the reward model, which come again and again. */
const BATCHES = 16

export type Batch = Readonly<Record<string, NDArray>>

/** A random policy, and a random reward model (or critic) of the same size. */
export function assistantModels(chosen: Case) {
  const config = modelConfig(parseRecipe(recipeOf(chosen)), chosen.vocabSize)
  const scorer = initRewardModel(config, initGpt(config, Rng.seed(11)), Rng.seed(12))
  return { config, policy: initGpt(config, Rng.seed(1)), scorer }
}

/** Batches of packed dialogues of one to three exchanges. */
export function sftBatches({ vocabSize, contextLength: T, batchSize: B }: Case): Batch[] {
  const rng = Rng.seed(21)
  const rows: PackedRow[] = []
  while (rows.length < BATCHES * B) {
    const dialogues = Array.from({ length: 100 }, () => {
      const turns = Array.from({ length: 1 + rng.integer(3) }, () => [
        { length: 8 + rng.integer(32), spoken: 0 },
        { length: 8 + rng.integer(MAX_ANSWER - 7), spoken: 1 },
      ]).flat()
      const mask = Uint8Array.from(
        turns.flatMap(({ length, spoken }) => new Array<number>(length).fill(spoken)),
      )
      return { ids: tokens(rng, mask.length, vocabSize), mask }
    })
    rows.push(...packDialogues(dialogues, { contextLength: T }).rows)
  }
  return Array.from({ length: BATCHES }, (_, i) => {
    const part = rows.slice(i * B, (i + 1) * B)
    const stack = (name: 'ids' | 'targets' | 'positions' | 'documents') =>
      new NDArray('i32', [B, T], Int32Array.from(part.flatMap((row) => [...row[name]])))
    return {
      ids: stack('ids'),
      targets: stack('targets'),
      positions: stack('positions'),
      documents: stack('documents'),
    }
  })
}

/** Batches of answers that are each compared with the others to the same prompt; the first is the best, and so on. */
export function rewardBatches({ vocabSize, contextLength }: Case): Batch[] {
  const rng = Rng.seed(22)
  const { prompts, answers: K } = COMPARED
  const pairs = Array.from({ length: K }, (_, a) =>
    Array.from({ length: K - 1 - a }, (_, b) => [a, a + 1 + b] as const),
  ).flat()
  const M = prompts * pairs.length
  const sides = (side: 0 | 1) =>
    NDArray.from(
      Array.from({ length: M }, (_, m) => {
        const prompt = Math.floor(m / pairs.length)
        return prompt * K + pairs[m % pairs.length]![side]
      }),
      [M],
      'i32',
    )
  const all = (value: number) => new NDArray('f32', [M], new Float32Array(M).fill(value))
  return Array.from({ length: BATCHES }, () => {
    const rows = Array.from({ length: prompts }, () => {
      const prompt = tokens(rng, 16 + rng.integer(49), vocabSize)
      return Array.from({ length: K }, () =>
        Int32Array.from([...prompt, ...tokens(rng, 8 + rng.integer(MAX_ANSWER - 7), vocabSize)]),
      )
    }).flat()
    // As wide as the longest there could be, so that one program serves all.
    const T = paddedLength(64 + MAX_ANSWER, contextLength)
    return {
      ...padTokens(rows, rows.length, T),
      better: sides(0),
      worse: sides(1),
      margin: all(0),
      target: all(1),
      weight: all(1 / pairs.length),
    }
  })
}

/** Prompts of 16 to 64 tokens that wait for an answer. */
export function promptTokens(
  rng: Rng,
  count: number,
  { vocabSize }: Pick<GptConfig, 'vocabSize'>,
): number[][] {
  return Array.from({ length: count }, () => [...tokens(rng, 16 + rng.integer(49), vocabSize)])
}

/** Every so many tokens of a policy that knows nothing are an end: its answers then have about 21 tokens, 48 at most. */
export function endIds({ vocabSize }: Pick<GptConfig, 'vocabSize'>): number[] {
  return Array.from({ length: Math.round(vocabSize / 24) }, (_, id) => id)
}

function tokens(rng: Rng, length: number, vocabSize: number): Int32Array {
  return Int32Array.from({ length }, () => rng.integer(vocabSize))
}
