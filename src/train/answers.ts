/** Answers of a model to many prompts, drawn a part at a time and kept on disk, so that what was drawn is not drawn again. */
import { generateBatch, LanguageModel } from '../infer/index.js'
import type { DiskCache } from '../infer/openai/index.js'
import { Rng } from '../rng.js'
import { TrainError } from './errors.js'
import type { EncodedPrompt } from './ppo/prompts.js'
import { fingerprint } from './ppo/reference.js'
import type { Answer } from './ppo/rollout.js'

export interface DrawOptions {
  /** Answers to each prompt. */
  readonly samples: number
  readonly maxTokens: number
  /** 0 takes the likeliest token each time. */
  readonly temperature: number
  readonly topP: number
  /** Answers that are written together. */
  readonly rows: number
  readonly seed: number
  readonly cache?: DiskCache | undefined
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((done: number, total: number) => void) | undefined
}

export interface Answered {
  readonly prompt: EncodedPrompt
  readonly answers: readonly Answer[]
}

/** Several rounds of all rows: long answers then hold up few of the others. */
const ROUNDS = 8

/**
 * The model's answers to each prompt, in parts of a few hundred. The same seed gives the same answers, also where the work was
 * interrupted: a part is kept whole or not at all.
 * @throws InferError, TrainError, StorageError; the signal's reason
 */
export async function* drawAnswers(
  model: LanguageModel,
  prompts: readonly EncodedPrompt[],
  { cache, signal, onProgress = () => {}, rows, samples, ...sampling }: DrawOptions,
): AsyncGenerator<Answered[]> {
  if (samples > 1 && sampling.temperature === 0) {
    throw new TrainError(
      'recipe',
      `at temperature 0 all ${samples} answers to a prompt are the same; raise the temperature, or draw one`,
    )
  }
  const { config, params, device, tokenizer, chat } = model
  const eosIds = [...new Set([...model.eosIds, ...(chat?.stopIds ?? [])])]
  const speaker = new LanguageModel({ config, params, device, tokenizer, eosIds })
  const name = cache && fingerprint(params)
  const size = Math.max(1, Math.ceil((ROUNDS * rows) / samples))
  const root = Rng.seed(sampling.seed).fork('answers')
  const total = prompts.length * samples
  try {
    for (let part = 0; part * size < prompts.length; part++) {
      signal?.throwIfAborted()
      const chosen = prompts.slice(part * size, (part + 1) * size)
      const asked = chosen.flatMap(({ ids }) => Array.from({ length: samples }, () => ids))
      const seed = root.fork(part).uint32()
      const key = { model: name, samples, asked: chosen.map(({ ids }) => ids), ...sampling, seed }
      const known = await cache?.get(key)
      let answers: readonly Answer[]
      if (known === undefined) {
        let done = part * size * samples
        const { maxTokens, temperature, topP } = sampling
        const generations = await generateBatch(speaker, asked, {
          maxTokens,
          temperature,
          topP,
          seed,
          batch: Math.min(rows, total),
          ...(signal ? { signal } : {}),
          onDone: () => onProgress(++done, total),
        })
        answers = generations.map(({ tokens, text, finish }) => ({ tokens, text, ended: finish === 'eos' }))
        await cache?.set(key, JSON.stringify(answers))
      } else answers = JSON.parse(known) as Answer[]
      onProgress(Math.min(total, (part + 1) * size * samples), total)
      yield chosen.map((prompt, i) => ({ prompt, answers: answers.slice(i * samples, (i + 1) * samples) }))
    }
  } finally {
    await speaker.dispose()
  }
}
