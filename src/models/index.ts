export {
  cacheHeadDim,
  type ForwardOptions,
  gptDecode,
  gptHidden,
  gptLogits,
  gptLoss,
  gptParameters,
  initGpt,
  type LayerCache,
  type Params,
} from './gpt.js'
export {
  athanorConfig,
  type GptConfig,
  type GptConfigInput,
  gpt2Config,
  gptConfig,
  ModelError,
} from './gpt-config.js'
export {
  configFromHf,
  configToHf,
  type HfModelType,
  type HfWeight,
  hfModelTypes,
  type WeightSource,
  weightsFromHf,
  weightsToHf,
} from './gpt-hf.js'
