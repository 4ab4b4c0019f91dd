export { type Batches, type BatchesOptions, createBatches, type TokenBatch } from './batches.js'
export * from './conversations/index.js'
export { DataError, type DataErrorCode, type Document, splitHeldOut } from './document.js'
export { loadFactbook } from './factbook.js'
export { ShardError, type ShardHeader } from './shard-format.js'
export {
  openShards,
  type ShardsSummary,
  type TokenShards,
  type WriteShardsOptions,
  writeShards,
} from './shards.js'
export { listTextFiles, readTextFiles, type TextFileOptions } from './text-files.js'
export { sliceTokens, type TokenSource, tokensFromArray } from './token-source.js'
