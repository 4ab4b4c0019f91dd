import { describe, expect, test } from 'vitest'
import { curveRows } from '../run-sections.js'
import type { Curve } from '../schema.js'
import { barChart } from './bar-chart.js'
import { heatMap, winCell } from './heat-map.js'
import { lineChart, smooth, thin } from './line-chart.js'
import { createScale } from './scale.js'
import type { Point } from './xy-plot.js'

describe('scales', () => {
  test('end at round numbers and mark them', () => {
    const scale = createScale([0.13, 0.87])
    expect([scale.low, scale.high]).toEqual([0, 1])
    expect(scale.ticks).toEqual([0, 0.2, 0.4, 0.6, 0.8, 1])
    expect(scale.at(0.25)).toBe(0.25)
  })

  test('of one value, of none and of equal ones still have room', () => {
    for (const values of [[3], [], [0, 0], [-2, -2]]) {
      const { low, high, ticks, at } = createScale(values)
      expect(high).toBeGreaterThan(low)
      expect(ticks.length).toBeGreaterThan(1)
      expect(at((low + high) / 2)).toBeCloseTo(0.5)
    }
  })

  test('may be logarithmic, whole decades wide, or of square roots', () => {
    const log = createScale([0.02, 300], { kind: 'log' })
    expect([log.low, log.high]).toEqual([0.01, 1000])
    expect(log.at(1)).toBeCloseTo(0.4)
    expect(createScale([0, 100], { kind: 'sqrt' }).at(25)).toBeCloseTo(0.5)
  })

  test('keep what lies outside on the edge', () => {
    const scale = createScale([], { domain: [0, 1] })
    expect([scale.at(-5), scale.at(7)]).toEqual([0, 1])
  })
})

const noisy: Point[] = Array.from({ length: 5000 }, (_, i) => [i, i === 2500 ? 100 : Math.sin(i / 500)])

describe('long curves', () => {
  test('are thinned without losing a spike', () => {
    const thinned = thin(noisy)
    expect(thinned.length).toBeLessThan(500)
    expect(thinned).toContainEqual([2500, 100])
    expect(thinned.every(([x], i) => i === 0 || x > thinned[i - 1]![0])).toBe(true)
  })

  test('are smoothed by the mean around each point, with their ends where they were', () => {
    const line = Array.from({ length: 101 }, (_, i): Point => [i, 2 * i])
    expect(smooth(line).every(([x, y]) => Math.abs(y - 2 * x) < 1e-9)).toBe(true)
    expect(smooth(noisy)[0]).toEqual([0, 0])
    expect(smooth(noisy).at(-1)![0]).toBe(4999)
  })
})

const curve = (extra: Partial<Curve> = {}): Curve => ({
  title: 'Loss',
  xLabel: 'step',
  yLabel: 'nats',
  log: false,
  minor: false,
  references: [],
  series: [
    {
      name: 'a',
      points: [
        [0, 4],
        [10, 2],
      ],
    },
  ],
  ...extra,
})

test('the table of a curve shows what was logged in each stretch, and nothing where nothing was', () => {
  const series = [
    { name: 'a', points: Array.from({ length: 101 }, (_, i): [number, number] => [i, i]) },
    {
      name: 'b',
      points: [
        [0, 5],
        [100, 7],
      ] as [number, number][],
    },
  ]
  const rows = curveRows(curve({ series }), 6)
  expect(rows.map(([step]) => step)).toEqual(['0', '20', '40', '60', '80', '100'])
  expect(rows.map(([, , b]) => b)).toEqual(['5', '–', '–', '–', '–', '7'])
})

describe('plots', () => {
  test('say what they show to those who cannot see it', () => {
    const { text } = lineChart('f1', curve())
    expect(text).toContain('role="img" aria-labelledby="f1-t f1-d"')
    expect(text).toContain('<title id="f1-t">Loss</title>')
    expect(text).toContain('a goes from 4 at step 0 to 2 at 10')
  })

  test('hold no coordinate that is not a number, whatever they are given', () => {
    const points: [number, number][] = [[5, -1]]
    for (const given of [
      curve({ series: [] }),
      curve({ series: [{ name: 'a', points: [] }] }),
      curve({ log: true, series: [{ name: 'a', points }] }),
    ])
      expect(lineChart('f', given).text).not.toMatch(/NaN|Infinity|undefined/)
    expect(barChart({ id: 'b', title: '', description: '', unit: '', groups: [] }).text).not.toMatch(
      /NaN|Infinity/,
    )
    const wins = { judge: '', stages: [], cells: [] }
    expect(heatMap({ id: 'h', title: '', description: '', wins }).text).not.toMatch(/NaN|Infinity/)
  })

  test('a pair of the win matrix is read from either side', () => {
    const cell = { stage: 'b', against: 'a', wins: 6, ties: 2, losses: 2, rate: 0.7, low: 0.5, high: 0.8 }
    const turned = winCell({ judge: '', stages: ['a', 'b'], cells: [cell] }, 'a', 'b')!
    expect(turned).toMatchObject({ wins: 2, ties: 2, losses: 6 })
    expect([turned.rate, turned.low, turned.high].map((x) => x.toFixed(2))).toEqual(['0.30', '0.20', '0.50'])
  })
})
