import { expect, test } from 'vitest'
import { recipeSchema } from '../train/recipe.js'
import { recipeFlags } from './recipe-flags.js'

test('every value of a recipe has a flag', () => {
  expect(Object.keys(recipeFlags).sort()).toEqual(Object.keys(recipeSchema.shape).sort())
})
