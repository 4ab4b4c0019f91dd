/**
 * A decoder-only Transformer: token ids in, logits for the next token out (Radford et al. 2019; Brown et al. 2020).
 * Which member of the family it is, `GptConfig` says. Parameters are a flat record under Llama's Hugging Face names.
 *
 * Shapes: B sequences, T positions, C = width, H heads of D, G key/value heads, V vocabulary.
 */
import {
  embed,
  initialize,
  linear,
  type Matrix,
  mlp,
  norm,
  normalInit,
  onesInit,
  type ParameterSpec,
  parameter,
  rotaryTable,
  zerosInit,
} from '../nn/index.js'
import type { Rng } from '../rng.js'
import {
  add,
  attention,
  cachedAttention,
  crossEntropy,
  dropout,
  embedding,
  expandDims,
  iota,
  type LinearCrossEntropyOptions,
  linearCrossEntropy,
  type NDArray,
  ones,
  pad,
  reshape,
  rmsNorm,
  rotary,
  slice,
  softCap,
  splitKey,
  sub,
  sum,
  Tensor,
  transpose,
} from '../tensor/index.js'
import type { GptConfig } from './gpt-config.js'
import { matrixOf } from './quantize.js'

export type Params = Readonly<Record<string, Tensor>>

/** Every parameter with its shape and how it starts (GPT-2: normal .02, residual outputs smaller by sqrt(2 layers)). */
export function gptParameters(config: GptConfig): Record<string, ParameterSpec> {
  const { width: C, vocabSize: V, nLayer, nHead: H, nKvHead: G, headDim: D, mlpWidth: M } = config
  const specs: Record<string, ParameterSpec> = {}
  const std = 0.02
  const residual = std / Math.sqrt(2 * nLayer)
  const matrix = (name: string, rows: number, columns: number, scale = std, bias = config.bias) => {
    specs[`${name}.weight`] = parameter([rows, columns], normalInit(scale))
    if (bias) specs[`${name}.bias`] = parameter([rows], zerosInit)
  }
  const normalization = (name: string, size = C) => {
    if (config.normWeight) specs[`${name}.weight`] = parameter([size], onesInit)
    if (config.bias && config.norm === 'layerNorm') specs[`${name}.bias`] = parameter([size], zerosInit)
  }
  matrix('model.embed_tokens', V, C, std, false)
  if (config.positions === 'learned') matrix('model.embed_positions', config.contextLength, C, std, false)
  for (let i = 0; i < nLayer; i++) {
    const layer = `model.layers.${i}`
    normalization(`${layer}.input_layernorm`)
    const qkvBias = config.bias || config.qkvBias
    matrix(`${layer}.self_attn.q_proj`, H * D, C, std, qkvBias)
    matrix(`${layer}.self_attn.k_proj`, G * D, C, std, qkvBias)
    matrix(`${layer}.self_attn.v_proj`, G * D, C, std, qkvBias)
    matrix(`${layer}.self_attn.o_proj`, C, H * D, residual)
    if (config.qkNorm && config.normWeight) {
      specs[`${layer}.self_attn.q_norm.weight`] = parameter([D], onesInit)
      specs[`${layer}.self_attn.k_norm.weight`] = parameter([D], onesInit)
    }
    if (!config.parallel) normalization(`${layer}.post_attention_layernorm`)
    if (config.gated) matrix(`${layer}.mlp.gate_proj`, M, C)
    matrix(`${layer}.mlp.up_proj`, M, C)
    matrix(`${layer}.mlp.down_proj`, C, M, residual)
  }
  normalization('model.norm')
  if (!config.tied) matrix('lm_head', V, C, std, false)
  return specs
}

/** Fresh parameters. */
export function initGpt(config: GptConfig, rng: Rng): Record<string, NDArray> {
  return initialize(gptParameters(config), rng)
}

export interface ForwardOptions {
  /** i32 [B, T] (or [1, T]): where each token stands in its document. Default 0, 1, ... T-1. */
  readonly positions?: Tensor
  /** i32 [B, T]: tokens see only tokens of the same document (packed sequences). */
  readonly documents?: Tensor
  /** bool [B, T]: which tokens are real; padding is never attended to. */
  readonly keyMask?: Tensor
  /** A random key; without one there is no dropout. */
  readonly dropoutKey?: Tensor
}

