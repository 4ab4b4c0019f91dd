/** Models for tests: one with a table of what follows what, so that a test knows what it will say. */
import { LanguageModel } from '../../infer/index.js'
import { gptConfig, initGpt } from '../../models/index.js'
import { Rng } from '../../rng.js'
import { nodeDevice } from '../../tensor/device/node.js'
import { type Tokenizer, trainCharTokenizer } from '../../text/index.js'

const LETTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .,:;?!\'"#$%&()*+-/<>=[]{}_\n'

/** A model with random weights over the letters of ASCII; it predicts badly and always the same. */
export function randomModel(
  options: { contextLength?: number; tokenizer?: Tokenizer; eosIds?: readonly number[]; seed?: number } = {},
): LanguageModel {
  const tokenizer = options.tokenizer ?? trainCharTokenizer([LETTERS])
  const config = gptConfig({
    vocabSize: tokenizer.vocabSize + 1,
    contextLength: options.contextLength ?? 256,
    nLayer: 1,
    nHead: 2,
    nKvHead: 2,
    width: 16,
    headDim: 8,
    mlpWidth: 32,
  })
  const params = initGpt(config, Rng.seed(options.seed ?? 3))
  for (const { data } of Object.values(params))
    for (let i = 0; i < data.length; i++) (data as Float32Array)[i]! *= 8
  return new LanguageModel({
    config,
    params,
    device: nodeDevice('cpu', { threads: 1 }),
    tokenizer,
    eosIds: options.eosIds ?? [tokenizer.vocabSize],
    dir: 'random',
  })
}
