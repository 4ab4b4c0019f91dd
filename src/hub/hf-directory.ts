import { copyFile, readdir, readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { errorCode, makeDirectory, toStorageError, writeFileAtomic } from '../atomic.js'
import { AthanorError } from '../errors.js'
import { CHECKPOINTS_FOLDER, findLatestCheckpoint } from './checkpoint-store.js'
import { openSafetensors, type TensorReader, type WritableTensors } from './safetensors-file.js'
import { openShardedSafetensors, writeCheckpointTensors } from './sharded.js'

/** A folder is not a model, or not a whole one. */
export class ModelDirectoryError extends AthanorError {
  constructor(message: string, options?: ErrorOptions) {
    super('model-directory', message, options)
  }
}

export type JsonObject = Readonly<Record<string, unknown>>

export interface ModelDirectory {
  /** Where the files are: the folder itself, or the newest checkpoint of a run directory. */
  readonly dir: string
  readonly config: JsonObject
  /** `generation_config.json`, where there is one. */
  readonly generationConfig: JsonObject | undefined
  readonly tensors: TensorReader
  readonly tokenizerPath: string | undefined
  readonly tokenizerConfigPath: string | undefined
  close(): Promise<void>
}

const SINGLE = 'model.safetensors'
const INDEX = 'model.safetensors.index.json'
/** Other formats a hub folder may hold; named so that the error can say why they are not read. */
const PICKLES = /^(pytorch_model.*\.bin|.*\.(pt|pth|ckpt|pkl))$/

/**
 * Opens a Hugging Face model folder: `config.json`, `model.safetensors` (or its sharded form), `tokenizer.json`. A run
 * directory is read through its newest complete checkpoint.
 *
 * @throws ModelDirectoryError naming what is missing and what is there; SafetensorsError; StorageError
 */
export async function readModelDirectory(directory: string): Promise<ModelDirectory> {
  let names = await list(directory)
  let dir = directory
  if (names.includes(CHECKPOINTS_FOLDER)) {
    const { latest, skipped } = await findLatestCheckpoint(directory)
    if (latest) {
      dir = latest.dir
      names = await list(dir)
    } else if (skipped.length > 0) {
      const reasons = skipped.map((one) => `${basename(one.dir)}: ${one.reason}`).join('; ')
      throw new ModelDirectoryError(`no checkpoint of the run ${directory} can be used (${reasons})`)
    }
  }
  if (!names.includes('config.json')) throw incomplete(dir, 'config.json', names)
  if (!names.includes(SINGLE) && !names.includes(INDEX)) throw incomplete(dir, SINGLE, names)
  const config = await readJsonObject(join(dir, 'config.json'))
  const generationConfig = names.includes('generation_config.json')
    ? await readJsonObject(join(dir, 'generation_config.json'))
    : undefined
  const optional = (name: string) => (names.includes(name) ? join(dir, name) : undefined)
  // transformers prefers the single file where both are there.
  const tensors = names.includes(SINGLE)
    ? await openSafetensors(join(dir, SINGLE))
    : await openShardedSafetensors(join(dir, INDEX))
  return {
    dir,
    config,
    generationConfig,
    tensors,
    tokenizerPath: optional('tokenizer.json'),
    tokenizerConfigPath: optional('tokenizer_config.json'),
    close: () => tensors.close(),
  }
}

export interface ModelDirectoryContent {
  readonly config: JsonObject
  readonly tensors: WritableTensors
  /** The text of `tokenizer.json`, or the path of one to copy. */
  readonly tokenizer?: { readonly json: string } | { readonly path: string }
  readonly generationConfig?: JsonObject
  /** Further files by name, such as `tokenizer_config.json` or `README.md`. */
  readonly extra?: Readonly<Record<string, string | Uint8Array>>
}

/**
 * Writes a model folder that transformers and everything built on its layout can read. Tensors go last but one and
 * `config.json` last, so that a folder with a config is whole. Returns the names of the files.
 *
 * @throws SafetensorsError, StorageError
 */
export async function writeModelDirectory(
  directory: string,
  content: ModelDirectoryContent,
  options: { maxShardBytes?: number; metadata?: Readonly<Record<string, string>>; signal?: AbortSignal } = {},
): Promise<string[]> {
  const written: string[] = []
  const write = async (name: string, data: string | Uint8Array) => {
    await writeFileAtomic(join(directory, name), data)
    written.push(name)
  }
  try {
    await makeDirectory(directory)
    if (content.tokenizer) {
      const path = join(directory, 'tokenizer.json')
      if ('json' in content.tokenizer) await writeFileAtomic(path, content.tokenizer.json)
      else if (content.tokenizer.path !== path) await copyFile(content.tokenizer.path, path)
      written.push('tokenizer.json')
    }
  } catch (error) {
    throw toStorageError(error, 'write', directory)
  }
  if (content.generationConfig) await write('generation_config.json', toJson(content.generationConfig))
  for (const [name, data] of Object.entries(content.extra ?? {})) await write(name, data)
  written.push(...(await writeCheckpointTensors(directory, content.tensors, options)))
  await write('config.json', toJson(content.config))
  return written
}

function toJson(value: JsonObject): string {
  return `${JSON.stringify(value, null, 2)}\n`
}

async function list(directory: string): Promise<string[]> {
  try {
    return (await readdir(directory)).sort()
  } catch (error) {
    const hint = errorCode(error) === 'ENOTDIR' ? 'give the folder that holds it' : 'check the path'
    if (['ENOTDIR', 'ENOENT'].includes(errorCode(error) ?? '')) {
      throw new ModelDirectoryError(`${directory} is not a folder; ${hint}`, { cause: error })
    }
    throw toStorageError(error, 'read', directory)
  }
}

function incomplete(dir: string, missing: string, names: string[]): ModelDirectoryError {
  const shown = names.slice(0, 12).join(', ') + (names.length > 12 ? `, and ${names.length - 12} more` : '')
  const there = names.length > 0 ? `it holds ${shown}` : 'it is empty'
  const pickle = names.find((name) => PICKLES.test(name))
  const hint =
    missing === SINGLE && pickle ? `; ${pickle} is a pickle and is not read, convert it to safetensors` : ''
  return new ModelDirectoryError(
    `${dir} is not a model folder: ${missing} is missing (${there}); expected config.json, ${SINGLE} (or ${INDEX} and its shards) and tokenizer.json${hint}`,
  )
}

async function readJsonObject(path: string): Promise<JsonObject> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    throw toStorageError(error, 'read', path)
  }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new ModelDirectoryError(`${path} is not valid JSON: ${(error as Error).message}`, { cause: error })
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new ModelDirectoryError(`${path} must hold a JSON object`)
  }
  return value as JsonObject
}
