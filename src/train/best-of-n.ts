/**
 * Rejection sampling: of n answers to each prompt the one that scores best becomes a demonstration, to be learnt by `sft`
 * (Nakano et al. 2021; Touvron et al. 2023). No training: this writes data.
 */
import { rm, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { z } from 'zod'
import { makeDirectory, writeFileAtomic } from '../atomic.js'
import { loadModel, loadRewardModel } from '../infer/index.js'
import { createDiskCache } from '../infer/openai/index.js'
import { drawAnswers } from './answers.js'
import { TrainError } from './errors.js'
import type { OnEvent } from './events.js'
import { encodePrompts, loadPrompts } from './ppo/prompts.js'
import { functionScorer, modelScorer, type RewardFunction, type Scorer } from './ppo/scoring.js'
import { createReward } from './rewards.js'

const size = z.number().int().positive()

export const bestOfSchema = z.strictObject({
  n: size.default(8),
  temperature: z.number().gt(0).max(5).default(1),
  topP: z.number().gt(0).max(1).default(1),
  maxTokens: size.default(256),
  /** Answers that are written together. */
  rows: size.default(32),
  /** A prompt whose best answer scores less is left out. */
  minScore: z.number().optional(),
  maxSkipped: z.number().int().nonnegative().default(1000),
  seed: z.number().int().nonnegative().default(1337),
})

export interface BestOfOptions {
  /** The folder of the model that answers. */
  readonly model: string
  /** Files of prompts; see `readPrompts`. */
  readonly data: readonly string[]
  /** The file of dialogues to write. It must not be there yet. */
  readonly out: string
  /** One source of scores: a reward model's folder, rewards by name, or a function. */
  readonly rewardModel?: string | undefined
  readonly rewards?: readonly string[] | undefined
  readonly reward?: RewardFunction | undefined
  readonly overrides?: z.input<typeof bestOfSchema> | undefined
  readonly threads?: number | undefined
  readonly device?: string | undefined
  readonly signal?: AbortSignal | undefined
  readonly onEvent?: OnEvent | undefined
}

export interface BestOfResult {
  readonly file: string
  readonly prompts: number
  /** Dialogues in the file. */
  readonly kept: number
  /** Prompts to which no answer was whole, and those whose best answer scored less than `minScore`. */
  readonly unfinished: number
  readonly belowMinimum: number
  /** Of all whole answers. */
  readonly meanScore: number | undefined
  /** Of the best to each prompt, kept or not. */
  readonly meanBest: number | undefined
  /** How far, in nats, taking the best of n can lead away from the model: KL is at most ln n - (n - 1) / n. */
  readonly klBound: number
  readonly seconds: number
}

/**
 * Writes the best of n answers to each prompt, the first of equal ones. An answer that was cut off is never taken. Where the work is
 * interrupted, the same call goes on: what was drawn is kept beside the file until it is whole.
 * @throws TrainError, InferError, DataError, ModelDirectoryError, StorageError; the signal's reason
 */
export async function bestOf(options: BestOfOptions): Promise<BestOfResult> {
  const began = performance.now()
  const { onEvent = () => {}, signal } = options
  const settings = parseSettings(options.overrides)
  const out = resolve(options.out)
  if (await exists(out))
    throw new TrainError('recipe', `${out} is already there; remove it, or choose another file`)
  await makeDirectory(dirname(out))
  const machine = {
    ...(options.device === undefined ? {} : { device: options.device }),
    ...(options.threads === undefined ? {} : { threads: options.threads }),
  }
  const model = await loadModel(options.model, machine)
  const { tokenizer, chat, config } = model
  if (!tokenizer || !chat) {
    throw new TrainError(
      'recipe',
      `${options.model} has no tokenizer with a chat format, so it cannot answer; fine-tune it on dialogues first (athanor sft)`,
    )
  }
  const loaded = await loadPrompts(options.data, { ...settings, chat, onEvent, signal })
  const { score, dispose } = await openScorer(options, machine, { tokenizer, endId: chat.stopIds[0]! })
  const work = `${out}.parts`
  const source = `best of ${settings.n} by ${options.model}`
  const cache = createDiskCache(work)
  const lines: string[] = []
  const all = new Mean()
  const bests = new Mean()
  let [unfinished, belowMinimum] = [0, 0]
  try {
    const prompts = encodePrompts(loaded, chat, config.contextLength, { ...settings, onEvent })
    const { n: samples, ...sampling } = settings
    const onProgress = (done: number, total: number) =>
      onEvent({ type: 'progress', label: 'drawing answers', done, total, unit: 'answers' })
    for await (const part of drawAnswers(model, prompts, {
      ...sampling,
      samples,
      cache,
      signal,
      onProgress,
    })) {
      const pairs = part.flatMap(({ prompt, answers }) =>
        answers.filter(({ ended }) => ended).map((answer) => ({ prompt, answer })),
      )
      const scores = await score(
        pairs.map(({ prompt }) => prompt),
        pairs.map(({ answer }) => answer),
      )
      for (const one of scores) all.add(one)
      for (const { prompt } of part) {
        const own = [...pairs.keys()].filter((i) => pairs[i]!.prompt === prompt)
        if (own.length === 0) {
          unfinished++
          continue
        }
        const best = own.reduce((a, b) => (scores[b]! > scores[a]! ? b : a))
        bests.add(scores[best]!)
        if (settings.minScore !== undefined && scores[best]! < settings.minScore) {
          belowMinimum++
          continue
        }
        const { messages, ...labels } = prompt.prompt
        const answer = { role: 'assistant', content: pairs[best]!.answer.text }
        lines.push(
          `${JSON.stringify({ ...labels, source, messages: [...messages, answer], score: scores[best] })}\n`,
        )
      }
    }
    if (lines.length === 0) {
      throw new TrainError(
        'data',
        `none of ${prompts.length} prompts has an answer to keep: ${unfinished} were only answered beyond ${settings.maxTokens} tokens, ${belowMinimum} scored less than ${settings.minScore}`,
      )
    }
    await writeFileAtomic(out, async (handle) => {
      for (const line of lines) await handle.appendFile(line)
    })
    await rm(work, { recursive: true, force: true })
    return {
      file: out,
      prompts: prompts.length,
      kept: lines.length,
      unfinished,
      belowMinimum,
      meanScore: all.value,
      meanBest: bests.value,
      klBound: bestOfKl(settings.n),
      seconds: (performance.now() - began) / 1000,
    }
  } finally {
    await dispose()
    await model.dispose()
  }
}

/** The most that the best of n answers can differ from an answer of the model, in nats (Beirami et al. 2024). */
export function bestOfKl(n: number): number {
  return Math.log(n) - (n - 1) / n
}

async function openScorer(
  { rewardModel, rewards, reward }: BestOfOptions,
  machine: { readonly device?: string; readonly threads?: number },
  { tokenizer, endId }: { readonly tokenizer: Parameters<typeof modelScorer>[1]; readonly endId: number },
): Promise<{ score: Scorer; dispose: () => Promise<void> }> {
  const given = [reward, rewards?.length ? rewards : undefined, rewardModel].filter(
    (each) => each !== undefined,
  )
  if (given.length !== 1) {
    throw new TrainError(
      'recipe',
      `best-of needs one source of scores: a reward model, rewards by name, or (from code) a function; it got ${given.length}`,
    )
  }
  if (rewardModel === undefined)
    return { score: functionScorer(reward ?? createReward(rewards!)), dispose: async () => {} }
  const model = await loadRewardModel(rewardModel, machine)
  return { score: modelScorer(model, tokenizer, endId), dispose: () => model.dispose() }
}

function parseSettings(overrides: unknown): z.output<typeof bestOfSchema> {
  const parsed = bestOfSchema.safeParse(overrides ?? {})
  if (parsed.success) return parsed.data
  const problems = parsed.error.issues.map(({ path, message }) => `${path.join('.') || 'it'}: ${message}`)
  throw new TrainError('recipe', `the settings of best-of are wrong: ${problems.join('; ')}`)
}

class Mean {
  #sum = 0
  #count = 0

  add(x: number): void {
    this.#sum += x
    this.#count++
  }

  get value(): number | undefined {
    return this.#count === 0 ? undefined : this.#sum / this.#count
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}
