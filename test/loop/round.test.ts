import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Estimate } from '../../src/eval/index.js'
import { gather, type RoundReport, voteOf } from '../../src/recipes/next/index.js'
import { finishRound, usualReplay } from '../../src/recipes/next/ledger.js'
import type { NextRoundOptions } from '../../src/recipes/next/options.js'
import { findReplay, splitText } from '../../src/recipes/next/replay.js'
import { nextRound, previewRound } from '../../src/recipes/next/round.js'
import { roundSchema } from '../../src/recipes/next/settings.js'
import { openStore, type Store } from '../../src/store/index.js'
import { microFeedback, microSettings, microSpeedrun } from './support/micro.js'

let dir: string
let speedrun: string
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'athanor-loop-'))
  speedrun = await microSpeedrun(join(dir, 'start'))
}, 120_000)
afterAll(() => rm(dir, { recursive: true, force: true }))

async function withFeedback(...counts: number[]): Promise<Store> {
  const store = await openStore({ url: ':memory:' })
  for (const count of counts) await store.feedback.add(...microFeedback(count))
  return store
}

const asked = (store: Store, out: string, more: Partial<NextRoundOptions> = {}): NextRoundOptions => ({
  store,
  model: join(speedrun, 'ppo'),
  name: 'assistant',
  out: join(dir, out),
  settings: microSettings,
  threads: 1,
  ...more,
})

