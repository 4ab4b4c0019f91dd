/**
 * The functions of the library that the commands call. Each is loaded when it is first called, so that `athanor --help`
 * answers at once; tests put others in their place.
 */
import type { ExportedGguf, ExportGgufOptions } from '../compress/index.js'
import type { BuildOptions, BuildResult, DataCard, Preview, PreviewOptions } from '../data/build/index.js'
import type { Dialogue, Document, RecordOptions, TextFileOptions } from '../data/index.js'
import type {
  EvaluateOptions,
  Judge,
  OpenAiJudgeOptions,
  Perplexity,
  PerplexityOptions,
  Task,
  TaskResult,
} from '../eval/index.js'
import type { WrittenReport } from '../eval/report/index.js'
import type {
  GenerateOptions,
  Generation,
  LanguageModel,
  LoadModelOptions,
  RewardModel,
  ScoreOptions,
} from '../infer/index.js'
import type { SpeedrunPreset } from '../recipes/speedrun/presets.js'
import type { SpeedrunOptions, SpeedrunResult } from '../recipes/speedrun/speedrun.js'
import type { ChatMessage, SaveTokenizerOptions, Tokenizer, TrainBpeOptions } from '../text/index.js'
import type {
  BestOfOptions,
  BestOfResult,
  DistillOptions,
  DistillResult,
  DpoOptions,
  DpoResult,
  GrpoOptions,
  GrpoResult,
  PpoOptions,
  PpoResult,
  Preset,
  PretrainOptions,
  PretrainResult,
  RewardOptions,
  RewardResult,
  RunOptions,
  SftOptions,
  SftResult,
} from '../train/index.js'
import type { Chat, ChatOptions } from './chat-session.js'

export interface Library {
  buildData(options: BuildOptions): Promise<BuildResult>
  previewData(options: PreviewOptions): Promise<Preview>
  readDataCard(dir: string): Promise<DataCard>
  verifyData(dir: string, signal?: AbortSignal): Promise<void>
  /** The database: what people said, keys, versions of models. */
  store(): Promise<typeof import('../store/index.js')>
  /** The HTTP server. */
  server(): Promise<typeof import('../serve/index.js')>
  /** The engine that answers requests in a thread of its own. */
  engine(): Promise<typeof import('../infer/engine/index.js')>
  /** Shows a page in the person's browser, where there is one. */
  openBrowser(url: string): Promise<void>
  /** Functions for what people said of answers. */
  labels(): Promise<typeof import('../data/labels/index.js')>
  speedrun(options: SpeedrunOptions): Promise<SpeedrunResult>
  speedrunPresets(): Promise<readonly SpeedrunPreset[]>
  /** The loop that learns from people, and its demonstration. */
  next(): Promise<typeof import('../recipes/next/index.js')>
  demonstration(): Promise<typeof import('../recipes/people/index.js')>
  pretrain(options: PretrainOptions): Promise<PretrainResult>
  resumePretrain(dir: string, options: RunOptions & { readonly steps?: number }): Promise<PretrainResult>
  presets(): Promise<readonly Preset[]>
  sft(options: SftOptions): Promise<SftResult>
  reward(options: RewardOptions): Promise<RewardResult>
  ppo(options: PpoOptions): Promise<PpoResult>
  grpo(options: GrpoOptions): Promise<GrpoResult>
  dpo(options: DpoOptions): Promise<DpoResult>
  distill(options: DistillOptions): Promise<DistillResult>
  bestOf(options: BestOfOptions): Promise<BestOfResult>
  loadRewardModel(dir: string, options: LoadModelOptions): Promise<RewardModel>
  scoreDialogues(
    model: RewardModel,
    dialogues: readonly (readonly ChatMessage[])[],
    options: ScoreOptions,
  ): Promise<Float32Array>
  readDialogues(paths: readonly string[], options?: RecordOptions): AsyncIterable<Dialogue>
  loadModel(dir: string, options: LoadModelOptions): Promise<LanguageModel>
  generate(model: LanguageModel, options: GenerateOptions): Promise<Generation>
  exportGguf(options: ExportGgufOptions): Promise<ExportedGguf>
  openChat(model: LanguageModel, options: ChatOptions): Promise<Chat>
  report(dir: string): Promise<WrittenReport>
  perplexity(
    model: LanguageModel,
    texts: AsyncIterable<string>,
    options: PerplexityOptions,
  ): Promise<Perplexity>
  listTasks(): Promise<Task[]>
  evaluate(model: LanguageModel, task: string, options: EvaluateOptions): Promise<TaskResult>
  saveResults(file: string, results: readonly TaskResult[]): Promise<void>
  openAiJudge(options: OpenAiJudgeOptions): Promise<Judge>
  rewardJudge(name: string, score: (dialogues: ChatMessage[][]) => Promise<ArrayLike<number>>): Promise<Judge>
  readTextFiles(paths: readonly string[], options?: TextFileOptions): AsyncIterable<Document>
  loadTokenizer(dir: string): Promise<Tokenizer>
  saveTokenizer(tokenizer: Tokenizer, dir: string, options?: SaveTokenizerOptions): Promise<void>
  trainBpe(texts: AsyncIterable<string>, options: TrainBpeOptions): Promise<Tokenizer>
  trainCharTokenizer(texts: Iterable<string>): Promise<Tokenizer>
}

