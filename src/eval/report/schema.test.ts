import { describe, expect, test } from 'vitest'
import { ReportError } from './errors.js'
import { parseReport } from './schema.js'
import { exampleReport } from './testing/example-report.js'

const least = { title: 'A run', when: '2026-01-02T03:04:05Z' }

describe('a report', () => {
  test('needs a title and a time only; all else has a default', () => {
    expect(parseReport(least)).toMatchObject({
      ...least,
      version: 1,
      collected: false,
      stages: [],
      curves: [],
      samples: [],
    })
  })

  test('goes through JSON unchanged', () => {
    const report = exampleReport()
    expect(parseReport(JSON.parse(JSON.stringify(report)))).toEqual(report)
  })

  test.each([
    ['no object', null, 'not a report'],
    [
      'a number that JSON cannot hold',
      { ...least, stages: [{ name: 'a', seconds: Number.NaN }] },
      'stages[0].seconds',
    ],
    ['a time that is none', { ...least, when: 'yesterday' }, 'when'],
    [
      'a rate above 1',
      {
        ...least,
        wins: {
          judge: 'j',
          stages: ['a', 'b'],
          cells: [{ stage: 'a', against: 'b', wins: 1, ties: 0, losses: 0, rate: 2, low: 0, high: 1 }],
        },
      },
      'rate',
    ],
    [
      'a row with too few cells',
      { ...least, scores: { stages: ['a', 'b'], rows: [{ suite: 'QA', cells: [null] }] } },
      "'QA' has 1 cells for 2 stages",
    ],
  ])('is refused with %s, naming the place', (_, value, place) => {
    expect(() => parseReport(value, 'here.json')).toThrow(ReportError)
    expect(() => parseReport(value, 'here.json')).toThrow('here.json')
    expect(() => parseReport(value, 'here.json')).toThrow(place)
  })

  test('of a later version asks for an update', () => {
    expect(() => parseReport({ ...least, version: 2 })).toThrow('update Athanor')
  })
})
