import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { writeModelDirectory } from '../../hub/index.js'
import { configToHf, gptConfig, initGpt, weightsToHf } from '../../models/index.js'
import { Rng } from '../../rng.js'
import { CHATML_TOKENS, trainCharTokenizer, withSpecialTokens } from '../../text/index.js'
import type { TrainEvent } from '../events.js'
import { writeModels } from '../ppo/testing/models.js'
import { sft } from '../sft.js'
import { type DistillOptions, distill } from './distill.js'
import type { DistillRecipeInput } from './recipe.js'

let dir: string
let student: string
let teacher: string
let prompts: string
let dialogues: string
const letters = [...'abcdefgh']
const question = (letter: string) => ({ messages: [{ role: 'user', content: `what is ${letter}?` }] })
const jsonl = (records: readonly unknown[]) => records.map((each) => `${JSON.stringify(each)}\n`).join('')

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'athanor-distill-'))
  ;({ model: student } = await writeModels(dir))
  prompts = join(dir, 'prompts.jsonl')
  await writeFile(prompts, jsonl(letters.map(question)))
  dialogues = join(dir, 'dialogues.jsonl')
  const answered = letters.map((letter) => ({
    messages: [...question(letter).messages, { role: 'assistant', content: `a ${letter}` }],
  }))
  await writeFile(dialogues, jsonl([...answered, ...answered]))
  const overrides = {
    epochs: 60,
    optimizer: 'muon',
    batchSize: 2,
    learningRate: 0.01,
    heldOutFraction: 0,
  } as const
  const taught = await sft({
    out: join(dir, 'teacher'),
    model: student,
    data: [dialogues],
    threads: 1,
    overrides,
  })
  teacher = taught.dir
})
afterAll(() => rm(dir, { recursive: true, force: true }))

const settings: DistillRecipeInput = {
  epochs: 20,
  optimizer: 'muon',
  batchSize: 2,
  learningRate: 0.01,
  logEvery: 1,
  checkpointEvery: 5,
  evalEvery: 0,
  heldOutFraction: 0.25,
  teacherMaxTokens: 8,
  rows: 4,
}
const run = (name: string, overrides: DistillRecipeInput = {}, more: Partial<DistillOptions> = {}) =>
  distill({
    out: join(dir, name),
    model: student,
    data: [prompts],
    threads: 1,
    overrides: { ...settings, ...overrides },
    ...more,
  })