/** Attention of layer i, given its queries [B, H, T, D] and keys and values [B, G, T, D]. */
type Attend = (layer: number, q: Tensor, k: Tensor, v: Tensor) => Tensor

/** Hidden states after the last norm: ids i32 [B, T] -> [B, T, C]. */
export function gptHidden(
  config: GptConfig,
  params: Params,
  ids: Tensor,
  options: ForwardOptions = {},
): Tensor {
  const { window } = config
  const attend: Attend = (_, q, k, v) =>
    attention(q, k, v, {
      causal: true,
      ...(window === undefined ? {} : { window }),
      ...(options.documents ? { documents: options.documents } : {}),
      ...(options.keyMask ? { keyMask: options.keyMask } : {}),
    })
  const positions = options.positions ?? expandDims(iota(ids.shape[1]!), 0)
  return decoder(config, params, ids, positions, attend, options.dropoutKey)
}

/** Width of a head in the cache: headDim, filled up to a multiple of eight, which the kernel asks for. */
export function cacheHeadDim({ headDim }: GptConfig): number {
  return 8 * Math.ceil(headDim / 8)
}

/** Keys and values of one layer for all positions so far: [B, G, P, cacheHeadDim] each, with room for P positions. */
export interface LayerCache {
  readonly keys: Tensor
  readonly values: Tensor
}

/**
 * Hidden states [B, T, C] of fresh sequences, ids i32 [B, T], with the keys and values [B, G, T, D] of every layer, to fill a
 * cache with. Sequences of different lengths are padded on the right: what stands there is seen by no token before it.
 */
export function gptPrefill(
  config: GptConfig,
  params: Params,
  ids: Tensor,
): { hidden: Tensor; caches: LayerCache[] } {
  const { window } = config
  const caches: LayerCache[] = []
  const attend: Attend = (_, q, k, v) => {
    caches.push({ keys: k, values: v })
    return attention(q, k, v, { causal: true, ...(window === undefined ? {} : { window }) })
  }
  const positions = expandDims(iota(ids.shape[1]!), 0)
  return { hidden: decoder(config, params, ids, positions, attend), caches }
}

/**
 * Hidden states of new tokens, ids i32 [B, T], after those in the cache. Row b then holds lengths[b] tokens (i32 [B], the new
 * ones counted), the longest row `total` (i32 scalar). Returns the states [B, T, C] and the updated caches.
 */
export function gptDecode(
  config: GptConfig,
  params: Params,
  ids: Tensor,
  caches: readonly LayerCache[],
  lengths: Tensor,
  total: Tensor,
): { hidden: Tensor; caches: LayerCache[] } {
  const next: LayerCache[] = []
  const { headDim: D } = config
  const wide = cacheHeadDim(config)
  const attend: Attend = (layer, q, k, v) => {
    const options = {
      scale: 1 / Math.sqrt(D),
      ...(config.window === undefined ? {} : { window: config.window }),
    }
    // Zeros behind a head change no product, and come out as zeros.
    const fill = (x: Tensor) =>
      wide === D
        ? x
        : pad(x, [
            [0, 0],
            [0, 0],
            [0, 0],
            [0, wide - D],
          ])
    const { out, keys, values } = cachedAttention(
      fill(q),
      fill(k),
      fill(v),
      caches[layer]!,
      lengths,
      total,
      options,
    )
    next.push({ keys, values })
    return wide === D ? out : slice(out, [undefined, undefined, undefined, [0, D]])
  }
  const T = ids.shape[1]!
  const first = expandDims(sub(lengths, typeof T === 'number' ? T : sum(ones([T], 'i32'))), 1)
  const positions = add(first, expandDims(iota(ids.shape[1]!), 0))
  return { hidden: decoder(config, params, ids, positions, attend), caches: next }
}

/** Logits for the next token: [..., C] -> [..., V]. */
export function gptLogits(config: GptConfig, params: Params, hidden: Tensor): Tensor {
  const logits = linear(hidden, outputWeight(config, params))
  return config.logitSoftCap === undefined ? logits : softCap(logits, config.logitSoftCap)
}