describe('a round', () => {
  it('refuses politely where people have said too little, and uses nothing up', async () => {
    const store = await withFeedback(8)
    const result = await nextRound(asked(store, 'little'))
    expect(result).toMatchObject({
      outcome: 'too-little',
      counts: { feedback: 8, people: 5 },
      missing: [
        { what: 'comparisons', need: 20 },
        { what: 'questions to measure on', need: 5 },
      ],
    })
    expect((await store.rounds.list()).items).toEqual([])
    expect((await store.feedback.stats('anyone')).unused).toBe(8)
    await expect(readFile(join(dir, 'little', 'journal.json'))).rejects.toThrow('ENOENT')
    await store.close()
  })

  it('looks only, where it is asked to', async () => {
    const store = await withFeedback(60)
    const preview = await previewRound({ store, model: 'assistant', settings: microSettings })
    expect(preview).toMatchObject({ counts: { feedback: 60 }, missing: [], needed: { comparisons: 20 } })
    expect((await store.feedback.stats('anyone')).unused).toBe(60)
    await store.close()
  })

  it('trains a version, measures it, and writes down everything; a second one learns from both', async () => {
    const store = await withFeedback(60)
    await store.feedback.add({
      ...microFeedback(1)[0]!,
      answers: [{ text: 'Other.', model: 'another' }],
    } as never)
    const result = await nextRound(asked(store, 'one'))
    if (result.outcome !== 'promoted' && result.outcome !== 'rejected') throw new Error(result.outcome)
    const { report, candidate } = result
    expect(candidate).toBe(join(dir, 'one', 'policy'))
    expect(report.counts).toMatchObject({
      feedback: 60,
      kinds: { thumb: 15, ranking: 30, correction: 15, rubric: 0 },
    })
    expect(report.guards.map(({ name }) => name)).toEqual(['refusal', 'overRefusal', 'truth', 'perplexity'])
    expect(report.stages).toMatchObject({ sft: {}, reward: {}, ppo: { steps: 2 }, judge: {} })
    // What the perplexity is measured on is not learnt.
    const { train, heldOut } = await splitText(await findReplay(speedrun))
    expect(heldOut.length).toBeGreaterThan(0)
    const learnt = (await readFile(join(dir, 'one', 'data', 'text.jsonl'), 'utf8')).trim().split('\n')
    expect(learnt.map((line) => (JSON.parse(line) as { text: string }).text)).toEqual(train)
    expect(train.filter((text) => heldOut.includes(text))).toEqual([])
    expect(JSON.parse(await readFile(join(dir, 'one', 'round.json'), 'utf8'))).toEqual(
      JSON.parse(JSON.stringify(report)),
    )
    const page = await readFile(join(dir, 'one', 'round.md'), 'utf8')
    for (const text of [
      '## What people said',
      '60 pieces of feedback by 5 people',
      '## Guards',
      'perplexity',
    ])
      expect(page).toContain(text)

    const [round] = (await store.rounds.list()).items
    expect(round).toMatchObject({
      state: result.outcome,
      model: 'assistant',
      from: report.from,
      to: report.to,
      counts: { feedback: 60 },
      result: { dir: join(dir, 'one'), reasons: report.reasons, replay: speedrun, settings: { seed: 1 } },
    })
    const taken = await store.rounds.feedback(round!.id)
    expect(taken).toHaveLength(60)
    expect(new Set(taken.map(({ use }) => use))).toContain('train')
    expect(new Set(taken.map(({ use }) => use))).toContain('heldout')
    // What is about another model stays for that one.
    expect((await store.feedback.stats('anyone')).unused).toBe(1)
    const version = await store.models.version('assistant', report.to)
    expect(version).toMatchObject({
      dir: candidate,
      round: round!.id,
      lineage: { from: report.from, round: round!.id },
    })
    const { live } = await store.models.get('assistant')
    expect(live).toBe(result.outcome === 'promoted' ? report.to : report.from)

    // The same call again tells the same; nothing new was said.
    expect(await nextRound(asked(store, 'one'))).toMatchObject({
      outcome: result.outcome,
      report: { to: report.to },
    })
    expect(await nextRound(asked(store, 'none', { model: 'assistant' }))).toMatchObject({
      outcome: 'too-little',
    })
    expect(await usualReplay(store, 'assistant')).toBe(speedrun)

    await store.feedback.add(...microFeedback(60, 100))
    const second = await nextRound(asked(store, 'two', { model: 'assistant' }))
    if (second.outcome !== 'promoted' && second.outcome !== 'rejected') throw new Error(second.outcome)
    expect(second.report.data['comparisons of earlier rounds']).toBe(report.counts.comparisons)
    expect(second.report.guards.find(({ name }) => name === 'perplexity')!.first).toBe(
      report.guards.find(({ name }) => name === 'perplexity')!.live,
    )
    await store.close()
  }, 180_000)

  it('goes on where it was stopped, to the same version', async () => {
    const straight = await withFeedback(60)
    const whole = await nextRound(asked(straight, 'straight'))
    const store = await withFeedback(60)
    const stopAt = async (matches: (event: { type: string; text?: string }) => boolean) => {
      const stop = new AbortController()
      const onEvent: NextRoundOptions['onEvent'] = (event) => {
        if (matches(event)) stop.abort()
      }
      expect(await nextRound(asked(store, 'stopped', { signal: stop.signal, onEvent }))).toMatchObject({
        outcome: 'stopped',
      })
    }
    await stopAt(({ type, text }) => type === 'message' && text!.startsWith('3/6'))
    // What is said meanwhile belongs to the next round.
    await store.feedback.add(...microFeedback(8, 500))
    await stopAt(({ type }) => type === 'metrics')
    await stopAt(({ type, text }) => type === 'message' && text!.startsWith('6/6'))
    const result = await nextRound(asked(store, 'stopped'))
    if (!('report' in result) || !('report' in whole)) throw new Error('it did not end')
    expect(result.report.to).toBe(whole.report.to)
    expect(result.report.preference).toEqual(whole.report.preference)
    expect((await store.feedback.stats('anyone')).unused).toBe(8)
    await Promise.all([store.close(), straight.close()])
  }, 180_000)

  it('is the only one of its model, unless the other is given up', async () => {
    const store = await withFeedback(60)
    const stop = new AbortController()
    const onEvent = () => stop.abort()
    await nextRound(asked(store, 'first', { signal: stop.signal, onEvent }))
    await expect(nextRound(asked(store, 'second'))).rejects.toMatchObject({ code: 'recipe/exists' })
    const again = new AbortController()
    const result = await nextRound(
      asked(store, 'second', { abandon: true, signal: again.signal, onEvent: () => again.abort() }),
    )
    expect(result.outcome).toBe('stopped')
    const states = async () => (await store.rounds.list()).items.map(({ state }) => state)
    expect(await states()).toEqual(['running', 'failed'])
    // The one that was given up comes back on the same terms.
    await expect(nextRound(asked(store, 'first'))).rejects.toMatchObject({ code: 'recipe/exists' })
    const back = new AbortController()
    await nextRound(
      asked(store, 'first', { abandon: true, signal: back.signal, onEvent: () => back.abort() }),
    )
    expect(await states()).toEqual(['failed', 'running'])
    await store.close()
  })

  it('refuses what it cannot do, with the way out', async () => {
    const store = await withFeedback(60)
    await expect(nextRound(asked(store, 'x', { model: 'nobody' }))).rejects.toMatchObject({
      code: 'recipe/missing',
    })
    await expect(nextRound(asked(store, 'x', { preset: 'huge' }))).rejects.toMatchObject({
      code: 'recipe/preset',
    })
    await expect(nextRound(asked(store, 'x', { replay: dir }))).rejects.toMatchObject({
      code: 'recipe/missing',
    })
    await expect(nextRound(asked(store, 'x', { settings: { guards: { truth: 2 } } }))).rejects.toMatchObject({
      code: 'recipe/plan',
    })
    await store.close()
  })
})

