/** Scoring dialogues with a reward model: how good is the last answer, in one number. */
import { join } from 'node:path'
import { readModelDirectory, toFloat32 } from '../hub/index.js'
import {
  type GptConfig,
  gptScores,
  isRewardConfig,
  rewardConfigFromHf,
  rewardWeightsFromHf,
} from '../models/index.js'
import { type Device, jit, NDArray, type Tensor } from '../tensor/index.js'
import {
  type ChatFormat,
  type ChatMessage,
  loadTokenizer,
  readChatTemplate,
  type Tokenizer,
} from '../text/index.js'
import { InferError } from './errors.js'
import { LanguageModel } from './language-model.js'
import { deviceFor, type LoadModelOptions } from './load-model.js'

/** A language model's parts with a scalar head: `params` hold `score.weight` and `score.bias` and no output matrix. */
export type RewardModel = LanguageModel & { readonly tokenizer: Tokenizer; readonly chat: ChatFormat }

/**
 * Loads a reward model from its folder or run directory.
 * @throws ModelError where the folder holds a model of another kind; else as `loadModel`
 */
export async function loadRewardModel(
  directory: string,
  options: LoadModelOptions = {},
): Promise<RewardModel> {
  const device = deviceFor(options)
  const folder = await readModelDirectory(directory)
  try {
    const config = rewardConfigFromHf(folder.config, join(folder.dir, 'config.json'))
    const { entries, source } = folder.tensors
    const shapes = new Map([...entries].map(([name, { shape }]) => [name, shape]))
    const read = async (name: string) => toFloat32(await folder.tensors.read(name))
    const params = await rewardWeightsFromHf(
      folder.config,
      { shapes, read },
      { origin: `the weights in ${source}`, signal: options.signal, quantization: options.quantization },
    )
    const model = new LanguageModel({
      config,
      params,
      device,
      tokenizer: await loadTokenizer(folder.dir),
      chatTemplate: await readChatTemplate(folder.dir),
      quantization: options.quantization,
      dir: directory,
    })
    if (!model.chat) {
      throw new InferError(
        'infer/tokenizer',
        `${directory} has neither a chat template nor the tokens of ChatML, so its dialogues cannot be written; add chat_template to its tokenizer_config.json`,
      )
    }
    return model as RewardModel
  } finally {
    await folder.close()
  }
}

/** Whether a folder holds a reward model (or a run of one). */
export async function isRewardModel(directory: string): Promise<boolean> {
  const folder = await readModelDirectory(directory)
  await folder.close()
  return isRewardConfig(folder.config)
}

/** The tokens of a dialogue up to the end of the assistant's last answer. */
export interface AnswerTokens {
  readonly ids: Int32Array
  /** How many tokens at the end are the answer's own, its end of turn included. */
  readonly answer: number
  /** Whether earlier turns were left out because the context holds no more. */
  readonly cut: boolean
}

/**
 * A dialogue as it is judged by its last answer, at whose last token a score is read. What is too long loses its oldest turns
 * (never the system message); an answer that is too long alone loses its beginning.
 * @throws InferError when the assistant says nothing in it
 */
export function encodeForScore(
  chat: ChatFormat,
  messages: readonly ChatMessage[],
  contextLength: number,
): AnswerTokens {
  const { ids, mask, turns = [] } = chat.encode(messages)
  const end = mask.lastIndexOf(1) + 1
  if (end === 0) {
    throw new InferError(
      'infer/prompt',
      'there is nothing to score: the dialogue has no message of the assistant; put the answer last',
    )
  }
  const answer = end - 1 - mask.lastIndexOf(0, end - 1)
  if (end <= contextLength) return { ids: ids.slice(0, end), answer, cut: false }
  const system = turns[0]?.role === 'system' ? ids.subarray(0, turns[1]?.start ?? 0) : new Int32Array()
  const from = turns.find(
    ({ role, start }) => role === 'user' && start > 0 && system.length + end - start <= contextLength,
  )
  if (!from) {
    const kept = ids.slice(end - contextLength, end)
    return { ids: kept, answer: Math.min(answer, contextLength), cut: true }
  }
  const kept = new Int32Array(system.length + end - from.start)
  kept.set(system)
  kept.set(ids.subarray(from.start, end), system.length)
  return { ids: kept, answer, cut: true }
}

