/** Building data sets: from sources to clean documents, token shards and a data card. */
export { type BuildOptions, type BuildResult, buildData } from './build.js'
export { type CardSource, type DataCard, readCard, verifyData } from './card.js'
export { type BuildConfig, type BuildInput, buildSchema, parseBuild } from './config.js'
export { BuildError, type BuildErrorCode } from './errors.js'
export type { BuildEvent, OnBuildEvent } from './events.js'
export { type Preview, type PreviewOptions, previewData } from './preview.js'
