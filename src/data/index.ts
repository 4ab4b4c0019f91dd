export { type Batches, type BatchesOptions, createBatches, type TokenBatch } from './batches.js'
export * from './conversations/index.js'
export { DataError, type DataErrorCode, type Document, splitHeldOut } from './document.js'
export { loadFactbook } from './factbook.js'
export * from './labels/index.js'
export { ShardError, type ShardHeader } from './shard-format.js'
export {
  openShards,
  type ShardsSummary,
  type TokenShards,
  type WriteShardsOptions,
  writeShards,
} from './shards.js'
export {
  describeSkip,
  listTextFiles,
  type OpenSourceOptions,
  openSource,
  parseSource,
  readTextFiles,
  type Skip,
  type SkipCode,
  type SourceDocument,
  type SourceSpec,
  sourceSchema,
  type TextFileOptions,
} from './sources/index.js'
export { sliceTokens, type TokenSource, tokensFromArray } from './token-source.js'