const file = (name: string, which = 'model.safetensors') => readFile(join(dir, name, which))
const records = async (path: string) =>
  (await readFile(path, 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)

describe("a teacher's answers", () => {
  it('are written as dialogues, and learnt as sft learns that file', async () => {
    const result = await run('sequences', {}, { teacher })
    expect(result).toMatchObject({ finished: true, collection: { prompts: 8, teacher } })
    const written = join(dir, 'sequences', 'data', 'teacher.jsonl')
    const lines = await records(written)
    expect(lines).toHaveLength(result.collection!.answers)
    expect(lines[0]).toMatchObject({ source: teacher, messages: [{ role: 'user' }, { role: 'assistant' }] })
    const { teacherMaxTokens: _, rows: __, ...rest } = settings
    await sft({
      out: join(dir, 'same'),
      model: student,
      data: [written],
      threads: 1,
      overrides: rest as never,
    })
    expect((await file('sequences')).equals(await file('same'))).toBe(true)
  })

  it('are not asked for again by a run that was interrupted', async () => {
    const stop = new AbortController()
    const onEvent = (event: TrainEvent) => {
      if (event.type === 'progress' && event.label === 'the teacher answers') stop.abort(new Error('enough'))
    }
    const cache = join(dir, 'answers')
    const more = { teacher, cache, signal: stop.signal, onEvent }
    await expect(run('interrupted', { rows: 1, samples: 1 }, more)).rejects.toThrow('enough')
    await run('interrupted', {}, { teacher, cache })
    const parts = await readdir(cache)
    // The same command goes on in the same folder; another run with the same cache adds nothing to it.
    await run('again', {}, { teacher, cache })
    expect(await readdir(cache)).toEqual(parts)
    expect((await file('interrupted')).equals(await file('again'))).toBe(true)
  })
})

describe("a teacher's distributions", () => {
  it('draw the student to them', async () => {
    const result = await run(
      'logits',
      { method: 'logits', labelWeight: 0, epochs: 80 },
      { teacher, data: [dialogues] },
    )
    expect(result).toMatchObject({ finished: true, collection: undefined })
    const heldOut = (await records(join(dir, 'logits', 'metrics.jsonl'))).flatMap(
      ({ heldOut }) => (heldOut as { kl: number; cross_entropy: number } | undefined) ?? [],
    )
    expect(heldOut[0]!.kl).toBeGreaterThan(1)
    expect(heldOut.at(-1)!.kl).toBeLessThan(0.1 * heldOut[0]!.kl)
    // Without labels it learns to answer all the same.
    expect(heldOut.at(-1)!.cross_entropy).toBeLessThan(0.25 * heldOut[0]!.cross_entropy)
  })

  it('can be learnt over its own answers, and over all tokens', async () => {
    const assistant = await run('both', { method: 'both', epochs: 1 }, { teacher })
    const all = await run('all', { method: 'both', epochs: 1, learn: 'all' }, { teacher })
    expect(assistant.collection).toMatchObject({ prompts: 8 })
    expect(all.trainedTokens).toBeGreaterThan(2 * assistant.trainedTokens)
  })

  it('go on bit for bit after an interruption, and not with another teacher', async () => {
    const overrides = { method: 'logits', epochs: 3, dropout: 0.1 } as const
    const whole = await run('straight', overrides, { teacher, data: [dialogues] })
    const stop = new AbortController()
    const onEvent = (event: TrainEvent) => {
      if (event.type === 'metrics' && event.step === 2) stop.abort()
    }
    const moved = join(dir, 'moved')
    await cp(teacher, moved, { recursive: true })
    const more = { teacher: moved, data: [dialogues], signal: stop.signal, onEvent }
    expect(await run('broken', overrides, more)).toMatchObject({ finished: false, step: 2 })
    await cp(join(dir, 'broken'), join(dir, 'other'), { recursive: true })
    const rest = await distill({ out: join(dir, 'broken'), resume: 'must', threads: 1 })
    expect(rest).toMatchObject({ finished: true, step: whole.step, heldOutLoss: whole.heldOutLoss })
    expect((await file('broken')).equals(await file('straight'))).toBe(true)

    await rm(moved, { recursive: true })
    await cp(student, moved, { recursive: true })
    await expect(distill({ out: join(dir, 'other'), resume: 'must', threads: 1 })).rejects.toThrow(
      /moved is no longer what/,
    )
  })

  it('of another vocabulary are refused', async () => {
    const tokenizer = withSpecialTokens(
      trainCharTokenizer(['abcdefghijklmnopqrstuvwxyz \n?!']),
      CHATML_TOKENS,
    )
    const config = gptConfig({
      vocabSize: tokenizer.vocabSize,
      contextLength: 64,
      nLayer: 1,
      nHead: 2,
      nKvHead: 2,
      width: 16,
      headDim: 8,
      mlpWidth: 32,
    })
    const other = join(dir, 'stranger')
    await writeModelDirectory(other, {
      config: configToHf(config),
      tensors: weightsToHf(config, initGpt(config, Rng.seed(1))),
      tokenizer: { json: JSON.stringify(tokenizer.toJSON()) },
    })
    const refused = run('strange', { method: 'logits' }, { teacher: other, data: [dialogues] })
    await expect(refused).rejects.toMatchObject({
      code: 'train/recipe',
      message: expect.stringMatching(/another vocabulary than the student.*method sequences/) as string,
    })
  })

  it('come from one teacher', async () => {
    await expect(run('none', {})).rejects.toThrow(/needs one teacher/)
    const endpoint = { endpoint: 'http://127.0.0.1:1/v1', endpointModel: 'm' }
    await expect(run('two', endpoint, { teacher })).rejects.toThrow(/needs one teacher/)
    await expect(run('far', { ...endpoint, method: 'logits' })).rejects.toThrow(/gives no distributions/)
  })
})
