export type { Skip, SkipCode } from './item.js'
export { describeSkip, type OpenSourceOptions, openSource } from './open-source.js'
export {
  FORMATS,
  type Format,
  parseSource,
  type SourceDocument,
  type SourceSpec,
  sourceSchema,
} from './spec.js'
export { listTextFiles, readTextFiles, type TextFileOptions } from './text-files.js'
