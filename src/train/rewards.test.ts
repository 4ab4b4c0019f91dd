import { describe, expect, it } from 'vitest'
import { createReward } from './rewards.js'

function scoreOf(spec: string | string[], answer: string, check?: unknown): number {
  const reward = createReward([spec].flat())
  const [score] = reward([{ messages: [], check }], [answer]) as number[]
  return score!
}

describe('rewards by name', () => {
  it.each([
    ['exact', ' paris. ', 'Paris', 1],
    ['exact', 'Paris, France', 'Paris', 0],
    ['exact', 'Lyon', { answers: ['Paris', 'Lyon'] }, 1],
    ['exact', '', 'Paris', 0],
    ['contains', 'It is Paris.', { answer: 'paris' }, 1],
    ['contains', 'It is Parisian.', 'Paris', 0],
    ['contains', '答案是 巴黎 。', '巴黎', 1],
    ['numeric', 'So 3 + 4 = 7.', 7, 1],
    ['numeric', 'It has 1,234,567 people', '1234567', 1],
    ['numeric', 'It is 7 or 8', 7, 0],
    ['numeric', 'none', 7, 0],
    ['numeric', 'The answer is -2.50', 'first 1 then\n#### -2.5', 1],
    ['regex=^\\d{4}$', '1984', undefined, 1],
    ['regex=^\\d{4}$', 'in 1984', undefined, 0],
    ['regex', 'yes', { pattern: '^(yes|no)$' }, 1],
    ['length=3', 'one two three', undefined, 1],
    ['length=3', 'one two three four five six', undefined, 0.5],
    ['length=3', '', undefined, 0],
    ['format=json', '{"a": [1]}', undefined, 1],
    ['format=json', '{a: 1}', undefined, 0],
    ['format=tags', '<think>so</think>\n<answer>7</answer>', undefined, 1],
    ['format=tags', '<answer>7</answer>', undefined, 0],
  ])('%s gives %j against %j the score it should', (spec, answer, check, expected) => {
    expect(scoreOf(spec, answer, check)).toBe(expected)
  })

  it('adds several up with their weights', () => {
    expect(scoreOf(['exact', '0.5*length=1', '-2*regex=q'], 'q', 'q')).toBe(1 + 0.5 - 2)
  })

  it('does not wait for a pattern that never ends', () => {
    const started = performance.now()
    expect(scoreOf('regex', `${'a'.repeat(40)}!`, { pattern: '^(a+)+$' })).toBe(0)
    expect(performance.now() - started).toBeLessThan(2000)
  })

  it.each([
    ['nothing', 'a', 'a', /no reward "nothing"; there are exact/],
    ['constructor', 'a', 'a', /no reward/],
    ['length=many', 'a', 'a', /number of words/],
    ['format=xml', 'a', 'a', /json or format=tags/],
    ['exact', 'a', undefined, /check is missing/],
    ['exact', 'a', { wrong: 1 }, /says no expected answer/],
    ['regex', 'a', { pattern: '(' }, /pattern that is none/],
    ['regex', 'a', 'b', /no "pattern"/],
  ])('says what is wrong with %s', (spec, answer, check, message) => {
    expect(() => scoreOf(spec, answer, check)).toThrow(message)
  })
})
