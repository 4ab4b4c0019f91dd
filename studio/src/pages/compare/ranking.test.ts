import { describe, expect, it } from 'vitest'
import { drop, inOrder, isTied, move, placeAt, type Ranking, ranksOf, toggleTie } from './ranking.js'

const show = (ranking: Ranking) => ranking.map((group) => group.join('=')).join(' > ')
const abc = inOrder(['A', 'B', 'C'])

describe('a ranking with ties', () => {
  it('gives every answer its rank', () => {
    expect(ranksOf([['B'], ['A', 'C']], ['A', 'B', 'C'])).toEqual([2, 1, 2])
  })

  it('moves step by step and stops at the ends', () => {
    expect(show(move(abc, 'C', -1))).toBe('A > C > B')
    expect(show(move(abc, 'A', 1))).toBe('B > A > C')
    expect(show(move(abc, 'A', -1))).toBe('A > B > C')
    expect(show(move(abc, 'C', 1))).toBe('A > B > C')
  })

  it('ties with the one above, and parts again', () => {
    const tied = toggleTie(abc, 'B')
    expect(show(tied)).toBe('A=B > C')
    expect(isTied(tied, 'A')).toBe(true)
    expect(show(toggleTie(tied, 'B'))).toBe('A > B > C')
    expect(show(toggleTie(abc, 'A'))).toBe('A > B > C')
    expect(show(move(tied, 'B', -1))).toBe('B > A > C')
    expect(show(move(tied, 'A', 1))).toBe('B > A > C')
  })

  it('puts an answer on a place', () => {
    expect(show(placeAt(abc, 'C', 1))).toBe('C > A > B')
    expect(show(placeAt(abc, 'A', 9))).toBe('B > C > A')
    expect(show(placeAt([['A', 'B', 'C']], 'B', 1))).toBe('B > A=C')
  })

  it('takes what is dropped', () => {
    expect(show(drop(abc, 'C', { where: 'before', key: 'A' }))).toBe('C > A > B')
    expect(show(drop(abc, 'A', { where: 'after', key: 'B' }))).toBe('B > A > C')
    expect(show(drop(abc, 'A', { where: 'with', key: 'C' }))).toBe('B > C=A')
    expect(show(drop(abc, 'A', { where: 'with', key: 'A' }))).toBe('A > B > C')
    expect(show(drop(abc, 'X', { where: 'with', key: 'A' }))).toBe('A > B > C')
  })

  it('never loses or doubles an answer', () => {
    let ranking = inOrder(['A', 'B', 'C', 'D'])
    const keys = ['A', 'B', 'C', 'D']
    for (let step = 0; step < 120; step++) {
      const key = keys[(step * 7 + 3) % 4]!
      const other = keys[(step * 5 + 1) % 4]!
      const where = (['before', 'after', 'with'] as const)[step % 3]!
      ranking = [
        () => move(ranking, key, step % 2 ? 1 : -1),
        () => toggleTie(ranking, key),
        () => placeAt(ranking, key, (step % 5) + 1),
        () => drop(ranking, key, { where, key: other }),
      ][step % 4]!()
      expect(ranking.flat().sort()).toEqual(keys)
      expect(ranking.every((group) => group.length > 0)).toBe(true)
    }
  })
})
