/** The programs of a generator: one adds tokens to rows that have some, one reads whole prompts into empty rows. */
import {
  cacheHeadDim,
  gptDecode,
  gptLogits,
  gptPrefill,
  type LayerCache,
  type Params,
} from '../models/index.js'
import { compile, dim, gather, type NDArray, reshape, type Size, type Tensor } from '../tensor/index.js'
import type { HostCache } from './host-cache.js'
import type { LanguageModel } from './language-model.js'
import { builtIn } from './weights.js'

export type Step = (
  caches: readonly HostCache[],
  ids: NDArray,
  lengths: NDArray,
  total: NDArray,
  at: NDArray,
  params: Params | object,
) => Promise<{ logits: NDArray; caches: HostCache[] }>

export type Prefill = (
  ids: NDArray,
  last: NDArray,
  params: Params | object,
) => Promise<{ logits: NDArray; caches: HostCache[] }>

/** Logits [batch, V] after new tokens [batch, tokens], of which the one `at` is the last, and the updated caches. */
export async function compileStep(
  model: LanguageModel,
  batch: number,
  tokens: Size,
  capacity: number,
  embed: boolean,
) {
  const { config, params, device } = model
  const { nLayer, nKvHead, width } = config
  const i32 = (shape: readonly Size[]) => ({ shape, dtype: 'i32' as const })
  const cache = { shape: [batch, nKvHead, capacity, cacheHeadDim(config)], dtype: 'f32' as const }
  const constants = embed ? builtIn(params) : undefined
  const step = (
    caches: readonly LayerCache[],
    ids: Tensor,
    lengths: Tensor,
    total: Tensor,
    at: Tensor,
    inputs: Params,
  ) => {
    const weights = constants ?? inputs
    const { hidden, caches: next } = gptDecode(config, weights, ids, caches, lengths, total)
    const last = reshape(tokens === 1 ? hidden : gather(hidden, at, 1), [batch, width])
    return { logits: gptLogits(config, weights, last), caches: next }
  }
  const examples = [
    Array.from({ length: nLayer }, () => ({ keys: cache, values: cache })),
    i32([batch, tokens]),
    i32([batch]),
    i32([]),
    i32([1]),
    embed ? {} : params,
  ]
  const compiled: unknown = await compile(step as never, examples, {
    device,
    donate: [0],
    keepOnDevice: true,
  })
  return compiled as Step & { dispose(): Promise<void> }
}

/** Logits after the last token of each prompt, and what the caches of all layers begin with: any number and length of prompts. */
export async function compilePrefill(model: LanguageModel) {
  const { config, params, device } = model
  const [n, length] = [dim('n'), dim('length')]
  const prefill = (ids: Tensor, last: Tensor, weights: Params) => {
    const { hidden, caches } = gptPrefill(config, weights, ids) // (n, length, C)
    const ends = gather(reshape(hidden, [-1, config.width]), last) // (n, C)
    return { logits: gptLogits(config, weights, ends), caches }
  }
  const examples = [{ shape: [n, length], dtype: 'i32' }, { shape: [n], dtype: 'i32' }, params]
  const compiled: unknown = await compile(prefill as never, examples, { device, keepMemory: false })
  return compiled as Prefill & { dispose(): Promise<void> }
}
