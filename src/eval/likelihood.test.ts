import { describe, expect, it } from 'vitest'
import { LanguageModel } from '../infer/index.js'
import { gptConfig, initGpt } from '../models/index.js'
import { Rng } from '../rng.js'
import { nodeDevice } from '../tensor/device/node.js'
import { trainCharTokenizer } from '../text/index.js'
import { logLikelihoods } from './likelihood.js'
import { perplexity } from './perplexity.js'

const tokenizer = trainCharTokenizer(['abcdefghijklmnopqrstuvwxyz '])
const start = tokenizer.vocabSize

function tinyModel(contextLength = 24): LanguageModel {
  const config = gptConfig({
    vocabSize: tokenizer.vocabSize + 1,
    contextLength,
    nLayer: 2,
    nHead: 2,
    nKvHead: 1,
    width: 16,
    headDim: 8,
    mlpWidth: 32,
  })
  const params = initGpt(config, Rng.seed(3))
  for (const { data } of Object.values(params))
    for (let i = 0; i < data.length; i++) (data as Float32Array)[i]! *= 8
  return new LanguageModel({
    config,
    params,
    device: nodeDevice('cpu', { threads: 1 }),
    tokenizer,
    eosIds: [start],
  })
}

const words = 'the quick brown fox jumps over the lazy dog and runs far away into the dark woods'

describe('log-likelihoods', () => {
  it('of texts of many lengths are the losses that perplexity measures', async () => {
    const model = tinyModel()
    const texts = Array.from({ length: 37 }, (_, i) => words.slice(i % 5, 6 + i))
    const found = await logLikelihoods(
      model,
      texts.map((text) => ({ ids: [start, ...tokenizer.encode(text)], from: 1 })),
    )
    for (const [i, text] of texts.entries()) {
      const { loss, tokens } = await perplexity(model, [text])
      expect(found[i]!.tokens).toBe(tokens)
      expect(-found[i]!.logLikelihood / tokens).toBeCloseTo(loss, 4)
    }
  })

  it('of a continuation are the difference of two texts', async () => {
    const model = tinyModel()
    const ids = [start, ...tokenizer.encode('the quick brown')]
    const [whole, context, rest] = await logLikelihoods(model, [
      { ids, from: 1 },
      { ids: ids.slice(0, 10), from: 1 },
      { ids, from: 10 },
    ])
    expect(rest!.logLikelihood).toBeCloseTo(whole!.logLikelihood - context!.logLikelihood, 4)
    expect(rest!.tokens).toBe(6)
  })

  it('drop the beginning of what is too long, and say how much', async () => {
    const model = tinyModel()
    const ids = [start, ...tokenizer.encode(words)]
    const kept = ids.slice(ids.length - 25)
    const [long, short] = await logLikelihoods(model, [
      { ids, from: ids.length - 3 },
      { ids: kept, from: kept.length - 3 },
    ])
    expect(long!.logLikelihood).toBeCloseTo(short!.logLikelihood, 5)
    expect([long!.dropped, short!.dropped]).toEqual([ids.length - 25, 0])
  })

  it('read scored tokens that are more than the context in windows, each once', async () => {
    const model = tinyModel()
    const ids = [start, ...tokenizer.encode(words)]
    const [found] = await logLikelihoods(model, [{ ids, from: 20 }])
    expect(found!.tokens).toBe(ids.length - 20)
    expect(found!.dropped).toBe(7)
  })

  it('say whether greedy decoding would write the same', async () => {
    const model = tinyModel()
    const scores = await logLikelihoods(
      model,
      Array.from({ length: start + 1 }, (_, id) => ({ ids: [start, id], from: 1 })),
    )
    const best = scores.reduce((a, b) => (b.logLikelihood > a.logLikelihood ? b : a))
    expect(scores.filter(({ greedy }) => greedy)).toEqual([best])
    const total = scores.reduce((sum, { logLikelihood }) => sum + Math.exp(logLikelihood), 0)
    expect(total).toBeCloseTo(1, 5)
  })

  it('report progress, stop when told to, and refuse a request without a scored token', async () => {
    const model = tinyModel()
    const seen: number[] = []
    await logLikelihoods(model, [{ ids: [1, 2], from: 1 }], { onProgress: (done) => seen.push(done) })
    expect(seen).toEqual([1])
    expect(await logLikelihoods(model, [])).toEqual([])
    await expect(logLikelihoods(model, [{ ids: [1, 2], from: 2 }])).rejects.toMatchObject({
      code: 'eval/options',
    })
    const signal = AbortSignal.abort(new Error('enough'))
    await expect(logLikelihoods(model, [{ ids: [1, 2], from: 1 }], { signal })).rejects.toThrow('enough')
  })
})
