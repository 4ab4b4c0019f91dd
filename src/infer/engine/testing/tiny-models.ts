/** Small models with random weights, for tests: they say nothing sensible, and say the same thing every time. */
import { writeModelDirectory } from '../../../hub/index.js'
import {
  athanorConfig,
  configToHf,
  initGpt,
  initRewardModel,
  rewardConfigToHf,
  rewardWeightsToHf,
  weightsToHf,
} from '../../../models/index.js'
import { Rng } from '../../../rng.js'
import type { NDArray } from '../../../tensor/index.js'
import { CHATML_TOKENS, saveTokenizer, type Tokenizer, trainBpe } from '../../../text/index.js'

export interface TinyModelOptions {
  readonly seed?: number
  readonly contextLength?: number
  readonly width?: number
}

/** A token for every byte, and those of ChatML. */
export function byteTokenizer(): Promise<Tokenizer> {
  const specialTokens = ['<|endoftext|>', ...CHATML_TOKENS]
  return trainBpe(['a'], { vocabSize: 256 + specialTokens.length, specialTokens })
}

export function tinyConfig({ contextLength = 256, width = 32 }: TinyModelOptions = {}) {
  return athanorConfig({ vocabSize: 259, contextLength, nLayer: 2, nHead: 2, width, tied: false })
}

/** Far from the small values of a fresh model, so that a wrong position or mask shows. */
export function tinyParams(options: TinyModelOptions = {}): Record<string, NDArray> {
  const params = initGpt(tinyConfig(options), Rng.seed(options.seed ?? 1))
  for (const { data } of Object.values(params)) {
    const values = data as Float32Array
    for (let i = 0; i < values.length; i++) values[i]! *= 8
  }
  return params
}

export async function writeDecoder(dir: string, options: TinyModelOptions = {}): Promise<void> {
  const config = tinyConfig(options)
  await saveTokenizer(await byteTokenizer(), dir)
  await writeModelDirectory(dir, {
    config: configToHf(config),
    tensors: Object.fromEntries(weightsToHf(config, tinyParams(options))),
  })
}

export async function writeRewardModel(dir: string, options: TinyModelOptions = {}): Promise<void> {
  const { config, params } = initRewardModel(tinyConfig(options), tinyParams(options), Rng.seed(3))
  await saveTokenizer(await byteTokenizer(), dir)
  await writeModelDirectory(dir, {
    config: rewardConfigToHf(config),
    tensors: rewardWeightsToHf(config, params),
  })
}
