import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { toStorageError, writeFileAtomic } from '../atomic.js'
import { DTYPES, elementCount } from './hub-tensor.js'
import { SafetensorsError, type TensorEntry } from './safetensors.js'
import {
  openSafetensors,
  type TensorReader,
  type WritableTensor,
  type WritableTensors,
  writeSafetensors,
} from './safetensors-file.js'

/**
 * Opens a checkpoint split over several files, from its `model.safetensors.index.json`
 * (`{ "metadata": {...}, "weight_map": { tensor: file } }`). Every shard's header is read and checked at once.
 *
 * @throws SafetensorsError when the index or a shard is wrong, or names a file outside its folder; StorageError
 */
export async function openShardedSafetensors(indexPath: string): Promise<TensorReader> {
  const weightMap = await readIndex(indexPath)
  const shards = new Map<string, TensorReader>()
  const close = async () => {
    await Promise.all([...shards.values()].map((shard) => shard.close()))
  }
  try {
    for (const file of [...new Set(weightMap.values())].sort()) {
      shards.set(file, await openSafetensors(join(dirname(indexPath), file)))
    }
    const entries = new Map<string, TensorEntry>()
    for (const [name, file] of weightMap) {
      const entry = shards.get(file)!.entries.get(name)
      if (entry === undefined)
        throw new SafetensorsError(indexPath, name, `the index says it is in ${file}, but it is not`)
      entries.set(name, entry)
    }
    return {
      source: indexPath,
      entries,
      metadata: new Map([...shards.values()].flatMap((shard) => [...shard.metadata])),
      read: async (name) => {
        const file = weightMap.get(name)
        if (file === undefined) throw new SafetensorsError(indexPath, name, 'the index has no such tensor')
        return shards.get(file)!.read(name)
      },
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

async function readIndex(indexPath: string): Promise<Map<string, string>> {
  const fail = (cause: string, options?: ErrorOptions) =>
    new SafetensorsError(indexPath, undefined, cause, options)
  let text: string
  try {
    text = await readFile(indexPath, 'utf8')
  } catch (error) {
    throw toStorageError(error, 'read', indexPath)
  }
  let index: unknown
  try {
    index = JSON.parse(text)
  } catch (error) {
    throw fail(`not valid JSON: ${(error as Error).message}`, { cause: error })
  }
  const weightMap =
    typeof index === 'object' && index !== null && 'weight_map' in index ? index.weight_map : undefined
  if (typeof weightMap !== 'object' || weightMap === null || Array.isArray(weightMap)) {
    throw fail('has no "weight_map" object from tensor names to files')
  }
  const map = new Map<string, string>()
  for (const [name, file] of Object.entries(weightMap)) {
    if (typeof file !== 'string' || !/^[^/\\:\0]+\.safetensors$/.test(file)) {
      throw new SafetensorsError(
        indexPath,
        name,
        `the file ${JSON.stringify(file)} is not a plain .safetensors name; a checkpoint may not point outside its folder`,
      )
    }
    map.set(name, file)
  }
  if (map.size === 0) throw fail('its "weight_map" is empty')
  return map
}

/**
 * Writes `model.safetensors`, or, where the tensors need more than `maxShardBytes`, numbered shards and their index
 * (named as transformers names them; the index goes last). Returns the names of the files.
 */
export async function writeCheckpointTensors(
  directory: string,
  tensors: WritableTensors,
  options: { metadata?: Readonly<Record<string, string>>; maxShardBytes?: number; signal?: AbortSignal } = {},
): Promise<string[]> {
  const { maxShardBytes = 5e9, ...rest } = options
  const named: [string, WritableTensor][] = tensors instanceof Map ? [...tensors] : Object.entries(tensors)
  const shards: Map<string, WritableTensor>[] = []
  let room = 0
  let totalSize = 0
  for (const [name, tensor] of named) {
    const bytes = elementCount(tensor.shape) * DTYPES[tensor.dtype].bytes
    if (shards.length === 0 || (bytes > room && shards.at(-1)!.size > 0)) {
      shards.push(new Map())
      room = maxShardBytes
    }
    shards.at(-1)!.set(name, tensor)
    room -= bytes
    totalSize += bytes
  }
  if (shards.length <= 1) {
    await writeSafetensors(join(directory, 'model.safetensors'), new Map(named), rest)
    return ['model.safetensors']
  }
  const number = (n: number) => String(n).padStart(5, '0')
  const files = shards.map((_, i) => `model-${number(i + 1)}-of-${number(shards.length)}.safetensors`)
  for (const [i, shard] of shards.entries()) await writeSafetensors(join(directory, files[i]!), shard, rest)
  const weightMap = new Map(
    shards.flatMap((shard, i) => [...shard.keys()].map((name) => [name, files[i]!] as const)),
  )
  const index = { metadata: { total_size: totalSize }, weight_map: Object.fromEntries([...weightMap].sort()) }
  const indexName = 'model.safetensors.index.json'
  await writeFileAtomic(join(directory, indexName), `${JSON.stringify(index, null, 2)}\n`)
  return [...files, indexName]
}
