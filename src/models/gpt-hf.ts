/**
 * Between our decoder and the model folders of Hugging Face: `config.json` and the names and layouts of weights.
 * Reads and writes gpt2, llama, mistral, qwen2 and qwen3; an architecture that is none of these is of the type `athanor`.
 */
import { z } from 'zod'
import { NDArray } from '../tensor/index.js'
import { gptParameters } from './gpt.js'
import { type GptConfig, type GptConfigInput, gptConfig, gptConfigSchema, ModelError } from './gpt-config.js'

export const hfModelTypes = ['gpt2', 'llama', 'mistral', 'qwen2', 'qwen3', 'athanor'] as const
export type HfModelType = (typeof hfModelTypes)[number]

type Json = Readonly<Record<string, unknown>>

// ---- config.json -> GptConfig ----

/** transformers' names of activations. */
const activationNames: Readonly<Record<string, GptConfig['activation']>> = {
  gelu: 'gelu',
  gelu_new: 'geluTanh',
  gelu_pytorch_tanh: 'geluTanh',
  gelu_fast: 'geluTanh',
  relu: 'relu',
  relu2: 'reluSquared',
  silu: 'silu',
  swish: 'silu',
}

const size = z.number().int().positive()
const optionalSize = size.nullish()

const gpt2Schema = z.looseObject({
  vocab_size: size,
  n_positions: optionalSize,
  n_ctx: optionalSize,
  n_embd: size,
  n_layer: size,
  n_head: size,
  n_inner: optionalSize,
  activation_function: z.string().default('gelu_new'),
  layer_norm_epsilon: z.number().default(1e-5),
  resid_pdrop: z.number().default(0.1),
  scale_attn_weights: z.boolean().default(true),
  scale_attn_by_inverse_layer_idx: z.boolean().default(false),
  add_cross_attention: z.boolean().default(false),
  tie_word_embeddings: z.boolean().default(true),
})

const rope = z.looseObject({
  rope_theta: z.number().optional(),
  rope_type: z.string().optional(),
  type: z.string().optional(),
})

const llamaSchema = z.looseObject({
  vocab_size: size,
  hidden_size: size,
  intermediate_size: size,
  num_hidden_layers: size,
  num_attention_heads: size,
  num_key_value_heads: optionalSize,
  head_dim: optionalSize,
  hidden_act: z.string().default('silu'),
  max_position_embeddings: size.default(2048),
  rms_norm_eps: z.number().default(1e-6),
  tie_word_embeddings: z.boolean().default(false),
  rope_theta: z.number().nullish(),
  rope_scaling: rope.nullish(),
  rope_parameters: rope.nullish(),
  attention_bias: z.boolean().nullish(),
  mlp_bias: z.boolean().nullish(),
  sliding_window: optionalSize,
  use_sliding_window: z.boolean().nullish(),
})

/**
 * The architecture that a `config.json` describes.
 * @throws ModelError `model/unsupported` for types and features that the decoder does not have, `model/config` for wrong fields.
 */
export function configFromHf(json: Json, source = 'config.json'): GptConfig {
  const type = modelType(json, source)
  if (type === 'gpt2') return fromGpt2(parse(gpt2Schema, json, source), source)
  if (type === 'athanor') return fromAthanor(json, source)
  return fromLlama(type, parse(llamaSchema, json, source), source)
}

function modelType(json: Json, source: string): HfModelType {
  const found = hfModelTypes.find((type) => type === json.model_type)
  if (found) return found
  const what =
    json.model_type === undefined
      ? 'has no model_type'
      : `has the model_type ${JSON.stringify(json.model_type)}`
  throw new ModelError('unsupported', `${source} ${what}; Athanor reads ${hfModelTypes.join(', ')}`)
}

function parse<T extends z.ZodType>(schema: T, json: Json, source: string): z.output<T> {
  const parsed = schema.safeParse(json)
  if (parsed.success) return parsed.data
  const problems = parsed.error.issues.map(({ path, message }) => `${path.join('.') || 'it'}: ${message}`)
  throw new ModelError('config', `${source} does not describe a model: ${problems.join('; ')}`)
}

