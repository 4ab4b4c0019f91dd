/** A model as one GGUF file, for llama.cpp and what is built on it. */
import { basename } from 'node:path'
import { type GgufTensorType, type GgufValue, writeGguf } from '../hub/index.js'
import { loadModel } from '../infer/index.js'
import { ggufArchitecture, ggufHyperparameters, ggufTensors } from '../models/index.js'
import { readChatTemplate } from '../text/index.js'
import { ExportError } from './errors.js'
import { ggufTokenizer } from './gguf-tokenizer.js'

export const ggufTypes = ['f32', 'f16', 'q8_0', 'q4_0'] as const

export interface ExportGgufOptions {
  /** A model folder or run directory. */
  readonly model: string
  readonly out: string
  /** How matrices are kept. Default 'f16'. */
  readonly type?: GgufTensorType
  /** For programs that send token ids only: any tokenizer goes, and text comes out wrong. Default false. */
  readonly idsOnly?: boolean
  readonly signal?: AbortSignal
}

export interface ExportedGguf {
  readonly path: string
  readonly bytes: number
  readonly architecture: string
  readonly type: GgufTensorType
  readonly tensors: number
  /** Tensors kept in half precision because their rows are no multiple of 32. */
  readonly kept: readonly string[]
}

const FILE_TYPES: Readonly<Record<GgufTensorType, number>> = { f32: 0, f16: 1, q4_0: 2, q8_0: 7 }

/**
 * Writes a language model with its tokenizer and chat template. Quantized weights are the same numbers as `loadModel`'s 'q8' and
 * 'q4' (see docs/quantization.md).
 *
 * @throws ModelError for architectures that llama.cpp lacks, ExportError for tokenizers that it lacks; else as `loadModel`, StorageError
 */
export async function exportGguf(options: ExportGgufOptions): Promise<ExportedGguf> {
  const { model: dir, out, type = 'f16', signal } = options
  const model = await loadModel(dir, { ...(signal ? { signal } : {}) })
  const { config, tokenizer } = model
  const architecture = ggufArchitecture(config)
  if (!tokenizer) throw new ExportError(`${dir} has no tokenizer, and llama.cpp runs no model without one`)
  const kept: string[] = []
  const tensors = ggufTensors(config, model.params as never).map((tensor) => {
    const wanted = typeOf(tensor.kind, type)
    const fits = tensor.shape.at(-1)! % 32 === 0 || !wanted.startsWith('q')
    if (!fits) kept.push(tensor.name)
    return { ...tensor, type: fits ? wanted : ('f16' as const) }
  })
  // Without text there is nothing to put a start token in front of, and not every vocabulary can spell a letter.
  const { idsOnly = false } = options
  const prefix = !idsOnly && model.startId !== undefined && model.encodePrompt('a')[0] === model.startId
  const metadata: [string, GgufValue][] = [
    ['general.architecture', { type: 'string', value: architecture }],
    ['general.name', { type: 'string', value: basename(dir) }],
    ['general.file_type', { type: 'u32', value: FILE_TYPES[type] }],
    ['general.quantization_version', { type: 'u32', value: 2 }],
    ...Object.entries(ggufHyperparameters(config)).map(([key, { value, float }]): [string, GgufValue] => [
      `${architecture}.${key}`,
      { type: float ? 'f32' : 'u32', value },
    ]),
    ...ggufTokenizer(tokenizer, config.vocabSize, {
      bosId: model.bosId,
      eosId: model.eosIds[0],
      addBos: prefix,
      idsOnly,
      chatTemplate: await readChatTemplate(dir),
    }),
  ]
  const { bytes } = await writeGguf(out, metadata, tensors, { signal })
  await model.dispose()
  return { path: out, bytes, architecture, type, tensors: tensors.length, kept }
}

function typeOf(kind: 'small' | 'matrix' | 'table', type: GgufTensorType): GgufTensorType {
  if (kind === 'small') return 'f32'
  return kind === 'table' && type === 'q4_0' ? 'q8_0' : type
}
