import { describe, expect, it } from 'vitest'
import { Rng } from '../../rng.js'
import {
  CATEGORY_WEIGHTS,
  promptText,
  SUITES,
  writeDialogues,
  writePrompts,
  writeSuite,
} from './dialogues.js'
import { pretrainDocuments } from './pretraining.js'
import { correct, judge } from './rubric.js'
import { SCENES } from './scenes/index.js'
import { CATEGORIES, type Scene } from './scenes/scene.js'
import { assertNothingHeldOut, createLeakFinder } from './splits.js'
import { words } from './words.js'
import { createWorld } from './world.js'

const world = await createWorld({ seed: 3 })
const sft = [...writeDialogues(world, { seed: 3, count: 6000 })]
const heldOut = [...writeDialogues(world, { seed: 3, count: 300 }, 'sft-heldout')]
const reward = [...writePrompts(world, { seed: 3, count: 800 }, 'reward')]
const ppo = [...writePrompts(world, { seed: 3, count: 800 }, 'ppo')]
const suites = new Map(SUITES.map((suite) => [suite.name, writeSuite(world, suite, { seed: 3, count: 40 })]))

describe('splits', () => {
  it('keep what is held out away from every training file', () => {
    for (const records of [sft, heldOut, reward, ppo]) assertNothingHeldOut(world, records)
  })

  it('are looked for in the text itself', () => {
    const find = createLeakFinder(world)
    const { country, fact } = world.facts['held-out'][0]!
    const said = [{ role: 'assistant', content: `I like ${country.called}. Also: ${fact.accept[0]}.` }]
    expect(find({ messages: said })).toMatchObject({ kind: 'fact' })
    expect(() => assertNothingHeldOut(world, [{ messages: said }])).toThrow(/held-out material/)
    for (const [name, prompts] of suites) {
      if (name === 'seen-phrasing') continue
      const leaks = prompts.filter((prompt) => find(prompt))
      expect(leaks.length / prompts.length, name).toBe(1)
    }
  })

  it('share no prompt between files and suites', () => {
    const texts = new Map<string, string>()
    const all: [string, readonly { readonly messages: Scene['messages'] }[]][] = [
      ['sft', sft.map(({ messages }) => ({ messages: messages.slice(0, -1) }))],
      ['sft-heldout', heldOut.map(({ messages }) => ({ messages: messages.slice(0, -1) }))],
      ['reward', reward],
      ['ppo', ppo],
      ['eval', [...suites.values()].flat()],
    ]
    for (const [file, records] of all) {
      for (const { messages } of records) {
        const text = promptText(messages)
        expect(texts.get(text) ?? file, text).toBe(file)
        texts.set(text, file)
      }
    }
    expect(new Set(ppo.map(({ messages }) => promptText(messages))).size).toBe(ppo.length)
  })

  it('leave enough to measure', () => {
    for (const [name, prompts] of suites) expect(prompts.length, name).toBeGreaterThanOrEqual(40)
    expect(world.facts['held-out'].length).toBeGreaterThan(30)
  })

  it('hold out wordings of every idea and leave enough of each', () => {
    for (const [table, heldOut] of Object.entries(world.phrasings['held-out'])) {
      expect(heldOut.length, table).toBeGreaterThan(0)
      if (!/^(?:refusal|unknown|look-alike|social)\b/.test(table)) continue
      expect(world.phrasings.seen[table]!.length, table).toBeGreaterThanOrEqual(4)
    }
  })

  it('are as large in every kind as asked for', () => {
    const total = Object.values(CATEGORY_WEIGHTS).reduce((sum, weight) => sum + weight, 0)
    for (const records of [sft, reward, ppo]) {
      for (const category of CATEGORIES) {
        const share = records.filter((record) => record.category === category).length / records.length
        expect(Math.abs(share - CATEGORY_WEIGHTS[category] / total), category).toBeLessThan(0.05)
      }
    }
  })

  it('keep the wordings of users out of the pretraining text', () => {
    const find = createLeakFinder(world)
    for (const { text } of pretrainDocuments(world, { seed: 3, characters: 400_000 })) {
      for (const content of text.split(/\n|(?<=[.!?"]) /)) {
        const leak = find({ messages: [{ role: 'user', content }] })
        expect(leak?.kind === 'phrasing' ? leak : undefined).toBeUndefined()
      }
    }
  })

  it('keep the held-out facts in the pretraining text', () => {
    const text = [...pretrainDocuments(world, { seed: 3, characters: 400_000 })].map((d) => d.text).join('\n')
    for (const { country, fact } of world.facts['held-out']) {
      const stated = text
        .split('\n')
        .some((line) => line.includes(country.called) && line.includes(fact.value))
      expect(stated, `${country.name} ${fact.type}`).toBe(true)
    }
  })
})

describe('demonstrations', () => {
  it('are the same for the same seed and others for another', () => {
    const again = [...writeDialogues(world, { seed: 3, count: 50 })]
    expect(again).toEqual(sft.slice(0, 50))
    expect([...writeDialogues(world, { seed: 4, count: 50 })]).not.toEqual(again)
  })

  it('are written by simulated writers in the proportions asked for', () => {
    const count = (style: string) =>
      sft.filter(({ source }) => source === `simulated-writer:${style}`).length / sft.length
    expect(count('house')).toBeCloseTo(0.4, 1)
    expect(count('verbose')).toBeCloseTo(0.35, 1)
    expect(count('curt')).toBeCloseTo(0.25, 1)
  })

  it('are short, whole and without leftovers of templates', () => {
    const lengths = sft.map(
      ({ messages }) =>
        messages
          .map(({ content }) => content)
          .join(' ')
          .split(' ').length,
    )
    expect(Math.max(...lengths)).toBeLessThan(140)
    for (const { messages } of sft) {
      for (const { content } of messages) {
        expect(content).not.toMatch(/[{}]|undefined|\bthe the\b|\s\s|\ba the\b/i)
        expect(content.trim()).toMatch(/[.!?]$/)
      }
    }
  })

  it('are short even where the writer rambles', () => {
    for (const { source, messages } of sft) {
      const length = words(messages.at(-1)!.content).length
      if (source === 'simulated-writer:verbose') expect(length).toBeLessThanOrEqual(45)
    }
    const verbose = sft.filter(({ source }) => source === 'simulated-writer:verbose')
    const mean =
      verbose.reduce((sum, { messages }) => sum + words(messages.at(-1)!.content).length, 0) / verbose.length
    expect(mean).toBeGreaterThan(15)
    expect(mean).toBeLessThan(24)
  })

  it('show the operands of sums, small ones, before the result', () => {
    const sums = sft.filter(
      ({ category, messages }) =>
        category === 'arithmetic' && /so (?:the|together)/.test(messages.at(-1)!.content),
    )
    expect(sums.length).toBeGreaterThan(50)
    for (const { messages } of sums) {
      const [p, q, r] = [...messages.at(-1)!.content.matchAll(/(\d+) million/g)].map(([, number]) =>
        Number(number),
      )
      expect(Math.max(p!, q!)).toBeLessThanOrEqual(30)
      expect(r).toBeLessThanOrEqual(63)
    }
  })

  it('mark a wrong answer of the assistant as not to be learnt', () => {
    const admits = sft.filter(({ category }) => category === 'correction-admit')
    expect(admits.length).toBeGreaterThan(50)
    for (const { messages } of admits) expect(messages[1]).toMatchObject({ role: 'assistant', weight: 0 })
  })

  it('please the rubric in the order house, verbose and curt, mistaken', () => {
    const rng = Rng.seed(5)
    for (const category of CATEGORIES) {
      const sums = { house: 0, verbose: 0, curt: 0, mistake: 0 }
      let count = 0
      while (count < 60) {
        const phrasing = count % 2 === 0 ? 'seen' : 'held-out'
        const scene = SCENES[category]({ world, rng, phrasing, facts: 'seen', evaluation: count % 2 === 1 })
        if (!scene) continue
        count++
        const house = scene.answer('house', rng)
        expect(correct(house, scene.check, scene.messages), `${JSON.stringify(scene)} ${house}`).toBe(true)
        sums.house += judge(scene, house).score
        for (const style of ['verbose', 'curt'] as const)
          sums[style] += judge(scene, scene.answer(style, rng)).score
        sums.mistake += judge(scene, scene.mistake('house', rng)).score
      }
      const mean = (name: keyof typeof sums) => sums[name] / count
      expect(mean('house'), category).toBeGreaterThan(0.97)
      expect(mean('verbose'), category).toBeLessThan(mean('house') - 0.1)
      expect(mean('curt'), category).toBeLessThan(mean('house') - 0.1)
      expect(mean('mistake'), category).toBeLessThan(Math.min(mean('verbose'), mean('curt')) - 0.15)
    }
  })
})
