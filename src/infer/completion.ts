/** One text being generated: what is drawn, what is shown, when it ends. Knows nothing of caches and batches. */
import { z } from 'zod'
import type { Rng } from '../rng.js'
import { createDecoder } from '../text/portable.js'
import { InferError } from './errors.js'
import { checkTokens } from './generator.js'
import type { LanguageModel } from './language-model.js'
import { logProbability, sample, samplingSchema } from './sampler.js'
import { createStopText } from './stop-text.js'

export const completionSchema = samplingSchema.extend({
  /** New tokens at most. */
  maxTokens: z.number().int().min(1).default(256),
  /** The text ends before the first of these. */
  stop: z.array(z.string().min(1)).default([]),
  /** Whether the model's end tokens end the text. */
  stopAtEos: z.boolean().default(true),
  /** Also return each token's log-probability: under the model (true), or at the temperature it was drawn with ('sampling'). */
  logProbabilities: z.union([z.boolean(), z.literal('sampling')]).default(false),
  /** What to do with a prompt longer than the context: refuse it, or drop its beginning to leave room for maxTokens (at least half the context stays). */
  overflow: z.enum(['error', 'truncate']).default('error'),
  seed: z.number().int().min(0).default(0),
})

export type CompletionOptions = z.input<typeof completionSchema>
export type CompletionSettings = z.output<typeof completionSchema>

/** 'length': maxTokens, or the context is full. 'stop': a stop string. 'eos': an end token of the model. */
export type Finish = 'length' | 'stop' | 'eos'

export interface Generation {
  /** The new tokens, the end token included. */
  readonly tokens: number[]
  /** Their text, without special tokens, up to a stop string. '' without a tokenizer. */
  readonly text: string
  readonly finish: Finish
  /** The prompt as the model read it. */
  readonly promptTokens: number[]
  /** ln p of each new token, where asked for; before penalty and filters, and before temperature unless 'sampling' was asked for. */
  readonly logProbabilities?: number[]
}

export type Prompt = string | ArrayLike<number>

/** @throws InferError `infer/options` naming each wrong option */
export function completionSettings(options: object): CompletionSettings {
  const parsed = completionSchema.safeParse(options)
  if (parsed.success) return parsed.data
  const problems = parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)
  throw new InferError('infer/options', `these options cannot be used: ${problems.join('; ')}`)
}

/**
 * Ids of a prompt, made to fit the context.
 * @throws InferError `infer/prompt` for an empty prompt without a start token, `infer/context` for one that is too long
 */
export function promptIds(
  model: LanguageModel,
  prompt: Prompt,
  { maxTokens, overflow }: CompletionSettings,
): number[] {
  const ids = typeof prompt === 'string' ? model.encodePrompt(prompt) : Array.from(prompt)
  if (ids.length === 0) {
    throw new InferError(
      'infer/prompt',
      'the prompt is empty and the model has no start token; give at least one token',
    )
  }
  checkTokens(ids, model.config.vocabSize)
  const { contextLength } = model.config
  if (overflow === 'truncate') {
    const room = Math.max(Math.ceil(contextLength / 2), contextLength - maxTokens + 1)
    return ids.slice(-Math.min(room, contextLength))
  }
  if (ids.length <= contextLength) return ids
  throw new InferError(
    'infer/context',
    `the prompt has ${ids.length} tokens and the model's context holds ${contextLength}; shorten it, or pass overflow: 'truncate' to drop its beginning`,
  )
}

export class Completion {
  readonly promptTokens: readonly number[]
  readonly tokens: number[] = []
  readonly #model: LanguageModel
  readonly #settings: CompletionSettings
  readonly #rng: Rng
  readonly #onToken: ((token: number, text: string) => void) | undefined
  readonly #decoder: ReturnType<typeof createDecoder> | undefined
  readonly #stopText: ReturnType<typeof createStopText>
  readonly #logProbabilities: number[] = []
  readonly #history: number[]
  #text = ''
  #finish: Finish | undefined

  constructor(
    model: LanguageModel,
    promptTokens: readonly number[],
    settings: CompletionSettings,
    rng: Rng,
    onToken?: (token: number, text: string) => void,
  ) {
    this.#model = model
    this.promptTokens = promptTokens
    this.#settings = settings
    this.#rng = rng
    this.#onToken = onToken
    this.#history = [...promptTokens]
    this.#stopText = createStopText(settings.stop)
    const onlyStart = promptTokens.length === 1 && promptTokens[0] === model.startId
    this.#decoder = model.tokenizer && createDecoder(model.tokenizer, { continuation: !onlyStart })
    if (!model.tokenizer && settings.stop.length > 0) {
      throw new InferError(
        'infer/options',
        `stop strings need a tokenizer, and ${model.dir || 'this model'} has none`,
      )
    }
  }

  get finish(): Finish | undefined {
    return this.#finish
  }

  /** Draws the next token from the logits after the last; returns it while there is more to come. */
  next(all: Float32Array): number | undefined {
    const { tokenizer, eosIds } = this.#model
    // Rows that only fill the embedding up to a round size are no tokens.
    const logits = tokenizer ? all.subarray(0, tokenizer.vocabSize) : all
    const token = sample(logits, this.#settings, this.#rng, this.#history)
    const { logProbabilities, temperature } = this.#settings
    if (logProbabilities) {
      const atTemperature = logProbabilities === 'sampling' && temperature > 0 ? temperature : 1
      this.#logProbabilities.push(logProbability(logits, token, atTemperature))
    }
    this.tokens.push(token)
    this.#history.push(token)
    const ends = this.#settings.stopAtEos && eosIds.includes(token)
    let text = ends ? '' : this.#stopText.push(this.#decoder?.push(token) ?? '')
    this.#finish = this.#stopText.stopped ? 'stop' : ends ? 'eos' : this.#full() ? 'length' : undefined
    if (this.#finish) text += this.#stopText.push(this.#decoder?.flush() ?? '') + this.#stopText.flush()
    this.#text += text
    this.#onToken?.(token, text)
    return this.#finish ? undefined : token
  }

  result(): Generation {
    return {
      tokens: this.tokens,
      text: this.#text,
      finish: this.#finish ?? 'length',
      promptTokens: [...this.promptTokens],
      ...(this.#settings.logProbabilities ? { logProbabilities: this.#logProbabilities } : {}),
    }
  }

  #full(): boolean {
    return (
      this.#history.length > this.#model.config.contextLength ||
      this.tokens.length >= this.#settings.maxTokens
    )
  }
}
