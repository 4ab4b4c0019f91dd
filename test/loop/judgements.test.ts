import { describe, expect, it } from 'vitest'
import { gather, isHeldOut, shortages, voteOf } from '../../src/recipes/next/gather.js'
import { judgementsOf, pairWithFresh } from '../../src/recipes/next/judgements.js'
import { roundSchema } from '../../src/recipes/next/settings.js'
import type { Judgement, Vote } from '../../src/recipes/next/votes.js'
import type { Feedback } from '../../src/store/index.js'
import { correction, question, ranking, rubric, thumb } from './support/votes.js'

const settings = roundSchema.parse({})
const pairs = (judgements: readonly Judgement[]) =>
  judgements.map(({ better, worse }) => `${better} > ${worse}`)

describe('what feedback says about pairs of answers', () => {
  it('is every pair of a ranking that is not tied', () => {
    const vote = ranking('ann', ['A', 'B', 'C'], [2, 1, 2])
    expect(pairs(judgementsOf([vote]).judgements)).toEqual(['B > A', 'B > C'])
  })

  it('leaves out answers of a ranking that are the same', () => {
    expect(pairs(judgementsOf([ranking('ann', ['A', 'a', 'B'], [1, 2, 3])]).judgements)).toEqual([
      'A > B',
      'a > B',
    ])
  })

  it('is a correction over what it corrects, and a demonstration', () => {
    const vote = correction('ann', 'Good.', { answers: ['Bad.'], asked: 'What?' })
    const { judgements, demonstrations } = judgementsOf([vote])
    expect(pairs(judgements)).toEqual(['Good. > Bad.'])
    expect(demonstrations).toEqual([
      { vote: vote.id, person: 'ann', prompt: question('What?'), answer: 'Good.' },
    ])
  })

  it('is a liked answer over a disliked one to the same question, whoever said so', () => {
    const up = thumb('ann', 1, { asked: 'Which?', answers: ['Good.'] })
    const down = thumb('bob', -1, { asked: 'which?', answers: ['Bad.'] })
    const { judgements, lonely } = judgementsOf([up, down])
    expect(judgements).toMatchObject([
      { votes: [up.id, down.id], people: ['ann', 'bob'], better: 'Good.', worse: 'Bad.' },
    ])
    expect(lonely).toEqual([])
  })

  it('leaves thumbs alone that have nothing else to be compared with', () => {
    const votes = [thumb('ann', 1, { asked: 'A?' }), thumb('bob', -1, { asked: 'B?' })]
    expect(judgementsOf(votes)).toMatchObject({ judgements: [], lonely: votes })
  })

  it('compares single thumbs with fresh answers: a liked one is better, a disliked one worse', () => {
    const up = thumb('ann', 1, { answers: ['Liked.'] })
    const down = thumb('bob', -1, { answers: ['Disliked.'] })
    const same = thumb('cy', 1, { answers: ['Same.'] })
    const { judgements, drops } = pairWithFresh(
      [up, down, same],
      [['New.', 'new.'], ['Other.', ' '], ['same.']],
    )
    expect(pairs(judgements)).toEqual(['Liked. > new.', 'Other. > Disliked.'])
    expect(drops).toEqual([{ id: same.id, person: 'cy', reason: 'alone' }])
  })

  it('is the better of two marks that a person gave to answers of one question', () => {
    const high = rubric('ann', 0.9, { asked: 'Which?', answers: ['Good.'] })
    const low = rubric('ann', 0.2, { asked: 'Which?', answers: ['Bad.'] })
    const other = rubric('bob', 0.1, { asked: 'Which?', answers: ['Middling.'] })
    const { judgements, drops } = judgementsOf([high, low, other])
    expect(pairs(judgements)).toEqual(['Good. > Bad.'])
    expect(drops).toEqual([{ id: other.id, person: 'bob', reason: 'alone' }])
  })
})

