import { describe, expect, it } from 'vitest'
import { gptParameters } from '../models/index.js'
import { modelConfig, parseRecipe } from '../train/index.js'
import { type CaseName, caseNames, caseOf, multiplyingParameters, recipeOf, stepFlops } from './cases.js'

function measured(name: CaseName) {
  const chosen = caseOf(name)
  const config = modelConfig(parseRecipe(recipeOf(chosen)), chosen.vocabSize)
  return { config, parameters: multiplyingParameters(gptParameters(config)) }
}

describe('the cases', () => {
  it.each(caseNames)('%s is a model that trains', (name) => {
    expect(measured(name).parameters).toBeGreaterThan(0)
  })

  it('counts the small one as by hand: 4 layers of 12 C^2 + 2 C, a norm, a tied embedding', () => {
    const { parameters } = measured('small')
    expect(parameters).toBe(4 * (12 * 128 ** 2 + 2 * 128) + 128 + 65 * 128)
  })

  it('counts the operations of a step as by hand', () => {
    const { config } = measured('small')
    expect(stepFlops(1000, config, 768)).toBe((6000 + 12 * 4 * 128 * 64) * 768)
  })
})
