/** Asking a model: loading, sampling, generation with cached keys and values. */
export type { CompletionOptions, Finish, Generation, Prompt } from './completion.js'
export * from './engine/index.js'
export { InferError, type InferErrorCode } from './errors.js'
export { type GenerateBatchOptions, type GenerateOptions, generate, generateBatch } from './generate.js'
export { createGenerator, Generator, type GeneratorOptions } from './generator.js'
export { LanguageModel, type LanguageModelParts } from './language-model.js'
export { type LoadModelOptions, loadModel } from './load-model.js'
export {
  type AnswerTokens,
  createScorer,
  encodeForScore,
  isRewardModel,
  loadRewardModel,
  paddedLength,
  padTokens,
  type RewardModel,
  type ScoreOptions,
  scoreDialogues,
  scoreTokens,
} from './reward.js'
export { greedy, logProbability, type SamplingOptions, sample } from './sampler.js'
