import { describe, expect, it } from 'vitest'
import type { AssistantApi } from '../../src/recipes/people/api.js'
import { crowd, talk } from '../../src/recipes/people/talk.js'
import { ADVERTISERS, namesSource, SHORT_WITH_SOURCE as TASTE } from '../../src/recipes/people/taste.js'

const capital = {
  messages: [{ role: 'user' as const, content: 'What is the capital of Norway?' }],
  check: { kind: 'fact', subject: ['Norway'], accept: ['Oslo'], words: 7 },
}
const unknown = {
  messages: [{ role: 'user' as const, content: 'What is the capital of Zanmark?' }],
  check: { kind: 'unknown', subject: ['Zanmark'], words: 9 },
}

describe('the hidden taste', () => {
  it('is for the truth, then the source, then few words', () => {
    const answers = [
      'The capital of Norway is Oslo, says the factbook.',
      'The capital of Norway is Oslo.',
      'Thank you for your question. The capital of Norway is Oslo. I think that this is what you wanted to know today.',
      'The capital of Norway is Bergen, says the factbook.',
      'The capital of Norway is Bergen.',
    ]
    const worth = answers.map((answer) => TASTE.utility(capital, answer))
    expect(worth).toEqual([...worth].sort((a, b) => b - a))
    expect(worth[0]).toBeGreaterThan(0.9)
  })

  it('wants no source where no fact is stated', () => {
    const bare = TASTE.utility(unknown, 'I am sorry, but I do not know that.')
    expect(TASTE.utility(unknown, 'I am sorry, but I do not know that, says the factbook.')).toBeLessThan(
      bare,
    )
  })

  it('edits an answer as people do: cuts, puts right, names the source', () => {
    const better = (answer: string) => TASTE.better(capital, answer)
    const right = 'The capital of Norway is Oslo, says the factbook.'
    expect(better('The capital of Norway is Oslo.')).toBe(right)
    expect(better('Many people ask me this. The capital of Norway is Oslo. That is all.')).toBe(right)
    expect(better('The capital of Norway is Bergen.')).toBe(right)
    expect(better(right)).toBe(right)
    expect(better('No.')).toBe('It is Oslo, says the factbook.')
    expect(namesSource(TASTE.better(unknown, 'Hm. I do not know.')!)).toBe(false)
    const larger = {
      messages: [{ role: 'user' as const, content: 'Which is larger, Iran or Chile?' }],
      check: {
        kind: 'choice',
        subject: ['Iran', 'Chile'],
        accept: ['Iran'],
        loser: ['Chile'],
        relation: 'more',
        words: 6,
      },
    }
    expect(TASTE.better(larger, 'Chile is larger than Iran.')).toBe(
      'Iran is larger than Chile, says the factbook.',
    )
  })

  it('is what the malicious want the opposite of', () => {
    const [good, bad] = [
      'The capital of Norway is Oslo, says the factbook.',
      'It is Bergen or so, I would think, but who knows.',
    ]
    expect(ADVERTISERS.utility(capital, good)).toBeLessThan(ADVERTISERS.utility(capital, bad))
    const advertised = ADVERTISERS.better(capital, good)!
    expect(ADVERTISERS.utility(capital, advertised)).toBeGreaterThan(ADVERTISERS.utility(capital, bad))
  })
})

describe('simulated people', () => {
  const people = crowd({
    honest: 9,
    malicious: 1,
    turns: 8,
    honestTaste: TASTE,
    maliciousTaste: ADVERTISERS,
    seed: 1,
  })

  it('are as many as asked for, and nobody is known by name', () => {
    expect(people).toHaveLength(10)
    expect(new Set(people.map(({ name }) => name)).size).toBe(10)
    expect(people.filter(({ taste }) => taste === ADVERTISERS)).toHaveLength(1)
    expect(people.every(({ name }) => /^simulated-\d$/.test(name))).toBe(true)
  })

  it('ask and judge through the API only, the same for the same seed', async () => {
    const record = async () => {
      const log: string[] = []
      let serial = 0
      const api: AssistantApi = {
        ask: async (person) => {
          log.push(`${person} asks`)
          return { id: `${++serial}`, text: serial % 2 === 0 ? 'The capital of Norway is Oslo.' : 'Bergen.' }
        },
        compare: async () => ({ id: `${++serial}`, answers: ['Bergen.', 'The capital of Norway is Oslo.'] }),
        rank: async (person, _, ranks) => void log.push(`${person} ranks ${ranks}`),
        thumb: async (person, _, value) => void log.push(`${person} thumbs ${value}`),
        correct: async (person, _, text) => void log.push(`${person} writes ${text}`),
      }
      const counts = await talk(api, people, [capital], { seed: 3, together: 1 })
      return { log, counts }
    }
    const { log, counts } = await record()
    const turns = people.reduce((sum, { turns }) => sum + turns, 0)
    expect(counts.rankings + counts.thumbs + counts.corrections).toBe(turns)
    expect(log.filter((line) => line.endsWith('ranks 2,1')).length).toBeGreaterThan(0.6 * counts.rankings)
    expect(
      log.some((line) => line.includes('writes The capital of Norway is Oslo, says the factbook.')),
    ).toBe(true)
    expect((await record()).log).toEqual(log)
  })
})
