import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { gptConfig, quantizeParameters } from '../../models/index.js'
import { Rng } from '../../rng.js'
import { nodeDevice } from '../../tensor/device/node.js'
import { createGenerator } from '../generator.js'
import { LanguageModel } from '../language-model.js'
import { Rows } from './rows.js'
import { tinyConfig, tinyParams } from './testing/tiny-models.js'

const device = nodeDevice('cpu', { threads: 2 })
const tokensOf = (count: number, seed = 5) => {
  const rng = Rng.seed(seed)
  return Array.from({ length: count }, () => rng.integer(259))
}
const config = gptConfig(tinyConfig({ width: 64 }))
const whole = tinyParams({ width: 64 })

describe.each([
  { weights: 'built in', constants: true, quantization: 'none' },
  { weights: 'apart', constants: false, quantization: 'none' },
  { weights: 'in 8 bits', constants: true, quantization: 'q8' },
  { weights: 'in 4 bits', constants: true, quantization: 'q4' },
] as const)('rows of keys and values, weights $weights,', ({ constants, quantization }) => {
  const params = quantizeParameters(whole, quantization)
  const decoder = new LanguageModel({ config, params, device })
  let rows: Rows
  beforeAll(async () => {
    rows = await Rows.create(decoder, { rows: 16, capacity: 128, constants })
  })
  afterAll(() => rows.dispose())

  const read = async (row: number, tokens: readonly number[], ...pieces: number[]) => {
    rows.truncate(row)
    let logits: Float32Array = new Float32Array()
    let at = 0
    for (const piece of [...pieces, tokens.length]) {
      if (at < tokens.length) logits = (await rows.read(row, tokens.slice(at, at + piece))).logits[0]!
      at += piece
    }
    return logits
  }

  it('give what a generator gives', async () => {
    const tokens = tokensOf(40)
    const generator = createGenerator(decoder)
    const expected = await generator.extend(0, tokens)
    const logits = await read(3, tokens)
    expect(Math.max(...logits.map((value, i) => Math.abs(value - expected[i]!)))).toBeLessThan(1e-4)
    const next = (await rows.step(new Map([[3, 7]]))).get(3)!
    const after = (await generator.decode([7]))[0]!
    expect(Math.max(...next.map((value, i) => Math.abs(value - after[i]!)))).toBeLessThan(1e-4)
  })

  it('give the same bits however a prompt is cut into pieces', async () => {
    const tokens = tokensOf(70)
    const together = await read(0, tokens)
    expect(await read(1, tokens, 1, 1, 2, 33)).toEqual(together)
    expect(await read(15, tokens, 69)).toEqual(together)
  })

  it('give the same bits whatever else is in the batch', async () => {
    const prompts = Array.from({ length: 16 }, (_, row) => tokensOf(5 + 4 * row, row))
    const alone: Float32Array[][] = []
    for (const prompt of prompts) {
      await read(0, prompt)
      const steps: Float32Array[] = []
      for (let i = 0; i < 5; i++) steps.push((await rows.step(new Map([[0, 10 + i]]))).get(0)!)
      alone.push(steps)
    }
    for (const [row, prompt] of prompts.entries()) await read(row, prompt)
    for (let i = 0; i < 5; i++) {
      const together = await rows.step(new Map(prompts.map((_, row) => [row, 10 + i])))
      for (const [row, logits] of together) expect(logits).toEqual(alone[row]![i])
    }
  })

  it('leave alone the rows that rest, and what is behind them', async () => {
    const tokens = tokensOf(30)
    await read(0, tokens)
    await read(2, tokens)
    const expected = (await rows.step(new Map([[0, 9]]))).get(0)!
    await read(0, tokens)
    await read(5, tokensOf(9))
    for (let i = 0; i < 3; i++) await rows.step(new Map([[5, i]]))
    expect((await rows.step(new Map([[0, 9]]))).get(0)).toEqual(expected)
    expect((await rows.step(new Map([[2, 9]]))).get(2)).toEqual(expected)
  })

  it('can be moved, and copied through blocks', async () => {
    const tokens = tokensOf(48)
    await read(0, tokens)
    const expected = (await rows.step(new Map([[0, 9]]))).get(0)!
    await read(4, tokens)
    const block = new Float32Array(rows.floats(16))
    rows.truncate(7)
    for (let start = 0; start < 48; start += 16) {
      rows.copyOut(4, start, 16, block)
      rows.copyIn(7, 16, block)
    }
    rows.move(4, 1)
    expect([rows.length(4), rows.length(1), rows.length(7)]).toEqual([0, 48, 48])
    await read(4, tokensOf(20, 8))
    const steps = await rows.step(new Map([1, 7].map((row) => [row, 9])))
    expect(steps.get(1)).toEqual(expected)
    expect(steps.get(7)).toEqual(expected)
  })

  it('hold as many tokens as they say', async () => {
    const tokens = tokensOf(127)
    await read(0, tokens)
    await rows.read(0, [1])
    expect(rows.length(0)).toBe(128)
    await expect(rows.read(0, [1])).rejects.toMatchObject({ code: 'infer/context' })
  })
})
