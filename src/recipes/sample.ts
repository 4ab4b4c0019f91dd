/** What a model in training writes, for people to watch it learn. */
import { generate, LanguageModel } from '../infer/index.js'
import { nodeDevice } from '../tensor/device/node.js'
import type { ModelSnapshot, RunOptions } from '../train/index.js'

const settings = { maxTokens: 96, temperature: 0.7, topP: 0.95, seed: 1 } as const

/** A sampler for training stages: one short text after each prompt; '' stands for the beginning of a document. */
export function createSampler(prompts: readonly string[]): NonNullable<RunOptions['sample']> {
  return async ({ config, params, tokenizer }: ModelSnapshot) => {
    const model = new LanguageModel({ config, params, tokenizer, device: nodeDevice('cpu') })
    try {
      const texts: string[] = []
      for (const prompt of prompts) {
        const opening = prompt === '' && model.startId === undefined ? [0] : prompt
        const { text } = await generate(model, { ...settings, prompt: opening })
        texts.push(`${prompt}${text}`)
      }
      return { prompt: '', text: texts.join('\n\n') }
    } finally {
      await model.dispose()
    }
  }
}