function activation(name: string, source: string): GptConfig['activation'] {
  const found = Object.hasOwn(activationNames, name) ? activationNames[name] : undefined
  if (found) return found
  const known = Object.keys(activationNames).join(', ')
  throw new ModelError(
    'unsupported',
    `${source} asks for the activation ${JSON.stringify(name)}; Athanor has ${known}`,
  )
}

function refuse(source: string, feature: string): never {
  throw new ModelError('unsupported', `${source} asks for ${feature}, which Athanor's decoder does not have`)
}

function fromGpt2(json: z.output<typeof gpt2Schema>, source: string): GptConfig {
  if (!json.scale_attn_weights) refuse(source, 'scale_attn_weights: false')
  if (json.scale_attn_by_inverse_layer_idx) refuse(source, 'scale_attn_by_inverse_layer_idx: true')
  if (json.add_cross_attention) refuse(source, 'add_cross_attention: true')
  const config: GptConfigInput = {
    vocabSize: json.vocab_size,
    contextLength: json.n_positions ?? json.n_ctx ?? 1024,
    nLayer: json.n_layer,
    nHead: json.n_head,
    nKvHead: json.n_head,
    width: json.n_embd,
    headDim: json.n_embd / json.n_head,
    mlpWidth: json.n_inner ?? 4 * json.n_embd,
    positions: 'learned',
    norm: 'layerNorm',
    normEpsilon: json.layer_norm_epsilon,
    bias: true,
    activation: activation(json.activation_function, source),
    tied: json.tie_word_embeddings,
    dropout: json.resid_pdrop,
  }
  return gptConfig(config, source)
}

function fromLlama(type: HfModelType, json: z.output<typeof llamaSchema>, source: string): GptConfig {
  const scaling = json.rope_parameters ?? json.rope_scaling
  const ropeType = scaling?.rope_type ?? scaling?.type ?? 'default'
  if (ropeType !== 'default')
    refuse(source, `rotary positions of the type ${JSON.stringify(ropeType)} (rope_scaling)`)
  if (type.startsWith('qwen') && json.use_sliding_window)
    refuse(source, 'use_sliding_window: true (windows on some layers only)')
  const attentionBias = type === 'qwen2' ? false : (json.attention_bias ?? false)
  const config: GptConfigInput = {
    vocabSize: json.vocab_size,
    contextLength: json.max_position_embeddings,
    nLayer: json.num_hidden_layers,
    nHead: json.num_attention_heads,
    nKvHead: json.num_key_value_heads ?? json.num_attention_heads,
    width: json.hidden_size,
    headDim: json.head_dim ?? json.hidden_size / json.num_attention_heads,
    mlpWidth: json.intermediate_size,
    positions: 'rotary',
    ropeTheta: scaling?.rope_theta ?? json.rope_theta ?? 10000,
    norm: 'rmsNorm',
    normEpsilon: json.rms_norm_eps,
    // One switch for both here: the biases that the file lacks are zeros.
    bias: attentionBias || (json.mlp_bias ?? false),
    qkvBias: type === 'qwen2',
    activation: activation(json.hidden_act, source),
    gated: true,
    qkNorm: type === 'qwen3',
    tied: json.tie_word_embeddings,
    ...(type === 'mistral' && json.sliding_window ? { window: json.sliding_window } : {}),
  }
  return gptConfig(config, source)
}

/** What a config.json of ours holds beside the architecture, for programs that look for it. */
const beside = [
  'model_type',
  'architectures',
  'dtype',
  'torch_dtype',
  'transformers_version',
  'bos_token_id',
  'eos_token_id',
  'pad_token_id',
]

function fromAthanor(json: Json, source: string): GptConfig {
  return gptConfig(Object.fromEntries(Object.entries(json).filter(([key]) => !beside.includes(key))), source)
}

// ---- GptConfig -> config.json ----

