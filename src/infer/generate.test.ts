import { afterAll, describe, expect, it } from 'vitest'
import { gptConfig, initGpt } from '../models/index.js'
import { Rng } from '../rng.js'
import { nodeDevice } from '../tensor/device/node.js'
import { NDArray } from '../tensor/index.js'
import { trainCharTokenizer } from '../text/index.js'
import { generate, generateBatch, LanguageModel } from './index.js'

const device = nodeDevice('cpu', { threads: 1 })
const tokenizer = trainCharTokenizer(['abcdefghij klmnop\n', 'éß漢🙂'])
const config = gptConfig({
  vocabSize: tokenizer.vocabSize,
  contextLength: 64,
  nLayer: 1,
  nHead: 2,
  nKvHead: 2,
  width: 32,
  headDim: 16,
  mlpWidth: 64,
})
const params = initGpt(config, Rng.seed(4))
for (const { data } of Object.values(params)) {
  const values = data as Float32Array
  if (values.some((value) => value !== 1)) for (let i = 0; i < values.length; i++) values[i]! *= 10
}
const models: LanguageModel[] = []
function modelWith(parts: { eosIds?: number[]; tokenizer?: undefined } = {}): LanguageModel {
  const model = new LanguageModel({ config, params, device, tokenizer, ...parts })
  models.push(model)
  return model
}
const model = modelWith()
afterAll(async () => {
  for (const each of models) await each.dispose()
})
const hot = { temperature: 1.2, maxTokens: 40, seed: 3 }

