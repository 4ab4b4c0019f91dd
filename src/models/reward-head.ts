/**
 * A decoder that ends in one number instead of a vocabulary: a reward model (Ziegler et al. 2019; Ouyang et al. 2022), or the
 * critic of PPO. The parameters are the decoder's, without an output matrix, and `score.weight` [1, C], `score.bias` [1].
 *
 * Shapes: B sequences, T positions, C = width.
 */
import { initialize, linear, normalInit, type ParameterSpec, parameter, zerosInit } from '../nn/index.js'
import type { Rng } from '../rng.js'
import { expandDims, NDArray, reshape, sub, type Tensor, takeAlongAxis } from '../tensor/index.js'
import { type ForwardOptions, gptHidden, type Params } from './gpt.js'
import { type GptConfig, ModelError } from './gpt-config.js'
import { configFromHf, configToHf, type HfConfigOptions } from './gpt-hf.js'
import {
  type HfWeight,
  type ReadWeightsOptions,
  type WeightSource,
  weightsFromHf,
  weightsToHf,
} from './gpt-hf-weights.js'

type Json = Readonly<Record<string, unknown>>

const WEIGHT = 'score.weight'
const BIAS = 'score.bias'

/** The head with how it starts: weights N(0, 1/(C + 1)), bias 0 (Stiennon et al. 2020). */
export function rewardHeadParameters({ width }: GptConfig): Record<string, ParameterSpec> {
  return {
    [WEIGHT]: parameter([1, width], normalInit(1 / Math.sqrt(width + 1))),
    [BIAS]: parameter([1], zerosInit),
  }
}

/** A reward model that starts from a language model: its parameters, the output matrix dropped, and a fresh head. */
export function initRewardModel(
  config: GptConfig,
  params: Readonly<Record<string, NDArray>>,
  rng: Rng,
): { config: GptConfig; params: Record<string, NDArray> } {
  const { 'lm_head.weight': _, ...decoder } = params
  return {
    config: rewardConfig(config),
    params: { ...decoder, ...initialize(rewardHeadParameters(config), rng) },
  }
}

/** The configuration without an output matrix: what a reward model is saved and loaded as. */
export function rewardConfig(config: GptConfig): GptConfig {
  return { ...config, tied: true }
}

/** The number at every token, given that token and those before it: ids i32 [B, T] -> [B, T]. The critic's values. */
export function gptTokenScores(
  config: GptConfig,
  params: Params,
  ids: Tensor,
  options: ForwardOptions = {},
): Tensor {
  const hidden = gptHidden(config, params, ids, options)
  return reshape(linear(hidden, params[WEIGHT]!, params[BIAS]), ids.shape)
}

/**
 * The score of each sequence, read at its last real token: ids i32 [B, T], padded on the right to what no score depends on;
 * lengths i32 [B], each 1 to T -> [B].
 */
export function gptScores(
  config: GptConfig,
  params: Params,
  ids: Tensor,
  lengths: Tensor,
  options: ForwardOptions = {},
): Tensor {
  const scores = gptTokenScores(config, params, ids, options)
  return reshape(takeAlongAxis(scores, expandDims(sub(lengths, 1), 1), 1), lengths.shape)
}

// ---- as files: the layout of transformers' ...ForSequenceClassification with one label ----

/** Whether a `config.json` is that of a reward model. */
export function isRewardConfig(json: Json): boolean {
  return json.num_labels === 1
}

/** The `config.json` of a reward model. */
export function rewardConfigToHf(config: GptConfig, options: HfConfigOptions = {}): Record<string, unknown> {
  const json = configToHf(rewardConfig(config), options)
  const [architecture] = json.architectures as string[]
  return {
    ...json,
    architectures: [architecture!.replace(/(LMHeadModel|ForCausalLM)$/, 'ForSequenceClassification')],
    num_labels: 1,
  }
}

/** The decoder in a reward model's `config.json`. @throws ModelError when it is of another kind */
export function rewardConfigFromHf(json: Json, source = 'config.json'): GptConfig {
  return rewardConfig(configFromHf(decoderJson(json, source), source))
}

function decoderJson(json: Json, source: string): Json {
  if (!isRewardConfig(json)) {
    throw new ModelError(
      'config',
      `${source} is not that of a reward model (num_labels is ${JSON.stringify(json.num_labels) ?? 'missing'} and must be 1); train one with 'athanor reward', or use a language model's verbs`,
    )
  }
  const { num_labels: _, ...decoder } = json
  return { ...decoder, [json.model_type === 'athanor' ? 'tied' : 'tie_word_embeddings']: true }
}

/** The tensors of a reward model's file. Parameters must be on the host. @throws ModelError */
export function rewardWeightsToHf(
  config: GptConfig,
  params: Readonly<Record<string, NDArray>>,
): Map<string, HfWeight> {
  const weights = weightsToHf(rewardConfig(config), params)
  for (const [name, { shape }] of Object.entries(rewardHeadParameters(config))) {
    const array = params[name]
    if (array?.dtype !== 'f32' || array.shape.join() !== shape.join())
      throw new ModelError('weights', `the parameter ${name} is missing or not f32 [${shape.join(', ')}]`)
    weights.set(name, { dtype: 'f32', shape, data: array.data as Float32Array })
  }
  return weights
}

/**
 * A reward model's parameters from its file. A head without a bias, as transformers writes it, has the bias 0.
 * @throws ModelError naming what is missing or of a wrong shape
 */
export async function rewardWeightsFromHf(
  json: Json,
  source: WeightSource,
  options: ReadWeightsOptions = {},
): Promise<Record<string, NDArray>> {
  const { origin = 'the weights' } = options
  const config = rewardConfigFromHf(json)
  const specs = rewardHeadParameters(config)
  const shapes = new Map([...source.shapes].filter(([name]) => !(name in specs)))
  const params = await weightsFromHf(decoderJson(json, 'config.json'), { ...source, shapes }, options)
  const head: Record<string, NDArray> = {}
  for (const [name, { shape }] of Object.entries(specs)) {
    const found = source.shapes.get(name)
    if (!found && name === BIAS) {
      head[name] = NDArray.zeros(shape)
      continue
    }
    if (found?.join() !== shape.join()) {
      const what = found ? `is [${found.join(', ')}]` : 'is missing'
      throw new ModelError('weights', `${origin}: ${name} ${what} and must be [${shape.join(', ')}]`)
    }
    head[name] = new NDArray('f32', shape, await source.read(name))
  }
  return { ...params, ...head }
}