/** Mean cross-entropy (nats a token) of targets i32 [B, T] given ids [B, T]; targets of -100 do not count. */
export function gptLoss(
  config: GptConfig,
  params: Params,
  ids: Tensor,
  targets: Tensor,
  options: ForwardOptions & LinearCrossEntropyOptions = {},
): Tensor {
  const hidden = gptHidden(config, params, ids, options)
  const cap = config.logitSoftCap === undefined ? {} : { softCap: config.logitSoftCap }
  const output = outputWeight(config, params)
  if (!(output instanceof Tensor)) return crossEntropy(gptLogits(config, params, hidden), targets, options)
  return linearCrossEntropy(hidden, output, targets, { ...options, ...cap })
}

function outputWeight(config: GptConfig, params: Params): Matrix {
  return matrixOf(params, config.tied ? 'model.embed_tokens.weight' : 'lm_head.weight')
}

function decoder(
  config: GptConfig,
  params: Params,
  ids: Tensor,
  positions: Tensor,
  attend: Attend,
  dropoutKey?: Tensor,
): Tensor {
  const { nHead: H, nKvHead: G, headDim: D, nLayer } = config
  const [B, T] = ids.shape
  const drop = dropper(config.dropout, dropoutKey, 2 * nLayer + 1)
  const normalize = (x: Tensor, name: string) =>
    norm(x, params[`${name}.weight`], params[`${name}.bias`], {
      kind: config.norm,
      epsilon: config.normEpsilon,
    })
  const project = (x: Tensor, name: string) =>
    linear(x, matrixOf(params, `${name}.weight`), params[`${name}.bias`])
  const heads = (x: Tensor, count: number) => transpose(reshape(x, [B!, T!, count, D]), [0, 2, 1, 3])
  const table =
    config.positions === 'rotary' ? rotaryTable(config.contextLength, D, config.ropeTheta) : undefined
  const turn = (x: Tensor) => (table ? rotary(x, positions, table.cosines, table.sines) : x)

  const selfAttention = (x: Tensor, layer: number) => {
    const name = `model.layers.${layer}.self_attn`
    let q = heads(project(x, `${name}.q_proj`), H) // (B, H, T, D)
    let k = heads(project(x, `${name}.k_proj`), G)
    const v = heads(project(x, `${name}.v_proj`), G)
    if (config.qkNorm) {
      q = rmsNorm(q, params[`${name}.q_norm.weight`], config.normEpsilon)
      k = rmsNorm(k, params[`${name}.k_norm.weight`], config.normEpsilon)
    }
    const out = attend(layer, turn(q), turn(k), v)
    return project(reshape(transpose(out, [0, 2, 1, 3]), [B!, T!, H * D]), `${name}.o_proj`)
  }

  const feedForward = (x: Tensor, layer: number) => {
    const of = (name: string) => `model.layers.${layer}.mlp.${name}`
    const at = (name: string) => params[of(name)]
    const weights = {
      up: matrixOf(params, of('up_proj.weight')),
      down: matrixOf(params, of('down_proj.weight')),
      gate: config.gated ? matrixOf(params, of('gate_proj.weight')) : undefined,
      upBias: at('up_proj.bias'),
      downBias: at('down_proj.bias'),
      gateBias: at('gate_proj.bias'),
    }
    return mlp(x, weights, config.activation)
  }

  let x = embed(matrixOf(params, 'model.embed_tokens.weight'), ids, config.width) // (B, T, C)
  if (config.positions === 'learned')
    x = add(x, embedding(params['model.embed_positions.weight']!, positions))
  if (config.embeddingNorm) x = rmsNorm(x, undefined, config.normEpsilon)
  x = drop(x)
  for (let layer = 0; layer < nLayer; layer++) {
    const name = `model.layers.${layer}`
    const h = normalize(x, `${name}.input_layernorm`)
    const attended = drop(selfAttention(h, layer))
    if (config.parallel) {
      x = add(add(x, attended), drop(feedForward(h, layer)))
    } else {
      x = add(x, attended)
      x = add(x, drop(feedForward(normalize(x, `${name}.post_attention_layernorm`), layer)))
    }
  }
  return normalize(x, 'model.norm')
}

/** Applies dropout with a key of its own at each call. */
function dropper(rate: number, key: Tensor | undefined, calls: number): (x: Tensor) => Tensor {
  if (!key || rate === 0) return (x) => x
  const keys = splitKey(key, calls)
  let next = 0
  return (x) => dropout(x, rate, keys[next++]!)
}
