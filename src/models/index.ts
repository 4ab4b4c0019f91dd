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
