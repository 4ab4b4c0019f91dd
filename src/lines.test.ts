import { expect, it } from 'vitest'
import { splitLines } from './lines.js'

async function lines(chunks: readonly (string | Buffer)[], limit?: Parameters<typeof splitLines>[1]) {
  const stream = async function* () {
    for (const chunk of chunks) yield Buffer.from(chunk)
  }
  const found: [string, boolean][] = []
  for await (const { bytes, complete } of splitLines(stream(), limit))
    found.push([bytes.toString(), complete])
  return found
}

it('finds the lines however the bytes come in', async () => {
  const whole = 'one\n\nt\u2028wo\r\nthree'
  const expected = [
    ['one', true],
    ['', true],
    ['t\u2028wo\r', true],
    ['three', false],
  ]
  expect(await lines([whole])).toEqual(expected)
  const bytes = Buffer.from(whole)
  for (let at = 1; at < bytes.length; at++)
    expect(await lines([bytes.subarray(0, at), bytes.subarray(at)])).toEqual(expected)
  expect(await lines([])).toEqual([])
  expect(await lines(['a\n'])).toEqual([['a', true]])
})

it('gives up on a line that has no end', async () => {
  const limit = { bytes: 3, error: () => new Error('too long') }
  expect(await lines(['ab', 'c\nabc\n'], limit)).toHaveLength(2)
  await expect(lines(['ab', 'cd'], limit)).rejects.toThrow('too long')
})
