import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fromFloat32, type HubTensor, openRun, writeModelDirectory, writeSafetensors } from '../hub/index.js'
import {
  athanorConfig,
  configToHf,
  type GptConfig,
  gpt2Config,
  initGpt,
  weightsToHf,
} from '../models/index.js'
import { Rng } from '../rng.js'
import { CHATML_TOKENS, saveTokenizer, trainCharTokenizer } from '../text/index.js'
import { loadModel } from './load-model.js'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'athanor-load-'))
})
afterAll(() => rm(folder, { recursive: true }))

const tokenizer = trainCharTokenizer(['abcdefgh'], { specialTokens: ['<|endoftext|>'] })
const shape = { vocabSize: tokenizer.vocabSize, contextLength: 16, nLayer: 1, nHead: 2, width: 16 }
const config = gpt2Config(shape)
const params = initGpt(config, Rng.seed(1))

function tensorsOf(decoder: GptConfig, weights = initGpt(decoder, Rng.seed(1))): Record<string, HubTensor> {
  return Object.fromEntries(weightsToHf(decoder, weights))
}

describe('loadModel', () => {
  it('reads back what was written', async () => {
    const dir = join(folder, 'plain')
    await writeModelDirectory(dir, { config: configToHf(config), tensors: tensorsOf(config) })
    await saveTokenizer(tokenizer, dir)
    const model = await loadModel(dir, { threads: 1 })
    expect(model.config).toEqual(config)
    expect(model.params).toEqual(params)
    expect(model.dir).toBe(dir)
    expect(model.tokenizer?.decode(model.encodePrompt('abc'))).toBe('abc')
  })

  it("knows how dialogues are written: by the model's template, or ChatML, or not at all", async () => {
    const chars = trainCharTokenizer('[]Qabcdefghusernti\n', { specialTokens: [...CHATML_TOKENS] })
    const wide = gpt2Config({ ...shape, vocabSize: chars.vocabSize })
    const written = async (name: string, tokenizerConfig: Record<string, unknown>, tokens = chars) => {
      const dir = join(folder, name)
      await writeModelDirectory(dir, { config: configToHf(wide), tensors: tensorsOf(wide) })
      await saveTokenizer(tokens, dir, { config: tokenizerConfig })
      const { chat } = await loadModel(dir, { threads: 1 })
      return chat && tokens.decode(chat.encode([{ role: 'user', content: 'abc' }]).ids)
    }
    const template = '{% for message in messages %}[Q]{{ message.content }}{% endfor %}'
    expect(await written('template', { chat_template: template })).toBe('[Q]abc')
    const named = [
      { name: 'tool_use', template: 'x' },
      { name: 'default', template },
    ]
    expect(await written('named', { chat_template: named })).toBe('[Q]abc')
    expect(await written('chatml', {})).toBe('<|im_start|>user\nabc<|im_end|>\n')
    expect(await written('none', {}, tokenizer)).toBeUndefined()
  })

  it.each(['f16', 'bf16'] as const)('turns %s weights into float32', async (dtype) => {
    const dir = join(folder, dtype)
    const rounded = Object.entries(tensorsOf(config)).map(([name, { shape: axes, data }]) => [
      name,
      fromFloat32(dtype, axes, data as Float32Array),
    ])
    await writeModelDirectory(dir, { config: configToHf(config), tensors: Object.fromEntries(rounded) })
    const model = await loadModel(dir)
    expect(model.tokenizer).toBeUndefined()
    for (const [name, { data, dtype: type }] of Object.entries(model.params)) {
      expect(type).toBe('f32')
      const original = params[name]!.data as Float32Array
      const error = (data as Float32Array).reduce(
        (most, value, i) => Math.max(most, Math.abs(value - original[i]!)),
        0,
      )
      expect(error).toBeLessThan(1e-3)
    }
  })

  it('takes the newest checkpoint of a run, and the tokenizer beside it or at the top', async () => {
    const dir = join(folder, 'run')
    const decoder = athanorConfig(shape)
    const run = await openRun(dir, { mode: 'create' })
    for (const step of [1, 2]) {
      await run.saveCheckpoint(step, {
        'config.json': (path) => writeFile(path, JSON.stringify(configToHf(decoder))),
        'model.safetensors': (path) =>
          writeSafetensors(path, tensorsOf(decoder, initGpt(decoder, Rng.seed(step)))),
      })
    }
    await run.close()
    await saveTokenizer(tokenizer, dir)
    const model = await loadModel(dir)
    expect(model.params).toEqual(initGpt(decoder, Rng.seed(2)))
    expect(model.tokenizer?.vocabSize).toBe(tokenizer.vocabSize)
  })

  it('takes start and end tokens from generation_config.json, then config.json, then the tokenizer', async () => {
    const dir = join(folder, 'special')
    const content = { config: configToHf(config, { bosId: 1, eosId: 2 }), tensors: tensorsOf(config) }
    await writeModelDirectory(dir, { ...content, generationConfig: { eos_token_id: [3, 4] } })
    expect(await loadModel(dir)).toMatchObject({ bosId: 1, eosIds: [3, 4, 2] })
    const bare = join(folder, 'tokenizer-only')
    await writeModelDirectory(bare, { ...content, config: configToHf(config) })
    await saveTokenizer(tokenizer, bare)
    expect(await loadModel(bare)).toMatchObject({ bosId: tokenizer.bosId, eosIds: [tokenizer.eosId] })
  })

  it('refuses a tokenizer with more tokens than the model, and a device that is not there', async () => {
    const dir = join(folder, 'mismatch')
    const small = gpt2Config({ ...shape, vocabSize: 4 })
    await writeModelDirectory(dir, { config: configToHf(small), tensors: tensorsOf(small) })
    await saveTokenizer(tokenizer, dir)
    await expect(loadModel(dir)).rejects.toMatchObject({ code: 'infer/tokenizer' })
    await expect(loadModel(join(folder, 'plain'), { device: 'tpu' })).rejects.toThrow(/no device 'tpu'/)
    await expect(loadModel(join(folder, 'nowhere'))).rejects.toThrow(/nowhere is not a folder/)
  })

  it('names the file whose weights do not fit', async () => {
    const dir = join(folder, 'wrong')
    const { 'transformer.ln_f.bias': _, ...rest } = tensorsOf(config)
    await writeModelDirectory(dir, { config: configToHf(config), tensors: rest })
    await expect(loadModel(dir)).rejects.toThrow(
      /wrong\/model\.safetensors do not fit.*transformer\.ln_f\.bias is missing/,
    )
  })
})
