import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { loadModel } from '../infer/index.js'
import { quantizations } from '../models/index.js'
import { perplexity } from './perplexity.js'

const data = process.env.ATHANOR_TEST_DATA

describe.skipIf(!data)('a pretrained Llama, quantized', () => {
  it('predicts stories nearly as well in 8 bits, and a little worse in 4', async () => {
    const stories = await readFile(join(data!, 'tinystories-4mb', 'tinystories-cased-200k.txt'), 'utf8')
    const losses: number[] = []
    for (const quantization of quantizations) {
      const model = await loadModel(join(data!, 'stories260k'), { quantization })
      losses.push((await perplexity(model, [stories.slice(0, 5000)])).loss)
      await model.dispose()
    }
    const [none, q8, q4] = losses as [number, number, number]
    expect(Math.abs(q8 - none)).toBeLessThan(0.01)
    // So small a model (rows of 64) loses more than large ones do.
    expect(q4 - none).toBeGreaterThan(0)
    expect(q4 - none).toBeLessThan(0.15)
  })
})
