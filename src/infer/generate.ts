/** Texts from a model: one, or many at once. */
import { Rng } from '../rng.js'
import {
  Completion,
  type CompletionOptions,
  completionSettings,
  type Generation,
  type Prompt,
  promptIds,
} from './completion.js'
import { createGenerator, type GeneratorOptions } from './generator.js'
import type { LanguageModel } from './language-model.js'

export interface GenerateOptions extends CompletionOptions {
  readonly prompt: Prompt
  /** Called once per new token with the text that it made certain ('' while a character or a stop string may be unfinished). */
  readonly onToken?: (token: number, text: string) => void
  readonly signal?: AbortSignal
}

/**
 * Goes on with a prompt. Ends at `maxTokens`, at the end of the context (both 'length'), at a stop string or at an end token.
 * The same seed gives the same text.
 *
 * @throws InferError; the signal's reason where it was aborted
 */
export async function generate(
  model: LanguageModel,
  { prompt, onToken, signal, ...options }: GenerateOptions,
): Promise<Generation> {
  const settings = completionSettings(options)
  const ids = promptIds(model, prompt, settings)
  const completion = new Completion(model, ids, settings, Rng.seed(settings.seed).fork(0), onToken)
  const generator = createGenerator(model, { capacity: capacityFor(model, ids.length + settings.maxTokens) })
  try {
    let logits = await generator.extend(0, ids, { signal })
    for (;;) {
      signal?.throwIfAborted()
      const token = completion.next(logits)
      if (token === undefined) return completion.result()
      logits = (await generator.decode([token]))[0]!
    }
  } finally {
    generator.dispose()
  }
}

export interface GenerateBatchOptions extends CompletionOptions, Pick<GeneratorOptions, 'weights'> {
  /** Rows that run together. Default: as many as prompts, at most 16. */
  readonly batch?: number
  readonly onToken?: (index: number, token: number, text: string) => void
  /** Called when a text is complete. */
  readonly onDone?: (index: number, generation: Generation) => void
  readonly signal?: AbortSignal
}

/** Fewer rows than this are not worth a program of their own. */
const FEWEST_ROWS = 8

/**
 * Goes on with many prompts of any lengths, several rows at a time; a row that is done takes the next prompt. Prompt i draws
 * from a stream of its own, so its text does not depend on the others (but for the last bits of the arithmetic).
 *
 * @throws InferError; the signal's reason where it was aborted
 */
export async function generateBatch(
  model: LanguageModel,
  prompts: readonly Prompt[],
  options: GenerateBatchOptions = {},
): Promise<Generation[]> {
  const { batch = Math.min(16, prompts.length), weights, onToken, onDone, signal, ...rest } = options
  const settings = completionSettings(rest)
  if (prompts.length === 0) return []
  const root = Rng.seed(settings.seed)
  const completions = prompts.map(
    (prompt, i) =>
      new Completion(
        model,
        promptIds(model, prompt, settings),
        settings,
        root.fork(i),
        onToken && ((token, text) => onToken(i, token, text)),
      ),
  )
  const longest = Math.max(...completions.map(({ promptTokens }) => promptTokens.length))
  const capacity = capacityFor(model, longest + settings.maxTokens)
  const generator = createGenerator(model, { batch, capacity, ...(weights ? { weights } : {}) })
  try {
    const results = new Array<Generation>(prompts.length)
    let rows = new Array<number | undefined>(batch).fill(undefined)
    let tokens = new Array<number | undefined>(batch).fill(undefined)
    let waiting = 0
    const advance = (row: number, logits: Float32Array) => {
      const index = rows[row]!
      tokens[row] = completions[index]!.next(logits)
      if (tokens[row] !== undefined) return
      results[index] = completions[index]!.result()
      rows[row] = undefined
      onDone?.(index, results[index])
    }
    for (;;) {
      while (waiting < prompts.length && rows.includes(undefined)) {
        const fresh = rows.map((index, row) => {
          if (index !== undefined || waiting >= prompts.length) return undefined
          rows[row] = waiting++
          generator.truncate(row)
          return completions[rows[row]!]!.promptTokens
        })
        // A text may end with its first token: its row is then free again.
        for (const [row, logits] of (await generator.prefill(fresh, { signal })).entries())
          if (logits) advance(row, logits)
      }
      if (rows.every((index) => index === undefined)) return results
      signal?.throwIfAborted()
      if (weights === 'input' && rows.length >= 2 * FEWEST_ROWS) {
        // Nothing is left for the rows that are done: once they are many, the others go on alone.
        const open = [...rows.keys()].filter((row) => rows[row] !== undefined)
        if (2 * open.length <= rows.length) {
          const size = Math.ceil(rows.length / 2)
          const idle = [...rows.keys()].filter((row) => rows[row] === undefined)
          const kept = [...open, ...idle].slice(0, size)
          generator.keep(kept)
          rows = kept.map((row) => rows[row])
          tokens = kept.map((row) => tokens[row])
        }
      }
      const logits = await generator.decode(tokens)
      logits.forEach((row, i) => {
        if (row) advance(i, row)
      })
    }
  } finally {
    generator.dispose()
  }
}

/** Room for the tokens in few distinct sizes, so that programs are shared: a power of two from 128 on, or the whole context. */
function capacityFor(model: LanguageModel, tokens: number): number {
  return Math.min(model.config.contextLength, 2 ** Math.max(7, Math.ceil(Math.log2(tokens))))
}
