import { describe, expect, it } from 'vitest'
import { measureReliability, settle } from '../../src/recipes/next/consensus.js'
import { judgementsOf } from '../../src/recipes/next/judgements.js'
import { roundSchema } from '../../src/recipes/next/settings.js'
import type { Vote } from '../../src/recipes/next/votes.js'
import { Rng } from '../../src/rng.js'
import { correction, ranking } from './support/votes.js'

const { cleaning } = roundSchema.parse({})
const trusting = { ...cleaning, reliability: false }

/** People who prefer short answers, nine times in ten; the last `bad` of them prefer long ones. Nobody sees another's question. */
function crowdVotes(people: number, bad: number, each: number): Vote[] {
  const rng = Rng.seed(7)
  const words = 'river mountain city people language money island border coast north'.split(' ')
  const say = (length: number) => Array.from({ length }, () => words[rng.integer(words.length)]).join(' ')
  return Array.from({ length: people }, (_, k) => k).flatMap((k) =>
    Array.from({ length: each }, () => {
      const [short, long] = [say(4), say(14)]
      const honest = rng.uniform() < 0.9
      const likesShort = k < people - bad ? honest : false
      return ranking(`person-${k}`, [short, long], likesShort ? [1, 2] : [2, 1])
    }),
  )
}

describe('reliability', () => {
  it('is high for people who agree with the others and low for those who say the opposite, without a shared question', () => {
    const { judgements } = judgementsOf(crowdVotes(20, 2, 12))
    const reliability = measureReliability(judgements, 1)
    for (let k = 0; k < 18; k++)
      expect(reliability.get(`person-${k}`)!.weight, `person-${k}`).toBeGreaterThan(0.5)
    for (let k = 18; k < 20; k++) expect(reliability.get(`person-${k}`)!.weight, `person-${k}`).toBe(0)
  })

  it('believes people of whom it knows next to nothing', () => {
    const votes = [...crowdVotes(10, 0, 10), ranking('new', ['a b c d', 'a b c d e f g h i j k l'], [2, 1])]
    expect(measureReliability(judgementsOf(votes).judgements, 1).get('new')!.weight).toBeGreaterThan(0.7)
  })

  it('takes no correction for evidence of being right', () => {
    const corrections = Array.from({ length: 30 }, (_, i) => correction('advertiser', `Buy this thing ${i}`))
    const reliability = measureReliability(
      judgementsOf([...crowdVotes(10, 0, 8), ...corrections]).judgements,
      1,
    )
    expect(reliability.get('advertiser')!.judgements).toBe(0)
  })

  it('does not depend on the order of the votes by more than chance', () => {
    const { judgements } = judgementsOf(crowdVotes(10, 1, 10))
    const backwards = measureReliability([...judgements].reverse(), 1)
    expect(backwards.get('person-9')!.weight).toBeLessThan(0.1)
    expect(measureReliability(judgements, 1)).toEqual(measureReliability(judgements, 1))
  })
})

describe('settling', () => {
  const nobody = new Map()
  const settled = (votes: readonly Vote[], settings = trusting) =>
    settle(judgementsOf(votes).judgements, nobody, settings, 1)

  it('drops both where a person says a thing and its opposite', () => {
    const one = ranking('ann', ['A', 'B'], [1, 2], { asked: 'Which?' })
    const other = ranking('ann', ['A', 'B'], [2, 1], { asked: 'Which?' })
    const result = settled([one, other])
    expect(result.judgements).toEqual([])
    expect(result.drops.map(({ reason }) => reason)).toEqual(['contradicts-itself', 'contradicts-itself'])
  })

  it('goes with the majority of people', () => {
    const votes = [
      ranking('ann', ['A', 'B'], [1, 2], { asked: 'Which?' }),
      ranking('bob', ['B', 'A'], [2, 1], { asked: 'Which?' }),
      ranking('cy', ['A', 'B'], [2, 1], { asked: 'Which?' }),
    ]
    const result = settled(votes)
    expect(result.judgements.map(({ people }) => people[0])).toEqual(['ann', 'bob'])
    expect(result.drops).toEqual([{ id: votes[2]!.id, person: 'cy', reason: 'outvoted' }])
  })

  it('drops both sides where as many say the one as the other', () => {
    const votes = [
      ranking('ann', ['A', 'B'], [1, 2], { asked: 'Which?' }),
      ranking('bob', ['A', 'B'], [2, 1], { asked: 'Which?' }),
    ]
    expect(settled(votes).judgements).toEqual([])
  })

  it('drops the rest of what unreliable people say, and their corrections with it', () => {
    const bad = crowdVotes(20, 2, 12)
    const slogan = correction('person-19', 'A fine answer.')
    const honest = correction('person-0', 'Another fine answer.')
    const { judgements } = judgementsOf([...bad, slogan, honest])
    const reliability = measureReliability(judgements, 1)
    const result = settle(judgements, reliability, cleaning, 1)
    const kept = new Set(result.judgements.flatMap(({ people }) => people))
    expect(kept.has('person-18')).toBe(false)
    expect(kept.has('person-19')).toBe(false)
    expect(kept.has('person-0')).toBe(true)
    expect(result.drops.find(({ id }) => id === slogan.id)!.reason).toBe('unreliable')
    expect(result.judgements.some(({ votes }) => votes[0] === honest.id)).toBe(true)
  })

  it('takes a part of what half-reliable people say, each vote whole', () => {
    const votes = Array.from({ length: 200 }, (_, i) =>
      ranking('ann', ['A', 'B', 'C'], [1, 2, 3], { asked: `Question ${i}?` }),
    )
    const { judgements } = judgementsOf(votes)
    const half = new Map([['ann', { person: 'ann', judgements: 200, agreement: 0.6, eta: 0.6, weight: 0.5 }]])
    const result = settle(judgements, half, cleaning, 1)
    const kept = new Set(result.judgements.map(({ votes }) => votes[0]))
    expect(result.judgements.length).toBe(3 * kept.size)
    expect(kept.size).toBeGreaterThan(70)
    expect(kept.size).toBeLessThan(130)
    // Which part does not hang on the names that the store gives.
    const renamed = judgements.map((one) => ({ ...one, votes: one.votes.map((id) => `other ${id}`) }))
    expect(settle(renamed, half, cleaning, 1).judgements.map(({ votes }) => votes[0])).toEqual(
      result.judgements.map(({ votes }) => `other ${votes[0]}`),
    )
  })
})