export const library: Library = {
  buildData: async (options) => (await import('../data/build/index.js')).buildData(options),
  previewData: async (options) => (await import('../data/build/index.js')).previewData(options),
  readDataCard: async (dir) => (await import('../data/build/index.js')).readCard(dir),
  verifyData: async (...values) => (await import('../data/build/index.js')).verifyData(...values),
  store: () => import('../store/index.js'),
  server: () => import('../serve/index.js'),
  engine: () => import('../infer/engine/index.js'),
  openBrowser: async (url) => {
    const { default: open } = await import('open')
    // On a machine without a screen there is nothing to open; the address has been printed.
    await open(url).then(
      (child) => child.once('error', () => {}),
      () => undefined,
    )
  },
  labels: () => import('../data/labels/index.js'),
  speedrun: async (options) => (await import('../recipes/speedrun/speedrun.js')).speedrun(options),
  speedrunPresets: async () =>
    Object.values((await import('../recipes/speedrun/presets.js')).speedrunPresets),
  next: () => import('../recipes/next/index.js'),
  demonstration: () => import('../recipes/people/index.js'),
  pretrain: async (options) =>
    (await import('../train/index.js')).pretrain({ ...options, ...(await sampling()) }),
  resumePretrain: async (dir, options) =>
    (await import('../train/index.js')).resumePretrain(dir, { ...options, ...(await sampling()) }),
  presets: async () => Object.values((await import('../train/index.js')).presets),
  sft: async (options) => (await import('../train/index.js')).sft(options),
  reward: async (options) => (await import('../train/index.js')).reward(options),
  ppo: async (options) => (await import('../train/index.js')).ppo(options),
  grpo: async (options) => (await import('../train/index.js')).grpo(options),
  dpo: async (options) => (await import('../train/index.js')).dpo(options),
  distill: async (options) => (await import('../train/index.js')).distill(options),
  bestOf: async (options) => (await import('../train/index.js')).bestOf(options),
  loadRewardModel: async (...values) => (await import('../infer/index.js')).loadRewardModel(...values),
  scoreDialogues: async (...values) => (await import('../infer/index.js')).scoreDialogues(...values),
  readDialogues: async function* (...values) {
    yield* (await import('../data/index.js')).readDialogues(...values)
  },
  loadModel: async (...values) => (await import('../infer/index.js')).loadModel(...values),
  generate: async (...values) => (await import('../infer/index.js')).generate(...values),
  exportGguf: async (options) => (await import('../compress/index.js')).exportGguf(options),
  openChat: async (...values) => (await import('./chat-session.js')).openChat(...values),
  report: async (dir) => (await import('../eval/report/index.js')).reportDirectory(dir),
  perplexity: async (...values) => (await import('../eval/index.js')).perplexity(...values),
  listTasks: async () => (await import('../eval/index.js')).listTasks(),
  evaluate: async (...values) => (await import('../eval/index.js')).evaluate(...values),
  saveResults: async (...values) => (await import('../eval/index.js')).saveResults(...values),
  openAiJudge: async (options) => (await import('../eval/index.js')).openAiJudge(options),
  rewardJudge: async (...values) => (await import('../eval/index.js')).rewardJudge(...values),
  readTextFiles: async function* (...values) {
    yield* (await import('../data/index.js')).readTextFiles(...values)
  },
  loadTokenizer: async (dir) => (await import('../text/index.js')).loadTokenizer(dir),
  saveTokenizer: async (...values) => (await import('../text/index.js')).saveTokenizer(...values),
  trainBpe: async (...values) => (await import('../text/index.js')).trainBpe(...values),
  trainCharTokenizer: async (texts) => (await import('../text/index.js')).trainCharTokenizer(texts),
}

/** Training shows what the model writes at the beginning of a document. */
async function sampling() {
  return { sample: (await import('../recipes/sample.js')).createSampler(['']) }
}
