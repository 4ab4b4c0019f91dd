/** Rollouts: the policy answers prompts, and the answers become rows of equal length. */
import { generateBatch, type LanguageModel } from '../../infer/index.js'
import { NDArray } from '../../tensor/index.js'
import type { EncodedPrompt } from './prompts.js'

/** An answer as it was drawn. */
export interface Answer {
  /** The end token included, where there is one. */
  readonly tokens: readonly number[]
  readonly text: string
  /** Whether the policy ended it; else it was cut off. */
  readonly ended: boolean
}

export interface SampleOptions {
  readonly maxTokens: number
  readonly temperature: number
  readonly rows: number
  readonly seed: number
  readonly signal?: AbortSignal | undefined
}

/** One answer to each prompt, drawn from softmax(logits / temperature) without any filter: what the log-probabilities assume. */
export async function sampleAnswers(
  policy: LanguageModel,
  prompts: readonly EncodedPrompt[],
  { maxTokens, temperature, rows, seed, signal }: SampleOptions,
): Promise<Answer[]> {
  const generations = await generateBatch(
    policy,
    prompts.map(({ ids }) => ids),
    {
      maxTokens,
      temperature,
      seed,
      batch: Math.min(rows, prompts.length),
      // The parameters change from step to step.
      weights: 'input',
      ...(signal ? { signal } : {}),
    },
  )
  return generations.map(({ tokens, text, finish }) => ({ tokens, text, ended: finish === 'eos' }))
}

/**
 * Prompts and answers as arrays. Row i of `ids` [N, T] is prompt ++ answer without its last token, which is only ever predicted,
 * padded on the right. Token t of the answer stands in `targets` [N, R]; `at` [N, R] is the position that predicts it: the last
 * of the prompt for the first. Behind `lengths[i]` tokens both are padding (0).
 */
export interface AnswerRows {
  readonly count: number
  readonly T: number
  readonly width: number
  readonly lengths: Int32Array
  readonly ids: Int32Array
  readonly at: Int32Array
  readonly targets: Int32Array
}

/** T and R are rounded up, so that few different programs are compiled. */
export function padAnswers(
  prompts: readonly { readonly ids: readonly number[] }[],
  answers: readonly { readonly tokens: readonly number[] }[],
  contextLength: number,
): AnswerRows {
  const count = answers.length
  const lengths = Int32Array.from(answers, ({ tokens }) => tokens.length)
  const needed = answers.map(({ tokens }, i) => prompts[i]!.ids.length + Math.max(0, tokens.length - 1))
  const T = Math.min(contextLength, roundUp(Math.max(1, ...needed), 32))
  const width = roundUp(Math.max(1, ...lengths), 16)
  const ids = new Int32Array(count * T)
  const at = new Int32Array(count * width)
  const targets = new Int32Array(count * width)
  answers.forEach(({ tokens }, i) => {
    const prompt = prompts[i]!.ids
    ids.set(prompt, i * T)
    ids.set(tokens.slice(0, -1), i * T + prompt.length)
    tokens.forEach((token, t) => {
      at[i * width + t] = prompt.length - 1 + t
      targets[i * width + t] = token
    })
  })
  return { count, T, width, lengths, ids, at, targets }
}

/** What the compiled programs take of some rows. `at` counts through all rows of the batch. */
export type AnswerBatch = {
  /** i32 [B, T] */
  readonly ids: NDArray
  /** i32 [B, R]: row * T + position */
  readonly at: NDArray
  /** i32 [B, R] */
  readonly targets: NDArray
  /** f32 [B, R]: 1 for valid tokens */
  readonly mask: NDArray
}

export function answerBatch(rows: AnswerRows, chosen: readonly number[]): AnswerBatch {
  const { T, width: R, lengths } = rows
  const B = chosen.length
  const ids = new Int32Array(B * T)
  const at = new Int32Array(B * R)
  const targets = new Int32Array(B * R)
  const mask = new Float32Array(B * R)
  chosen.forEach((row, i) => {
    ids.set(rows.ids.subarray(row * T, (row + 1) * T), i * T)
    targets.set(rows.targets.subarray(row * R, (row + 1) * R), i * R)
    for (let t = 0; t < R; t++) at[i * R + t] = rows.at[row * R + t]! + i * T
    mask.fill(1, i * R, i * R + lengths[row]!)
  })
  return {
    ids: new NDArray('i32', [B, T], ids),
    at: new NDArray('i32', [B, R], at),
    targets: new NDArray('i32', [B, R], targets),
    mask: new NDArray('f32', [B, R], mask),
  }
}

/** The chosen rows of numbers [N, R], as [B, R]. */
export function takeRows(x: Float32Array, width: number, chosen: readonly number[]): NDArray {
  const out = new Float32Array(chosen.length * width)
  chosen.forEach((row, i) => {
    out.set(x.subarray(row * width, (row + 1) * width), i * width)
  })
  return new NDArray('f32', [chosen.length, width], out)
}

function roundUp(x: number, multiple: number): number {
  return multiple * Math.ceil(x / multiple)
}
