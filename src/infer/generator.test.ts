import { afterAll, describe, expect, it } from 'vitest'
import {
  athanorConfig,
  type GptConfigInput,
  gptConfig,
  gptHidden,
  gptLogits,
  initGpt,
} from '../models/index.js'
import { Rng } from '../rng.js'
import { nodeDevice } from '../tensor/device/node.js'
import { compile, dim, NDArray, type Tensor } from '../tensor/index.js'
import { createGenerator, greedy, LanguageModel } from './index.js'

const device = nodeDevice('cpu', { threads: 2 })
const base: GptConfigInput = {
  vocabSize: 31,
  contextLength: 96,
  nLayer: 2,
  nHead: 4,
  nKvHead: 4,
  width: 32,
  headDim: 8,
  mlpWidth: 48,
}
const variations: Record<string, Partial<GptConfigInput>> = {
  'rotary positions': {},
  'learned positions, LayerNorm, biases': {
    positions: 'learned',
    norm: 'layerNorm',
    bias: true,
    activation: 'gelu',
  },
  'no positions': { positions: 'none' },
  'grouped heads': { nKvHead: 2 },
  'one head of keys and values': { nKvHead: 1 },
  'heads wider than the model': { headDim: 12, qkvBias: true },
  'heads of odd width': { headDim: 3, nKvHead: 2, positions: 'learned' },
  'parallel blocks': { parallel: true, gated: true, activation: 'silu' },
  'a window': { window: 7 },
  'a window of one': { window: 1 },
  'normalised queries and keys': { qkNorm: true, embeddingNorm: true, normWeight: false },
  'a soft cap on the logits': { logitSoftCap: 4, tied: false },
}

function modelOf(config: GptConfigInput, seed = 1): LanguageModel {
  const complete = gptConfig(config)
  const params = initGpt(complete, Rng.seed(seed))
  // Far from the small values of a fresh model, so that a wrong position or mask shows.
  for (const [name, { data }] of Object.entries(params)) {
    const values = data as Float32Array
    if (name.endsWith('bias')) Rng.seed(9).fork(name).fillNormal(values, 0, 0.3)
    else if (!name.includes('norm')) for (let i = 0; i < values.length; i++) values[i]! *= 12
  }
  return new LanguageModel({ config: complete, params, device })
}

/** Logits after every token, without a cache: [T][V]. */
async function withoutCache(model: LanguageModel, ids: readonly number[]): Promise<Float32Array[]> {
  const { config, params } = model
  type Program = { (...args: unknown[]): Promise<NDArray>; dispose(): Promise<void> }
  const program = await model.program('without cache', async () => {
    const forward = (p: Record<string, Tensor>, x: Tensor) => gptLogits(config, p, gptHidden(config, p, x))
    const compiled: unknown = await compile(
      forward as never,
      [params, { shape: [1, dim('T')], dtype: 'i32' as const }],
      { device },
    )
    return compiled as Program
  })
  const logits = (await program(params, NDArray.from(ids, [1, ids.length], 'i32'))).data as Float32Array
  return ids.map((_, t) => logits.subarray(t * config.vocabSize, (t + 1) * config.vocabSize))
}

function distance(a: Float32Array, b: Float32Array): number {
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0)
}

function randomIds(count: number, seed = 5): number[] {
  const rng = Rng.seed(seed)
  return Array.from({ length: count }, () => rng.integer(31))
}

