import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { Rng } from '../../rng.js'
import { nodeDevice } from '../../tensor/device/node.js'
import { LanguageModel } from '../language-model.js'
import { greedy } from '../sampler.js'
import { Batch, type Task } from './batch.js'
import { Rows } from './rows.js'
import { tinyConfig, tinyParams } from './testing/tiny-models.js'

const config = tinyConfig()
const device = nodeDevice('cpu', { threads: 1 })
let rows: Rows
let batch: Batch
/** What happened, in order. */
let log: string[]

beforeAll(async () => {
  rows = await Rows.create(new LanguageModel({ config, params: tinyParams(), device }), {
    rows: 4,
    capacity: 256,
  })
})
afterAll(() => rows.dispose())
beforeEach(() => {
  batch = new Batch(rows, { prefillTokens: 64, prefixBytes: 2 ** 20 })
  log = []
})

interface TestTask extends Task {
  readonly tokens: number[]
  readonly prompt: number
  cached: number
  error: unknown
  ended: boolean
}

function greedyTask(
  name: string,
  prompt: readonly number[],
  count: number,
  options: { key?: string; exact?: boolean } = {},
) {
  const { key = '', exact = false } = options
  const task: TestTask = {
    tokens: [...prompt],
    prompt: prompt.length,
    fairKey: key,
    exact,
    cached: -1,
    error: undefined,
    ended: false,
    onStart: (cached) => {
      log.push(`${name} starts`)
      task.cached = cached
    },
    next: (logits) => {
      const token = greedy(logits)
      task.tokens.push(token)
      return task.tokens.length - task.prompt < count ? token : undefined
    },
    onEnd: () => {
      log.push(`${name} ends`)
      task.ended = true
    },
    onError: (error) => {
      task.error = error
    },
  }
  return task
}

async function finish(...tasks: Task[]): Promise<void> {
  for (const task of tasks) batch.submit(task)
  while (batch.isBusy) await batch.tick()
}

const tokensOf = (count: number, seed = 5) => {
  const rng = Rng.seed(seed)
  return Array.from({ length: count }, () => rng.integer(256))
}

describe('a batch', () => {
  it('writes the same texts together as alone, more of them than it has rows', async () => {
    const prompts = Array.from({ length: 11 }, (_, i) => tokensOf(3 + 9 * i, i))
    const alone: number[][] = []
    for (const [i, prompt] of prompts.entries()) {
      batch = new Batch(rows, { prefillTokens: 64, prefixBytes: 0 })
      const task = greedyTask('x', prompt, 4 + i)
      await finish(task)
      alone.push(task.tokens)
    }
    const together = prompts.map((prompt, i) => greedyTask(`${i}`, prompt, 4 + i))
    await finish(...together)
    expect(together.map(({ tokens }) => tokens)).toEqual(alone)
    expect(batch.running).toBe(0)
  })

  it('reads long prompts in pieces, while others go on', async () => {
    const short = greedyTask('short', tokensOf(5), 8)
    const long = greedyTask('long', tokensOf(240, 2), 3)
    batch.submit(short)
    await batch.tick()
    batch.submit(long)
    const written: number[] = []
    while (!short.ended) {
      await batch.tick()
      written.push(short.tokens.length)
      if (written.length === 3) expect(long.tokens.length).toBe(240)
    }
    // One token at every tick, whatever was read meanwhile.
    expect(written).toEqual([8, 9, 10, 11, 12, 13])
    await finish()
    batch = new Batch(rows, { prefillTokens: 1000, prefixBytes: 0 })
    const whole = greedyTask('whole', tokensOf(240, 2), 3)
    await finish(whole)
    expect(long.tokens).toEqual(whole.tokens)
  })

  it('reads a prompt that fills the context, in any pieces', async () => {
    const texts: number[][] = []
    for (const prefillTokens of [1000, 255, 17, 4]) {
      batch = new Batch(rows, { prefillTokens, prefixBytes: 2 ** 20 })
      const task = greedyTask('full', tokensOf(256, 4), 1)
      await finish(task)
      expect(task.error).toBeUndefined()
      texts.push(task.tokens)
      // From the cache, all but the last block.
      const again = greedyTask('again', tokensOf(256, 4), 1)
      await finish(again)
      expect(again.cached).toBe(240)
      texts.push(again.tokens)
    }
    expect(new Set(texts.map(String)).size).toBe(1)
  })

  it('lets a short prompt pass a long one', async () => {
    await finish(greedyTask('long', tokensOf(240, 2), 1), greedyTask('short', tokensOf(20), 1))
    expect(log).toEqual(['long starts', 'short starts', 'short ends', 'long ends'])
  })

  it('takes turns between keys', async () => {
    const tasks = ['a1', 'a2', 'a3', 'a4', 'a5', 'a6', 'b1', 'b2'].map((name, i) =>
      greedyTask(name, tokensOf(4, i), 2, { key: name[0]! }),
    )
    await finish(...tasks)
    const starts = log.filter((line) => line.endsWith('starts')).map((line) => line.slice(0, 2))
    expect(starts.slice(0, 4).sort()).toEqual(['a1', 'a2', 'b1', 'b2'])
  })

  it('frees the row of a cancelled text at once', async () => {
    const tasks = Array.from({ length: 5 }, (_, i) => greedyTask(`${i}`, tokensOf(6, i), 50))
    for (const task of tasks) batch.submit(task)
    await batch.tick()
    expect([batch.running, batch.queued]).toEqual([4, 1])
    batch.cancel(tasks[1]!)
    const length = tasks[1]!.tokens.length
    expect(batch.running).toBe(3)
    await batch.tick()
    expect([batch.running, batch.queued]).toEqual([4, 0])
    expect(tasks[4]!.tokens.length).toBeGreaterThan(6)
    await finish()
    expect(tasks[1]!.tokens.length).toBe(length)
    expect(tasks.map(({ ended }) => ended)).toEqual([true, false, true, true, true])
  })

  it('forgets a text that is cancelled while it waits, or while a step runs', async () => {
    const tasks = Array.from({ length: 6 }, (_, i) => greedyTask(`${i}`, tokensOf(100, i), 50))
    for (const task of tasks) batch.submit(task)
    batch.cancel(tasks[5]!)
    expect(batch.queued).toBe(5)
    const tick = batch.tick()
    await Promise.resolve()
    for (const task of tasks) batch.cancel(task)
    await tick
    expect(batch.isBusy).toBe(false)
    expect(log.filter((line) => line.endsWith('ends'))).toEqual([])
    const after = greedyTask('after', tokensOf(100, 0), 5)
    await finish(after)
    batch = new Batch(rows, { prefillTokens: 64, prefixBytes: 0 })
    const fresh = greedyTask('fresh', tokensOf(100, 0), 5)
    await finish(fresh)
    expect(after.tokens).toEqual(fresh.tokens)
  })

  it('ends a text whose drawing fails, and no other', async () => {
    const [good, bad] = [greedyTask('good', tokensOf(4), 6), greedyTask('bad', tokensOf(4, 1), 6)]
    const failing: Task = {
      ...bad,
      next: () => {
        throw new Error('no token')
      },
    }
    await finish(good, failing)
    expect(bad.error).toMatchObject({ message: 'no token' })
    expect(good.ended).toBe(true)
    expect(batch.isBusy).toBe(false)
  })

  it('moves texts together when most rows are empty', async () => {
    const tasks = [3, 3, 3, 40].map((count, i) => greedyTask(`${i}`, tokensOf(20, i), count))
    await finish(...tasks)
    batch = new Batch(rows, { prefillTokens: 64, prefixBytes: 0 })
    const alone = greedyTask('alone', tokensOf(20, 3), 40)
    await finish(alone)
    expect(tasks[3]!.tokens).toEqual(alone.tokens)
  })
})

