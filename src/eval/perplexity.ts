/** How well a model predicts text: loss, perplexity and bits per byte. */
import { type GptConfig, gptLoss } from '../models/index.js'
import { type Compiled, compile, type Device, NDArray, type Tensor } from '../tensor/index.js'
import type { Tokenizer } from '../text/index.js'
import { EvaluationError } from './errors.js'

/** What of a `LanguageModel` measuring needs. */
export interface MeasurableModel {
  readonly config: GptConfig
  readonly params: Readonly<Record<string, NDArray>>
  readonly device: Device
  readonly tokenizer: Tokenizer | undefined
  /** What a document starts after: the start token, or else the end of the document before it. */
  readonly startId: number | undefined
  /** The program of this name, compiled at the first call and kept. */
  program<T extends { dispose(): Promise<void> }>(name: string, build: () => Promise<T>): Promise<T>
}

type Params = Readonly<Record<string, Tensor>>

export interface PerplexityOptions {
  /** Tokens that the model sees at once. Default and at most the model's context length. */
  readonly contextLength?: number
  /**
   * New tokens scored by each window after a document's first; each then has at least contextLength - stride tokens before it.
   * Smaller is better for the model and slower. Default half the context.
   */
  readonly stride?: number
  readonly signal?: AbortSignal
  /** Tokens scored so far; the total is known where the texts are an array. */
  readonly onProgress?: (progress: { readonly done: number; readonly total?: number }) => void
}

export interface Perplexity {
  /** Mean negative log-likelihood, nats per token. */
  readonly loss: number
  /** e^loss. Depends on the tokenizer. */
  readonly perplexity: number
  /** Bits per UTF-8 byte of the text. Comparable between tokenizers. */
  readonly bitsPerByte: number
  /** Tokens scored. */
  readonly tokens: number
  /** UTF-8 bytes of the text scored. */
  readonly bytes: number
}

/** A piece of a document: `ids` go in, and the targets that follow them are scored, ignoring (-100) those scored before. */
interface Window {
  readonly ids: Int32Array
  readonly targets: Int32Array
  readonly scored: number
}

const IGNORED = -100

/**
 * Scores documents one by one. Each is preceded by the model's start token (or else its end token), so that all of its tokens are
 * scored, each exactly once, and the bytes are those of the text. A model with neither cannot predict a document's first token: that
 * one is not scored, and neither are its bytes.
 *
 * A document longer than the context is read in windows that overlap: the first scores all of its tokens, each later one the next
 * `stride` tokens, with what comes before them as context.
 *
 * @throws EvaluationError `eval/text` where a document is empty (or a single token that nothing precedes), `eval/options`
 */
export async function perplexity(
  model: MeasurableModel,
  texts: Iterable<string> | AsyncIterable<string>,
  options: PerplexityOptions = {},
): Promise<Perplexity> {
  const { length, stride } = settings(model, options)
  const { signal, onProgress } = options
  const documents = Array.isArray(texts)
    ? (texts as string[]).map((text, i) => encodeDocument(model, text, i))
    : undefined
  const total = documents?.reduce((sum, { scored }) => sum + scored, 0)
  let [nats, tokens, bytes, index] = [0, 0, 0, 0]
  for await (const source of documents ?? texts) {
    const document = typeof source === 'string' ? encodeDocument(model, source, index++) : source
    for (const window of windows(document.ids, length, stride)) {
      signal?.throwIfAborted()
      nats += await windowLoss(model, window)
      tokens += window.scored
      onProgress?.(total === undefined ? { done: tokens } : { done: tokens, total })
    }
    bytes += document.scoredBytes
  }
  if (tokens === 0)
    throw new EvaluationError('eval/text', 'there is no text to measure; give at least one document')
  const loss = nats / tokens
  return { loss, perplexity: Math.exp(loss), bitsPerByte: nats / Math.LN2 / bytes, tokens, bytes }
}

function settings(model: MeasurableModel, options: PerplexityOptions): { length: number; stride: number } {
  const longest = model.config.contextLength
  const length = options.contextLength ?? longest
  if (!Number.isInteger(length) || length < 1 || length > longest) {
    throw new EvaluationError(
      'eval/options',
      `contextLength must be between 1 and the model's ${longest}, not ${length}`,
    )
  }
  const stride = options.stride ?? Math.ceil(length / 2)
  if (!Number.isInteger(stride) || stride < 1 || stride > length) {
    throw new EvaluationError(
      'eval/options',
      `stride must be between 1 and contextLength (${length}), not ${stride}`,
    )
  }
  return { length, stride }
}

interface EncodedDocument {
  readonly ids: readonly number[]
  readonly scored: number
  readonly scoredBytes: number
}

function encodeDocument(
  { tokenizer, startId }: MeasurableModel,
  text: string,
  index: number,
): EncodedDocument {
  if (!tokenizer) {
    throw new EvaluationError(
      'eval/options',
      'the model has no tokenizer, and texts cannot be read without one',
    )
  }
  const ids = [...tokenizer.encode(text)]
  const bytes = new TextEncoder().encode(text).length
  if (ids.length === 0) throw new EvaluationError('eval/text', `text ${index} is empty; leave it out`)
  if (startId !== undefined) return { ids: [startId, ...ids], scored: ids.length, scoredBytes: bytes }
  if (ids.length === 1) {
    throw new EvaluationError(
      'eval/text',
      `text ${index} is a single token, and the model has no start token to predict it from; leave it out`,
    )
  }
  // The first token is only there to go on from.
  const first = tokenizer.idToBytes(ids[0]!)
  const dropped = tokenizer.stripsLeadingSpace && first[0] === 32 ? 1 : 0
  return { ids, scored: ids.length - 1, scoredBytes: bytes - (first.length - dropped) }
}

/** The windows of one document; exported for its test. */
export function* windows(ids: readonly number[], length: number, stride: number): Generator<Window> {
  const last = ids.length - 1
  for (let scored = 0; scored < last; ) {
    const end = Math.min(last, scored === 0 ? length : scored + stride)
    const start = Math.max(0, end - length)
    const targets = Int32Array.from(ids.slice(start + 1, end + 1)).fill(IGNORED, 0, scored - start)
    yield { ids: Int32Array.from(ids.slice(start, end)), targets, scored: end - scored }
    scored = end
  }
}

/** Sum of the losses of a window, nats. Short windows are padded at the end, which no token sees. */
async function windowLoss(model: MeasurableModel, { ids, targets }: Window): Promise<number> {
  const { contextLength } = model.config
  const size = Math.min(contextLength, 2 ** Math.max(5, Math.ceil(Math.log2(ids.length))))
  const program = await model.program(`loss ${size}`, () => compileLoss(model, size))
  const paddedIds = new Int32Array(size)
  paddedIds.set(ids)
  const paddedTargets = new Int32Array(size).fill(IGNORED)
  paddedTargets.set(targets)
  const loss = await program(
    model.params,
    new NDArray('i32', [1, size], paddedIds),
    new NDArray('i32', [1, size], paddedTargets),
  )
  return loss.item()
}

function compileLoss(
  model: MeasurableModel,
  size: number,
): Promise<Compiled<[Readonly<Record<string, NDArray>>, NDArray, NDArray], NDArray>> {
  const ids = { shape: [1, size], dtype: 'i32' as const }
  const loss = (params: Params, x: Tensor, y: Tensor) =>
    gptLoss(model.config, params, x, y, { reduction: 'sum' })
  const compiled: unknown = compile(loss as never, [model.params, ids, ids], { device: model.device })
  return compiled as ReturnType<typeof compileLoss>
}
