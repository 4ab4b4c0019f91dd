import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createGenerator, generate, type LanguageModel, loadModel, logProbability } from './index.js'

const data = process.env.ATHANOR_TEST_DATA

describe.skipIf(!data)('a pretrained Llama of 260 thousand parameters', () => {
  const dir = join(data ?? '', 'stories260k')
  let model: LanguageModel
  let reference: {
    greedy_token_ids: number[]
    greedy_text: string
    bos_logits_first8: number[]
    nll_text: string
    nll_token_ids: number[]
    nll_per_token: number
  }

  beforeAll(async () => {
    model = await loadModel(dir)
    reference = JSON.parse(await readFile(join(dir, 'reference.json'), 'utf8'))
  })
  afterAll(() => model.dispose())

  it('writes the reference story, id for id, at temperature 0', async () => {
    const { tokens, text, finish } = await generate(model, { prompt: [1], maxTokens: 200, temperature: 0 })
    expect(tokens).toEqual(reference.greedy_token_ids)
    expect(text.trimStart()).toBe(reference.greedy_text.trimStart())
    expect(finish).toBe('length')
  })

  it('reads text through the tokenizer of llama2.c, with the start token in front', async () => {
    expect(model.encodePrompt(reference.nll_text)).toEqual([1, ...reference.nll_token_ids])
    const { text, promptTokens } = await generate(model, {
      prompt: 'Once upon a time',
      maxTokens: 8,
      temperature: 0,
    })
    expect(promptTokens[0]).toBe(1)
    expect(text).toBe(', there was a little girl')
  })

  it('gives the reference logits and negative log-likelihood', async () => {
    const generator = createGenerator(model)
    const ids = [1, ...reference.nll_token_ids]
    let logits = await generator.extend(0, [1])
    for (const [i, value] of reference.bos_logits_first8.entries()) expect(logits[i]).toBeCloseTo(value, 4)
    let nll = 0
    for (const id of ids.slice(1)) {
      nll -= logProbability(logits, id)
      logits = (await generator.decode([id]))[0]!
    }
    expect(nll / reference.nll_token_ids.length).toBeCloseTo(reference.nll_per_token, 5)
  })
})
