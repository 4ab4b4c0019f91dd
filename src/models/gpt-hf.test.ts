import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { Rng } from '../rng.js'
import { nodeDevice } from '../tensor/device/node.js'
import { compile, NDArray, type Tensor } from '../tensor/index.js'
import {
  athanorConfig,
  configFromHf,
  configToHf,
  type GptConfig,
  gpt2Config,
  gptConfig,
  gptHidden,
  gptLogits,
  initGpt,
  llamaConfig,
  type WeightSource,
  weightsFromHf,
  weightsToHf,
} from './index.js'

interface Fixture {
  config: Record<string, unknown>
  weights: Record<string, { shape: number[]; data: string }>
  ids: number[][]
  logits: number[][][]
}

const fixtures: Record<string, Fixture> = JSON.parse(
  await readFile(new URL('./fixtures/hf-models.json', import.meta.url), 'utf8'),
)
const device = nodeDevice('cpu', { threads: 1 })

function sourceOf(weights: Fixture['weights']): WeightSource {
  return {
    shapes: new Map(Object.entries(weights).map(([name, { shape }]) => [name, shape])),
    read: async (name) =>
      new Float32Array(Uint8Array.from(Buffer.from(weights[name]!.data, 'base64')).buffer),
  }
}

async function logitsOf(
  config: GptConfig,
  params: Record<string, NDArray>,
  rows: number[][],
): Promise<Float32Array> {
  const ids = NDArray.from(rows.flat(), [rows.length, rows[0]!.length], 'i32')
  const forward = (p: Record<string, Tensor>, x: Tensor) => gptLogits(config, p, gptHidden(config, p, x))
  const run: unknown = await compile(forward as never, [params, ids], { device })
  const logits = await (run as (...args: unknown[]) => Promise<NDArray>)(params, ids)
  return logits.data as Float32Array
}

describe.each(Object.entries(fixtures))(
  'a %s model of transformers',
  (name, { config: json, weights, ids, logits }) => {
    const config = configFromHf(json)

    it('gives the same logits', async () => {
      const ours = await logitsOf(config, await weightsFromHf(json, sourceOf(weights)), ids)
      const difference = Math.max(...logits.flat(2).map((value, i) => Math.abs(value - ours[i]!)))
      expect(difference).toBeLessThan(1e-4)
    })

    it.skipIf(name === 'llama-biases-head-dim')(
      'is written with the same type, names, shapes and values',
      async () => {
        const params = await weightsFromHf(json, sourceOf(weights))
        const written = weightsToHf(config, params)
        expect(configToHf(config).model_type).toBe(json.model_type)
        expect([...written.keys()].sort()).toEqual(Object.keys(weights).sort())
        for (const [key, { shape, data }] of written) {
          expect(shape).toEqual(weights[key]!.shape)
          expect(data).toEqual(await sourceOf(weights).read(key))
        }
      },
    )

    it('keeps its architecture when written and read', () => {
      const written = configToHf(config, { bosId: 1, eosId: 2 })
      expect(configFromHf(written)).toEqual(config)
      expect(written).toMatchObject({ bos_token_id: 1, eos_token_id: 2 })
    })
  },
)

describe('biases that a llama file lacks', () => {
  it('are zeros, and are written out', async () => {
    const { config: json, weights } = fixtures['llama-biases-head-dim']!
    const params = await weightsFromHf(json, sourceOf(weights))
    expect(params['model.layers.0.mlp.up_proj.bias']!.data).toEqual(new Float32Array(20))
    const config = configFromHf(json)
    expect(configToHf(config)).toMatchObject({ attention_bias: true, mlp_bias: true })
    expect(weightsToHf(config, params).get('model.layers.1.mlp.down_proj.bias')!.shape).toEqual([16])
  })
})

describe('biases of a qwen3 file', () => {
  it('may be on attention only', async () => {
    const { config, weights } = fixtures.qwen3!
    const json = { ...config, attention_bias: true }
    const bias = (rows: number) => ({
      shape: [rows],
      data: Buffer.from(new Float32Array(rows).fill(0.5).buffer).toString('base64'),
    })
    const rows = { q: 32, k: 16, v: 16, o: 16 }
    const more = [0, 1].flatMap((layer) =>
      Object.entries(rows).map(
        ([part, size]) => [`model.layers.${layer}.self_attn.${part}_proj.bias`, bias(size)] as const,
      ),
    )
    const params = await weightsFromHf(json, sourceOf({ ...weights, ...Object.fromEntries(more) }))
    expect(params['model.layers.1.self_attn.k_proj.bias']!.data).toEqual(new Float32Array(16).fill(0.5))
    expect(params['model.layers.1.mlp.gate_proj.bias']!.data).toEqual(new Float32Array(20))
    await expect(weightsFromHf(json, sourceOf(weights))).rejects.toThrow(/self_attn\.q_proj\.bias is missing/)
  })
})

