/** Our decoder as llama.cpp knows it: which of its architectures computes the same, under which names and in which layout. */
import type { NDArray } from '../tensor/index.js'
import { type GptConfig, ModelError } from './gpt-config.js'
import { hfModelType } from './gpt-hf.js'

export type GgufArchitecture = 'gpt2' | 'llama' | 'qwen2' | 'qwen3'

export interface GgufModelTensor {
  readonly name: string
  readonly shape: readonly number[]
  /** Norms, biases and positions stay in single precision; the embedding and the output matrix are never below 8 bits. */
  readonly kind: 'small' | 'matrix' | 'table'
  load(): Float32Array
}

/**
 * The architecture of llama.cpp that computes exactly this decoder.
 * @throws ModelError `model/unsupported` naming what none of them has
 */
export function ggufArchitecture(config: GptConfig): GgufArchitecture {
  const type = hfModelType(config)
  const problems: string[] = []
  if (type === 'athanor') {
    if (config.activation === 'reluSquared') problems.push('squared ReLU')
    if (config.embeddingNorm) problems.push('a norm after the embedding')
    if (!config.normWeight) problems.push('norms without weights')
    if (config.qkNorm && !config.gated) problems.push('normalised queries and keys without a gated MLP')
    if (config.logitSoftCap !== undefined) problems.push('a soft cap on logits')
    if (problems.length === 0) problems.push('this combination of parts')
  }
  if (type === 'gpt2' && config.activation !== 'geluTanh')
    problems.push(`the activation ${config.activation} in GPT-2 (geluTanh is there)`)
  if (type !== 'gpt2' && type !== 'athanor' && config.activation !== 'silu')
    problems.push(`the activation ${config.activation} (silu is there)`)
  if (config.window !== undefined && config.window < config.contextLength)
    problems.push(`attention windows of ${config.window}`)
  if (problems.length > 0) {
    throw new ModelError(
      'unsupported',
      `llama.cpp has no architecture with ${problems.join(', ')}; what is shaped like GPT-2, Llama (train with --architecture llama), Mistral, Qwen 2 or Qwen 3 can be exported`,
    )
  }
  return type === 'mistral' ? 'llama' : (type as GgufArchitecture)
}

/** A model's sizes under llama.cpp's names, without the architecture's prefix; whole numbers but for those that end in `f`. */
export function ggufHyperparameters(config: GptConfig): Record<string, { value: number; float?: boolean }> {
  const gpt2 = ggufArchitecture(config) === 'gpt2'
  return {
    context_length: { value: config.contextLength },
    embedding_length: { value: config.width },
    block_count: { value: config.nLayer },
    feed_forward_length: { value: config.mlpWidth },
    'attention.head_count': { value: config.nHead },
    ...(gpt2
      ? { 'attention.layer_norm_epsilon': { value: config.normEpsilon, float: true } }
      : {
          'attention.head_count_kv': { value: config.nKvHead },
          'attention.key_length': { value: config.headDim },
          'attention.value_length': { value: config.headDim },
          'attention.layer_norm_rms_epsilon': { value: config.normEpsilon, float: true },
          'rope.dimension_count': { value: config.headDim },
          'rope.freq_base': { value: config.ropeTheta, float: true },
          vocab_size: { value: config.vocabSize },
        }),
  }
}

const NAMES: Readonly<Record<string, string>> = {
  'model.embed_tokens': 'token_embd',
  'model.embed_positions': 'position_embd',
  'model.norm': 'output_norm',
  lm_head: 'output',
  input_layernorm: 'attn_norm',
  post_attention_layernorm: 'ffn_norm',
  'self_attn.q_proj': 'attn_q',
  'self_attn.k_proj': 'attn_k',
  'self_attn.v_proj': 'attn_v',
  'self_attn.o_proj': 'attn_output',
  'self_attn.q_norm': 'attn_q_norm',
  'self_attn.k_norm': 'attn_k_norm',
  'mlp.gate_proj': 'ffn_gate',
  'mlp.up_proj': 'ffn_up',
  'mlp.down_proj': 'ffn_down',
}

/** The tensors of a model file. Parameters must be f32 on the host. @throws ModelError as `ggufArchitecture` */
export function ggufTensors(config: GptConfig, params: Readonly<Record<string, NDArray>>): GgufModelTensor[] {
  const architecture = ggufArchitecture(config)
  const values = (name: string) => params[name]!.data as Float32Array
  const tensors: GgufModelTensor[] = []
  for (const [name, { shape }] of Object.entries(params)) {
    const [, layer, module, part] = /^(?:model\.layers\.(\d+)\.)?(.+)\.(weight|bias)$/.exec(name)!
    const projection = /^self_attn\.([qkv])_proj$/.exec(module!)?.[1]
    const prefix = layer === undefined ? '' : `blk.${layer}.`
    if (architecture === 'gpt2' && projection) {
      // Queries, keys and values are one matrix there.
      if (projection !== 'q') continue
      const parts = ['q', 'k', 'v'].map((each) => name.replace('q_proj', `${each}_proj`))
      const rows = parts.reduce((total, each) => total + params[each]!.shape[0]!, 0)
      tensors.push({
        name: `${prefix}attn_qkv.${part}`,
        shape: [rows, ...shape.slice(1)],
        kind: shape.length === 2 ? 'matrix' : 'small',
        load: () => joined(parts.map(values)),
      })
      continue
    }
    const heads = projection === 'q' ? config.nHead : projection === 'k' ? config.nKvHead : undefined
    const turned = architecture === 'llama' && heads !== undefined
    tensors.push({
      name: `${prefix}${NAMES[module!]}.${part}`,
      shape,
      kind: /embed_tokens|lm_head/.test(name) ? 'table' : /_proj\.weight$/.test(name) ? 'matrix' : 'small',
      load: () => (turned ? interleaved(values(name), heads, config.headDim) : values(name)),
    })
  }
  return tensors
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

/** llama.cpp's Llama turns neighbouring elements, Hugging Face's halves: row 2i of a head is ours i, row 2i + 1 ours i + D/2. */
function interleaved(data: Float32Array, heads: number, headDim: number): Float32Array {
  const out = new Float32Array(data.length)
  const columns = data.length / (heads * headDim)
  for (let row = 0; row < heads * headDim; row++) {
    const [head, i] = [Math.floor(row / headDim), row % headDim]
    const from = head * headDim + (i % 2) * (headDim / 2) + Math.floor(i / 2)
    out.set(data.subarray(from * columns, (from + 1) * columns), row * columns)
  }
  return out
}