describe('the end of a round', () => {
  const estimate: Estimate = { value: 0.7, low: 0.6, high: 0.8, n: 50, level: 0.95, method: 'bootstrap' }

  async function ended(promoted: boolean, meanwhile?: (store: Store) => Promise<unknown>) {
    const store = await withFeedback(20)
    const version = (name: string) => ({
      model: 'assistant',
      version: name,
      dir: `/models/${name}`,
      kind: 'decoder' as const,
    })
    const live = await store.models.addVersion(version('aaaa'))
    const round = await store.rounds.create({ model: 'assistant', from: 'aaaa', result: { dir: '/round' } })
    const votes = []
    for await (const feedback of store.feedback.each('anyone')) votes.push(voteOf(feedback))
    const settings = roundSchema.parse(microSettings)
    const gathered = gather(votes, settings)
    const report = {
      round: round.id,
      model: 'assistant',
      from: 'aaaa',
      to: 'bbbb',
      promoted,
      reasons: ['because'],
      preference: estimate,
      leaning: estimate,
      guards: [],
      stages: { sft: {}, reward: {}, ppo: {}, judge: {} },
      data: { corrections: 3 },
      settings,
      preset: 'tiny',
    } as unknown as RoundReport
    await meanwhile?.(store)
    const finish = () => finishRound({ store, dir: '/round' }, round, live, gathered, report, { truth: 0.5 })
    // What was killed in the middle of it is done once more.
    await finish()
    const result = await finish()
    const model = await store.models.get('assistant')
    const saved = await store.rounds.get(round.id)
    const candidate = await store.models.version('assistant', 'bbbb')
    await store.close()
    return { result, model, saved, candidate, version }
  }

  it('makes the winner live, and says where it comes from', async () => {
    const { result, model, saved, candidate } = await ended(true)
    expect(result.promoted).toBe(true)
    expect(model.live).toBe('bbbb')
    expect(saved).toMatchObject({ state: 'promoted', to: 'bbbb', result: { firstGuards: { truth: 0.5 } } })
    expect(candidate).toMatchObject({
      note: 'because',
      lineage: { from: 'aaaa', stages: ['sft', 'reward', 'ppo'], data: { corrections: 3 } },
      scores: { preference: { value: 0.7 } },
    })
  })

  it('keeps the loser as a version, with the reason', async () => {
    const { result, model, saved, candidate } = await ended(false)
    expect(result.promoted).toBe(false)
    expect(model.live).toBe('aaaa')
    expect(saved).toMatchObject({ state: 'rejected', result: { reasons: ['because'] } })
    expect(candidate.note).toBe('because')
  })

  it('promotes nothing over a version that became live meanwhile', async () => {
    const { result, model } = await ended(true, async (store) => {
      await store.models.addVersion({
        model: 'assistant',
        version: 'cccc',
        dir: '/models/cccc',
        kind: 'decoder',
      })
      await store.models.promote('assistant', 'cccc')
    })
    expect(result).toMatchObject({ promoted: false, reasons: [expect.stringContaining('cccc')] })
    expect(model.live).toBe('cccc')
  })
})
