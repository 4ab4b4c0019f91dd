/** A problem with a known answer: one token to choose, a reward for each, and the best policy in closed form. */
import { LanguageModel } from '../../../infer/index.js'
import { type GptConfig, gptConfig, initGpt } from '../../../models/index.js'
import { Rng } from '../../../rng.js'
import { nodeDevice } from '../../../tensor/device/node.js'
import { NDArray } from '../../../tensor/index.js'
import type { Weights } from '../../training-step.js'
import type { EncodedPrompt } from '../prompts.js'

export const device = nodeDevice('cpu', { threads: 1 })

/** A decoder of a few hundred parameters whose first distributions are far from uniform. */
export function tinyModel(
  vocabSize: number,
  seed = 3,
): { config: GptConfig; params: Weights; policy: LanguageModel } {
  const config = gptConfig({
    vocabSize,
    contextLength: 16,
    nLayer: 1,
    nHead: 2,
    nKvHead: 2,
    width: 16,
    headDim: 8,
    mlpWidth: 32,
    tied: false,
  })
  const params = initGpt(config, Rng.seed(seed))
  const head = params['lm_head.weight']!.data as Float32Array
  Rng.seed(seed).fork('head').fillNormal(head, 0, 0.25)
  const table = params['model.embed_tokens.weight']!.data as Float32Array
  Rng.seed(seed).fork('table').fillNormal(table, 0, 1)
  return { config, params, policy: new LanguageModel({ config, params, device }) }
}

/** The critic of a policy: the same decoder with a head of zeros. */
export function tinyCritic(config: GptConfig, { 'lm_head.weight': _, ...decoder }: Weights) {
  return {
    config: { ...config, tied: true },
    params: {
      ...decoder,
      'score.weight': NDArray.zeros([1, config.width]),
      'score.bias': NDArray.zeros([1]),
    } as Weights,
  }
}

export function promptOf(...ids: number[]): EncodedPrompt {
  return { prompt: { messages: [{ role: 'user', content: ids.join(' ') }] }, ids }
}

export function distance(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, p, i) => sum + Math.abs(p - b[i]!), 0) / 2
}

export function normalized(weights: readonly number[]): number[] {
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  return weights.map((weight) => weight / total)
}