describe('generate', () => {
  it('goes on with a text and tells what it read', async () => {
    const { tokens, text, finish, promptTokens } = await generate(model, { prompt: 'abc', ...hot })
    expect(promptTokens).toEqual([...tokenizer.encode('abc')])
    expect(tokens).toHaveLength(40)
    expect(text).toBe(tokenizer.decode(tokens))
    expect(finish).toBe('length')
    expect(new Set(tokens).size).toBeGreaterThan(5)
  })

  it('takes token ids as well, and gives the same for the same seed only', async () => {
    const first = await generate(model, { prompt: 'abc', ...hot })
    expect(await generate(model, { prompt: tokenizer.encode('abc'), ...hot })).toEqual(first)
    expect((await generate(model, { prompt: 'abc', ...hot, seed: 4 })).tokens).not.toEqual(first.tokens)
  })

  it('ends before a stop string, also one that spans tokens, and never shows a part of it', async () => {
    const { text } = await generate(model, { prompt: 'abc', ...hot })
    const stop = text.slice(17, 21)
    const shown: string[] = []
    const options = {
      prompt: 'abc',
      ...hot,
      stop: ['nowhere', stop],
      onToken: (_: number, piece: string) => shown.push(piece),
    }
    const stopped = await generate(model, options)
    expect(stopped.finish).toBe('stop')
    expect(stopped.text).toBe(text.slice(0, text.indexOf(stop)))
    expect(shown.join('')).toBe(stopped.text)
    expect(shown).toHaveLength(stopped.tokens.length)
  })

  it('shows what it held back when no stop string came of it', async () => {
    const { text } = await generate(model, { prompt: 'abc', ...hot })
    const shown: string[] = []
    const stop = [`${text.slice(-4)}never`]
    const result = await generate(model, {
      prompt: 'abc',
      ...hot,
      stop,
      onToken: (_, piece) => shown.push(piece),
    })
    expect(result.text).toBe(text)
    expect(shown.join('')).toBe(text)
  })

  it('ends with an end token, which is counted and not shown', async () => {
    const { tokens } = await generate(model, { prompt: 'abc', ...hot })
    const eos = tokens[9]!
    const ending = modelWith({ eosIds: [eos] })
    const result = await generate(ending, { prompt: 'abc', ...hot })
    const length = tokens.indexOf(eos) + 1
    expect(result).toMatchObject({ finish: 'eos', tokens: tokens.slice(0, length) })
    expect(result.text).toBe(tokenizer.decode(tokens.slice(0, length - 1)))
    expect((await generate(ending, { prompt: 'abc', ...hot, stopAtEos: false })).tokens).toEqual(tokens)
  })

  it('ends where the context is full: the last token is one that the model need not read', async () => {
    const prompt = Array.from({ length: 60 }, (_, i) => i % 10)
    expect(await generate(model, { prompt, maxTokens: 100 })).toMatchObject({
      finish: 'length',
      tokens: { length: 5 },
    })
    const full = Array.from({ length: 64 }, (_, i) => i % 10)
    expect((await generate(model, { prompt: full, maxTokens: 100 })).tokens).toHaveLength(1)
  })

  it('refuses a prompt that is too long, or drops its beginning where told to', async () => {
    const prompt = Array.from({ length: 70 }, (_, i) => i % 10)
    await expect(generate(model, { prompt })).rejects.toMatchObject({
      code: 'infer/context',
      message: expect.stringMatching(/70 tokens.*holds 64/),
    })
    const short = await generate(model, { prompt, overflow: 'truncate', maxTokens: 10 })
    expect(short.promptTokens).toEqual(prompt.slice(-55))
    expect(short.tokens).toHaveLength(10)
    const long = await generate(model, { prompt, overflow: 'truncate', maxTokens: 1000 })
    expect(long.promptTokens).toEqual(prompt.slice(-32))
    expect(long.tokens).toHaveLength(33)
  })

  it('stops at once when told to', async () => {
    const controller = new AbortController()
    const tokens: number[] = []
    const running = generate(model, {
      prompt: 'abc',
      ...hot,
      signal: controller.signal,
      onToken: (token) => {
        if (tokens.push(token) === 5) controller.abort(new Error('enough'))
      },
    })
    await expect(running).rejects.toThrow('enough')
    expect(tokens).toHaveLength(5)
    await expect(generate(model, { prompt: 'abc', signal: AbortSignal.abort() })).rejects.toThrow(/abort/i)
  })

  it('lets a timer run while it works', async () => {
    const controller = new AbortController()
    setTimeout(() => controller.abort(new Error('in time')), 5)
    const forever = async () => {
      for (;;) await generate(model, { prompt: 'abc', ...hot, signal: controller.signal })
    }
    await expect(forever()).rejects.toThrow('in time')
  })

  it('returns log-probabilities under the model where asked for', async () => {
    const { logProbabilities } = await generate(model, {
      prompt: 'abc',
      maxTokens: 3,
      temperature: 0,
      logProbabilities: true,
    })
    expect(logProbabilities).toHaveLength(3)
    for (const value of logProbabilities!) expect(value).toBeLessThan(0)
  })

  it('returns them at the temperature of the draw where asked for', async () => {
    const options = { prompt: 'abc', temperature: 0.5, maxTokens: 8, seed: 1, topK: 4 }
    const under = await generate(model, { ...options, logProbabilities: true })
    const drawn = await generate(model, { ...options, logProbabilities: 'sampling' })
    expect(drawn.tokens).toEqual(under.tokens)
    const raw = model.params
    const sharper = modelWith()
    // The output matrix is the embedding, so the logits are doubled by the last norm.
    const { shape, data } = raw['model.norm.weight']!
    sharper.params = {
      ...raw,
      'model.norm.weight': NDArray.from(
        (data as Float32Array).map((x) => 2 * x),
        shape,
      ),
    }
    const doubled = await generate(sharper, { ...options, temperature: 1, logProbabilities: true })
    expect(doubled.tokens).toEqual(drawn.tokens)
    doubled.logProbabilities!.forEach((value, i) => {
      expect(drawn.logProbabilities![i]).toBeCloseTo(value, 4)
    })
  })

  it.each([
    [{ prompt: '' }, 'infer/prompt', /empty.*no start token/],
    [{ prompt: [] }, 'infer/prompt', /empty/],
    [{ prompt: [1, 999] }, 'infer/prompt', /token 1 is 999/],
    [{ prompt: [0.5] }, 'infer/prompt', /0\.5/],
    [{ prompt: 'a', temperature: -1, topK: 0 }, 'infer/options', /temperature.*topK/],
    [{ prompt: 'a', topP: 0 }, 'infer/options', /topP/],
    [{ prompt: 'a', maxTokens: Number.NaN }, 'infer/options', /maxTokens/],
    [{ prompt: 'a', stop: [''] }, 'infer/options', /stop/],
  ])('refuses %j', async (options, code, message) => {
    await expect(generate(model, options)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    })
  })

  it('speaks in ids without a tokenizer', async () => {
    const bare = modelWith({ tokenizer: undefined })
    const { tokens, text } = await generate(bare, { prompt: [1, 2], ...hot })
    expect(tokens).toHaveLength(40)
    expect(text).toBe('')
    await expect(generate(bare, { prompt: 'abc' })).rejects.toThrow(
      /no tokenizer; give the prompt as token ids/,
    )
    await expect(generate(bare, { prompt: [1], stop: ['a'] })).rejects.toThrow(
      /stop strings need a tokenizer/,
    )
  })

  it('says what damaged weights give', async () => {
    const damaged = new LanguageModel({ config, params: { ...params }, device, tokenizer })
    models.push(damaged)
    const name = 'model.norm.weight'
    const { shape, dtype, data } = params[name]!
    const broken = new (params[name]!.constructor as typeof import('../tensor/index.js').NDArray)(
      dtype,
      shape,
      data.slice().fill(Number.NaN as never),
    )
    damaged.params = { ...params, [name]: broken }
    await expect(generate(damaged, { prompt: 'a' })).rejects.toMatchObject({ code: 'infer/logits' })
  })
})

