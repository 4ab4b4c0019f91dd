/** Generation one token at a time with cached keys and values, sampling included. */
import { createGenerator, LanguageModel, sample } from '../infer/index.js'
import { initGpt } from '../models/index.js'
import { Rng } from '../rng.js'
import type { Device } from '../tensor/index.js'
import { modelConfig, parseRecipe } from '../train/index.js'
import { type Case, recipeOf } from './cases.js'

const PROMPT_TOKENS = 16
const sampling = { temperature: 0.8, topK: 50, repetitionPenalty: 1 }

/** One repetition is one more token in each of `batch` rows; full rows start again after their prompts. */
export async function generationWork(chosen: Case, batch: number, device: Device) {
  const config = modelConfig(parseRecipe(recipeOf(chosen)), chosen.vocabSize)
  const model = new LanguageModel({ config, params: initGpt(config, Rng.seed(1)), device })
  const generator = createGenerator(model, { batch })
  const rng = Rng.seed(2)
  const start = performance.now()
  const tokens: number[] = []
  for (let row = 0; row < batch; row++) {
    const prompt = Array.from({ length: PROMPT_TOKENS }, () => rng.integer(chosen.vocabSize))
    tokens.push(sample(await generator.extend(row, prompt), sampling, rng))
  }
  return {
    /** Programs compiled on the way to the first tokens count as compiling. */
    ready: { compileSeconds: (performance.now() - start) / 1000, tokens: batch },
    work: async () => {
      if (generator.lengths[0]! >= generator.capacity) {
        for (let row = 0; row < batch; row++) generator.truncate(row, PROMPT_TOKENS)
      }
      const logits = await generator.decode(tokens)
      logits.forEach((row, i) => {
        tokens[i] = sample(row!, sampling, rng)
      })
      return undefined
    },
  }
}
