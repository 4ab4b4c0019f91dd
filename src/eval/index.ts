/** Measuring models. */
export { EvaluationError, type EvaluationErrorCode } from './errors.js'
export { type EvaluateOptions, evaluate, saveResults } from './evaluate.js'
export { type ExecuteOptions, type Execution, execute } from './execute.js'
export { type Rows, readRows, type Skipped } from './formats/records.js'
export {
  type Comparison,
  type ComparisonResult,
  compare,
  type Judge,
  type JudgedAnswer,
  type Judgement,
  rewardJudge,
  type Scorer,
  scoreJudge,
  type WinMatrix,
  winMatrix,
} from './judges/judge.js'
export { type JudgeCost, type OpenAiJudge, type OpenAiJudgeOptions, openAiJudge } from './judges/openai.js'
export { type Likelihood, type LikelihoodRequest, logLikelihoods } from './likelihood.js'
export {
  type ClassificationScores,
  classificationScores,
  expectedCalibrationError,
  matthews,
} from './metrics/classification.js'
export { type Grounding, grounding } from './metrics/grounding.js'
export {
  bootstrap,
  type Estimate,
  type IntervalOptions,
  meanEstimate,
  pairedDifference,
  wilson,
} from './metrics/interval.js'
export { passAtK } from './metrics/pass-at-k.js'
export { isRefusal } from './metrics/refusal.js'
export { answerNumber, exactMatch, languageOf, numericMatch, tokenF1 } from './metrics/text.js'
export { createToxicityMatcher } from './metrics/toxicity.js'
export { type MeasurableModel, type Perplexity, type PerplexityOptions, perplexity } from './perplexity.js'
export { findTask, listTasks, taskNames } from './registry.js'
export type { ExampleResult, TaskResult } from './result.js'
export {
  type ChoiceTask,
  type ClassificationTask,
  defineTask,
  type GenerationTask,
  type Loaded,
  type LoadOptions,
  loadFiles,
  loadRows,
  type MemorisationTask,
  type PairwiseTask,
  type PerplexityTask,
  type Prompt,
  type ScoreContext,
  type Scores,
  type Settings,
  type Task,
} from './task.js'
