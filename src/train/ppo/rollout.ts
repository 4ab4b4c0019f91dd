/** Rollouts: the policy answers prompts, and prompts with answers are packed into rows. */
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
 * Prompts with their answers. Numbers of the answers' tokens are kept as [N, width], row-major, `lengths[i]` valid ones in front.
 */
export interface Episodes {
  readonly count: number
  /** Most tokens of an answer. */
  readonly width: number
  /** Tokens of each answer. */
  readonly lengths: Int32Array
  /** What the model reads: the prompt and the answer without its last token, which is only ever predicted. */
  readonly sequences: readonly Int32Array[]
  /** The answers' tokens. */
  readonly targets: readonly Int32Array[]
  /** Tokens of the rows that sequences are packed into. */
  readonly T: number
}

/** @param contextLength tokens that the model reads at most */
export function gatherEpisodes(
  prompts: readonly { readonly ids: readonly number[] }[],
  answers: readonly { readonly tokens: readonly number[] }[],
  contextLength: number,
): Episodes {
  const targets = answers.map(({ tokens }) => Int32Array.from(tokens))
  const sequences = targets.map((tokens, i) =>
    Int32Array.from([...prompts[i]!.ids, ...tokens.subarray(0, -1)]),
  )
  const lengths = Int32Array.from(targets, ({ length }) => length)
  const longest = Math.max(1, ...sequences.map(({ length }) => length))
  return {
    count: answers.length,
    width: Math.max(1, ...lengths),
    lengths,
    sequences,
    targets,
    T: Math.min(contextLength, roundUp(longest, 64)),
  }
}

/**
 * Some episodes as a compiled program takes them: the sequences packed into rows [B, T] in which they cannot see each other, and
 * the K tokens of their answers one after the other. Both are filled up to one of few sizes, as a program is compiled for each.
 */
export type EpisodeBatch = {
  /** i32 [B, T] each; see `ForwardOptions`. */
  readonly ids: NDArray
  readonly positions: NDArray
  readonly documents: NDArray
  /** i32 [K]: row * T + column of the position that predicts the token: the last of the prompt for the first. */
  readonly at: NDArray
  /** i32 [K] */
  readonly targets: NDArray
  /** f32 [K]: 1 for tokens, 0 for what fills up. */
  readonly mask: NDArray
}

export function packEpisodes(
  { sequences, targets, lengths, width, T }: Episodes,
  chosen: readonly number[],
): { batch: EpisodeBatch /** Where each token stands in [N, width]. */; source: Int32Array } {
  const places = placeInRows(
    chosen.map((i) => sequences[i]!.length),
    T,
  )
  const B = fewSizes(Math.max(...places.map(({ row }) => row)) + 1, 8)
  const ids = new Int32Array(B * T)
  const positions = new Int32Array(B * T)
  const documents = new Int32Array(B * T).fill(-1)
  const source = new Int32Array(chosen.reduce((sum, i) => sum + lengths[i]!, 0))
  const K = Math.max(64, fewSizes(source.length, 4))
  const at = new Int32Array(K)
  const next = new Int32Array(K)
  let k = 0
  chosen.forEach((episode, place) => {
    const { row, column } = places[place]!
    const [start, sequence] = [row * T + column, sequences[episode]!]
    ids.set(sequence, start)
    documents.fill(place, start, start + sequence.length)
    for (let t = 0; t < sequence.length; t++) positions[start + t] = t
    const first = sequence.length - Math.max(1, lengths[episode]!)
    targets[episode]!.forEach((token, t) => {
      at[k] = start + first + t
      next[k] = token
      source[k++] = episode * width + t
    })
  })
  const rows = (data: Int32Array) => new NDArray('i32', [B, T], data)
  return {
    batch: {
      ids: rows(ids),
      positions: rows(positions),
      documents: rows(documents),
      at: new NDArray('i32', [K], at),
      targets: new NDArray('i32', [K], next),
      mask: new NDArray('f32', [K], new Float32Array(K).fill(1, 0, k)),
    },
    source,
  }
}

/** Numbers [N, width] of the tokens of a batch: [K], zeros where it is filled up. */
export function takeTokens(x: Float32Array, source: Int32Array, K: number): NDArray {
  const out = new Float32Array(K)
  source.forEach((from, k) => {
    out[k] = x[from]!
  })
  return new NDArray('f32', [K], out)
}

/** A row and a column for each length, longest first into the first row with room. */
function placeInRows(lengths: readonly number[], T: number): { row: number; column: number }[] {
  const filled: number[] = []
  const places = new Array<{ row: number; column: number }>(lengths.length)
  for (const i of [...lengths.keys()].sort((a, b) => lengths[b]! - lengths[a]! || a - b)) {
    const found = filled.findIndex((used) => used + lengths[i]! <= T)
    const row = found < 0 ? filled.length : found
    places[i] = { row, column: filled[row] ?? 0 }
    filled[row] = places[i]!.column + lengths[i]!
  }
  return places
}

/** The next multiple of one part of the power of two below: of 4 parts, say, at most a quarter is added. */
function fewSizes(x: number, parts: number): number {
  return roundUp(x, Math.max(1, 2 ** Math.floor(Math.log2(Math.max(1, x))) / parts))
}

function roundUp(x: number, multiple: number): number {
  return multiple * Math.ceil(x / multiple)
}