/**
 * A length, of few different ones, that holds `length`: multiples of 32, then powers of two and what lies halfway. For each a
 * program is compiled, with memory of its own.
 */
export function paddedLength(length: number, limit: number): number {
  const unit = Math.max(32, 2 ** (Math.floor(Math.log2(Math.max(1, length - 1))) - 1))
  return Math.min(limit, unit * Math.ceil(length / unit))
}

/** Rows of ids padded on the right to [count, T], and their lengths; rows that are missing are a single 0. */
export function padTokens(
  rows: readonly Int32Array[],
  count: number,
  T: number,
): { ids: NDArray; lengths: NDArray } {
  const ids = new Int32Array(count * T)
  const lengths = new Int32Array(count).fill(1)
  rows.forEach((row, i) => {
    ids.set(row, i * T)
    lengths[i] = row.length
  })
  return { ids: new NDArray('i32', [count, T], ids), lengths: new NDArray('i32', [count], lengths) }
}

/** Tokens of one forward pass, padding included: the fewer, the less padding. */
const TOKENS_PER_PASS = 2048

export interface ScoreOptions {
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void
}

type Params = Readonly<Record<string, NDArray>>

/**
 * Scores rows of token ids, each read at its last token, in passes of rows of like length. The parameters are an argument, so
 * that a model can be measured while it is trained.
 */
export function createScorer(config: GptConfig, device: Device) {
  const program = jit<[Params, NDArray, NDArray], Tensor>(
    (params, ids, lengths) => gptScores(config, params, ids, lengths),
    { device },
  )
  const score = async (
    params: Params,
    rows: readonly Int32Array[],
    { signal, onProgress }: ScoreOptions = {},
  ): Promise<Float32Array> => {
    const wrong = rows.find(({ length }) => length === 0 || length > config.contextLength)
    if (wrong) {
      throw new InferError(
        'infer/prompt',
        `a row of ${wrong.length} tokens cannot be scored: the model reads 1 to ${config.contextLength}`,
      )
    }
    const scores = new Float32Array(rows.length)
    const order = [...rows.keys()].sort((a, b) => rows[b]!.length - rows[a]!.length)
    for (let at = 0; at < order.length; ) {
      signal?.throwIfAborted()
      const T = paddedLength(rows[order[at]!]!.length, config.contextLength)
      const count = Math.max(1, Math.floor(TOKENS_PER_PASS / T))
      const taken = order.slice(at, at + count)
      // A last pass of few rows is not padded with more than as many.
      const height = Math.min(count, 2 ** Math.ceil(Math.log2(taken.length)))
      const { ids, lengths } = padTokens(
        taken.map((i) => rows[i]!),
        height,
        T,
      )
      const result = await program(params, ids, lengths)
      const values = await result.numbers()
      for (const [i, row] of taken.entries()) scores[row] = values[i]!
      at += taken.length
      onProgress?.({ done: at, total: order.length })
    }
    return scores
  }
  return Object.assign(score, { dispose: () => program.dispose() })
}

/** Scores of token ids, each row ending with the answer that is meant. */
export async function scoreTokens(
  model: LanguageModel,
  rows: readonly Int32Array[],
  options: ScoreOptions = {},
): Promise<Float32Array> {
  const scorer = await model.program('score', async () => createScorer(model.config, model.device))
  return scorer(model.params, rows, options)
}

/**
 * The score of each dialogue's last answer.
 * @throws InferError when a dialogue has no answer
 */
export async function scoreDialogues(
  model: RewardModel,
  dialogues: readonly (readonly ChatMessage[])[],
  options: ScoreOptions = {},
): Promise<Float32Array> {
  const { chat, config } = model
  const rows = dialogues.map((messages) => encodeForScore(chat, messages, config.contextLength).ids)
  return scoreTokens(model, rows, options)
}