describe.each(Object.entries(variations))('a decoder with %s', (_, variation) => {
  const model = modelOf({ ...base, ...variation })
  afterAll(() => model.dispose())

  it('gives with the cache the logits and tokens that it gives without', async () => {
    const generator = createGenerator(model)
    const ids = randomIds(21)
    const rows = [await generator.extend(0, ids)]
    for (let i = 0; i < 24; i++) {
      ids.push(greedy(rows.at(-1)!))
      rows.push((await generator.decode([ids.at(-1)]))[0]!)
    }
    const expected = (await withoutCache(model, ids)).slice(20)
    expect(Math.max(...rows.map((row, i) => distance(row, expected[i]!)))).toBeLessThan(1e-4)
    expect(rows.map(greedy)).toEqual(expected.map(greedy))
  })

  it('reads prompts of different lengths together as it reads each alone', async () => {
    const prompts = [randomIds(3, 1), undefined, randomIds(40, 2), randomIds(17, 3), randomIds(3, 1)]
    const generator = createGenerator(model, { batch: 5, capacity: 64 })
    await generator.extend(1, randomIds(9, 4))
    const read = await generator.prefill(prompts)
    expect(generator.lengths).toEqual([3, 9, 40, 17, 3])
    expect(read[1]).toBeUndefined()
    const texts = prompts.map((prompt) => [...(prompt ?? randomIds(9, 4)), 7])
    const next = await generator.decode(texts.map(() => 7))
    for (const [row, text] of texts.entries()) {
      const expected = await withoutCache(model, text)
      if (prompts[row]) expect(distance(read[row]!, expected.at(-2)!)).toBeLessThan(1e-4)
      expect(distance(next[row]!, expected.at(-1)!)).toBeLessThan(1e-4)
    }
  })

  it('gives rows of different lengths what each would get alone', async () => {
    const prompts = [randomIds(3, 1), randomIds(40, 2), randomIds(17, 3)]
    for (const weights of ['constant', 'input'] as const) {
      const generator = createGenerator(model, { batch: 3, weights })
      const texts = prompts.map((prompt) => [...prompt])
      let logits: (Float32Array | undefined)[] = []
      for (const [row, prompt] of prompts.entries()) logits[row] = await generator.extend(row, prompt)
      for (let i = 0; i < 12; i++) {
        // Row 1 rests every third step.
        const tokens = texts.map((_, row) => (row === 1 && i % 3 === 2 ? undefined : greedy(logits[row]!)))
        const next = await generator.decode(tokens)
        tokens.forEach((token, row) => {
          if (token !== undefined) texts[row]!.push(token)
        })
        logits = next.map((row, at) => row ?? logits[at])
      }
      for (const [row, text] of texts.entries()) {
        const expected = (await withoutCache(model, text)).at(-1)!
        expect(distance(logits[row]!, expected)).toBeLessThan(1e-4)
      }
    }
  })
})

