import { expect, test } from 'vitest'
import { compact, duration, estimate, moment, prefixed, quantity, visible } from './format.js'

test.each([
  [0, '0'],
  [1.23456, '1.235'],
  [0.000123, '0.000123'],
  [-0.5, '−0.5'],
  [12345.6, '12,346'],
  [1e-9, '1.0e−9'],
  [2.5e12, '2.5e+12'],
])('%d is written %s', (value, text) => {
  expect(compact(value)).toBe(text)
})

test('fractions are written as per cent, the interval without repeating the unit', () => {
  expect(quantity(0.8234, 'fraction')).toBe('82.3\u00a0%')
  expect(estimate({ value: 0.8234, low: 0.8, high: 0.85 }, 'fraction')).toBe('82.3\u00a0% [80.0, 85.0]')
  expect(quantity(-0.0001, 'fraction')).toBe('0.0\u00a0%')
})

test.each([
  [0, '0 s'],
  [8.24, '8.2 s'],
  [59.4, '59 s'],
  [60, '1 min'],
  [75, '1 min 15 s'],
  [9000, '2 h 30 min'],
  [90_000, '1 d 1 h'],
])('%d seconds are %s', (seconds, text) => {
  expect(duration(seconds).replaceAll('\u00a0', ' ')).toBe(text)
})

test.each([
  [0, '0'],
  [998, '998'],
  [999.6, '1.00 k'],
  [4_195_584, '4.20 M'],
  [4.33e13, '43.3 T'],
])('%d with a prefix is %s', (value, text) => {
  expect(prefixed(value).replaceAll('\u00a0', ' ')).toBe(text)
})

test('moments are shortened and keep their zone', () => {
  expect(moment('2026-03-14T09:26:53Z')).toBe('2026-03-14 09:26 UTC')
  expect(moment('2026-03-14T09:26:53.123+01:00')).toBe('2026-03-14 09:26 UTC+01:00')
})

test('what could steer a terminal or turn the writing around becomes visible, and other scripts stay', () => {
  expect(visible('a\u001b[31mb\u0000\u202ec\u009b\ud800\r\nd\te')).toBe(
    'a␛[31mb␀⟨U+202E⟩c⟨U+009B⟩\ufffd\nd\te',
  )
  expect(visible('冰岛 שלום 👩‍🚀')).toBe('冰岛 שלום 👩‍🚀')
})
