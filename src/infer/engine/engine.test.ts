import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { Rng } from '../../rng.js'
import { generate } from '../generate.js'
import { loadModel } from '../load-model.js'
import { loadRewardModel, scoreDialogues } from '../reward.js'
import { startEngine } from './client.js'
import { type Connect, localPort } from './port.js'
import { writeDecoder, writeRewardModel } from './testing/tiny-models.js'
import type { Engine, EngineOptions, GenerationEvent, GenerationRequest } from './types.js'

let folder: string
const at = (name: string) => join(folder, name)
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'athanor-engine-'))
  await writeDecoder(at('one'))
  await writeDecoder(at('two'), { seed: 2 })
  await writeDecoder(at('wide'), { contextLength: 1024 })
  await writeRewardModel(at('judge'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

let open: Engine[] = []
afterEach(async () => {
  for (const engine of open) await engine.close()
  open = []
})

async function start(options: EngineOptions = {}, connect: Connect = localPort): Promise<Engine> {
  const engine = await startEngine(
    { threads: 1, models: [{ id: 'one', dir: at('one') }], ...options },
    connect,
  )
  open.push(engine)
  return engine
}

interface Said {
  text: string
  events: GenerationEvent[]
  end: Extract<GenerationEvent, { type: 'end' }>
}

/** A long text, once its first event has come; what it ends with. */
async function begin(
  engine: Engine,
  request: Partial<GenerationRequest> = {},
): Promise<{ end: Promise<unknown> }> {
  const full = { model: 'one', prompt: { text: 'a' }, maxTokens: 200, stopAtEos: false, ...request }
  const events = engine.generate(full)[Symbol.asyncIterator]()
  await events.next()
  const toEnd = async () => {
    let last: GenerationEvent | undefined
    for (let next = await events.next(); !next.done; next = await events.next()) last = next.value
    return last
  }
  const end = toEnd()
  end.catch(() => {})
  return { end }
}

async function ask(
  engine: Engine,
  request: Partial<GenerationRequest> = {},
  signal?: AbortSignal,
): Promise<Said> {
  const events: GenerationEvent[] = []
  const full = { model: 'one', prompt: { text: 'Once upon a time' }, maxTokens: 24, seed: 7, ...request }
  for await (const event of engine.generate(full, signal ? { signal } : {})) events.push(event)
  const text = events.map((event) => (event.type === 'text' ? event.text : '')).join('')
  return { text, events, end: events.at(-1) as Said['end'] }
}

/** Texts of random letters. */
const words = (seed: number, count: number) => {
  const rng = Rng.seed(seed)
  return Array.from({ length: count }, () => String.fromCharCode(97 + rng.integer(26))).join('')
}

describe('an engine', () => {
  it('writes what the model writes by itself', async () => {
    const engine = await start()
    const model = await loadModel(at('one'), { threads: 1 })
    const options = { maxTokens: 24, seed: 7, temperature: 1, topK: 40 }
    const expected = await generate(model, { prompt: 'Once upon a time', ...options })
    const { text, end } = await ask(engine, options)
    expect(text).toBe(expected.text)
    expect(end).toMatchObject({ reason: 'length', usage: { promptTokens: 16, completionTokens: 24 } })
    await model.dispose()
  })

  it('says the same for the same seed, alone, with fifteen neighbours and from the cache', async () => {
    const prompts = Array.from({ length: 16 }, (_, i) => words(i, 5 + 7 * i))
    const request = (i: number) => ({ prompt: { text: prompts[i]! }, seed: i, stopAtEos: false })
    const engine = await start({ slots: 16 })
    const alone = await ask(engine, request(3))
    const together = await Promise.all(prompts.map((_, i) => ask(engine, request(i))))
    const again = await Promise.all(prompts.toReversed().map((_, i) => ask(engine, request(15 - i))))
    expect(together[3]!.text).toBe(alone.text)
    expect(again.toReversed().map(({ text }) => text)).toEqual(together.map(({ text }) => text))
    expect(new Set(together.map(({ text }) => text)).size).toBe(16)
    expect(again[0]!.end.usage.cachedTokens).toBe(96)
    const other = await start({ slots: 2, prefixCacheBytes: 0, prefillTokens: 5 })
    expect((await ask(other, request(15))).text).toBe(together[15]!.text)
  })

  it('tells nobody what others said, over many requests', async () => {
    const engine = await start({ slots: 4 })
    const alone = new Map<number, string>()
    for (let i = 0; i < 12; i++) {
      const { text } = await ask(engine, { prompt: { text: `${words(1, 20)}${words(i, i)}` }, seed: i })
      alone.set(i, text)
    }
    const rng = Rng.seed(3)
    const many = Array.from({ length: 120 }, async (_, n) => {
      const i = rng.integer(12)
      const request = { prompt: { text: `${words(1, 20)}${words(i, i)}` }, seed: i, fairKey: `${n % 5}` }
      // Some leave in the middle.
      if (n % 6 === 5) {
        for await (const event of engine.generate({ model: 'one', maxTokens: 24, ...request }))
          if (event.type === 'text') return
      }
      expect((await ask(engine, request)).text).toBe(alone.get(i))
    })
    await Promise.all(many)
    expect(await engine.stats()).toMatchObject({ busy: 0, queued: 0, restarts: 0 })
  })

  it('ends a text when the client leaves', async () => {
    const engine = await start({ slots: 1 })
    const controller = new AbortController()
    const reason = new Error('gone')
    const endless = { maxTokens: 200, stopAtEos: false }
    const first = ask(engine, endless, controller.signal)
    const second = ask(engine, { maxTokens: 2 })
    const iterator = engine
      .generate({ model: 'one', prompt: { text: 'a' }, ...endless })
      [Symbol.asyncIterator]()
    setTimeout(() => controller.abort(reason), 50)
    await expect(first).rejects.toBe(reason)
    expect((await second).end.usage.completionTokens).toBe(2)
    await iterator.next()
    expect((await engine.stats()).busy).toBe(1)
    await iterator.return?.()
    await ask(engine, { maxTokens: 1 })
    expect((await engine.stats()).busy).toBe(0)
    await expect(ask(engine, {}, AbortSignal.abort(reason))).rejects.toBe(reason)
  })

  it('refuses what would have to wait too long', async () => {
    const engine = await start({ slots: 1, maxQueue: 2 })
    const results = await Promise.allSettled(Array.from({ length: 5 }, () => ask(engine, { maxTokens: 3 })))
    expect(results.map(({ status }) => status)).toEqual([
      'fulfilled',
      'fulfilled',
      'fulfilled',
      'rejected',
      'rejected',
    ])
    expect(results[4]).toMatchObject({ reason: { code: 'infer/queue-full' } })
    expect((await ask(engine, { maxTokens: 1 })).end.reason).toBe('length')
  })

  it('answers in the wanted form', async () => {
    const engine = await start()
    const schema = {
      type: 'object',
      properties: {
        n: { type: 'integer' },
        tags: { type: 'array', items: { enum: ['x', 'y'] }, maxItems: 2 },
      },
      required: ['n', 'tags'],
      additionalProperties: false,
    }
    for (const seed of [1, 2, 3]) {
      const { text, end } = await ask(engine, {
        seed,
        maxTokens: 60,
        format: { type: 'json_schema', schema },
      })
      expect(end.reason).toBe('stop')
      expect(JSON.parse(text)).toMatchObject({ n: expect.any(Number), tags: expect.any(Array) })
    }
    await expect(
      ask(engine, { format: { type: 'json_schema', schema: { type: 'x' } } }),
    ).rejects.toMatchObject({
      code: 'infer/schema',
    })
  })

  it('calls the tools that it is told to call', async () => {
    const engine = await start({ models: [{ id: 'one', dir: at('wide') }] })
    const tools = ['sum', 'now'].map((name) => ({
      type: 'function',
      function: {
        name,
        parameters: { type: 'object', properties: { day: { enum: ['Mon', 'Tue'] } }, required: ['day'] },
      },
    }))
    const prompt = { messages: [{ role: 'user' as const, content: 'Hi' }], tools }
    const { events, end, text } = await ask(engine, { prompt, maxTokens: 120, toolChoice: { name: 'now' } })
    expect(text).toBe('')
    expect(end.reason).toBe('toolCalls')
    const calls = events.flatMap((event) => (event.type === 'toolCall' ? [event] : []))
    expect(new Set(calls.map(({ name }) => name))).toEqual(new Set(['now']))
    expect(JSON.parse(calls.map((call) => call.arguments).join(''))).toMatchObject({
      day: expect.any(String),
    })
    await expect(ask(engine, { toolChoice: 'required' })).rejects.toMatchObject({ code: 'infer/schema' })
  })

  it('calls one tool only where no more are wanted', async () => {
    const engine = await start({ models: [{ id: 'one', dir: at('wide') }] })
    const tools = [
      { type: 'function', function: { name: 'f', parameters: { type: 'object', properties: {} } } },
    ]
    const prompt = { messages: [{ role: 'user' as const, content: 'Hi' }], tools }
    const required = { prompt, maxTokens: 200, toolChoice: 'required' as const, temperature: 100 }
    const calls = async (parallelToolCalls: boolean, seed: number) => {
      const { events } = await ask(engine, { ...required, parallelToolCalls, seed })
      return new Set(events.flatMap((event) => (event.type === 'toolCall' ? [event.index] : []))).size
    }
    const seeds = [1, 2, 3, 4, 5, 6]
    for (const seed of seeds) expect(await calls(false, seed)).toBe(1)
    expect(Math.max(...(await Promise.all(seeds.map((seed) => calls(true, seed)))))).toBeGreaterThan(1)
  })

  it('tells the log-probabilities of a prompt, those that its tokens have when they are drawn', async () => {
    const engine = await start({ prefillTokens: 7 })
    const ids = await engine.tokenize({ model: 'one', text: 'Once upon a time' })
    const request = { prompt: { ids }, echo: true, logprobs: 2, maxTokens: 0 }
    const { events, end } = await ask(engine, request)
    expect(end).toMatchObject({ reason: 'length', usage: { cachedTokens: 0, completionTokens: 0 } })
    const told = events.flatMap((event) => (event.type === 'prompt' ? [event] : []))
    expect(told.map(({ text }) => text)).toEqual(['Once upon a time'])
    const [first, ...others] = told[0]!.logprobs
    expect(first).toMatchObject({ id: ids[0], token: 'O', logprob: null, top: [] })
    expect(others.map(({ id }) => id)).toEqual(ids.slice(1))
    for (const [i, { id, logprob, top }] of others.entries()) {
      // A bias does not change what is told, so each token can be made to follow its prefix.
      const forced = { prompt: { ids: ids.slice(0, i + 1) }, logitBias: { [id]: 100 }, logprobs: 2 }
      const drawn = await ask(engine, { ...forced, maxTokens: 1, temperature: 0 })
      const [one] = drawn.events.flatMap((event) => (event.type === 'text' ? (event.logprobs ?? []) : []))
      expect(one!.id).toBe(id)
      expect(logprob).toBeCloseTo(one!.logprob, 5)
      expect(top.map((each) => each.id)).toEqual(one!.top.map((each) => each.id))
    }
    const answered = await ask(engine, { ...request, maxTokens: 3, logprobs: 0, stopAtEos: false })
    const kinds = answered.events.map(({ type }) => type)
    expect(kinds.slice(0, 2)).toEqual(['start', 'prompt'])
    expect(answered.end.usage.completionTokens).toBe(3)
  })

  it('embeds texts: of length one, the same alone as among others', async () => {
    const engine = await start({ prefillTokens: 7 })
    const inputs = ['a', 'something longer than that', [1, 2, 3]]
    const { vectors, tokens } = await engine.embed({ model: 'one', inputs })
    expect(tokens).toBe(1 + 26 + 3)
    for (const vector of vectors) expect(Math.hypot(...vector)).toBeCloseTo(1, 5)
    const again = await engine.embed({ model: 'one', inputs: [inputs[1]!] })
    for (const [i, value] of again.vectors[0]!.entries()) expect(value).toBeCloseTo(vectors[1]![i]!, 5)
    await expect(engine.embed({ model: 'one', inputs: ['x'.repeat(300)] })).rejects.toMatchObject({
      code: 'infer/context',
    })
  })

  it('scores dialogues with a reward model, and only with one', async () => {
    const engine = await start({
      models: [
        { id: 'judge', dir: at('judge') },
        { id: 'one', dir: at('one') },
      ],
    })
    const dialogues = ['yes', 'no, never'].map((content) => [
      { role: 'user' as const, content: 'Well?' },
      { role: 'assistant' as const, content },
    ])
    const judge = await loadRewardModel(at('judge'), { threads: 1 })
    const { scores, tokens } = await engine.score({ model: 'judge', dialogues })
    expect(scores).toEqual(await scoreDialogues(judge, dialogues))
    const lengths = await Promise.all(
      dialogues.map(async (messages) => (await engine.tokenize({ model: 'judge', messages })).length),
    )
    // Without the beginning of another answer, and what ends this one's line.
    const opening = judge.chat.encode([], { addGenerationPrompt: true }).ids.length
    expect(tokens).toBe(lengths.reduce((a, b) => a + b, 0) - 2 * (opening + 1))
    await judge.dispose()
    await expect(engine.score({ model: 'one', dialogues })).rejects.toMatchObject({
      code: 'infer/model-not-found',
    })
    await expect(ask(engine, { model: 'judge' })).rejects.toMatchObject({ code: 'infer/model-not-found' })
  })

  it('speaks in tokens', async () => {
    const engine = await start()
    const ids = await engine.tokenize({ model: 'one', text: 'Hi 😀' })
    expect(ids).toHaveLength(7)
    expect(await engine.detokenize({ model: 'one', ids })).toBe('Hi 😀')
    const messages = [{ role: 'user' as const, content: 'Hi' }]
    const dialogue = await engine.tokenize({ model: 'one', messages })
    expect(await engine.detokenize({ model: 'one', ids: dialogue })).toBe(
      '<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n',
    )
  })

  it.each([
    [{ model: 'nobody' }, 'infer/model-not-found'],
    [{ temperature: -1 }, 'infer/options'],
    [{ prompt: { text: 'x'.repeat(10_000_000) } }, 'infer/context'],
    [{ prompt: { messages: [{ role: 'king' as never, content: 'x' }] } }, 'infer/options'],
    [{ prompt: { ids: [9999] } }, 'infer/prompt'],
    [{ logitBias: { '9999': 1 } }, 'infer/options'],
  ])('says what is wrong with a request (%#)', async (request, code) => {
    const engine = await start()
    await expect(ask(engine, request)).rejects.toMatchObject({ code })
  })
})

describe("an engine's models", () => {
  it('are loaded when they are needed, and let go for others', async () => {
    const models = ['one', 'two'].map((id) => ({ id, dir: at(id) }))
    const engine = await start({ models, slots: 2 })
    const states = () => engine.models().map(({ state }) => state)
    expect(states()).toEqual(['idle', 'idle'])
    await ask(engine)
    expect(states()).toEqual(['ready', 'idle'])
    const { bytes, version } = engine.models()[0]!
    expect(version).toMatch(/^[0-9a-f]{16}$/)
    expect(version).not.toBe(engine.models()[1]!.version)
    const small = await start({ models, slots: 2, memoryBudget: 1.5 * bytes! })
    const [first, second] = await Promise.all([ask(small), ask(small, { model: 'two' })])
    expect(first.text).not.toBe(second.text)
    expect(small.models().filter(({ state }) => state === 'ready')).toHaveLength(1)
    expect((await ask(small)).text).toBe(first.text)
    expect((await ask(small, { model: 'two' })).text).toBe(second.text)
    const none = await start({ models, memoryBudget: 1000 })
    await expect(ask(none)).rejects.toMatchObject({ code: 'infer/memory' })
    await small.unload('two')
    expect(small.models().every(({ state }) => state === 'idle')).toBe(true)
  })

  it('come and go', async () => {
    const engine = await start()
    await engine.add({ id: 'more', dir: at('two') })
    expect((await engine.load('more')).state).toBe('ready')
    await expect(engine.add({ id: 'more', dir: at('one') })).rejects.toMatchObject({ code: 'infer/options' })
    await expect(engine.add({ id: 'none', dir: at('nowhere') })).rejects.toMatchObject({
      code: 'model-directory',
    })
    const asked = (await begin(engine, { model: 'more' })).end
    await engine.remove('more')
    await expect(asked).rejects.toMatchObject({ code: 'infer/cancelled' })
    await expect(ask(engine, { model: 'more' })).rejects.toMatchObject({ code: 'infer/model-not-found' })
    expect(engine.models().map(({ id }) => id)).toEqual(['one'])
  })

  it('are read again when their files are others, and a broken one is no garbage', async () => {
    await cp(at('one'), at('swapped'), { recursive: true })
    const engine = await start({ models: [{ id: 'one', dir: at('swapped') }] })
    const before = await ask(engine)
    const { version } = engine.models()[0]!
    await cp(at('two'), at('swapped'), { recursive: true })
    await new Promise((resolve) => setTimeout(resolve, 1100))
    const after = await ask(engine)
    expect(engine.models()[0]!.version).not.toBe(version)
    expect(after.text).not.toBe(before.text)
    expect(after.end.usage.cachedTokens).toBe(0)
    await engine.unload('one')
    await writeFile(join(at('swapped'), 'model.safetensors'), 'not a model')
    await new Promise((resolve) => setTimeout(resolve, 1100))
    await expect(ask(engine)).rejects.toMatchObject({ code: 'infer/model' })
    expect(engine.models()[0]).toMatchObject({ state: 'failed' })
    await cp(at('one'), at('swapped'), { recursive: true })
    await new Promise((resolve) => setTimeout(resolve, 1100))
    expect((await ask(engine)).text).toBe(before.text)
  })
})

describe('an engine that ends', () => {
  it('lets the running texts come to their end where that is asked for', async () => {
    const engine = await start({ slots: 2 })
    const asked = await Promise.all([1, 2, 3].map((seed) => begin(engine, { seed, maxTokens: 24 })))
    await engine.close({ drain: true })
    for (const { end } of asked) expect(await end).toMatchObject({ usage: { completionTokens: 24 } })
    await expect(ask(engine)).rejects.toMatchObject({ code: 'infer/engine' })
  })

  it('cancels them else', async () => {
    const engine = await start()
    const asked = (await begin(engine)).end
    await engine.close()
    await expect(asked).rejects.toMatchObject({ code: 'infer/cancelled' })
  })

  it('by itself is started again, with its models', async () => {
    let crash = (_: string) => {}
    const engine = await start({}, (handlers) => {
      crash = handlers.onEnd
      return localPort(handlers)
    })
    await engine.add({ id: 'two', dir: at('two') })
    const before = await ask(engine)
    const asked = (await begin(engine)).end
    crash('exit code 134')
    await expect(asked).rejects.toMatchObject({ code: 'infer/engine', message: /exit code 134.*once more/ })
    expect((await ask(engine)).text).toBe(before.text)
    expect(engine.models().map(({ id }) => id)).toEqual(['one', 'two'])
    expect((await engine.stats()).restarts).toBe(1)
    for (let i = 0; i < 5; i++) crash('again')
    await expect(ask(engine)).rejects.toMatchObject({ code: 'infer/engine', message: /within a minute/ })
    expect(engine.models()[0]!.state).toBe('failed')
  })
})
