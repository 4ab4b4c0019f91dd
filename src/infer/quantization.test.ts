import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { writeModelDirectory } from '../hub/index.js'
import {
  configToHf,
  type GptConfigInput,
  gptConfig,
  initGpt,
  initRewardModel,
  quantizations,
  quantizeParameters,
  rewardConfigToHf,
  rewardWeightsToHf,
  weightsToHf,
} from '../models/index.js'
import { Rng } from '../rng.js'
import { nodeDevice } from '../tensor/device/node.js'
import { dequantize, NDArray, type QuantizedBits } from '../tensor/index.js'
import { CHATML_TOKENS, trainCharTokenizer, withSpecialTokens } from '../text/index.js'
import { createGenerator, LanguageModel, loadModel, loadRewardModel, scoreDialogues } from './index.js'

const device = nodeDevice('cpu', { threads: 2 })
const base: GptConfigInput = {
  vocabSize: 48,
  contextLength: 96,
  nLayer: 2,
  nHead: 4,
  nKvHead: 2,
  width: 40,
  headDim: 10,
  mlpWidth: 72,
}
const variations: Record<string, Partial<GptConfigInput>> = {
  'tied, squared ReLU': {},
  'an output matrix, gated': { tied: false, gated: true, activation: 'silu' },
  'learned positions, LayerNorm, biases': {
    positions: 'learned',
    norm: 'layerNorm',
    bias: true,
    activation: 'gelu',
  },
}

function paramsOf(config: GptConfigInput) {
  const params = initGpt(gptConfig(config), Rng.seed(1))
  for (const [name, { data }] of Object.entries(params))
    if (!name.includes('norm')) for (let i = 0; i < data.length; i++) (data as Float32Array)[i]! *= 6
  return params
}

/** The parameters that quantized ones stand for. */
function dense(params: Readonly<Record<string, NDArray>>, original: Readonly<Record<string, NDArray>>) {
  return Object.fromEntries(
    Object.entries(original).map(([name, array]) => {
      const { [`${name}.values`]: values, [`${name}.scales`]: scales } = params
      if (!values || !scales) return [name, array]
      const [rows, columns] = array.shape as [number, number]
      const data = dequantize({
        bits: (values.shape[2]! / 4) as QuantizedBits,
        rows,
        columns,
        values: values.data as Uint8Array,
        scales: scales.data as Float32Array,
      })
      return [name, new NDArray('f32', array.shape, data)]
    }),
  )
}

const difference = (a: Float32Array, b: Float32Array) =>
  Math.hypot(...a.map((x, i) => x - b[i]!)) / Math.hypot(...b)

describe.each(['q8', 'q4'] as const)('a decoder of %s', (quantization) => {
  it.each(Object.keys(variations))('reads and decodes as its dequantized weights do: %s', async (name) => {
    const config = gptConfig({ ...base, ...variations[name] })
    const original = paramsOf(config)
    const params = quantizeParameters(original, quantization)
    const model = new LanguageModel({ config, params, device, quantization })
    const reference = new LanguageModel({ config, params: dense(params, original), device })
    const [generator, wanted] = [model, reference].map((each) => createGenerator(each, { batch: 3 }))
    try {
      const prompt = Array.from({ length: 21 }, (_, i) => (7 * i) % 48)
      const rows = [prompt, prompt.slice(0, 5), undefined]
      const [first, expectedFirst] = await Promise.all([generator!.prefill(rows), wanted!.prefill(rows)])
      const third = await generator!.extend(2, prompt.slice(3))
      expect(difference(third, await wanted!.extend(2, prompt.slice(3)))).toBeLessThan(0.05)
      for (const row of [0, 1]) expect(difference(first[row]!, expectedFirst[row]!)).toBeLessThan(0.05)
      for (const token of [3, 40, 11]) {
        const [next, expected] = await Promise.all([
          generator!.decode([token, undefined, token]),
          wanted!.decode([token, undefined, token]),
        ])
        expect(next[1]).toBeUndefined()
        for (const row of [0, 2]) expect(difference(next[row]!, expected[row]!)).toBeLessThan(0.05)
      }
    } finally {
      await Promise.all([model.dispose(), reference.dispose()])
    }
  })
})

describe('quantization at load', () => {
  const tokenizer = withSpecialTokens(trainCharTokenizer(['abcdefghijklmnopqrstuvwxyz \n?']), CHATML_TOKENS)
  const config = gptConfig({ ...base, vocabSize: tokenizer.vocabSize })
  let dir: string
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'athanor-quantized-'))
    const params = paramsOf(config)
    const json = JSON.stringify(tokenizer.toJSON())
    await writeModelDirectory(join(dir, 'decoder'), {
      config: configToHf(config),
      tensors: weightsToHf(config, params),
      tokenizer: { json },
    })
    const made = initRewardModel(config, params, Rng.seed(2))
    await writeModelDirectory(join(dir, 'reward'), {
      config: rewardConfigToHf(made.config),
      tensors: rewardWeightsToHf(made.config, made.params),
      tokenizer: { json },
    })
  })
  afterAll(() => rm(dir, { recursive: true, force: true }))

  it('takes a quarter and less of the memory', async () => {
    const bytes = []
    for (const quantization of quantizations) {
      const model = await loadModel(join(dir, 'decoder'), { quantization })
      expect(model.quantization).toBe(quantization)
      bytes.push(Object.values(model.params).reduce((total, { data }) => total + data.byteLength, 0))
      await model.dispose()
    }
    const [none, q8, q4] = bytes as [number, number, number]
    // The widths here are no multiples of 32, which fills a sixth of the blocks with zeros.
    expect(q8 / none).toBeLessThan(0.45)
    expect(q4).toBeLessThan(q8)
  })

  it('gives nearly the same scores from a reward model', async () => {
    const dialogues = ['yes', 'no it is not'].map((answer) => [
      { role: 'user' as const, content: 'is it?' },
      { role: 'assistant' as const, content: answer },
    ])
    const whole = await loadRewardModel(join(dir, 'reward'))
    const quantized = await loadRewardModel(join(dir, 'reward'), { quantization: 'q8' })
    const [expected, scores] = await Promise.all([
      scoreDialogues(whole, dialogues),
      scoreDialogues(quantized, dialogues),
    ])
    scores.forEach((score, i) => {
      expect(Math.abs(score - expected[i]!)).toBeLessThan(0.1)
    })
    await Promise.all([whole.dispose(), quantized.dispose()])
  })

  it('is refused on other devices than the CPU', async () => {
    await expect(
      loadModel(join(dir, 'decoder'), { quantization: 'q8', device: 'webgpu' }),
    ).rejects.toMatchObject({ code: 'infer/options' })
  })
})
