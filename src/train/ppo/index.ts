/** Proximal policy optimisation. */
export { type PpoOptions, type PpoResult, ppo, type RolloutReport } from './ppo.js'
export { type PpoRecipe, type PpoRecipeInput, ppoSchema } from './recipe.js'
export type { RewardFunction } from './scoring.js'
