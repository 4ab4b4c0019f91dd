import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ChatMessage } from '../text/index.js'
import { type BestOfOptions, bestOf, bestOfKl } from './best-of-n.js'
import { writeModels } from './ppo/testing/models.js'
import { sft } from './sft.js'

let dir: string
let model: string
let rewardModel: string
let data: string
const prompts = ['a?', 'what is b?', 'c d e', 'f', 'why g?']

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'athanor-best-'))
  const models = await writeModels(dir)
  rewardModel = models.rewardModel
  data = join(dir, 'prompts.jsonl')
  const lines = prompts.map((content, i) => ({
    messages: [{ role: 'user', content }],
    id: `p${i}`,
    check: i % 2 === 0 ? 'yes' : 'no',
  }))
  await writeFile(data, lines.map((each) => `${JSON.stringify(each)}\n`).join(''))
  // A model that says yes or no to anything, and ends its turn.
  const said = prompts.flatMap((content) =>
    ['yes', 'no'].map((answer) => ({
      messages: [
        { role: 'user', content },
        { role: 'assistant', content: answer },
      ],
    })),
  )
  const dialogues = join(dir, 'said.jsonl')
  await writeFile(dialogues, said.map((each) => `${JSON.stringify(each)}\n`).join(''))
  const overrides = {
    epochs: 80,
    optimizer: 'muon',
    batchSize: 2,
    heldOutFraction: 0,
    learningRate: 0.01,
  } as const
  const out = join(dir, 'model')
  model = (await sft({ out, model: models.model, data: [dialogues], threads: 1, overrides })).dir
})
afterAll(() => rm(dir, { recursive: true, force: true }))

const draw = (name: string, more: Partial<BestOfOptions> = {}) =>
  bestOf({
    model,
    data: [data],
    out: join(dir, name),
    threads: 1,
    ...more,
    overrides: { n: 6, maxTokens: 8, rows: 4, ...more.overrides },
  })

interface Kept {
  readonly messages: ChatMessage[]
  readonly score: number
  readonly id: string
}
const read = async (name: string) =>
  (await readFile(join(dir, name), 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Kept)

describe('best of n', () => {
  it('keeps the answers that a program finds right, as dialogues', async () => {
    const result = await draw('right.jsonl', { rewards: ['exact'], overrides: { n: 12, minScore: 1 } })
    expect(result).toMatchObject({ prompts: 5, kept: 5, belowMinimum: 0, meanBest: 1 })
    expect(result.meanScore).toBeGreaterThan(0.2)
    expect(result.meanScore).toBeLessThan(0.8)
    expect(result.klBound).toBeCloseTo(Math.log(12) - 11 / 12)
    const lines = await read('right.jsonl')
    expect(lines.map(({ messages }) => messages.at(-1))).toEqual(
      ['yes', 'no', 'yes', 'no', 'yes'].map((content) => ({ role: 'assistant', content })),
    )
    expect(lines[1]).toMatchObject({ id: 'p1', score: 1, messages: [{ content: 'what is b?' }, {}] })
    // What comes out can be learnt.
    const overrides = { epochs: 1, heldOutFraction: 0 }
    const learnt = await sft({
      out: join(dir, 'learnt'),
      model,
      data: [join(dir, 'right.jsonl')],
      threads: 1,
      overrides,
    })
    expect(learnt.trainedTokens).toBeGreaterThan(0)
  })

  it('takes the first of equal answers, and by a reward model the best', async () => {
    const seen = new Map<string, string[]>()
    await draw('ties.jsonl', {
      reward: (asked, answers) => {
        answers.forEach((answer, i) => {
          const { id } = asked[i]!
          seen.set(id!, [...(seen.get(id!) ?? []), answer])
        })
        return answers.map(() => 0.5)
      },
    })
    for (const { id, messages } of await read('ties.jsonl'))
      expect(messages.at(-1)!.content).toBe(seen.get(id)![0])
    const result = await draw('scored.jsonl', { rewardModel })
    expect(result.meanBest!).toBeGreaterThan(result.meanScore!)
  })

  it('goes on where it was stopped, and draws the same', async () => {
    const overrides = { rows: 1, n: 8 }
    await draw('whole.jsonl', { rewards: ['exact'], overrides })
    const stop = new AbortController()
    const stopped = draw('parts.jsonl', {
      rewards: ['exact'],
      overrides,
      signal: stop.signal,
      onEvent: (event) =>
        void (event.type === 'progress' && event.done >= 20 && stop.abort(new Error('enough'))),
    })
    await expect(stopped).rejects.toThrow('enough')
    const kept = await readdir(join(dir, 'parts.jsonl.parts'))
    expect(kept.length).toBeGreaterThan(0)
    expect(existsSync(join(dir, 'parts.jsonl'))).toBe(false)
    await draw('parts.jsonl', { rewards: ['exact'], overrides })
    expect(await read('parts.jsonl')).toEqual(await read('whole.jsonl'))
    expect(existsSync(join(dir, 'parts.jsonl.parts'))).toBe(false)
  })

  it('never keeps what was cut off', async () => {
    const cut = draw('cut.jsonl', { rewards: ['length=3'], overrides: { maxTokens: 1 } })
    await expect(cut).rejects.toThrow(/none of 5 prompts.*5 were only answered beyond 1 tokens/)
    const low = draw('low.jsonl', { rewards: ['exact'], overrides: { minScore: 2 } })
    await expect(low).rejects.toThrow(/5 scored less than 2/)
  })

  it('asks for one source of scores and a file that is not there', async () => {
    await expect(draw('x.jsonl')).rejects.toThrow(/one source of scores.*got 0/)
    await expect(draw('x.jsonl', { rewards: ['exact'], rewardModel })).rejects.toThrow(/got 2/)
    await expect(draw('right.jsonl', { rewards: ['exact'] })).rejects.toThrow(/already there/)
    await expect(draw('x.jsonl', { rewards: ['exact'], overrides: { n: 0 } })).rejects.toThrow(/settings.*n:/)
    await expect(draw('x.jsonl', { rewardModel: model })).rejects.toThrow()
    await expect(draw('x.jsonl', { reward: () => [Number.NaN] })).rejects.toThrow(/scores/)
  })

  it('goes no further than it may', () => {
    expect(bestOfKl(1)).toBe(0)
    expect(bestOfKl(4)).toBeCloseTo(0.636, 3)
  })
})
