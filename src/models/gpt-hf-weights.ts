/** Between our decoder's parameters and the tensors of Hugging Face's model files: their names and layouts. */
import { NDArray } from '../tensor/index.js'
import { gptParameters } from './gpt.js'
import { type GptConfig, ModelError } from './gpt-config.js'
import { configFromHf, type HfModelType, hfModelType, modelType } from './gpt-hf.js'
import { type Quantization, quantizeParameter } from './quantize.js'

type Json = Readonly<Record<string, unknown>>

/** Tensors of a file by name, read one at a time as float32. */
export interface WeightSource {
  readonly shapes: ReadonlyMap<string, readonly number[]>
  read(name: string): Promise<Float32Array>
}

/** A tensor of a model file and the parameters of ours that it holds: one, or several joined along the rows. */
interface HfTensor {
  readonly name: string
  readonly shape: readonly number[]
  readonly parts: readonly { readonly name: string; readonly shape: readonly number[] }[]
  /** The file has [in, out] where ours is [out, in] (GPT-2's Conv1D). */
  readonly transposed: boolean
}

function hfTensors(type: HfModelType, config: GptConfig): HfTensor[] {
  const shapes = new Map(Object.entries(gptParameters(config)).map(([name, { shape }]) => [name, shape]))
  if (type !== 'gpt2') {
    return [...shapes].map(([name, shape]) => ({ name, shape, parts: [{ name, shape }], transposed: false }))
  }
  const tensors = new Map<string, HfTensor>()
  for (const [ours, shape] of shapes) {
    const name = gpt2Name(ours)
    const parts = [...(tensors.get(name)?.parts ?? []), { name: ours, shape }]
    const rows = parts.reduce((total, part) => total + part.shape[0]!, 0)
    const whole = [rows, ...shape.slice(1)]
    const transposed = /\.c_(attn|proj|fc)\.weight$/.test(name)
    tensors.set(name, { name, shape: transposed ? whole.toReversed() : whole, parts, transposed })
  }
  return [...tensors.values()]
}

const gpt2Names: Readonly<Record<string, string>> = {
  'model.embed_tokens': 'transformer.wte',
  'model.embed_positions': 'transformer.wpe',
  'model.norm': 'transformer.ln_f',
  input_layernorm: 'ln_1',
  post_attention_layernorm: 'ln_2',
  'self_attn.q_proj': 'attn.c_attn',
  'self_attn.k_proj': 'attn.c_attn',
  'self_attn.v_proj': 'attn.c_attn',
  'self_attn.o_proj': 'attn.c_proj',
  'mlp.up_proj': 'mlp.c_fc',
  'mlp.down_proj': 'mlp.c_proj',
}

function gpt2Name(name: string): string {
  const [, layer, module, kind] = /^(?:model\.layers\.(\d+)\.)?(.+)\.(weight|bias)$/.exec(name)!
  const theirs = gpt2Names[module!] ?? module
  return layer === undefined ? `${theirs}.${kind}` : `transformer.h.${layer}.${theirs}.${kind}`
}

/** Buffers that older files hold beside the weights: causal masks, rotary frequencies. */
const buffers = /(^|\.)(attn\.(bias|masked_bias)|rotary_emb\.inv_freq)$/

export interface ReadWeightsOptions {
  /** What to call them in errors. */
  readonly origin?: string
  readonly signal?: AbortSignal | undefined
  /** Matrices are quantized one by one as they are read. Default 'none'. */
  readonly quantization?: Quantization | undefined
}

/**
 * Our parameters from the tensors of a model file, by the type that its config.json names.
 * @throws ModelError `model/weights` naming every tensor that is missing, too many or of a wrong shape.
 */
