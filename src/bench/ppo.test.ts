import { describe, expect, it } from 'vitest'
import { LanguageModel } from '../infer/index.js'
import { initGpt } from '../models/index.js'
import { Rng } from '../rng.js'
import { nodeDevice } from '../tensor/device/node.js'
import { modelConfig, parseRecipe } from '../train/index.js'
import { endIds, promptTokens } from './assistant.js'
import { caseOf, recipeOf } from './cases.js'
import { rolloutResult } from './measure-ppo.js'
import { cachedAnswers, plainAnswers } from './ppo.js'

describe('the ways to write answers', () => {
  it('give the same answers', { timeout: 60_000 }, async () => {
    const chosen = { ...caseOf('ppoLearning'), nLayer: 1, nHead: 2, width: 32, vocabSize: 240 }
    const config = modelConfig(parseRecipe(recipeOf(chosen)), chosen.vocabSize)
    const device = nodeDevice('cpu', { threads: 1 })
    const params = initGpt(config, Rng.seed(1))
    const model = new LanguageModel({ config, params, device, eosIds: endIds(config) })
    const prompts = promptTokens(Rng.seed(2), 3, config)
    const plain = await (await plainAnswers(model))(prompts)
    expect(plain.map(({ length }) => length)).not.toContain(0)
    expect(await cachedAnswers(model, 'batched')(prompts)).toEqual(plain)
    expect(await cachedAnswers(model, 'single')(prompts)).toEqual(plain)
    await model.dispose()
  })
})

describe('rolloutResult', () => {
  it('compares the rates of each round', () => {
    const result = rolloutResult([
      { tokens: 100, turns: [[1, 1, 9], [2]] },
      { tokens: 10, turns: [[1], [1]] },
      { tokens: 10, turns: [[2], [5]] },
    ])
    expect(result.tokensPerSecond).toEqual({ batched: 75, single: 10, plain: 3.5 })
    expect(result.overSingle).toBe(7.5)
    expect(result.overPlain).toBe((20 + 25) / 2)
  })
})
