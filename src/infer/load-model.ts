import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type JsonObject, type ModelDirectory, readModelDirectory, toFloat32 } from '../hub/index.js'
import { configFromHf, type Quantization, weightsFromHf } from '../models/index.js'
import { nodeDevice } from '../tensor/device/node.js'
import type { Device } from '../tensor/index.js'
import {
  importLlama2cTokenizer,
  loadTokenizer,
  readChatTemplate,
  type Tokenizer,
  TokenizerError,
} from '../text/index.js'
import { InferError } from './errors.js'
import { LanguageModel } from './language-model.js'

export interface LoadModelOptions {
  /** 'cpu' (default), 'webgpu' or 'cuda'. */
  readonly device?: string
  /** CPU threads; default all cores. */
  readonly threads?: number
  /** 'q8' or 'q4': matrices in 8 or 4 bits, on the CPU only; see docs/quantization.md. Default 'none'. */
  readonly quantization?: Quantization
  readonly signal?: AbortSignal
}

/**
 * Loads a model from a folder in the layout of Hugging Face, or from a run directory (its newest complete checkpoint).
 * The tokenizer may also be GPT-2's two files or llama2.c's `tokenizer.bin` / `tok512.bin`; without one the model speaks in ids.
 *
 * @throws ModelDirectoryError, ModelError, SafetensorsError, TokenizerError, ChatError, StorageError,
 * DeviceError
 */
export async function loadModel(directory: string, options: LoadModelOptions = {}): Promise<LanguageModel> {
  const device = deviceFor(options)
  const folder = await readModelDirectory(directory)
  try {
    const config = configFromHf(folder.config, join(folder.dir, 'config.json'))
    const { entries, source } = folder.tensors
    const shapes = new Map([...entries].map(([name, { shape }]) => [name, shape]))
    const read = async (name: string) => toFloat32(await folder.tensors.read(name))
    const params = await weightsFromHf(
      folder.config,
      { shapes, read },
      { origin: `the weights in ${source}`, signal: options.signal, quantization: options.quantization },
    )
    const tokenizer =
      (await tokenizerIn(folder.dir)) ?? (folder.dir === directory ? undefined : await tokenizerIn(directory))
    const chatTemplate = (await readChatTemplate(folder.dir)) ?? (await readChatTemplate(directory))
    return new LanguageModel({
      config,
      params,
      device,
      tokenizer,
      chatTemplate,
      quantization: options.quantization,
      dir: directory,
      ...specialIds(folder),
    })
  } finally {
    await folder.close()
  }
}

/** @throws InferError `infer/options` for a quantized model elsewhere than on the CPU, DeviceError */
export function deviceFor({ device, threads, quantization = 'none' }: LoadModelOptions): Device {
  if (quantization !== 'none' && device !== undefined && device !== 'cpu') {
    throw new InferError(
      'infer/options',
      `quantized models (${quantization}) run on the device cpu only, not on ${device}; leave one of the two out`,
    )
  }
  return nodeDevice(device, threads === undefined ? {} : { threads })
}

async function tokenizerIn(dir: string): Promise<Tokenizer | undefined> {
  try {
    return await loadTokenizer(dir)
  } catch (error) {
    if (!(error instanceof TokenizerError) || error.code !== 'tokenizer_not_found') throw error
  }
  const name = (await readdir(dir)).find((file) => /^tok(enizer|\d+)\.bin$/.test(file))
  return name === undefined
    ? undefined
    : importLlama2cTokenizer(await readFile(join(dir, name)), join(dir, name))
}

/** Start and end tokens as the model's own files name them: generation_config.json before config.json. */
function specialIds({ config, generationConfig }: ModelDirectory): { bosId?: number; eosIds?: number[] } {
  const ids = (json: JsonObject | undefined, key: string) => {
    const value = json?.[key]
    return (Array.isArray(value) ? value : [value]).filter(
      (id): id is number => Number.isInteger(id) && (id as number) >= 0,
    )
  }
  const eosIds = [...new Set([...ids(generationConfig, 'eos_token_id'), ...ids(config, 'eos_token_id')])]
  const [bosId] = [...ids(generationConfig, 'bos_token_id'), ...ids(config, 'bos_token_id')]
  return { ...(bosId === undefined ? {} : { bosId }), ...(eosIds.length > 0 ? { eosIds } : {}) }
}