describe('feedback of the store', () => {
  const base = {
    id: 'fb_1',
    user: 'local',
    labeler: 'ann',
    created: 5,
    prompt: question('What?'),
    answers: [{ text: 'Yes.' }],
  }

  it('names the person by the key as well, which is what may be said so much of', () => {
    const vote = voteOf({ ...base, user: 'key-owner', kind: 'thumb', value: 1 } as Feedback)
    expect(vote).toMatchObject({ person: 'key-owner/ann', account: 'key-owner' })
    const own = voteOf({ ...base, user: 'ann', kind: 'thumb', value: 1 } as Feedback)
    expect(own).toMatchObject({ person: 'ann', account: 'ann' })
  })

  it('becomes votes of the person who judged', () => {
    const vote = (judgement: Pick<Feedback, 'kind' | 'value'>) =>
      voteOf({ ...base, ...judgement } as Feedback)
    expect(vote({ kind: 'thumb', value: -1 })).toMatchObject({
      person: 'ann',
      at: 5,
      thumb: -1,
      answers: ['Yes.'],
    })
    expect(vote({ kind: 'correction', value: 'No.' })).toMatchObject({ correction: 'No.' })
    expect(vote({ kind: 'ranking', value: [2, 1] })).toMatchObject({ ranks: [2, 1] })
    expect(vote({ kind: 'rubric', value: { quality: 1, safety: 0.5 } })).toMatchObject({ rubric: 0.75 })
    expect(vote({ kind: 'rubric', value: {} }).rubric).toBeNaN()
  })
})

describe('gathering', () => {
  const many = (count: number): Vote[] =>
    Array.from({ length: count }, (_, i) =>
      ranking(`person-${i % 5}`, ['A good one.', `A bad one ${i}.`], i % 2 === 0 ? [1, 2] : [2, 1], {
        asked: `Question ${i}?`,
      }),
    ).map((vote, i) => (i % 2 === 0 ? vote : { ...vote, answers: [...vote.answers].reverse() }))

  it('divides by question, the same in every round', () => {
    const votes = many(100)
    const { train, heldOut, counts } = gather(votes, settings)
    expect(counts.train + counts.heldOut + counts.dropped).toBe(100)
    expect(counts.heldOutPrompts).toBeGreaterThan(15)
    for (const { prompt } of train) expect(isHeldOut(prompt, settings.heldOut)).toBe(false)
    for (const { prompt } of heldOut) expect(isHeldOut(prompt, settings.heldOut)).toBe(true)
    expect(gather(votes.slice(50), { ...settings, seed: 9 }).heldOut.map(({ prompt }) => prompt)).toEqual(
      heldOut
        .filter(({ votes: [id] }) => votes.slice(50).some((vote) => vote.id === id))
        .map(({ prompt }) => prompt),
    )
  })

  it('says of every piece of feedback what became of it', () => {
    const votes = [...many(60), thumb('ann', 1, { answers: [''] })]
    const { uses, counts } = gather(votes, settings)
    expect(uses.map(({ feedback }) => feedback)).toEqual(votes.map(({ id }) => id))
    expect(uses.at(-1)).toEqual({ feedback: votes.at(-1)!.id, use: 'dropped', reason: 'broken' })
    expect(counts).toMatchObject({ feedback: 61, kinds: { ranking: 60, thumb: 1 }, reasons: { broken: 1 } })
  })

  it('never learns a demonstration of a question that is kept', () => {
    const votes = Array.from({ length: 60 }, (_, i) =>
      correction(`person-${i % 6}`, `It is ${i}.`, { asked: `Question ${i}?` }),
    )
    const { demonstrations, heldOut } = gather(votes, settings)
    expect(demonstrations.length + heldOut.length).toBe(60)
    for (const { prompt } of demonstrations) expect(isHeldOut(prompt, settings.heldOut)).toBe(false)
  })

  it('tells what is missing for a round, and counts single thumbs among it', () => {
    const thumbs = Array.from({ length: 200 }, (_, i) =>
      thumb(`person-${i % 20}`, i % 3 === 0 ? 1 : -1, { asked: `Question ${i}?` }),
    )
    const missing = (votes: readonly Vote[]) =>
      shortages(gather(votes, settings), settings.minimum, settings.heldOut)
    expect(missing([])).toEqual([
      { what: 'comparisons', have: 0, need: 60 },
      { what: 'people', have: 0, need: 3 },
      { what: 'questions to measure on', have: 0, need: 15 },
    ])
    expect(missing(thumbs)).toEqual([])
    const one = many(100).map((vote) => ({ ...vote, person: 'ann' }))
    expect(missing(one)).toEqual([{ what: 'people', have: 1, need: 3 }])
  })
})
