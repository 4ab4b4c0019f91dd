export { athanorConfig, type GptConfig, type GptConfigInput, gpt2Config, gptConfig, ModelError } from './gpt-config.js'
export {
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
export { configFromHf, configToHf, type HfModelType, hfModelTypes, type HfWeight, type WeightSource, weightsFromHf, weightsToHf } from './gpt-hf.js'
