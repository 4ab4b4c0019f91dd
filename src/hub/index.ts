export {
  cleanTemporaries,
  StorageError,
  type StorageReason,
  toStorageError,
  writeDirectoryAtomic,
  writeFileAtomic,
} from '../atomic.js'
export {
  type CheckpointInfo,
  type CheckpointManifest,
  findLatestCheckpoint,
  type SkippedCheckpoint,
} from './checkpoint-store.js'
export * from './float16.js'
export {
  GgufError,
  type GgufHeader,
  type GgufTensorEntry,
  type GgufTensorType,
  type GgufValue,
  parseGgufHeader,
} from './gguf.js'
export { decodeGgufData, encodeGgufData } from './gguf-data.js'
export { type GgufFile, openGguf, type WritableGgufTensor, writeGguf } from './gguf-file.js'
export {
  type JsonObject,
  type ModelDirectory,
  type ModelDirectoryContent,
  ModelDirectoryError,
  readModelDirectory,
  writeModelDirectory,
} from './hf-directory.js'
export {
  elementCount,
  fromFloat32,
  type HubData,
  type HubDtype,
  type HubTensor,
  toFloat32,
} from './hub-tensor.js'
export { type MetricsRepair, readMetrics } from './metrics-log.js'
export { type OpenRunOptions, openRun, type RunDirectory, RunError } from './run-directory.js'
export { processBirth, RunLockedError } from './run-lock.js'
export {
  encodeSafetensors,
  parseSafetensors,
  SafetensorsError,
  type TensorEntry,
  type TensorSpec,
} from './safetensors.js'
export {
  openSafetensors,
  type TensorReader,
  type WritableTensor,
  type WritableTensors,
  writeSafetensors,
} from './safetensors-file.js'
export { openShardedSafetensors, writeCheckpointTensors } from './sharded.js'
