import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { LanguageModel, loadModel } from '../infer/index.js'
import { gptConfig, gptHidden, gptLogits, initGpt } from '../models/index.js'
import { Rng } from '../rng.js'
import { nodeDevice } from '../tensor/device/node.js'
import { compile, NDArray, type Tensor } from '../tensor/index.js'
import { type Tokenizer, trainCharTokenizer } from '../text/index.js'
import { perplexity, windows } from './perplexity.js'

const device = nodeDevice('cpu', { threads: 1 })
const alphabet = 'abcdefghijklmnopqrstuvwxyz é漢'
const tokenizer = trainCharTokenizer([alphabet])

function tinyModel(parts: { tokenizer?: Tokenizer; eosIds?: number[] } = {}): LanguageModel {
  const config = gptConfig({
    vocabSize: tokenizer.vocabSize + 1,
    contextLength: 12,
    nLayer: 2,
    nHead: 2,
    nKvHead: 1,
    width: 16,
    headDim: 8,
    mlpWidth: 32,
    window: 7,
    logitSoftCap: 5,
  })
  const params = initGpt(config, Rng.seed(3))
  for (const { data } of Object.values(params))
    for (let i = 0; i < data.length; i++) (data as Float32Array)[i]! *= 8
  return new LanguageModel({ config, params, device, tokenizer: parts.tokenizer ?? tokenizer, ...parts })
}

/** -ln p of the last of `ids`, given those before it. */
async function tokenLoss(model: LanguageModel, ids: readonly number[]): Promise<number> {
  const input = NDArray.from(ids.slice(0, -1), [1, ids.length - 1], 'i32')
  const run = await compile(
    ((params: Record<string, Tensor>, x: Tensor) =>
      gptLogits(model.config, params, gptHidden(model.config, params, x))) as never,
    [model.params, input],
    { device },
  )
  const logits = (await (run as unknown as (...args: unknown[]) => Promise<NDArray>)(model.params, input))
    .data
  const last = Array.from(logits as Float32Array).slice(-model.config.vocabSize)
  return Math.log(last.reduce((sum, value) => sum + Math.exp(value), 0)) - last[ids.at(-1)!]!
}

describe('perplexity', () => {
  const texts = ['the quick brown fox jumps over the lazy dog', 'é漢 ab', 'x']

  it('scores every token once, with the context that the documentation promises', async () => {
    const start = tokenizer.vocabSize
    const model = tinyModel({ eosIds: [start] })
    const [length, stride] = [12, 5]
    let [expected, tokens] = [0, 0]
    for (const text of texts) {
      const ids = [start, ...tokenizer.encode(text)]
      for (let target = 1; target < ids.length; target++) {
        // The first window ends after target `length`; each later one `stride` targets further on.
        const end =
          target <= length
            ? Math.min(length, ids.length - 1)
            : Math.min(ids.length - 1, length + stride * Math.ceil((target - length) / stride))
        expected += await tokenLoss(model, ids.slice(Math.max(0, end - length), target + 1))
        tokens++
      }
    }
    const result = await perplexity(model, texts, { stride })
    expect(result.tokens).toBe(tokens)
    expect(result.bytes).toBe(Buffer.byteLength(texts.join('')))
    expect(result.loss).toBeCloseTo(expected / tokens, 5)
    expect(result.perplexity).toBeCloseTo(Math.exp(result.loss), 8)
    expect(result.bitsPerByte).toBeCloseTo((result.loss * tokens) / Math.LN2 / result.bytes, 8)
  })

  it('leaves out the first token of a document, and its bytes, where nothing precedes it', async () => {
    const model = tinyModel()
    const ids = [...tokenizer.encode('漢ab')]
    const expected = (await tokenLoss(model, ids.slice(0, 2))) + (await tokenLoss(model, ids))
    const result = await perplexity(model, ['漢ab'])
    expect(result).toMatchObject({ tokens: 2, bytes: 2 })
    expect(result.loss).toBeCloseTo(expected / 2, 5)
  })

  it('covers each target exactly once for every length, window and stride', () => {
    for (let count = 2; count < 40; count++) {
      for (const length of [1, 2, 5, 12]) {
        for (let stride = 1; stride <= length; stride++) {
          const ids = Array.from({ length: count }, (_, i) => i)
          const scored = [...windows(ids, length, stride)].flatMap(
            ({ ids: context, targets, scored: counted }) => {
              const real = [...targets].filter((id) => id >= 0)
              expect(context.length).toBeLessThanOrEqual(length)
              expect(real.length).toBe(counted)
              targets.forEach((target, i) => {
                if (target >= 0) expect(target).toBe(context[i]! + 1)
              })
              return real
            },
          )
          expect(scored).toEqual(ids.slice(1))
        }
      }
    }
  })

  it('reports progress, with a total for arrays', async () => {
    const seen: unknown[] = []
    await perplexity(tinyModel({ eosIds: [0] }), ['abc', 'de'], {
      onProgress: (progress) => seen.push(progress),
    })
    expect(seen).toEqual([
      { done: 3, total: 5 },
      { done: 5, total: 5 },
    ])
  })

  it('takes texts that arrive one by one, and stops when told to', async () => {
    const controller = new AbortController()
    async function* stream() {
      yield 'abc'
      controller.abort(new Error('enough'))
      yield 'def'
    }
    await expect(perplexity(tinyModel(), stream(), { signal: controller.signal })).rejects.toThrow('enough')
  })

  it.each([
    [[], /no text to measure/],
    [['abc', ''], /text 1 is empty/],
    [['a'], /text 0 is a single token/],
  ])('refuses %j', async (bad, message) => {
    await expect(perplexity(tinyModel(), bad)).rejects.toThrow(message)
  })

  it.each([{ stride: 0 }, { stride: 13 }, { contextLength: 13 }, { contextLength: 2.5 }])(
    'refuses %j',
    async (options) => {
      await expect(perplexity(tinyModel(), ['abc'], options)).rejects.toMatchObject({ code: 'eval/options' })
    },
  )
})

const data = process.env.ATHANOR_TEST_DATA

describe.skipIf(!data)('perplexity of a pretrained model', () => {
  it('is that of the double-precision reference', async () => {
    const dir = join(data ?? '', 'stories260k')
    const model = await loadModel(dir)
    const reference = JSON.parse(await readFile(join(dir, 'reference.json'), 'utf8'))
    const { loss, tokens, bytes } = await perplexity(model, [reference.nll_text])
    expect(tokens).toBe(reference.nll_token_ids.length)
    expect(bytes).toBe(211)
    expect(Math.abs(loss - reference.nll_per_token)).toBeLessThan(1e-5)
    await model.dispose()
  })
})