/** The type whose transformers class computes exactly this architecture (in evaluation: dropout aside), or `athanor`. */
export function hfModelType(config: GptConfig): HfModelType {
  const { nHead, nKvHead, headDim, width, parallel, embeddingNorm, logitSoftCap, normWeight } = config
  if (parallel || embeddingNorm || logitSoftCap !== undefined || !normWeight) return 'athanor'
  const square = nHead * headDim === width && nKvHead === nHead
  const plain = !config.gated && !config.qkNorm && config.window === undefined
  if (config.positions === 'learned' && config.norm === 'layerNorm' && config.bias && plain && square)
    return 'gpt2'
  if (config.positions !== 'rotary' || config.norm !== 'rmsNorm' || !config.gated) return 'athanor'
  const special = [config.qkNorm, config.qkvBias && !config.bias, config.window !== undefined, config.bias]
  if (special.filter(Boolean).length > 1) return 'athanor'
  if (config.qkNorm) return 'qwen3'
  if (config.qkvBias && !config.bias) return 'qwen2'
  return config.window === undefined ? 'llama' : 'mistral'
}

const architectures: Record<HfModelType, string> = {
  gpt2: 'GPT2LMHeadModel',
  llama: 'LlamaForCausalLM',
  mistral: 'MistralForCausalLM',
  qwen2: 'Qwen2ForCausalLM',
  qwen3: 'Qwen3ForCausalLM',
  athanor: 'AthanorForCausalLM',
}

export interface HfConfigOptions {
  readonly bosId?: number | undefined
  readonly eosId?: number | undefined
}

/** The `config.json` of an architecture: one that transformers loads where it has a class for it. */
export function configToHf(
  config: GptConfig,
  { bosId, eosId }: HfConfigOptions = {},
): Record<string, unknown> {
  const type = hfModelType(config)
  const common = {
    architectures: [architectures[type]],
    model_type: type,
    ...(bosId === undefined ? {} : { bos_token_id: bosId }),
    ...(eosId === undefined ? {} : { eos_token_id: eosId }),
  }
  if (type === 'athanor') return { ...common, ...gptConfigSchema.parse(config) }
  const activationName = {
    gelu: 'gelu',
    geluTanh: 'gelu_pytorch_tanh',
    relu: 'relu',
    reluSquared: 'relu2',
    silu: 'silu',
  }[config.activation]
  if (type === 'gpt2') {
    return {
      ...common,
      vocab_size: config.vocabSize,
      n_positions: config.contextLength,
      n_embd: config.width,
      n_layer: config.nLayer,
      n_head: config.nHead,
      n_inner: config.mlpWidth,
      activation_function: config.activation === 'geluTanh' ? 'gelu_new' : activationName,
      layer_norm_epsilon: config.normEpsilon,
      tie_word_embeddings: config.tied,
      resid_pdrop: config.dropout,
      embd_pdrop: config.dropout,
      attn_pdrop: 0,
      dtype: 'float32',
    }
  }
  return {
    ...common,
    vocab_size: config.vocabSize,
    hidden_size: config.width,
    intermediate_size: config.mlpWidth,
    num_hidden_layers: config.nLayer,
    num_attention_heads: config.nHead,
    num_key_value_heads: config.nKvHead,
    head_dim: config.headDim,
    hidden_act: activationName,
    max_position_embeddings: config.contextLength,
    rms_norm_eps: config.normEpsilon,
    rope_theta: config.ropeTheta,
    tie_word_embeddings: config.tied,
    attention_dropout: 0,
    ...(type === 'llama' ? { attention_bias: config.bias, mlp_bias: config.bias } : {}),
    ...(type === 'qwen3' ? { attention_bias: false } : {}),
    ...(type.startsWith('qwen') ? { use_sliding_window: false } : {}),
    ...(type === 'mistral' ? { sliding_window: config.window } : {}),
    dtype: 'float32',
  }
}

// ---- weights ----

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

/**
 * Our parameters from the tensors of a model file, by the type that its config.json names.
 * @throws ModelError `model/weights` naming every tensor that is missing, too many or of a wrong shape.
 */
export async function weightsFromHf(
  json: Json,
  source: WeightSource,
  { origin = 'the weights', signal }: { origin?: string; signal?: AbortSignal | undefined } = {},
): Promise<Record<string, NDArray>> {
  const type = modelType(json, 'config.json')
  const config = configFromHf(json)
  const tensors = hfTensors(type, config)
  const fileNames = nameInFile(type, source)
  const expected = new Set(tensors.map(({ name }) => name))
  const optional = (name: string) =>
    type === 'llama' && config.bias && name.endsWith('.bias') && !hasBias(json, name)
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
      params[part.name] = new NDArray('f32', part.shape, parts.length === 1 ? rows : rows.slice(start, end))
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