export async function weightsFromHf(
  json: Json,
  source: WeightSource,
  { origin = 'the weights', signal, quantization = 'none' }: ReadWeightsOptions = {},
): Promise<Record<string, NDArray>> {
  const type = modelType(json, 'config.json')
  const config = configFromHf(json)
  const tensors = hfTensors(type, config)
  const fileNames = nameInFile(type, source)
  const expected = new Set(tensors.map(({ name }) => name))
  const optional = (name: string) =>
    type !== 'gpt2' && type !== 'athanor' && config.bias && name.endsWith('.bias') && !hasBias(json, name)
  const problems = tensors.flatMap(({ name, shape }) => {
    const found = fileNames.get(name)
    if (found === undefined) return optional(name) ? [] : [`${name} is missing`]
    const actual = source.shapes.get(found)!
    const fits = actual.length === shape.length && actual.every((size, axis) => size === shape[axis])
    return fits ? [] : [`${found} is [${actual.join(', ')}] and must be [${shape.join(', ')}]`]
  })
  const ignored = (name: string) => buffers.test(name) || (config.tied && name === 'lm_head.weight')
  for (const [name, found] of fileNames) {
    if (!expected.has(name) && !ignored(name)) problems.push(`${found} is not part of the architecture`)
  }
  if (problems.length > 0) {
    const shown =
      problems.slice(0, 20).join('; ') + (problems.length > 20 ? `; and ${problems.length - 20} more` : '')
    throw new ModelError(
      'weights',
      `${origin} do not fit the ${type} model that config.json describes: ${shown}`,
    )
  }
  const params: Record<string, NDArray> = {}
  for (const { name, shape, parts, transposed } of tensors) {
    signal?.throwIfAborted()
    const found = fileNames.get(name)
    const read = found === undefined ? new Float32Array(count(shape)) : await source.read(found)
    const rows = transposed ? transposeMatrix(read, shape[0]!, shape[1]!) : read
    let start = 0
    for (const part of parts) {
      const end = start + count(part.shape)
      const array = new NDArray('f32', part.shape, parts.length === 1 ? rows : rows.slice(start, end))
      Object.assign(params, quantizeParameter(part.name, array, quantization))
      start = end
    }
  }
  return params
}

function hasBias(json: Json, name: string): boolean {
  return name.includes('.mlp.') ? json.mlp_bias === true : json.attention_bias === true
}

/** The full name of each tensor -> its name in the file: GPT-2's come with and without `transformer.` in front. */
function nameInFile(type: HfModelType, source: WeightSource): Map<string, string> {
  const full = (name: string) =>
    type === 'gpt2' && !name.startsWith('transformer.') && name !== 'lm_head.weight'
      ? `transformer.${name}`
      : name
  return new Map([...source.shapes.keys()].map((name) => [full(name), name]))
}

export interface HfWeight {
  readonly dtype: 'f32'
  readonly shape: readonly number[]
  readonly data: Float32Array
}

/**
 * The tensors of a model file, under the names and in the layout of `configToHf(config)`'s type. Parameters must be on the host.
 * @throws ModelError `model/weights` where a parameter is missing or has a wrong shape.
 */
export function weightsToHf(
  config: GptConfig,
  params: Readonly<Record<string, NDArray>>,
): Map<string, HfWeight> {
  const weights = new Map<string, HfWeight>()
  for (const { name, shape, parts, transposed } of hfTensors(hfModelType(config), config)) {
    const arrays = parts.map((part) => {
      const array = params[part.name]
      if (array && array.dtype === 'f32' && array.shape.join() === part.shape.join())
        return array.data as Float32Array
      const what = array ? `is ${array.dtype} [${array.shape.join(', ')}]` : 'is missing'
      throw new ModelError(
        'weights',
        `the parameter ${part.name} ${what} and must be f32 [${part.shape.join(', ')}]`,
      )
    })
    const rows = arrays.length === 1 ? arrays[0]! : joined(arrays)
    const data = transposed ? transposeMatrix(rows, shape[1]!, shape[0]!) : rows
    weights.set(name, { dtype: 'f32', shape, data })
  }
  return weights
}

function count(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1)
}

function joined(arrays: readonly Float32Array[]): Float32Array {
  const out = new Float32Array(arrays.reduce((total, { length }) => total + length, 0))
  let at = 0
  for (const array of arrays) {
    out.set(array, at)
    at += array.length
  }
  return out
}

/** [rows, columns] -> [columns, rows] */
function transposeMatrix(data: Float32Array, rows: number, columns: number): Float32Array {
  const out = new Float32Array(data.length)
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) out[column * rows + row] = data[row * columns + column]!
  }
  return out
}
