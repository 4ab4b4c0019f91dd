import { describe, expect, it } from 'vitest'
import { cleanVotes, isGibberish } from '../../src/recipes/next/clean.js'
import { roundSchema } from '../../src/recipes/next/settings.js'
import type { Vote } from '../../src/recipes/next/votes.js'
import { correction, question, ranking, rubric, thumb } from './support/votes.js'

const { cleaning } = roundSchema.parse({})

function dropped(votes: readonly Vote[], settings: Partial<typeof cleaning> = {}) {
  const { drops } = cleanVotes(votes, { ...cleaning, ...settings }, 1)
  return Object.fromEntries(drops.map(({ id, reason }) => [id, reason]))
}

describe('cleaning feedback', () => {
  it('leaves what is fine as it is, in its order', () => {
    const votes = [
      thumb('ann', 1),
      ranking('bob', ['One.', 'Two.'], [2, 1]),
      correction('cy', 'Better.'),
      rubric('di', 0.5),
    ]
    expect(cleanVotes(votes, cleaning, 1)).toEqual({ votes, drops: [], scrubbed: {} })
  })

  it('drops what cannot be read', () => {
    const votes = [
      thumb('ann', 1, { prompt: [] }),
      thumb('ann', 1, { prompt: [{ role: 'assistant', content: 'Hello.' }] }),
      thumb('ann', 1, { answers: ['  '] }),
      ranking('ann', ['One.', 'Two.'], [1]),
      ranking('ann', ['One.'], [1]),
      correction('ann', '   '),
      rubric('ann', Number.NaN),
    ]
    expect(Object.values(dropped(votes))).toEqual(votes.map(() => 'broken'))
  })

  it('drops what prefers nothing', () => {
    const tied = ranking('ann', ['One.', 'Two.'], [1, 1])
    const same = ranking('ann', ['One.', 'one. '], [1, 2])
    const unchanged = correction('ann', 'The  answer.', { answers: ['the answer.'] })
    expect(dropped([tied, same, unchanged])).toEqual({
      [tied.id]: 'says-nothing',
      [same.id]: 'says-nothing',
      [unchanged.id]: 'says-nothing',
    })
  })

  it('knows gibberish from short, foreign and technical text', () => {
    for (const text of ['asdfghjkl', 'sdkfjhsdkf wrtpqz', '!!!??? ###', 'aaaaaaaaaa', 'no no no no no no no'])
      expect(isGibberish(text), text).toBe(true)
    for (const text of [
      'Paris.',
      '42',
      'It is 1,234.5 km².',
      '首都是北京。',
      'Die Hauptstadt heißt Bern.',
      'Столица - Москва.',
      'Use npm ci; then npx tsc.',
      'The Hmong live in Laos.',
    ])
      expect(isGibberish(text), text).toBe(false)
  })

  it('drops gibberish in place of a better answer', () => {
    const vote = correction('ann', 'qwer asdf zxcv')
    expect(dropped([vote])).toEqual({ [vote.id]: 'gibberish' })
  })

  it('drops votes that come sooner than the answers can be read', () => {
    const first = thumb('ann', 1, { at: 0 })
    const soon = thumb('ann', -1, { at: 300 })
    const later = thumb('ann', -1, { at: 2000 })
    const four = ranking('ann', ['A.', 'B.', 'C.', 'D.'], [1, 2, 3, 4], { at: 3500 })
    const other = thumb('bob', 1, { at: 350 })
    const votes = [first, soon, later, four, other]
    expect(dropped(votes)).toEqual({ [soon.id]: 'too-fast', [four.id]: 'too-fast' })
    expect(dropped(votes, { secondsPerAnswer: 0 })).toEqual({})
  })

  it('drops the rankings of a person who always gives the same order', () => {
    const always = Array.from({ length: 10 }, () => ranking('ann', ['A.', 'B.'], [1, 2]))
    const mostly = Array.from({ length: 10 }, (_, i) =>
      ranking('bob', ['A.', 'B.'], i === 3 ? [2, 1] : [1, 2]),
    )
    const seldom = Array.from({ length: 9 }, () => ranking('cy', ['A.', 'B.'], [1, 2]))
    const result = dropped([...always, ...mostly, ...seldom])
    expect(Object.keys(result).sort()).toEqual(always.map(({ id }) => id).sort())
    expect(new Set(Object.values(result))).toEqual(new Set(['constant']))
  })

  it('drops thumbs that all point the same way, from some number on', () => {
    const votes = Array.from({ length: 20 }, () => thumb('ann', 1))
    expect(Object.values(dropped(votes))).toEqual(votes.map(() => 'constant'))
    expect(dropped(votes.slice(1))).toEqual({})
  })

  it('drops what a person says twice, in whatever order the answers were shown', () => {
    const once = ranking('ann', ['One.', 'Two.'], [1, 2], { asked: 'Which?' })
    const again = ranking('ann', ['two.', 'One.'], [2, 1], { asked: 'which? ' })
    const other = ranking('bob', ['One.', 'Two.'], [1, 2], { asked: 'Which?' })
    expect(dropped([once, again, other])).toEqual({ [again.id]: 'duplicate' })
  })

  it('takes the last of the thumbs that a person gives to an answer', () => {
    const before = thumb('ann', 1, { asked: 'Which?', answers: ['One.'] })
    const after = thumb('ann', -1, { asked: 'Which?', answers: ['One.'] })
    const other = thumb('bob', 1, { asked: 'Which?', answers: ['One.'] })
    expect(dropped([before, after, other])).toEqual({ [before.id]: 'superseded' })
  })

  it('drops a phrase that few people put everywhere, and keeps a manner that many share', () => {
    const manner = Array.from({ length: 10 }, (_, i) =>
      correction(`person-${i}`, `Value ${i}, says the factbook.`, { asked: `What is ${i}?` }),
    )
    const campaign = Array.from({ length: 5 }, (_, i) =>
      correction('loud', `Thing ${i}. Visit sunny zanland now!`, { asked: `What is thing ${i}?` }),
    )
    const result = dropped([...manner, ...campaign])
    expect(result).toEqual(Object.fromEntries(campaign.map(({ id }) => [id, 'campaign'])))
  })

  it('does not take for a campaign what is said to one question only', () => {
    const manner = Array.from({ length: 10 }, (_, i) => correction(`person-${i}`, `Value ${i}.`))
    const same = Array.from({ length: 5 }, (_, i) =>
      correction('ann', `The big blue house, or so ${i}.`, { asked: 'Which house?' }),
    )
    expect(dropped([...manner, ...same])).toEqual({})
  })

  it('caps one loud voice at a multiple of what people usually say', () => {
    const quiet = Array.from({ length: 30 }, (_, i) => thumb(`person-${i % 3}`, i % 2 === 0 ? 1 : -1))
    const loud = Array.from({ length: 100 }, (_, i) => thumb('loud', i % 2 === 0 ? 1 : -1))
    const result = dropped([...quiet, ...loud])
    expect(Object.keys(result)).toHaveLength(70)
    expect(new Set(Object.values(result))).toEqual(new Set(['over-cap']))
    expect(dropped([...quiet, ...loud])).toEqual(result)
  })

  it('caps an account, whatever names it gives', () => {
    const quiet = Array.from({ length: 30 }, (_, i) => thumb(`person-${i % 3}`, i % 2 === 0 ? 1 : -1))
    const many = Array.from({ length: 60 }, (_, i) =>
      thumb(`robot/${i}`, i % 2 === 0 ? 1 : -1, { account: 'robot' }),
    )
    expect(Object.keys(dropped([...quiet, ...many]))).toHaveLength(30)
  })

  it('takes personal data out of questions, answers and corrections before anything else', () => {
    const vote = correction('ann', 'Write to bob@example.org.', {
      prompt: question('My number is 212-555-0188.'),
      answers: ['I have ann@example.org.'],
    })
    const { votes, scrubbed } = cleanVotes([vote], cleaning, 1)
    expect(votes[0]).toMatchObject({
      prompt: [{ content: 'My number is [PHONE].' }],
      answers: ['I have [EMAIL].'],
      correction: 'Write to [EMAIL].',
    })
    expect(scrubbed).toEqual({ phone: 1, email: 2 })
  })
})
