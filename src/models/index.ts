export {
  type GgufArchitecture,
  type GgufModelTensor,
  ggufArchitecture,
  ggufHyperparameters,
  ggufTensors,
} from './gguf.js'
export {
  cacheHeadDim,
  type ForwardOptions,
  gptDecode,
  gptHidden,
  gptLogits,
  gptLoss,
  gptParameters,
  gptPrefill,
  initGpt,
  type LayerCache,
  type Params,
} from './gpt.js'
export {
  athanorConfig,
  type DecoderShape,
  type GptConfig,
  type GptConfigInput,
  gpt2Config,
  gptConfig,
  llamaConfig,
  ModelError,
} from './gpt-config.js'
export {
  configFromHf,
  configToHf,
  type HfConfigOptions,
  type HfModelType,
  hfModelType,
  hfModelTypes,
} from './gpt-hf.js'
export {
  type HfWeight,
  type ReadWeightsOptions,
  type WeightSource,
  weightsFromHf,
  weightsToHf,
} from './gpt-hf-weights.js'
export { gptLogProbs, type LogProbsOptions } from './log-probs.js'
export {
  matrixOf,
  type Quantization,
  quantizations,
  quantizeParameter,
  quantizeParameters,
} from './quantize.js'
export {
  gptScores,
  gptTokenScores,
  initRewardModel,
  isRewardConfig,
  rewardConfig,
  rewardConfigFromHf,
  rewardConfigToHf,
  rewardHeadParameters,
  rewardWeightsFromHf,
  rewardWeightsToHf,
} from './reward-head.js'
