import { describe, expect, test } from 'vitest'
import { bytes, duration, grouped, printable, short } from './format.js'
import { decimal, integer, integerList } from './numbers.js'

describe('parsing', () => {
  test.each([
    ['12', 12],
    ['+3', 3],
    ['-4', -4],
    ['1_000', 1000],
  ])('%s is a whole number', (text, value) => {
    expect(integer()(text)).toBe(value)
  })
  test.each(['', ' ', '1.5', '1e3', '0x10', 'ten', '1_', '_1', '9007199254740993', '--1'])(
    '%j is none',
    (text) => {
      expect(() => integer()(text)).toThrow('It must be a whole number.')
    },
  )
  test.each([
    ['3e-4', 3e-4],
    ['.5', 0.5],
    ['1.', 1],
    ['-2', -2],
  ])('%s is a number', (text, value) => {
    expect(decimal()(text)).toBe(value)
  })
  test.each(['', 'NaN', 'Infinity', '1e999', '0x1', '1,5', '1 2'])('%j is none either', (text) => {
    expect(() => decimal()(text)).toThrow('It must be a number.')
  })
  test('a range is kept to, and named', () => {
    expect(() => integer({ min: 1, max: 8 })('9')).toThrow('It must be a whole number from 1 to 8.')
    expect(() => decimal({ above: 0, max: 1 })('0')).toThrow(
      'It must be a number, more than 0 and at most 1.',
    )
    expect(() => decimal({ min: 0, below: 1 })('1')).toThrow(
      'It must be a number, 0 or more and less than 1.',
    )
  })
  test('lists take commas and white space, and name the item that is wrong', () => {
    expect(integerList()('1, 2\n3,')).toEqual([1, 2, 3])
    expect(() => integerList({ min: 0 })('1,-2')).toThrow('"-2" is not a whole number, 0 or more.')
    expect(() => integerList()(',')).toThrow('commas between')
  })
})

describe('formatting', () => {
  test.each([
    [0, '0'],
    [999, '999'],
    [1000, '1.00k'],
    [12_345, '12.3k'],
    [999_600, '1.00M'],
    [0.5, '0.50'],
    [Number.NaN, '?'],
  ])('%d is %s', (value, text) => {
    expect(short(value)).toBe(text)
  })
  test.each([
    [0, '0s'],
    [59.6, '1m 00s'],
    [75, '1m 15s'],
    [3600, '1h 00m'],
    [9000, '2h 30m'],
    [90_000, '1d 1h'],
    [Infinity, '?'],
  ])('%d seconds are %s', (value, text) => {
    expect(duration(value)).toBe(text)
  })
  test('digits are grouped, bytes have units', () => {
    expect([grouped(1_234_567), grouped(12), bytes(12), bytes(1500), bytes(250e6)]).toEqual([
      '1,234,567',
      '12',
      '12 B',
      '1.5 kB',
      '250 MB',
    ])
  })
  test('text for a terminal cannot steer it', () => {
    expect(printable('a\tb\nc\x1b[31m\u009b0m é')).toBe('a\tb\nc\\x1b[31m\\x9b0m é')
  })
})
