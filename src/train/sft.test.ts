import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { generate, loadModel } from '../infer/index.js'
import { pretrain, resumePretrain, type SftOptions, sft, type TrainEvent } from './index.js'

let dir: string
let data: string
const colours = ['red', 'blue', 'green', 'black']

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'athanor-sft-'))
  const text = join(dir, 'text.txt')
  await writeFile(
    text,
    Array.from({ length: 300 }, (_, i) => `The ${colours[i % 4]} fox number ${i} jumps.\n`).join(''),
  )
  await pretrain({
    out: join(dir, 'base'),
    data: [text],
    threads: 1,
    overrides: {
      nLayer: 2,
      nHead: 2,
      width: 32,
      contextLength: 64,
      batchSize: 4,
      tokenizer: 'bpe:300',
      steps: 2,
      learningRate: 0.01,
      evalTokens: 256,
    },
  })
  data = join(dir, 'dialogues.jsonl')
  const dialogue = (i: number) => ({
    messages: [
      { role: 'user', content: `Colour ${i % 4}?` },
      { role: 'assistant', content: `It is ${colours[i % 4]}.` },
    ],
  })
  await writeFile(data, Array.from({ length: 120 }, (_, i) => `${JSON.stringify(dialogue(i))}\n`).join(''))
})
afterAll(() => rm(dir, { recursive: true, force: true }))

const settings = {
  epochs: 12,
  optimizer: 'muon',
  batchSize: 4,
  learningRate: 0.01,
  evalEvery: 10,
  checkpointEvery: 10,
  logEvery: 1,
} as const

const tune = (name: string, more: Partial<SftOptions> = {}) =>
  sft({
    out: join(dir, name),
    model: join(dir, 'base'),
    data: [data],
    threads: 1,
    ...more,
    overrides: { ...settings, ...more.overrides },
  })

async function metrics(name: string) {
  const lines = (await readFile(join(dir, name, 'metrics.jsonl'), 'utf8')).trim().split('\n')
  return lines.map((line) => {
    const { tokensPerSecond: _, ...numbers } = JSON.parse(line) as Record<string, unknown>
    return numbers
  })
}

