import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openGguf, writeModelDirectory } from '../hub/index.js'
import {
  athanorConfig,
  configToHf,
  type GptConfig,
  gpt2Config,
  gptConfig,
  initGpt,
  weightsToHf,
} from '../models/index.js'
import { Rng } from '../rng.js'
import type { NDArray } from '../tensor/index.js'
import { saveTokenizer, trainBpe, trainCharTokenizer } from '../text/index.js'
import { ExportError, exportGguf } from './index.js'

const vocabSize = 260
const llama = gptConfig({
  vocabSize,
  contextLength: 64,
  nLayer: 1,
  nHead: 4,
  nKvHead: 2,
  width: 32,
  headDim: 8,
  mlpWidth: 64,
  gated: true,
  activation: 'silu',
  tied: false,
})

let dir: string
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'athanor-export-'))
})
afterAll(() => rm(dir, { recursive: true, force: true }))

async function save(name: string, config: GptConfig): Promise<Record<string, NDArray>> {
  const params = initGpt(config, Rng.seed(1))
  await writeModelDirectory(join(dir, name), {
    config: configToHf(config),
    tensors: Object.fromEntries(weightsToHf(config, params)),
  })
  const texts = ['the cat sat on the mat, the cat ate, the mat']
  await saveTokenizer(await trainBpe(texts, { vocabSize: 259 }), join(dir, name), {
    config: { chat_template: '{{ messages }}' },
  })
  return params
}

describe('a model as GGUF', () => {
  it('has the sizes, the tokenizer, the chat template, and q and k turned to llama.cpp’s order', async () => {
    const params = await save('llama', llama)
    const out = join(dir, 'llama.gguf')
    expect(await exportGguf({ model: join(dir, 'llama'), out, type: 'f32' })).toMatchObject({
      architecture: 'llama',
      tensors: 12,
      kept: [],
    })
    const file = await openGguf(out)
    const value = (key: string) => file.metadata.get(key)?.value
    expect(value('llama.attention.head_count_kv')).toBe(2)
    expect(value('llama.rope.dimension_count')).toBe(8)
    expect(value('tokenizer.ggml.pre')).toBe('dbrx')
    expect(value('tokenizer.chat_template')).toBe('{{ messages }}')
    const tokens = value('tokenizer.ggml.tokens') as string[]
    expect(tokens).toHaveLength(vocabSize)
    expect(tokens.at(-1)).toBe('[unused259]')
    const rows = await file.read('blk.0.attn_k.weight')
    const ours = params['model.layers.0.self_attn.k_proj.weight']!.data as Float32Array
    const row = (data: Float32Array, i: number) => data.subarray(i * 32, (i + 1) * 32)
    // The second head begins at row 8; its rows 0 and 1 are elements 0 and 4, the halves of one pair.
    expect(row(rows, 8)).toEqual(row(ours, 8))
    expect(row(rows, 9)).toEqual(row(ours, 12))
    expect(await file.read('blk.0.attn_v.weight')).toEqual(
      params['model.layers.0.self_attn.v_proj.weight']!.data,
    )
    await file.close()
  })

  it('joins GPT-2’s queries, keys and values, and keeps the embedding in 8 bits where the rest has 4', async () => {
    const config = gpt2Config({ vocabSize, contextLength: 64, nLayer: 1, nHead: 2, width: 32 })
    await save('gpt2', config)
    const out = join(dir, 'gpt2.gguf')
    await exportGguf({ model: join(dir, 'gpt2'), out, type: 'q4_0' })
    const file = await openGguf(out)
    expect(file.tensors.get('blk.0.attn_qkv.weight')).toMatchObject({ type: 'q4_0', shape: [96, 32] })
    expect(file.tensors.get('blk.0.attn_qkv.bias')).toMatchObject({ type: 'f32', shape: [96] })
    expect(file.tensors.get('token_embd.weight')?.type).toBe('q8_0')
    expect(file.tensors.has('output.weight')).toBe(false)
    await file.close()
  })

  it('says what llama.cpp lacks', async () => {
    await save('athanor', athanorConfig({ vocabSize, contextLength: 64, nLayer: 1, nHead: 2, width: 32 }))
    const out = join(dir, 'none.gguf')
    await expect(exportGguf({ model: join(dir, 'athanor'), out })).rejects.toThrow(/squared ReLU/)
    await save('chars', llama)
    await saveTokenizer(trainCharTokenizer(['abc']), join(dir, 'chars'))
    await expect(exportGguf({ model: join(dir, 'chars'), out })).rejects.toThrow(ExportError)
    expect(await exportGguf({ model: join(dir, 'chars'), out, idsOnly: true })).toMatchObject({ tensors: 12 })
  })
})
