/** The report card: what a model was made of, how it was made, and what it can do. */
export { type CollectedStage, collectReport, collectStage, stageLabel } from './collect.js'
export { ReportError } from './errors.js'
export { renderHtml } from './html.js'
export { renderMarkdown } from './markdown.js'
export {
  type Curve,
  type Estimate,
  parseReport,
  REPORT_VERSION,
  type ReportData,
  type ReportInput,
  type ReportNote,
  type ReportSample,
  type ReportStage,
  reportSchema,
  type ScoreRow,
  type Scores,
  type Wins,
} from './schema.js'
export { runtimeReport } from './versions.js'
export { readReport, reportDirectory, type WrittenReport, writeReport } from './write.js'
