export {
  type Initializer,
  initialize,
  kaimingInit,
  normalInit,
  onesInit,
  type ParameterSpec,
  parameter,
  xavierInit,
  zerosInit,
} from './initialize.js'
export {
  type Activation,
  activations,
  embed,
  linear,
  type Matrix,
  type MlpWeights,
  mlp,
  type NormOptions,
  norm,
} from './layers.js'
export { type RotaryTable, rotaryTable } from './rotary.js'