describe('the prefix cache', () => {
  it('does not compute again what was there, and changes nothing', async () => {
    const system = tokensOf(50)
    const first = greedyTask('first', [...system, 1, 2, 3], 20)
    await finish(first)
    expect(first.cached).toBe(0)
    const second = greedyTask('second', [...system, 4, 5, 6], 20)
    await finish(second)
    expect(second.cached).toBe(48)
    // The next turn of the first dialogue.
    const third = greedyTask('third', [...first.tokens, 7, 8], 20)
    await finish(third)
    expect(third.cached).toBe(64)
    expect(third.prompt).toBe(75)
    batch = new Batch(rows, { prefillTokens: 64, prefixBytes: 0 })
    const fresh = greedyTask('fresh', [...first.tokens, 7, 8], 20)
    await finish(fresh)
    expect(fresh.cached).toBe(0)
    expect(third.tokens).toEqual(fresh.tokens)
  })

  it('shares a prompt with those that come at the same time', async () => {
    const tasks = [1, 2, 3, 4].map((last) => greedyTask(`${last}`, [...tokensOf(32), last], 4))
    await finish(...tasks)
    expect(tasks.map(({ cached }) => cached)).toEqual([0, 32, 32, 32])
  })

  it('gives exact texts only what was read as a prompt, and so the same bits', async () => {
    const first = greedyTask('first', tokensOf(40), 40)
    await finish(first)
    const logits: Float32Array[] = []
    const watched = (name: string, exact: boolean) => {
      const task = greedyTask(name, first.tokens, 3, { exact })
      const next = (row: Float32Array) => {
        logits.push(row.slice())
        return task.next(row)
      }
      return { ...task, next, task }
    }
    const exact = watched('exact', true)
    await finish(exact)
    expect(exact.task.cached).toBe(32)
    batch = new Batch(rows, { prefillTokens: 17, prefixBytes: 0 })
    await finish(watched('fresh', true))
    expect(logits.slice(0, 3)).toEqual(logits.slice(3))
  })

  it('stays within its bytes', async () => {
    const budget = rows.tokenBytes * 16 * 5
    batch = new Batch(rows, { prefillTokens: 64, prefixBytes: budget })
    for (let i = 0; i < 12; i++) await finish(greedyTask(`${i}`, tokensOf(40 + i, i), 20))
    expect(batch.bytes).toBeLessThanOrEqual(rows.bytes + budget)
  })
})