describe('a generator', () => {
  const model = modelOf({ ...base, nKvHead: 2 })
  afterAll(() => model.dispose())

  it.each([1, 2, 15, 16, 17, 31, 33, 63, 65, 90, 96])(
    'reads a prompt of %i tokens in pieces',
    async (count) => {
      const generator = createGenerator(model)
      const ids = randomIds(count)
      const logits = await generator.extend(0, ids)
      expect(distance(logits, (await withoutCache(model, ids)).at(-1)!)).toBeLessThan(1e-4)
      expect(generator.lengths).toEqual([count])
    },
  )

  it('goes on with a conversation, and from an earlier point of it', async () => {
    const generator = createGenerator(model, { batch: 2 })
    const [first, second, other] = [randomIds(20, 1), randomIds(30, 2), randomIds(9, 3)]
    await generator.extend(1, first)
    await generator.extend(1, second)
    await generator.extend(0, other)
    generator.truncate(1, 25)
    const logits = await generator.extend(1, other)
    const ids = [...first, ...second.slice(0, 5), ...other]
    expect(distance(logits, (await withoutCache(model, ids)).at(-1)!)).toBeLessThan(1e-4)
    expect(generator.lengths).toEqual([9, 34])
  })

  it('follows parameters that are replaced', async () => {
    const other = modelOf({ ...base, nKvHead: 2 }, 2)
    const changing = new LanguageModel({ config: model.config, params: model.params, device })
    const ids = randomIds(10)
    const generator = createGenerator(changing, { batch: 2, weights: 'input' })
    await generator.extend(0, ids)
    changing.params = other.params
    generator.truncate(0)
    await generator.extend(0, ids.slice(0, 9))
    const [logits] = await generator.decode([ids[9], undefined])
    expect(distance(logits!, (await withoutCache(other, ids)).at(-1)!)).toBeLessThan(1e-4)
    await Promise.all([other.dispose(), changing.dispose()])
  })

  it('fills a row to the last position, and then says that it is full', async () => {
    const generator = createGenerator(model, { batch: 2, capacity: 20 })
    const ids = randomIds(20)
    await generator.extend(0, ids.slice(0, 19))
    const [logits] = await generator.decode([ids[19], undefined])
    expect(distance(logits!, (await withoutCache(model, ids)).at(-1)!)).toBeLessThan(1e-4)
    await expect(generator.decode([1, undefined])).rejects.toMatchObject({ code: 'infer/context' })
    await expect(generator.extend(0, [1])).rejects.toMatchObject({ code: 'infer/context' })
    expect(await generator.decode([undefined, 1])).toEqual([undefined, expect.any(Float32Array)])
  })

  it('goes on with some of its rows', async () => {
    const prompts = [5, 9, 3].map((count, i) => randomIds(count, i))
    const [whole, part] = [createGenerator(model, { batch: 3 }), createGenerator(model, { batch: 3 })]
    await whole.prefill(prompts)
    await part.prefill(prompts)
    part.keep([2, 0])
    expect(part.batch).toBe(2)
    expect(part.lengths).toEqual([3, 5])
    const [first, , third] = await whole.decode([1, 2, 3])
    const rows = await part.decode([3, 1])
    expect(distance(rows[0]!, third!)).toBeLessThan(1e-5)
    expect(distance(rows[1]!, first!)).toBeLessThan(1e-5)
    expect(() => part.keep([])).toThrow(/one or more/)
    expect(() => part.keep([1, 1])).toThrow(/different/)
    expect(() => part.keep([2])).toThrow(/no row 2/)
  })

  it('refuses what makes no sense, and stays usable', async () => {
    const generator = createGenerator(model, { batch: 2 })
    await expect(generator.extend(2, [1])).rejects.toThrow(/no row 2/)
    await expect(generator.extend(0, [])).rejects.toThrow(/no tokens/)
    await expect(generator.extend(0, [1, 31])).rejects.toThrow(
      /token 1 is 31; the model's ids go from 0 to 30/,
    )
    await expect(generator.decode([1])).rejects.toThrow(/2 tokens/)
    await expect(generator.decode([1, Number.NaN])).rejects.toThrow(/NaN/)
    expect(() => generator.truncate(0, 1)).toThrow(/holds 0 tokens/)
    await expect(generator.prefill([[1]])).rejects.toThrow(/2 prompts/)
    await expect(generator.prefill([[1], []])).rejects.toThrow(/row 1 has no tokens/)
    await expect(generator.prefill([[1, 99], undefined])).rejects.toThrow(/99/)
    await expect(generator.prefill([randomIds(97), undefined])).rejects.toMatchObject({
      code: 'infer/context',
    })
    await generator.prefill([undefined, [3]])
    await expect(generator.prefill([undefined, [3]])).rejects.toThrow(/row 1 is not empty/)
    generator.truncate(1)
    const running = generator.extend(0, [1])
    await expect(generator.extend(1, [1])).rejects.toThrow(/one thing at a time/)
    await running
    await generator.extend(1, [2])
    expect(() => createGenerator(model, { batch: 0 })).toThrow(/batch/)
    expect(() => createGenerator(model, { capacity: 97 })).toThrow(/context length 96/)
  })

  it('compiles each program once per model', async () => {
    const fresh = modelOf(athanorConfig({ vocabSize: 31, contextLength: 32, nLayer: 1, nHead: 1, width: 8 }))
    const names: string[] = []
    const program = fresh.program.bind(fresh)
    fresh.program = (name, build) => {
      const count = () => {
        names.push(name)
        return build()
      }
      return program(name, count)
    }
    for (let i = 0; i < 3; i++) await createGenerator(fresh).extend(0, [1, 2, 3])
    expect(names).toHaveLength(1)
    await fresh.dispose()
  })
})
