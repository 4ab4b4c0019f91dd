/**
 * Between our decoder's configuration and the `config.json` of Hugging Face (the weights: gpt-hf-weights.ts).
 * Reads and writes gpt2, llama, mistral, qwen2 and qwen3; an architecture that is none of these is of the type `athanor`.
 */
import { z } from 'zod'
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
  if (json.num_labels === 1) {
    throw new ModelError(
      'config',
      `${source} describes a reward model, which gives a score and writes no text; ask it with 'athanor score' or loadRewardModel`,
    )
  }
  if (type === 'gpt2') return fromGpt2(parse(gpt2Schema, json, source), source)
  if (type === 'athanor') return fromAthanor(json, source)
  return fromLlama(type, parse(llamaSchema, json, source), source)
}

export function modelType(json: Json, source: string): HfModelType {
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
    // Said even where there is none: transformers would take its own default for the type.
    bos_token_id: bosId ?? null,
    eos_token_id: eosId ?? null,
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
