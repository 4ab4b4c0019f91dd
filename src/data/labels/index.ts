/** Files that people fill in to judge answers, what they said, how far they agree, and training data out of it. */
export {
  type LabelAgreement,
  labelAgreement,
  type NominalAgreement,
  type RankAgreement,
} from './agreement.js'
export { type LabelItem, readLabelItems } from './items.js'
export {
  type Criterion,
  LABEL_KINDS,
  type Label,
  type LabelKind,
  type LabelValue,
  RUBRIC,
  type RubricScores,
} from './kinds.js'
export { labelsToDialogues, labelsToPairs, labelsToRankings, mergeLabels } from './outcome.js'
export { type LabelProblem, type LabelSet, readLabels } from './read.js'
export {
  cohenKappa,
  fleissKappa,
  kendallTau,
  krippendorffAlpha,
  type MeasurementLevel,
  type PairwiseAgreement,
  pairwiseAgreement,
} from './statistics.js'
export { assignShares, type TasksSummary, type WriteTasksOptions, writeLabelTasks } from './tasks.js'
