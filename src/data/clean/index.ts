/** Cleaning of documents, stage by stage. */
export {
  Cleaner,
  type CleanerResources,
  type CleanInput,
  type CleaningReport,
  type CleanText,
} from './cleaner.js'
export {
  type CleaningConfig,
  type CleaningInput,
  type CleaningPreset,
  type CleaningStage,
  cleaningPresets,
  cleaningSchema,
  cleaningStages,
  parseCleaning,
  presetNames,
} from './config.js'
export type { CountsByStage, Sample, StageCounts, Volume } from './counts.js'
export { buildEvaluationIndex, type EvaluationIndex } from './decontaminate.js'
export { DuplicateIndex } from './duplicate-index.js'
export { readEvaluationSet } from './evaluation-set.js'
export { identifyLanguage } from './language.js'
export { bandProbability, MinHash, type MinHashOptions } from './minhash.js'
export { type PiiKind, piiKinds, type Scrubbed, scrubPii } from './pii.js'
export { repairMojibake, repairUnicode, type UnicodeOptions } from './unicode.js'