describe('sft', () => {
  it('teaches the answers, and ends its turn', async () => {
    const result = await tune('whole')
    expect(result.finished).toBe(true)
    expect(result.heldOutLoss).toBeLessThan(0.05)
    const model = await loadModel(result.dir)
    const { ids } = model.chat!.encode([{ role: 'user', content: 'Colour 1?' }], {
      addGenerationPrompt: true,
    })
    const { text, finish } = await generate(model, { prompt: ids, temperature: 0, maxTokens: 20 })
    expect(text).toBe('It is blue.')
    expect(finish).toBe('eos')
    await model.dispose()
  })

  it('goes on bit for bit after an interruption, dropout and the best model included', async () => {
    const overrides = { ...settings, epochs: 4, dropout: 0.1, patience: 50 }
    const whole = await tune('straight', { overrides })
    const stop = new AbortController()
    const onEvent = (event: TrainEvent) => {
      if (event.type === 'step' && event.step === 7) stop.abort()
    }
    const first = await tune('broken', { overrides, signal: stop.signal, onEvent })
    expect(first).toMatchObject({ finished: false, step: 7 })
    const second = await sft({ out: join(dir, 'broken'), resume: 'must', threads: 1 })
    expect(second).toMatchObject({ finished: true, step: whole.step, heldOutLoss: whole.heldOutLoss })
    expect(await metrics('broken')).toEqual(await metrics('straight'))
    for (const file of ['model.safetensors', 'optimizer.safetensors']) {
      const [a, b] = await Promise.all(['broken', 'straight'].map((name) => readFile(join(dir, name, file))))
      expect(a!.equals(b!), file).toBe(true)
    }
  })

  it('stops when held-out dialogues get worse, and keeps the best model', async () => {
    // Nothing in the training part tells the answers of the held-out file, so learning it by heart harms there.
    const other = join(dir, 'other.jsonl')
    const line = {
      messages: [
        { role: 'user', content: 'Colour 1?' },
        { role: 'assistant', content: 'The fox jumps.' },
      ],
    }
    await writeFile(other, `${JSON.stringify(line)}\n`)
    const result = await tune('early', {
      heldOut: [other],
      overrides: { ...settings, epochs: 20, evalEvery: 2, patience: 2 },
    })
    expect(result).toMatchObject({ finished: true, stoppedEarly: true })
    const evals = (await metrics('early')).flatMap(
      ({ heldOut }) => (heldOut as { loss: number } | undefined)?.loss ?? [],
    )
    expect(result.heldOutLoss).toBe(Math.min(...evals))
  })

  describe('of a model of characters', () => {
    const characters = async (name: string, letters: string) => {
      const text = join(dir, `${name}.txt`)
      await writeFile(text, `${letters}\n`.repeat(200))
      await pretrain({
        out: join(dir, name),
        data: [text],
        threads: 1,
        overrides: {
          nLayer: 1,
          nHead: 2,
          width: 16,
          contextLength: 64,
          batchSize: 2,
          steps: 1,
          learningRate: 0.01,
          tokenizer: 'char',
          evalTokens: 64,
        },
      })
      return join(dir, name)
    }
    const dialogues = async (name: string, ...answers: string[]) => {
      const file = join(dir, `${name}.jsonl`)
      const lines = answers.map((content) => [
        { role: 'user', content: 'fox' },
        { role: 'assistant', content },
      ])
      await writeFile(file, lines.map((messages) => `${JSON.stringify({ messages })}\n`).join(''))
      return file
    }

    it('gives it a chat format, and passes over what its vocabulary cannot spell', async () => {
      const model = await characters('letters', 'the quick brown fox jumps over a lazy dog')
      const data = await dialogues('spelling', 'jumps', 'saute', 'sauté', 'rests')
      const warnings: string[] = []
      const onEvent = (event: TrainEvent) => {
        if (event.type === 'warning') warnings.push(event.text)
      }
      const result = await tune('letters-sft', { model, data: [data], onEvent, overrides: { epochs: 1 } })
      expect(result.finished).toBe(true)
      expect(warnings[0]).toMatch(/spelling\.jsonl:3 was passed over: .*"é"/)
      await expect(
        tune('letters-strict', { model, data: [data], overrides: { maxSkipped: 0 } }),
      ).rejects.toThrow(/spelling\.jsonl, line 3/)
    })

    it("says where it lacks a letter of a role's name", async () => {
      const model = await characters('few', 'a fox and a dog')
      const data = await dialogues('few', 'a')
      await expect(tune('few-sft', { model, data: [data] })).rejects.toThrow(
        /the vocabulary of .*few cannot spell "system\\n".*bpe:N/,
      )
    })
  })

  it('reports what it passes over, and refuses data with nothing to learn', async () => {
    const broken = join(dir, 'broken.jsonl')
    const good = {
      messages: [
        { role: 'user', content: 'a' },
        { role: 'assistant', content: 'b' },
      ],
    }
    const silent = { messages: [{ role: 'user', content: 'a' }] }
    await writeFile(broken, `${JSON.stringify(good)}\n{"messages": 3}\nnot json\n${JSON.stringify(silent)}\n`)
    const warnings: string[] = []
    const onEvent = (event: TrainEvent) => {
      if (event.type === 'warning') warnings.push(event.text)
    }
    await tune('partly', { data: [broken], onEvent, overrides: { ...settings, epochs: 1 } })
    expect(warnings.join('\n')).toMatch(/broken\.jsonl:2/)
    expect(warnings.join('\n')).toMatch(/broken\.jsonl:3/)
    const empty = join(dir, 'silent.jsonl')
    await writeFile(empty, `${JSON.stringify(silent)}\n`)
    await expect(tune('silent', { data: [empty] })).rejects.toThrow(/nothing|no dialogue|empty/i)
  })

  it('goes on with the data that it began with, or not at all', async () => {
    const changing = join(dir, 'changing.jsonl')
    await writeFile(changing, await readFile(data))
    const stop = new AbortController()
    const onEvent = (event: TrainEvent) => {
      if (event.type === 'step') stop.abort()
    }
    // However the path is written, it is found from anywhere.
    const written = relative(process.cwd(), changing)
    await tune('pinned', { data: [written], signal: stop.signal, onEvent })
    const state = JSON.parse(await readFile(join(dir, 'pinned', 'trainer.json'), 'utf8'))
    expect(state.inputs.data).toEqual([changing])
    await appendFile(changing, '\n')
    const resume = () => sft({ out: join(dir, 'pinned'), resume: 'must', threads: 1 })
    await expect(resume()).rejects.toThrow(
      /the data in .*changing\.jsonl is no longer what .*pinned was started/,
    )
    await rm(changing)
    await expect(resume()).rejects.toMatchObject({ code: 'train/resume' })
    await writeFile(changing, await readFile(data))
    expect((await resume()).finished).toBe(true)
  })

  it('says whose run it is where it is of another stage', async () => {
    await expect(sft({ out: join(dir, 'base'), resume: 'must' })).rejects.toThrow(
      /of another stage, not sft; go on with it as athanor pretrain --resume$/,
    )
  })

  it.each([
    [{ overrides: { contextLength: 65 } }, /contextLength is 64 at most/],
    [{ model: undefined as never }, /needs a model/],
    [{ overrides: { learningRate: -1 } }, /learningRate/],
    [{ overrides: { nonsense: 1 } as never }, /nonsense/],
    [{ model: '/nowhere/at/all' }, /nowhere/],
  ])('refuses %j', async (more, message) => {
    await expect(tune(`refused-${Math.abs(message.source.length)}`, more)).rejects.toThrow(message)
  })
})

describe('mid-training', () => {
  it('goes on from a model on other text, with its shape and tokenizer', async () => {
    const more = join(dir, 'more.txt')
    await writeFile(more, 'A yellow bird sings.\n'.repeat(200))
    const result = await pretrain({
      out: join(dir, 'mid'),
      model: join(dir, 'base'),
      data: [more],
      threads: 1,
      overrides: { batchSize: 4, steps: 3, learningRate: 0.01, evalTokens: 256 },
    })
    expect(result.step).toBe(3)
    const [base, mid] = await Promise.all([loadModel(join(dir, 'base')), loadModel(result.dir)])
    expect(mid.config).toEqual(base.config)
    expect(mid.tokenizer!.toJSON()).toEqual(base.tokenizer!.toJSON())
    await expect(
      pretrain({ out: join(dir, 'mid2'), model: join(dir, 'base'), data: [more], overrides: { width: 64 } }),
    ).rejects.toThrow(/width is 32/)
    expect((await resumePretrain(result.dir, { steps: 4 })).step).toBe(4)
  })
})
