/**
 * The functions of the library that the commands call. Each is loaded when it is first called, so that `athanor --help`
 * answers at once; tests put others in their place.
 */
import type { Document, TextFileOptions } from '../data/index.js'
import type { Tokenizer, TrainBpeOptions } from '../text/index.js'
import type { OnEvent, Preset, PretrainOptions, PretrainResult, RunOptions } from '../train/index.js'

export interface StartOptions {
  readonly data?: readonly string[]
  readonly out: string
  readonly minutes?: number
  readonly seed?: number
  readonly threads?: number
  readonly signal?: AbortSignal
  readonly onEvent?: OnEvent
}

export type StartResult = PretrainResult

export interface LanguageModel {
  readonly dir: string
  readonly tokenizer?: Tokenizer | undefined
}

export interface GenerateOptions {
  readonly prompt: string | readonly number[]
  readonly maxTokens?: number
  readonly temperature?: number
  readonly topK?: number
  readonly topP?: number
  readonly minP?: number
  readonly repetitionPenalty?: number
  readonly stop?: readonly string[]
  readonly seed?: number
  readonly signal?: AbortSignal
  readonly onToken?: (token: number, text: string) => void
}

export interface Generation {
  readonly tokens: readonly number[]
  readonly text?: string
  readonly finish: string
  readonly promptTokens: readonly number[]
}

export interface Perplexity {
  readonly loss: number
  readonly perplexity: number
  readonly bitsPerByte: number
  readonly tokens: number
  readonly bytes: number
}

export interface Library {
  start(options: StartOptions): Promise<StartResult>
  pretrain(options: PretrainOptions): Promise<PretrainResult>
  resumePretrain(dir: string, options: RunOptions & { readonly steps?: number }): Promise<PretrainResult>
  presets(): Promise<readonly Preset[]>
  loadModel(
    dir: string,
    options: { readonly device?: string; readonly threads?: number },
  ): Promise<LanguageModel>
  generate(model: LanguageModel, options: GenerateOptions): Promise<Generation>
  perplexity(
    model: LanguageModel,
    texts: AsyncIterable<string>,
    options: { signal?: AbortSignal; onProgress?: (progress: { done: number; total?: number }) => void },
  ): Promise<Perplexity>
  readTextFiles(paths: readonly string[], options?: TextFileOptions): AsyncIterable<Document>
  loadTokenizer(dir: string): Promise<Tokenizer>
  saveTokenizer(tokenizer: Tokenizer, dir: string): Promise<void>
  trainBpe(texts: AsyncIterable<string>, options: TrainBpeOptions): Promise<Tokenizer>
  trainCharTokenizer(texts: Iterable<string>): Promise<Tokenizer>
}

const later = (path: string): Promise<Record<string, (...values: unknown[]) => never>> => import(path)

export const library: Library = {
  start: async (options) => (await later('../recipes/start.js')).start!(options),
  pretrain: async (options) => (await import('../train/index.js')).pretrain(options),
  resumePretrain: async (dir, options) => (await import('../train/index.js')).resumePretrain(dir, options),
  presets: async () => Object.values((await import('../train/index.js')).presets),
  loadModel: async (dir, options) => (await later('../infer/index.js')).loadModel!(dir, options),
  generate: async (model, options) => (await later('../infer/index.js')).generate!(model, options),
  perplexity: async (...values) => (await later('../eval/index.js')).perplexity!(...values),
  readTextFiles: async function* (...values) {
    yield* (await import('../data/index.js')).readTextFiles(...values)
  },
  loadTokenizer: async (dir) => (await import('../text/index.js')).loadTokenizer(dir),
  saveTokenizer: async (...values) => (await import('../text/index.js')).saveTokenizer(...values),
  trainBpe: async (...values) => (await import('../text/index.js')).trainBpe(...values),
  trainCharTokenizer: async (texts) => (await import('../text/index.js')).trainCharTokenizer(texts),
}
