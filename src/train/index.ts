export { type BestOfOptions, type BestOfResult, bestOf, bestOfKl } from './best-of-n.js'
export { withChatTokens } from './chat-tokens.js'
export { type Progress, readProgress } from './checkpoint.js'
export {
  type Collection,
  type DistillOptions,
  type DistillRecipe,
  type DistillRecipeInput,
  type DistillResult,
  distill,
  distillSchema,
} from './distill/index.js'
export { type DpoOptions, type DpoResult, dpo } from './dpo.js'
export { type DpoRecipe, dpoSchema } from './dpo-recipe.js'
export { TrainError } from './errors.js'
export type { EvalEvent, OnEvent, StepEvent, TrainEvent } from './events.js'
export { type GrpoOptions, type GrpoResult, grpo } from './grpo.js'
export { type GrpoRecipe, type GrpoRecipeInput, grpoSchema } from './grpo-recipe.js'
export {
  type PpoOptions,
  type PpoRecipe,
  type PpoRecipeInput,
  type PpoResult,
  ppo,
  ppoSchema,
  type RewardFunction,
  type RolloutReport,
} from './ppo/index.js'
export type { PreferenceReport, Proportion, ReliabilityBin } from './preference-report.js'
export { findPreset, type Preset, presets, recipeForDepth } from './presets.js'
export {
  type ModelSnapshot,
  type PretrainOptions,
  type PretrainResult,
  pretrain,
  type RunOptions,
  resumePretrain,
} from './pretrain.js'
export {
  modelConfig,
  parseRecipe,
  type Recipe,
  type RecipeInput,
  recipeOptimizer,
  recipeSchedule,
} from './recipe.js'
export { type Normalization, type RewardOptions, type RewardResult, reward } from './reward.js'
export { type RewardRecipe, rewardSchema } from './reward-recipe.js'
export { createReward, rewards } from './rewards.js'
export { type SftOptions, type SftResult, sft } from './sft.js'
export { type SftRecipe, sftSchema } from './sft-recipe.js'
export { openStage, type StageOptions, type StageResult, type StageRun, type StageSpec } from './stage.js'
export { compileEvalStep, createTrainStep, type TokenBatch, type TrainState } from './training-step.js'
export { createUpdate, type Trainable, type Update, type UpdateOptions, type UpdateResult } from './update.js'
