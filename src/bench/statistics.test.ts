import { describe, expect, it } from 'vitest'
import { median, pairwise } from './statistics.js'

describe('median', () => {
  it('is the middle value, or the mean of the two in the middle', () => {
    expect(median([3, 1, 10])).toBe(3)
    expect(median([4, 1, 10, 2])).toBe(3)
  })
})

describe('pairwise', () => {
  it('divides what was measured together', () => {
    expect(pairwise([6, 8], [3, 2])).toEqual([2, 4])
  })
})