describe('names of GPT-2', () => {
  const { config: json, weights } = fixtures.gpt2!

  it('are read without their prefix, beside buffers and a tied head', async () => {
    const bare = Object.fromEntries(
      Object.entries(weights).map(([name, value]) => [name.replace('transformer.', ''), value]),
    )
    const buffer = { shape: [1, 1, 24, 24], data: '' }
    const extra = {
      'h.0.attn.bias': buffer,
      'h.1.attn.masked_bias': { shape: [], data: '' },
      'lm_head.weight': weights['transformer.wte.weight']!,
    }
    expect(await weightsFromHf(json, sourceOf({ ...bare, ...extra }))).toEqual(
      await weightsFromHf(json, sourceOf(weights)),
    )
  })
})

describe('an architecture without a class in transformers', () => {
  const shape = { vocabSize: 19, contextLength: 24, nLayer: 1, nHead: 2, width: 8 }

  it.each([
    ['athanor', athanorConfig(shape)],
    ['gpt2 with a soft cap', { ...gpt2Config(shape), logitSoftCap: 15 }],
    ['gpt2 without biases', gpt2Config({ ...shape, bias: false })],
    ['qwen3 with a window', { ...configFromHf(fixtures.qwen3!.config), window: 5 }],
    ['llama with parallel blocks', { ...configFromHf(fixtures.llama!.config), parallel: true }],
  ])('is of our own type: %s', async (_, config) => {
    const json = JSON.parse(JSON.stringify(configToHf(config, { eosId: 3 })))
    expect(json).toMatchObject({ model_type: 'athanor', eos_token_id: 3 })
    expect(configFromHf(json)).toEqual(gptConfig(config))
    const params = initGpt(config, Rng.seed(1))
    const written = weightsToHf(config, params)
    const source = {
      shapes: new Map([...written].map(([name, { shape: s }]) => [name, s])),
      read: async (name: string) => written.get(name)!.data,
    }
    expect(await weightsFromHf(json, source)).toEqual(params)
  })

  it.each(['gpt2', 'llama'] as const)('is none of those that recipes make for other programs: %s', (name) => {
    const config = name === 'gpt2' ? gpt2Config(shape) : llamaConfig({ ...shape, nKvHead: 1 })
    const json = configToHf(config)
    expect(json.model_type).toBe(name)
    expect(configFromHf(json)).toEqual(config)
  })

  it('is refused when a field is unknown or wrong', () => {
    const json = configToHf(athanorConfig(shape))
    expect(() => configFromHf({ ...json, nKvHeads: 2 }, 'dir/config.json')).toThrow(
      /dir\/config.json.*nKvHeads/,
    )
    expect(() => configFromHf({ ...json, nHead: 0 })).toThrow(/nHead/)
  })
})

describe('what does not fit', () => {
  const { config: llama, weights } = fixtures.llama!
  const gpt2 = fixtures.gpt2!.config

  it.each([
    [
      { ...llama, model_type: 'mamba' },
      'model/unsupported',
      /mamba.*gpt2, llama, mistral, qwen2, qwen3, athanor/,
    ],
    [{ hidden_size: 4 }, 'model/unsupported', /no model_type/],
    [
      { ...llama, rope_parameters: { rope_type: 'llama3', rope_theta: 1e4, factor: 8 } },
      'model/unsupported',
      /llama3/,
    ],
    [
      { ...llama, rope_parameters: undefined, rope_scaling: { type: 'linear', factor: 2 } },
      'model/unsupported',
      /linear/,
    ],
    [{ ...llama, hidden_act: 'mish' }, 'model/unsupported', /mish.*silu/],
    [{ ...llama, hidden_act: 'toString' }, 'model/unsupported', /toString/],
    [{ ...llama, hidden_size: undefined, vocab_size: 'many' }, 'model/config', /vocab_size.*hidden_size/],
    [{ ...llama, num_key_value_heads: 3 }, 'model/config', /nKvHead must divide nHead/],
    [{ ...gpt2, n_head: 3 }, 'model/config', /headDim/],
    [
      { ...gpt2, scale_attn_by_inverse_layer_idx: true },
      'model/unsupported',
      /scale_attn_by_inverse_layer_idx/,
    ],
    [{ ...fixtures.qwen2!.config, use_sliding_window: true }, 'model/unsupported', /use_sliding_window/],
  ])('is refused with its reason: %#', (json, code, message) => {
    expect(() => configFromHf(json)).toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(message) }),
    )
  })

  it('is named, weight by weight', async () => {
    const { 'model.norm.weight': _, ...rest } = weights
    const bad = {
      ...rest,
      'model.layers.0.self_attn.k_proj.weight': { shape: [16, 8], data: '' },
      'extra.weight': { shape: [1], data: '' },
    }
    await expect(weightsFromHf(llama, sourceOf(bad), { origin: 'a.safetensors' })).rejects.toMatchObject({
      code: 'model/weights',
      message: expect.stringMatching(
        /^a\.safetensors do not fit.*k_proj\.weight is \[16, 8\] and must be \[8, 16\].*model\.norm\.weight is missing.*extra\.weight is not part/,
      ),
    })
    expect(() => weightsToHf(configFromHf(llama), {})).toThrow(/model\.embed_tokens\.weight is missing/)
  })
})