describe('generateBatch', () => {
  const prompts = ['a', 'bcd efg', 'ponm', 'k', 'hijhijhij', 'é', '\n\n']

  it('writes for each prompt what it would get alone, with fewer rows than prompts', async () => {
    const options = { temperature: 0, maxTokens: 12 }
    const done: number[] = []
    const batch = await generateBatch(model, prompts, {
      ...options,
      batch: 3,
      onDone: (index) => done.push(index),
    })
    for (const [i, prompt] of prompts.entries())
      expect(batch[i]).toEqual(await generate(model, { prompt, ...options }))
    expect(done.sort()).toEqual([0, 1, 2, 3, 4, 5, 6])
  })

  it('draws the same for each prompt whatever runs beside it', async () => {
    const options = { ...hot, weights: 'input' as const }
    const whole = await generateBatch(model, prompts, options)
    expect(await generateBatch(model, prompts, { ...options, batch: 2 })).toEqual(whole)
    expect(new Set(whole.map(({ text }) => text)).size).toBe(prompts.length)
  })

  it('writes the same when rows that are done are left out', async () => {
    const many = Array.from({ length: 40 }, (_, i) => prompts[i % prompts.length]!)
    const ending = modelWith({ eosIds: [...tokenizer.encode('a'), ...tokenizer.encode('h')] })
    const batches: number[] = []
    const program = ending.program.bind(ending)
    ending.program = (name, build) => {
      if (name.startsWith('decode')) batches.push(Number(name.split(' ')[1]))
      return program(name, build)
    }
    const options = { ...hot, batch: 32, weights: 'input' as const }
    const texts = await generateBatch(ending, many, options)
    expect([...new Set(batches)]).toEqual([32, 16, 8])
    expect(new Set(texts.map(({ tokens }) => tokens.length)).size).toBeGreaterThan(5)
    expect(await generateBatch(ending, many, { ...options, batch: 7 })).toEqual(texts)
  })

  it('reports tokens by prompt', async () => {
    const texts = prompts.map(() => '')
    const results = await generateBatch(model, prompts, {
      ...hot,
      stop: ['a'],
      onToken: (index, _, piece) => {
        texts[index] += piece
      },
    })
    expect(texts).toEqual(results.map(({ text }) => text))
  })

  it('has nothing to do for no prompts, and refuses the batch for one bad prompt before it starts', async () => {
    expect(await generateBatch(model, [])).toEqual([])
    await expect(generateBatch(model, ['a', [999]])).rejects.toMatchObject({ code: 'infer/prompt' })
  })
})
