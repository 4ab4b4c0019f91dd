export { type Check, checkSchema } from './check.js'
export {
  CATEGORY_WEIGHTS,
  type CategoryWeights,
  type DialogueRecord,
  type PromptRecord,
  SUITES,
  type Suite,
  WRITER_MIX,
  type WriterMix,
  writeDialogues,
  writePrompts,
  writeSuite,
} from './dialogues.js'
export { type Country, FACT_TYPES, type Fact, type FactType, readFacts } from './facts.js'
export {
  type AnswerSample,
  type Calibration,
  calibrateNoise,
  createLabeler,
  type Labeler,
  type LabelerOptions,
  noiseCeiling,
  type RankingRecord,
  rankAnswers,
} from './labelers.js'
export { pretrainDocuments } from './pretraining.js'
export {
  admitsMistake,
  admitsNotKnowing,
  challengesPremise,
  citesPassage,
  correct,
  type JudgedPrompt,
  judge,
  RUBRIC_WEIGHTS,
  type Rubric,
  refuses,
  saysAbsent,
} from './rubric.js'
export { CATEGORIES, type Category, STYLES, type Style } from './scenes/scene.js'
export { assertNothingHeldOut, createLeakFinder, type Leak } from './splits.js'
export { createWorld, type World, type WorldOptions } from './world.js'
export {
  type AssistantData,
  type AssistantDataOptions,
  type DataCard,
  writeAssistantData,
} from './write-data.js'
