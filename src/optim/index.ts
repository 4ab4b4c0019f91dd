export { type Accumulated, accumulateGradients } from './accumulate.js'
export { type AdamWOptions, adamw, adamwConfig, oneMinusPower } from './adamw.js'
export { type Ema, type EmaOptions, ema, emaConfig } from './ema.js'
export { OptimError } from './errors.js'
export {
  isHiddenMatrix,
  type MuonOptions,
  type MuonWithAdamWOptions,
  muon,
  muonConfig,
  muonWithAdamW,
} from './muon.js'
export { type NewtonSchulzOptions, orthogonalize } from './newton-schulz.js'
export {
  allFinite,
  clipByGlobalNorm,
  clipFactor,
  globalNorm,
  isFiniteScalar,
  sumSquares,
  updateIf,
} from './norm.js'
export type { Group, Groups, Optimizer, OptimizerState, UpdateContext } from './optimizer.js'
export { partition } from './partition.js'
export {
  constant,
  cosine,
  createSchedule,
  linear,
  type Schedule,
  type ScheduleConfig,
  scheduleConfig,
  stableDecay,
  warmup,
} from './schedules.js'
export { type SgdOptions, sgd, sgdConfig } from './sgd.js'
