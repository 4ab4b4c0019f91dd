import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { writeModelDirectory } from '../hub/index.js'
import {
  gpt2Config,
  gptConfig,
  initGpt,
  initRewardModel,
  rewardConfigToHf,
  rewardHeadParameters,
  rewardWeightsToHf,
} from '../models/index.js'
import { Rng } from '../rng.js'
import { CHATML_TOKENS, createChatFormat, trainCharTokenizer, withSpecialTokens } from '../text/index.js'
import { isRewardModel, loadModel, loadRewardModel, type RewardModel } from './index.js'
import { encodeForScore, paddedLength, scoreDialogues, scoreTokens } from './reward.js'

const tokenizer = withSpecialTokens(trainCharTokenizer(['abcdefghijklmnopqrstuvwxyz \n?']), CHATML_TOKENS)
const chat = createChatFormat(tokenizer)
const shape = { vocabSize: tokenizer.vocabSize, contextLength: 64, nLayer: 2, nHead: 2, width: 16 }
const configs = {
  gpt2: gpt2Config(shape),
  llama: gptConfig({
    ...shape,
    nKvHead: 1,
    headDim: 8,
    mlpWidth: 24,
    activation: 'silu',
    gated: true,
    tied: false,
  }),
  athanor: gptConfig({ ...shape, nKvHead: 2, headDim: 8, mlpWidth: 24, normWeight: false, qkNorm: true }),
}
const ask = (question: string, answer: string) => [
  { role: 'user' as const, content: question },
  { role: 'assistant' as const, content: answer },
]
const dialogues = [ask('who?', 'me'), ask('a much longer question?', 'yes it is'), ask('q', 'a')]

let dir: string
let model: RewardModel
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'athanor-score-'))
  for (const [name, config] of Object.entries(configs)) {
    const made = initRewardModel(config, initGpt(config, Rng.seed(1)), Rng.seed(2))
    await writeModelDirectory(join(dir, name), {
      config: rewardConfigToHf(made.config),
      tensors: rewardWeightsToHf(made.config, made.params),
      tokenizer: { json: JSON.stringify(tokenizer.toJSON()) },
    })
  }
  model = await loadRewardModel(join(dir, 'llama'), { threads: 1 })
})
afterAll(async () => {
  await model.dispose()
  await rm(dir, { recursive: true, force: true })
})

describe('a reward model', () => {
  it.each(['gpt2', 'llama', 'athanor'] as const)(
    'of the type %s is saved and loaded without loss',
    async (name) => {
      const made = initRewardModel(configs[name], initGpt(configs[name], Rng.seed(1)), Rng.seed(2))
      const loaded = await loadRewardModel(join(dir, name))
      expect(loaded.config).toMatchObject({ nLayer: 2, tied: true })
      expect(Object.keys(loaded.params).sort()).toEqual(Object.keys(made.params).sort())
      for (const [key, { data }] of Object.entries(made.params))
        expect(loaded.params[key]!.data).toEqual(data)
      await loaded.dispose()
    },
  )

  it('says what it is in the words of transformers', async () => {
    const json = JSON.parse(await readFile(join(dir, 'gpt2', 'config.json'), 'utf8'))
    expect(json).toMatchObject({ architectures: ['GPT2ForSequenceClassification'], num_labels: 1 })
    expect(await isRewardModel(join(dir, 'gpt2'))).toBe(true)
  })

  it('has a head that starts with N(0, 1/(C + 1)) and no bias', () => {
    const wide = gptConfig({ ...configs.llama, width: 4096 })
    const { 'score.weight': weight } = rewardHeadParameters(wide)
    expect(weight!.init).toEqual({ kind: 'normal', std: 1 / Math.sqrt(4097) })
    expect(rewardHeadParameters(wide)['score.bias']!.init).toEqual({ kind: 'zeros' })
  })

  it('is not taken for a language model, nor the other way round', async () => {
    for (const name of Object.keys(configs))
      await expect(loadModel(join(dir, name))).rejects.toThrow(/describes a reward model/)
    const config = configs.athanor
    const plain = join(dir, 'plain')
    const { configToHf, weightsToHf } = await import('../models/index.js')
    const params = initGpt(config, Rng.seed(1))
    await writeModelDirectory(plain, { config: configToHf(config), tensors: weightsToHf(config, params) })
    await expect(loadRewardModel(plain)).rejects.toThrow(/not that of a reward model.*athanor reward/)
    expect(await isRewardModel(plain)).toBe(false)
  })
})

describe('scores', () => {
  it('are those of each dialogue alone, whatever it is batched with', async () => {
    const many = Array.from({ length: 30 }, (_, i) => dialogues[i % 3]!)
    const together = await scoreDialogues(model, many)
    for (const [i, dialogue] of dialogues.entries()) {
      const [alone] = await scoreDialogues(model, [dialogue])
      for (let k = i; k < 30; k += 3) expect(together[k]).toBeCloseTo(alone!, 5)
    }
    expect(new Set(dialogues.map((_, i) => together[i]!.toFixed(4))).size).toBe(3)
  })

  it('are read at the end of the answer, not at what the template puts after it', async () => {
    const { ids, answer, cut } = encodeForScore(chat, dialogues[0]!, 64)
    expect(ids.at(-1)).toBe(tokenizer.tokenToId('<|im_end|>'))
    expect(answer).toBe('me'.length + 1)
    expect(cut).toBe(false)
    const [fromText] = await scoreDialogues(model, [dialogues[0]!])
    const [fromTokens] = await scoreTokens(model, [ids])
    expect(fromTokens).toBe(fromText)
  })

  it('of dialogues that are too long leave out the oldest turns, but not the system message', () => {
    const system = { role: 'system' as const, content: 'be kind' }
    const long = [
      system,
      ...Array.from({ length: 6 }, (_, i) => ask(`question ${'abcdef'[i]}`, 'yes')).flat(),
    ]
    const whole = encodeForScore(chat, [system, ...ask('question f', 'yes')], 64)
    expect(encodeForScore(chat, long, whole.ids.length)).toEqual({ ...whole, cut: true })
    expect(encodeForScore(chat, ask('q', 'x'.repeat(100)), 20)).toMatchObject({ answer: 20, cut: true })
  })

  it('are refused where the assistant says nothing', async () => {
    const mute = [{ role: 'user' as const, content: 'hello?' }]
    await expect(scoreDialogues(model, [mute])).rejects.toThrow(/no message of the assistant/)
    await expect(scoreTokens(model, [new Int32Array(65)])).rejects.toThrow(/a row of 65 tokens/)
    expect(await scoreDialogues(model, [])).toHaveLength(0)
  })
})

it('lengths are padded to few different ones, by half at most', () => {
  const lengths = Array.from({ length: 2048 }, (_, i) => i + 1)
  const padded = lengths.map((length) => paddedLength(length, 2048))
  for (const [i, length] of lengths.entries()) {
    expect(padded[i]).toBeGreaterThanOrEqual(length)
    expect(padded[i]).toBeLessThanOrEqual(Math.max(32, 1.5 * length + 16))
  }
  expect(new Set(padded).size).toBeLessThan(16)
  expect(paddedLength(100, 101)).toBe(101)
})
